"""The sentences that every rendering of a gate decision shares."""

from collections.abc import Sequence

from reports.gate.document import GateCheck, GateReport, GateWorkload
from reports.overview import counted


def headline(report: GateReport) -> str:
    """Say the decision in one sentence."""
    numbers = {
        name: sum(w.decision == name for w in report.workloads) for name in ("refused", "passed", "exempt")
    }
    parts = [f"{numbers['refused']:,} refused", f"{numbers['passed']:,} passed"]
    if numbers["exempt"]:
        parts.append(f"{numbers['exempt']:,} exempt")
    number = counted(len(report.workloads), "workload identity", "workload identities")
    return f"Gate {report.stage}: {report.decision.upper()}: {number}: {', '.join(parts)}"


def title(workload: GateWorkload) -> str:
    """Name a workload identity and what it is."""
    return f"{workload.name or workload.id} ({workload.provider} {workload.account}, {workload.kind})"


def alike(workloads: Sequence[GateWorkload]) -> list[list[GateWorkload]]:
    """Put those of one group together that meet and fail the same, in the place of the first."""
    found: dict[object, list[GateWorkload]] = {}
    for number, workload in enumerate(workloads):
        stands = tuple((check.name, check.standing) for check in workload.checks)
        key = (workload.group, workload.decision, stands) if workload.group else number
        found.setdefault(key, []).append(workload)
    return list(found.values())


def standing(workload: GateWorkload, *wanted: str) -> list[GateCheck]:
    """Return the checks of a workload that stand in one of these ways."""
    return [check for check in workload.checks if check.standing in wanted]


def numbers(workload: GateWorkload) -> str:
    """Say how many permissions it holds and what is known of them."""
    return (
        f"{workload.granted:,} permissions granted: {workload.used:,} used, {workload.unused:,} unused, "
        f"{workload.unobservable:,} not observable, {workload.conditional:,} conditional"
    )
