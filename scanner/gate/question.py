"""What a gate is asked: a stage of a report, the policy, the time, and what baselines and waivers say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reports import document as doc
from reports.gate import document as gate
from scanner.gate.policy import GatePolicy
from scanner.moments import last_moment, moment

_UNREADABLE_DAYS = 36_500


@dataclass(frozen=True, slots=True)
class BaselineState:
    """Whether an identity's baseline is approved and holds all that is granted, in words."""

    standing: gate.Standing
    reason: str


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be decided, on which report, by which policy, at which time."""

    stage: str
    report: doc.Report
    digest: str
    policy: GatePolicy
    policy_source: str
    now: datetime
    baselines: Mapping[str, BaselineState] = field(default_factory=dict)
    """By identity id; an identity without an entry has no baseline."""
    findings: Mapping[tuple[str, str, str], Sequence[doc.FindingEntry]] = field(default_factory=dict)
    """What is not fixed, by provider, account and identity; `decide` fills it in from the report."""

    def own(self, entry: doc.IdentityEntry) -> Sequence[doc.FindingEntry]:
        """Return the findings of one identity that are not fixed."""
        return self.findings.get((entry.provider, entry.account, entry.id), ())


def age_days(time: str, now: datetime) -> int:
    """Return how many whole days ago a time of the report is; one that cannot be read is a century old."""
    try:
        return max(0, (now - moment(time)) // timedelta(days=1))
    except ValueError:
        return _UNREADABLE_DAYS


def waived(row: doc.FindingEntry, now: datetime) -> bool:
    """Tell whether a finding is waived at this time: without a readable date it is not."""
    if row.status != "waived" or row.waiver is None:
        return False
    try:
        return now <= last_moment(row.waiver.until)
    except ValueError:
        return False
