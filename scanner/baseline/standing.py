"""Say for the gate how each identity stands to its baseline: approved, and nothing beyond it."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from connectors.errors import EntdriftError
from reports.baseline.document import Compared
from reports.document import FindingEntry, IdentityEntry, Report, Waiver
from reports.overview import counted, first_of
from scanner.baseline.check import Check, check_scan
from scanner.baseline.model import Baseline
from scanner.gate.question import BaselineState


def standings(check: Check, entries: Sequence[IdentityEntry]) -> dict[str, BaselineState]:
    """Return by identity id how it stands; evidence that cannot be opened refuses and says why."""
    try:
        compared = check_scan(check, entries, "").compared
    except EntdriftError as error:
        return {entry.id: BaselineState("refused", f"cannot be compared: {error}") for entry in entries}
    return {one.identity: _state(one) for one in compared}


def _state(one: Compared) -> BaselineState:
    if not one.baseline:
        return BaselineState("refused", "it has no baseline file")
    beyond = [expansion for expansion in one.expansions if not expansion.waived]
    reasons = [] if one.approved else [one.approval or "no approval is on record"]
    if beyond:
        kinds, more = first_of(sorted({expansion.kind for expansion in beyond}), 5)
        number = counted(len(beyond), "expansion")
        reasons.append(f"{number} beyond it ({', '.join(kinds)}{more}): {beyond[0].message}")
    if reasons:
        return BaselineState("refused", "; ".join(reasons))
    waived = len(one.expansions)
    words = f"{one.approval}; nothing beyond it"
    return (
        BaselineState("waived", f"{words} but what is waived") if waived else BaselineState("passed", words)
    )


def with_waivers(report: Report, baselines: Sequence[Baseline], now: datetime) -> Report:
    """Return the report with the findings waived that baselines accept by type; they stay rows."""
    by_identity = {one.subject.id: one for one in baselines}
    return msgspec.structs.replace(
        report, findings=[_finding(row, by_identity, now) for row in report.findings]
    )


def _finding(row: FindingEntry, baselines: Mapping[str, Baseline], now: datetime) -> FindingEntry:
    baseline = baselines.get(row.identity)
    if (
        baseline is None
        or baseline.subject.provider != row.provider
        or row.status not in ("open", "regressed")
    ):
        return row
    for one in baseline.waivers:
        if one.rule == row.rule and one.subject in ("", row.subject) and now < one.until:
            accepted = Waiver(reason=one.reason, owner=one.owner, until=one.until_text)
            return msgspec.structs.replace(row, status="waived", waiver=accepted)
    return row
