"""Decide, for each account, what the log records given could have shown: from trails, or from themselves."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property

from connectors.aws.coverage.given_files import given_trails, of_organization, selectors_given
from connectors.aws.coverage.selectors import Selection, together
from connectors.aws.coverage.trails import Trail
from connectors.aws.usage.passed_roles import partition_of
from connectors.facts import Window
from connectors.interface import Evidence
from connectors.logs.rows import LogFile, Presence

_DELIVERED = re.compile(
    r"/(?P<account>\d{12})/CloudTrail/(?P<region>[a-z0-9-]+)/(?P<year>\d{4})/(?P<month>\d\d)/(?P<day>\d\d)/[^/]+$"
)
_NAMED = re.compile(
    r"(?:^|/)(?P<account>\d{12})_CloudTrail_(?P<region>[a-z0-9-]+)_(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)T\d{4}Z_[^/]+$"
)
"""Name of a trail's file, wherever it was copied to (CloudTrail user guide, "log file name format")."""
GLOBAL_REGIONS = ("us-east-1", "cn-north-1", "us-gov-west-1", "us-iso-east-1", "us-isob-east-1")
"""By partition: where events of IAM and other global services stand (endpoints of IAM in botocore 1.44)."""
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d{1,2}")
_DAY = "{year}-{month}-{day}"
_SECOND = "%Y-%m-%dT%H:%M:%SZ"
_SLACK_DAYS = 1


