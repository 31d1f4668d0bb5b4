"""Write a summary in Markdown for pull requests, step summaries and chat."""

from reports import escape, finding_types
from reports.document import Report
from reports.drift_text import sentences
from reports.overview import (
    ai_rows,
    counted,
    drift_first,
    drift_line,
    finding_groups,
    findings_line,
    first_of,
    groups_line,
    pattern_lines,
    scope_line,
    spread,
    unseen_reasons,
    verdict_line,
)

_FINDINGS, _NAMES, _IDENTITIES, _REASONS, _SOURCES, _CHANGES = 25, 4, 20, 10, 20, 20


def render(report: Report) -> str:
    """Give the summary; a full report is named, not copied, because comments have a size limit."""
    lines = [
        "## Entitlement drift",
        "",
        f"**{verdict_line(report)}**",
        "",
        f"{escape.markdown(scope_line(report))}. {findings_line(report)}.",
    ]
    lines += ["", f"{groups_line(report)}."] if report.groups else []
    lines += [
        *_broken_sources(report),
        *_drift(report),
        *_findings(report),
        *_identities(report),
        *_unseen(report),
    ]
    tool = report.tool
    return "\n".join(
        [
            *lines,
            "",
            (
                f"Written by {_text(tool.name)} {_text(tool.version)} from evidence up to "
                f"{_text(report.window.end)}. The full list is in report.json."
            ),
            "",
        ]
    )


def _broken_sources(report: Report) -> list[str]:
    broken = [source for source in report.sources if source.status != "ok"]
    if not broken:
        return []
    lines = ["", "> **The evidence is incomplete:**"]
    lines += [
        f"> - {_text(source.name)} ({_text(f'{source.provider} {source.account}'.strip())}) {source.status}: "
        f"{_text(source.reason)}"
        for source in broken[:_SOURCES]
    ]
    if len(broken) > _SOURCES:
        lines.append(f"> - and {counted(len(broken) - _SOURCES, 'more source')}")
    return lines


def _drift(report: Report) -> list[str]:
    line = drift_line(report)
    notes = report.history.notes if report.history else []
    if not (line or notes or pattern_lines(report)):
        return []
    lines = ["", "### What changed", ""]
    lines += [f"> {_text(note)}" for note in notes] + ([""] if notes else [])
    lines += [f"{escape.markdown(line)}."] if line else []
    changes = drift_first(report, _CHANGES)
    lines += [""] if changes else []
    told = sentences(changes, report.drift.changes if report.drift else ())
    lines += [
        f"- {'**more:** ' if change.attention else ''}{_text(said)}"
        for change, said in zip(changes, told, strict=True)
    ]
    lines += _more(report.drift.changes_total - len(changes) if report.drift else 0)
    patterns = pattern_lines(report)
    lines += ["", *(f"- {_text(line)}" for line in patterns)] if patterns else []
    if report.history is not None and report.history.approvals:
        head = _code(report.history.approvals_head)
        lines += ["", f"Chain of approvals: {report.history.approvals:,}, head {head}."]
    return lines


def _findings(report: Report) -> list[str]:
    groups = finding_groups(report)
    if not groups:
        return []
    lines = ["", "### Findings", "", "| Severity | Type | Findings | Identities | For example |"]
    lines.append("| --- | --- | ---: | --- | --- |")
    for group in groups[:_FINDINGS]:
        names, more = first_of(group.identities, _NAMES)
        who = ", ".join(_code(name) for name in names) + more
        kind = f"{_text(group.rule)} {_text(finding_types.name(group.rule))}"
        lines.append(f"| {group.severity} | {kind} | {group.count:,} | {who} | {_text(group.example)} |")
    return lines + _more(sum(group.count for group in groups[_FINDINGS:]))


def _identities(report: Report) -> list[str]:
    rows = ai_rows(report)
    if not rows:
        return []
    lines = [
        "",
        "### AI identities",
        "",
        "| Identity | Where | Granted | Used | Unused | Not observable | Can go |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in rows[:_IDENTITIES]:
        entry, every = row.identity, row.identities
        cells = [
            spread(getattr(one.permissions, column) for one in every)
            for column in ("granted", "used", "unused", "unobservable")
        ]
        cells.append(spread(one.reduction.removes for one in every))
        where = f"{row.accounts:,} accounts" if row.accounts > 1 else _text(entry.account)
        lines.append(f"| {_code(row.name)} | {entry.provider} {where} | {' | '.join(cells)} |")
    return lines + _more(len(rows) - _IDENTITIES)


def _unseen(report: Report) -> list[str]:
    reasons = unseen_reasons(report)
    if not (reasons or report.limits_of_analysis):
        return []
    lines = ["", "### What could not be seen", ""]
    for group in reasons[:_REASONS]:
        number = counted(group.permissions, "permission")
        fix = f" To change that: {_text(group.fix)}." if group.fix else ""
        rest = f" {group.rest}." if group.rest else ""
        lines.append(f"- {group.provider}, {number}: {_text(group.reason)}.{fix}{rest}")
    if len(reasons) > _REASONS:
        lines.append(
            f"- and {counted(len(reasons) - _REASONS, 'more kind of reason', 'more kinds of reasons')}"
        )
    if report.limits_of_analysis:
        lines.append(f"- {counted(len(report.limits_of_analysis), 'limit')} of the analysis, see the report")
    return lines


def _more(left: int) -> list[str]:
    return ["", f"and {left:,} more"] if left > 0 else []


def _text(untrusted: str) -> str:
    return escape.markdown(escape.clip(untrusted, 300).rstrip("."))


def _code(untrusted: str) -> str:
    return escape.markdown_code(escape.clip(untrusted, 100))
