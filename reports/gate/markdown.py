"""Write the review sheet of a promotion: what was decided on which evidence, with fields to sign."""

from reports import escape
from reports.gate.document import GateFinding, GateReport, GateWorkload
from reports.gate.words import headline, numbers, standing, title
from reports.overview import counted

_FINDINGS, _RESOURCES, _UNSEEN = 20, 8, 6
_WORDS = {"passed": "yes", "refused": "**no**", "waived": "waived", "not_asked": "not asked"}


def render(report: GateReport) -> str:
    """Give the sheet as Markdown; every text that comes from a cloud is escaped."""
    lines = [
        f"# Production-promotion review: {_text(report.stage)}",
        "",
        f"**{_text(headline(report))}**",
        "",
        *_facts(report),
        *_policy(report),
        *_overview(report),
    ]
    for workload in report.workloads:
        lines += _workload(workload)
    return "\n".join([*lines, *_signatures(report), ""])


def _facts(report: GateReport) -> list[str]:
    window = report.window
    lines = [
        "| | |",
        "| --- | --- |",
        f"| Decided at | {_text(report.decided_at)} |",
        f"| Evidence | {_text(window.start)} to {_text(window.end)} ({window.days:g} days) |",
        f"| Report written | {_text(report.report_generated_at)} |",
        f"| Report SHA-256 | {_code(report.report_digest)} |",
        f"| Written by | {_text(report.tool.name)} {_text(report.tool.version)} |",
    ]
    if report.reasons:
        lines += ["", "> **This stage is refused as a whole:**"]
        lines += [f"> - {_text(reason)}" for reason in report.reasons]
    return lines


def _policy(report: GateReport) -> list[str]:
    lines = [
        "",
        "## Policy",
        "",
        f"{_text(report.policy_source)}.",
        "",
        "| Condition | Value | From |",
        "| --- | --- | --- |",
    ]
    for entry in report.policy:
        origin = "built in" if entry.default else "config file"
        lines.append(f"| {_code(entry.key)} | {_text(entry.value)} | {origin} |")
    return lines


def _overview(report: GateReport) -> list[str]:
    lines = ["", "## Workload identities", ""]
    if not report.workloads:
        return [*lines, "None."]
    lines += [
        "| Decision | Identity | Owner | Granted | Used | Unused | Not observable | Why |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for workload in report.workloads:
        why = ", ".join(check.name for check in standing(workload, "refused")) or workload.reason
        counts = (workload.granted, workload.used, workload.unused, workload.unobservable)
        numbers_ = " | ".join(f"{number:,}" for number in counts)
        who = f"{_code(workload.name or workload.id)} | {_text(workload.owner) or '(not known)'}"
        lines.append(f"| {_decision(workload)} | {who} | {numbers_} | {_text(why)} |")
    return lines


def _decision(workload: GateWorkload) -> str:
    return "**refused**" if workload.decision == "refused" else workload.decision


def _workload(workload: GateWorkload) -> list[str]:
    lines = [
        "",
        f"## {_text(title(workload))}",
        "",
        f"Decision: {_decision(workload)}. Id: {_code(workload.id)}",
    ]
    if workload.runs:
        named = ", ".join(_code(name) for name in workload.runs[:_RESOURCES])
        lines.append(f"Runs: {named}{_left(workload.runs, _RESOURCES)}")
    if workload.decision == "exempt":
        return [*lines, "", f"{_text(workload.reason)}."]
    lines += ["", f"{_text(numbers(workload))}.", "", "| Condition | Met | Reason |", "| --- | --- | --- |"]
    for check in workload.checks:
        lines.append(f"| {_text(check.name)} | {_WORDS[check.standing]} | {_text(check.reason)} |")
    lines += _reach(workload)
    lines += _findings(workload.findings)
    lines += ["", f"**Reduction.** {_text(workload.reduction)}."]
    if workload.unseen:
        lines += ["", "**What could not be seen**", ""]
        lines += [f"- {_text(line)}" for line in workload.unseen[:_UNSEEN]]
        if len(workload.unseen) > _UNSEEN:
            lines.append(
                f"- and {counted(len(workload.unseen) - _UNSEEN, 'more reason')}, listed in report.json"
            )
    return [
        *lines,
        "",
        "| Promote this identity? | Name | Date |",
        "| --- | --- | --- |",
        "| [ ] yes   [ ] no   [ ] yes, until \\_\\_\\_\\_-\\_\\_-\\_\\_ with this condition: | | |",
    ]


def _reach(workload: GateWorkload) -> list[str]:
    if not workload.reach:
        return []
    lines = [
        "",
        "**What it can touch**",
        "",
        "| Class | Granted | Used | Resources seen in use |",
        "| --- | ---: | ---: | --- |",
    ]
    for reach in workload.reach:
        named = ", ".join(_code(name) for name in reach.resources[:_RESOURCES])
        left = reach.resources_total - min(_RESOURCES, len(reach.resources))
        more = f" and {left:,} more" if left > 0 else ""
        lines.append(
            f"| {_text(reach.kind)} | {reach.granted:,} | {reach.used:,} | {named or 'none'}{more} |"
        )
    return lines


def _findings(findings: list[GateFinding]) -> list[str]:
    if not findings:
        return ["", "**Findings.** None."]
    lines = ["", "**Findings**", "", "| Severity | Rule | State | What |", "| --- | --- | --- | --- |"]
    for finding in findings[:_FINDINGS]:
        waiver = f" until {finding.waiver_until} by {finding.waiver_owner}: {finding.waiver_reason}"
        state = finding.status + (waiver if finding.status == "waived" else "")
        lines.append(
            f"| {finding.severity} | {_text(finding.rule)} | {_text(state)} | {_text(finding.message)} |"
        )
    if len(findings) > _FINDINGS:
        lines += ["", f"and {counted(len(findings) - _FINDINGS, 'more finding')}, listed in report.json"]
    return lines


def _left(names: list[str], shown: int) -> str:
    return f" and {len(names) - shown:,} more" if len(names) > shown else ""


def _signatures(report: GateReport) -> list[str]:
    return [
        "",
        "## Sign-off",
        "",
        (
            f"Signing accepts this sheet for stage {_text(report.stage)} and for the report with SHA-256 "
            f"{_code(report.report_digest)}; a later report needs a new sheet."
        ),
        "",
        "| Role | Name | Decision | Date | Signature |",
        "| --- | --- | --- | --- | --- |",
        "| Workload owner | | [ ] promote [ ] refuse | | |",
        "| Security reviewer | | [ ] promote [ ] refuse | | |",
        "| Platform owner | | [ ] promote [ ] refuse | | |",
    ]


def _text(untrusted: str) -> str:
    return escape.markdown(escape.clip(untrusted, 600).rstrip("."))


def _code(untrusted: str) -> str:
    return escape.markdown_code(escape.clip(untrusted, 200))
