"""Decide, for each account, what the log records given could have shown: from trails, or from themselves."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from connectors.aws.trails import Selection, Trail
from connectors.facts import Window
from connectors.interface import Evidence
from connectors.logs.rows import LogFile, Presence

_DELIVERED = re.compile(
    r"/(?P<account>\d{12})/CloudTrail/[a-z0-9-]+/(?P<year>\d{4})/(?P<month>\d\d)/(?P<day>\d\d)/[^/]+$"
)
_DAY = "{year}-{month}-{day}"


@dataclass
class Recorded:
    """What is known of one account's logs."""

    account: str
    presence: list[Presence] = field(default_factory=list)
    trails: list[Trail] = field(default_factory=list)
    days: set[str] = field(default_factory=set)
    """Days for which trail files of the account were read, empty ones included."""

    @property
    def management(self) -> list[Presence]:
        """Where management events were seen."""
        return [seen for seen in self.presence if seen.log_class == "management"]

    @property
    def data_types(self) -> set[str]:
        """Resource types of the data events that were seen."""
        return {seen.resource_type for seen in self.presence if seen.log_class == "data"}

    @property
    def active(self) -> list[Trail]:
        """Trails that were recording, as far as the evidence says."""
        return [trail for trail in self.trails if trail.logging is not False]

    @property
    def selection(self) -> Selection | None:
        """What the active trails together select; None when no trail's selectors are known.

        A trail of one region adds only some events where another records all regions.
        """
        known = [trail for trail in self.active if trail.selection is not None]
        everywhere = [trail for trail in known if trail.multi_region] or known
        full = [trail.selection for trail in everywhere if trail.selection is not None]
        if not full:
            return None
        every = [trail.selection for trail in known if trail.selection is not None]
        return Selection(
            reads=any(one.reads for one in full),
            writes=any(one.writes for one in full),
            excluded=frozenset.intersection(*(one.excluded for one in full)),
            data=frozenset().union(*(one.data for one in full)),
            some_data=frozenset().union(*(one.data | one.some_data for one in every)),
        )

    @property
    def trail_files(self) -> bool:
        """Tell whether the files are a trail's: event-history exports never hold data events."""
        return bool(self.days) or bool(self.data_types)

    def problem(self, window: Window) -> tuple[str, str, str]:
        """Return (code, reason, fix) when a call of this account could not have been seen at all."""
        if self.trails and not self.active:
            names = ", ".join(trail.name for trail in self.trails)
            return (
                "trail-not-logging",
                f"the trails of account {self.account} are stopped ({names})",
                f"aws cloudtrail start-logging --name {self.trails[0].arn}",
            )
        start, end = (moment.strftime("%Y-%m-%dT%H:%M:%SZ") for moment in (window.start, window.end))
        spans = [(seen.first, seen.last) for seen in self.management]
        spans += [(f"{day}T00:00:00Z", f"{day}T23:59:59Z") for day in self.days]
        if not spans:
            return (
                "no-logs-for-account",
                f"the logs given hold no management event of account {self.account}",
                f"name a trail's files or an event-history export of account {self.account} under cloudtrail",
            )
        if any(last >= start and first < end for first, last in spans):
            return ("", "", "")
        first, last = min(first for first, _ in spans), max(last for _, last in spans)
        return (
            "logs-do-not-cover-window",
            f"the logs of account {self.account} run from {first} to {last}, outside {start} to {end}",
            "name logs of the window, or move the window",
        )


def read_recorded(
    evidence: Sequence[Evidence], trails: Sequence[Trail], accounts: Iterable[str]
) -> dict[str, Recorded]:
    """Return what is known of each account's logs: inventory accounts and those that logs mention."""
    found = {account: Recorded(account) for account in sorted(set(accounts))}
    for one in evidence:
        for seen in one.presence():
            if seen.account:
                found.setdefault(seen.account, Recorded(seen.account)).presence.append(seen)
        for file in one.log_files():
            _note_file(file, found)
    for account, recorded in found.items():
        recorded.trails = [trail for trail in trails if trail.account == account or trail.organization]
        recorded.presence.sort()
    return dict(sorted(found.items()))


def _note_file(file: LogFile, found: dict[str, Recorded]) -> None:
    match = _DELIVERED.search(file.path)
    if match and file.status == "ok":
        account = match["account"]
        found.setdefault(account, Recorded(account)).days.add(_DAY.format(**match.groupdict()))
