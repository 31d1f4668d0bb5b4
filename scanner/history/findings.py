"""Give each finding its state: open, waived, fixed or regressed; never fixed on partial evidence."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from reports.document import SEVERITIES, FindingDrift, FindingEntry, Waiver
from scanner.history.past import Remembered
from scanner.history.waivers import Accepted

FIXED_SHOWN_DAYS = 30
"""A fixed finding stays a row for so long, so that a report read weekly or monthly still shows it."""
_OPEN = {"open", "regressed", "waived"}

Doubt = Callable[[Remembered], str | None]
"""Why a finding that is not there any more may not be called fixed; "" when it may, None: not scanned."""


@dataclass(frozen=True, slots=True)
class Settled:
    """All findings to show, in report order, and what became of them since the scan compared with."""

    entries: list[FindingEntry]
    counts: FindingDrift


def settle(
    current: Iterable[FindingEntry],
    past: Mapping[str, Remembered],
    accepted: Mapping[str, Accepted],
    doubt: Doubt,
    now: datetime,
) -> Settled:
    """Join this scan's findings with those remembered.

    What was fixed and is back is regressed, and stays so until it is fixed again. What was open and is not
    found now is fixed, unless the evidence could not have shown it: then it stays as it was (carried).
    """
    at = _text(now)
    entries = [_known(entry, past.get(entry.fingerprint), accepted, at) for entry in current]
    found = {entry.fingerprint for entry in entries}
    counts = {"new": 0, "fixed": 0, "regressed": 0, "carried": 0}
    counts["new"] = sum(entry.fingerprint not in past for entry in entries)
    counts["regressed"] = sum(
        entry.fingerprint in past and past[entry.fingerprint].status == "fixed" for entry in entries
    )
    for fingerprint in sorted(past.keys() - found):
        remembered = past[fingerprint]
        reason = doubt(remembered)
        if reason is None:
            continue
        if remembered.status == "fixed":
            if remembered.since >= _text(now - timedelta(days=FIXED_SHOWN_DAYS)):
                entries.append(_fixed(remembered))
        elif reason:
            counts["carried"] += 1
            entries.append(_carried(remembered, reason, accepted, at))
        else:
            counts["fixed"] += 1
            entries.append(_fixed(remembered))
    waived = sum(entry.status == "waived" for entry in entries)
    return Settled(sorted(entries, key=order), FindingDrift(**counts, waived=waived))


def _known(
    entry: FindingEntry, remembered: Remembered | None, accepted: Mapping[str, Accepted], at: str
) -> FindingEntry:
    back = remembered is not None and remembered.status in {"fixed", "regressed"}
    shown = msgspec.structs.replace(
        entry,
        status="regressed" if back else "open",
        first_seen=remembered.first_seen if remembered else entry.first_seen,
    )
    return _waived(shown, accepted, at)


def _waived(entry: FindingEntry, accepted: Mapping[str, Accepted], at: str) -> FindingEntry:
    """Return the finding with its waiver; one that has expired stays beside it and no longer counts."""
    waiver = accepted.get(entry.fingerprint)
    if waiver is None:
        return entry
    shown = Waiver(reason=waiver.reason, owner=waiver.owner, until=waiver.until, pattern=waiver.pattern)
    return msgspec.structs.replace(
        entry, waiver=shown, status="waived" if waiver.active(at) else entry.status
    )


def _fixed(remembered: Remembered) -> FindingEntry:
    return msgspec.structs.replace(
        remembered.entry(), status="fixed", first_seen=remembered.first_seen, waiver=None
    )


def _carried(remembered: Remembered, reason: str, accepted: Mapping[str, Accepted], at: str) -> FindingEntry:
    entry = remembered.entry()
    shown = msgspec.structs.replace(
        entry,
        status="regressed" if remembered.status == "regressed" else "open",
        first_seen=remembered.first_seen,
        waiver=None,
        message=f"{entry.message} (As of an earlier scan; this one could not look again: {reason}.)",
        evidence={**entry.evidence, "not_looked_at_again": reason},
    )
    return _waived(shown, accepted, at)


def order(entry: FindingEntry) -> tuple[int, str, str, str, str, str]:
    """Return the sort key of the report document; the fingerprint tells equal ones apart."""
    severity = SEVERITIES.index(entry.severity)
    return severity, entry.rule, entry.provider, entry.identity, entry.subject, entry.fingerprint


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