@dataclass
class Recorded:
    """What is known of one account's logs; it is asked only when everything has been noted."""

    account: str
    presence: list[Presence] = field(default_factory=list)
    trails: list[Trail] = field(default_factory=list)
    days: set[str] = field(default_factory=set)
    """Days for which trail files of the account were read, empty ones included."""
    regions: set[str] = field(default_factory=set)
    """Regions of which trail files of the account were read, empty ones included."""
    layouts: set[bool] = field(default_factory=set)
    """Where those files lie: True for the place of an organization's trail."""
    window: Window | None = None

    @property
    def management(self) -> list[Presence]:
        """Where management events were seen."""
        return [seen for seen in self.presence if seen.log_class == "management"]

    @property
    def without_global_region(self) -> str:
        """The region of IAM's events, where logs of other regions alone are given; else an empty text."""
        given = self.regions | {seen.region for seen in self.management if seen.region}
        if not given or given & set(GLOBAL_REGIONS) or not all(map(_REGION.fullmatch, given)):
            return ""  # or regions have been made anonymous, that one with them
        partition = partition_of(min(given))
        return next((one for one in GLOBAL_REGIONS if partition_of(one) == partition), "")

    @property
    def data_types(self) -> set[str]:
        """Resource types of the data events that were seen."""
        return {seen.resource_type for seen in self.presence if seen.log_class == "data"}

    @property
    def active(self) -> list[Trail]:
        """Trails that were recording, as far as the evidence says: one that was stopped later was, too."""
        end = self.window.end.strftime(_SECOND) if self.window else ""
        return [one for one in self.trails if one.logging is not False or (end and one.stopped >= end)]

    @cached_property
    def selection(self) -> Selection | None:
        """What the active trails together select; None when no trail's selectors are known.

        Of trails whose files would lie elsewhere than those given, nothing counts. A trail of one region adds
        only some events where another records all regions, and so does one that did not record the whole
        window where another did.
        """
        whole = self._whole
        there = [trail for trail in whole if trail.organization in self.layouts] or whole
        full = [trail.selection for trail in there if trail.selection is not None]
        if not full:
            return None
        every = [trail.selection for trail in self.active if trail.selection is not None]
        return replace(
            together(full),
            data_selectors=selectors_given(whole, given_trails(whole, self.layouts, self.data_types)),
            other_data=frozenset().union(*(one.data | one.some_data for one in every)),
        )

    @property
    def _whole(self) -> list[Trail]:
        """Trails with known selectors that record the most: the whole window, and all regions."""
        known = [trail for trail in self.active if trail.selection is not None]
        steady = [trail for trail in known if self._steady(trail)] or known
        return [trail for trail in steady if trail.multi_region] or steady

    @cached_property
    def not_given(self) -> dict[str, str]:
        """Resource types of data events to the trail that records them, whose files seem not to be given."""
        selection = self.selection
        if selection is None or not self.trail_files:
            return {}
        return {
            kind: trail.name
            for trail in self._whole
            if trail.selection is not None
            for kind in sorted(trail.selection.data - selection.data)
        }

    @property
    def late(self) -> dict[str, str]:
        """Resource types of data events that are recorded in full only since a time within the window."""
        found: dict[str, str] = {}
        for trail in self.active:
            for kind in trail.selection.data if trail.selection and not self._steady(trail) else ():
                found[kind] = min(found.get(kind, trail.since), trail.since)
        return found

    def _steady(self, trail: Trail) -> bool:
        """Tell whether a trail recorded the whole window, as far as its status says."""
        if self.window is None or not trail.since:
            return True
        return trail.since <= (self.window.start + timedelta(days=_SLACK_DAYS)).strftime(_SECOND)

    @property
    def trail_files(self) -> bool:
        """Tell whether the files are a trail's: event-history exports never hold data events."""
        return bool(self.days) or bool(self.data_types)

    def _spans(self) -> list[tuple[str, str]]:
        """Return the times from which management events, or files that would hold them, are given.

        Files that hold events of other kinds alone are those of a trail for these, unless a trail is known to
        select management events.
        """
        spans = [(seen.first, seen.last) for seen in self.management]
        if self.presence and not spans and self.selection is None:
            return []
        return [*spans, *((f"{day}T00:00:00Z", f"{day}T23:59:59Z") for day in self.days)]

    @property
    def reach(self) -> tuple[str, str]:
        """The first and last moment of which something is given; empty texts when nothing is."""
        spans = self._spans()
        return min((one for one, _ in spans), default=""), max((one for _, one in spans), default="")

    def missing_days(self, window: Window) -> list[str]:
        """Return the days within the window and the files given for which no trail file is given."""
        days = sorted(
            day for day in self.days if f"{window.start:%Y-%m-%d}" <= day <= f"{window.end:%Y-%m-%d}"
        )
        if not days:
            return []
        first, last = (datetime.fromisoformat(one) for one in (days[0], days[-1]))
        every = (first + timedelta(days=number) for number in range((last - first).days))
        return [day for one in every if (day := f"{one:%Y-%m-%d}") not in self.days]

    def problem(self, window: Window) -> tuple[str, str, str]:
        """Return (code, reason, fix) when a call of this account could not have been seen at all."""
        if self.trails and not self.active and not self._outlived():
            return self._stopped()
        start, end = (moment.strftime(_SECOND) for moment in (window.start, window.end))
        spans = self._spans()
        if not spans:
            return (
                "no-logs-for-account",
                f"the logs given hold no management event of account {self.account}",
                f"name a trail's files or an event-history export of account {self.account} under cloudtrail",
            )
        first, last = self.reach
        if any(last >= start and first < end for first, last in spans):
            return self._late() if self._began_late(window, first) else self._paused(window)
        return (
            "logs-do-not-cover-window",
            f"the logs of account {self.account} run from {first} to {last}, outside {start} to {end}",
            "name logs of the window, or move the window",
        )

    def shows_every(self, source: str, window: Window) -> bool:
        """Tell whether every management event of a service would be in the logs, as far as is known."""
        if self.problem(window)[0] or (self.active and not any(one.multi_region for one in self.active)):
            return False
        selection = self.selection
        return selection is None or (
            selection.reads and selection.writes and source not in selection.excluded
        )

    def _stopped(self) -> tuple[str, str, str]:
        names = ", ".join(trail.name for trail in self.trails)
        failing = next((trail for trail in self.trails if trail.failure), None)
        if failing is None:
            return (
                "trail-not-logging",
                f"the trails of account {self.account} are stopped ({names})",
                f"aws cloudtrail start-logging --name {self.trails[0].arn}",
            )
        since = f"since {failing.stopped}" if failing.stopped else "yet"
        reason = f"no trail of account {self.account} delivers ({names}): none {since}, {failing.failure}"
        return (
            "trail-not-logging",
            reason,
            f"mend the bucket of {failing.name}, or its policy and key, so that CloudTrail can write to it",
        )

    def _outlived(self) -> bool:
        """Tell whether the logs run on after the trails were stopped, so that they are not the trails'."""
        newest = max((seen.last for seen in self.management), default="")
        return all(trail.stopped and trail.stopped < newest for trail in self.trails)

    def _began_late(self, window: Window, first: str) -> bool:
        """Tell whether every trail began within the window, and nothing earlier is given."""
        began = [trail.since for trail in self.active]
        slack = (window.start + timedelta(days=_SLACK_DAYS)).strftime(_SECOND)
        return bool(began) and all(since > slack for since in began) and first[:10] >= min(began)[:10]

    def _late(self) -> tuple[str, str, str]:
        began = min(trail.since for trail in self.active)
        return (
            "recording-began-late",
            f"the trails of account {self.account} record since {began} only: within the window",
            f"let the window begin there: [scan] start = {began[:10]}",
        )

    def _paused(self, window: Window) -> tuple[str, str, str]:
        """Return the problem that every trail stood still for a while within the window.

        A trail's status tells of its last pause only. Files of a day within it come from another trail.
        """
        pauses = [(trail.stopped, trail.since) for trail in self.active]
        if not pauses or not self.days or not all(stop and stop < since for stop, since in pauses):
            return ("", "", "")
        start = max(window.start.strftime(_SECOND), *(stop for stop, _ in pauses))
        end = min(window.end.strftime(_SECOND), *(since for _, since in pauses))
        long = f"{datetime.fromisoformat(start) + timedelta(days=_SLACK_DAYS):{_SECOND}}" < end
        if not long or any(start[:10] < day < end[:10] for day in self.days):
            return ("", "", "")
        return (
            "recording-paused",
            f"the trails of account {self.account} recorded nothing from {start} to {end}: within the window",
            f"let the window begin there: [scan] start = {end[:10]}",
        )


