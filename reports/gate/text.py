"""Write a gate decision as plain lines for a terminal or a job's log."""

from reports import escape
from reports.gate.document import GateReport, GateWorkload
from reports.gate.words import alike, headline, numbers, standing, title
from reports.overview import counted

_MARKS = {"refused": "REFUSED", "passed": "passed", "exempt": "exempt"}


def render(report: GateReport) -> str:
    """Give the decision, each workload's reasons, and what the policy was; cloud text is made harmless."""
    lines = [headline(report)]
    lines += [f"  {reason}" for reason in report.reasons]
    lines.append(f"Policy: {report.policy_source}")
    lines.append("  " + ", ".join(f"{entry.key} = {entry.value}" for entry in report.policy))
    days = f"{report.window.start[:10]} to {report.window.end[:10]}"
    lines.append(f"Evidence: {days}, report of {report.report_generated_at}")
    for same in alike(report.workloads):
        lines += ["", *_workload(same)]
    return "\n".join(escape.terminal(escape.clip(line, 1_000)) for line in lines) + "\n"


def _workload(same: list[GateWorkload]) -> list[str]:
    """Say how one stands, or how several stand that are written alike, with the reasons of the first."""
    workload = same[0]
    lines = [f"{_MARKS[workload.decision]:8}{title(workload)}"]
    if len(same) > 1:
        rest = counted(len({one.account for one in same}) - 1, "more account")
        lines[0] += f" and in {rest}, with numbers of their own"
    if workload.decision == "exempt":
        return [*lines, f"        {workload.reason}"]
    lines.append(f"        {numbers(workload)}")
    lines += [f"        not met: {check.name}: {check.reason}" for check in standing(workload, "refused")]
    lines += [f"        waived: {check.name}: {check.reason}" for check in standing(workload, "waived")]
    good = standing(workload, "passed")
    if good:
        lines.append(f"        met: {', '.join(check.name for check in good)}")
    waived = sum(finding.status == "waived" for finding in workload.findings)
    if waived:
        lines.append(f"        {counted(waived, 'waived finding')}, listed in the review sheet")
    return lines