def read_recorded(
    evidence: Sequence[Evidence],
    trails: Sequence[Trail],
    places: Iterable[tuple[str, str]],
    window: Window | None = None,
) -> dict[str, Recorded]:
    """Return what is known of each account's logs: inventory accounts and those that logs mention.

    `places` are the (account, source) of the inventory. An organization's trail counts for the accounts of
    the sources that describe it: another organization's accounts may stand in the same scan.
    """
    sources: dict[str, set[str]] = {}
    for account, source in places:
        sources.setdefault(account, set()).add(source)
    found = {account: Recorded(account) for account in sorted(sources)}
    for one in evidence:
        for seen in one.presence():
            if seen.account:
                found.setdefault(seen.account, Recorded(seen.account)).presence.append(seen)
                sources.setdefault(seen.account, set()).add(one.source)
        for file in one.log_files():
            if account := _note_file(file, found):
                sources.setdefault(account, set()).add(one.source)
    for account, recorded in found.items():
        recorded.window = window
        recorded.trails = [
            trail
            for trail in trails
            if trail.account == account or (trail.organization and trail.sources & sources[account])
        ]
        recorded.presence.sort()
    return dict(sorted(found.items()))


def _note_file(file: LogFile, found: dict[str, Recorded]) -> str:
    """Note the day that a trail's file is of; return its account."""
    match = _DELIVERED.search(file.path) or _NAMED.search(file.path)
    if match is None or file.status != "ok":
        return ""
    account = match["account"]
    recorded = found.setdefault(account, Recorded(account))
    recorded.days.add(_DAY.format(**match.groupdict()))
    recorded.regions.add(match["region"])
    if (organization := of_organization(file.path)) is not None:
        recorded.layouts.add(organization)
    return account
