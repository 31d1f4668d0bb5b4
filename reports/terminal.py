"""Print the report as a short summary that fits a screen and survives narrow ones."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from reports import escape, finding_types
from reports.document import IdentityEntry, Report, Severity
from reports.drift_text import sentence
from reports.overview import (
    FindingGroup,
    ai_identities,
    counted,
    drift_first,
    drift_line,
    finding_groups,
    findings_line,
    first_of,
    scope_line,
    unseen_reasons,
    verdict_line,
)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

_SOURCES, _IDENTITIES, _FINDINGS, _NAMES, _UNSEEN, _CHANGES = 6, 8, 8, 3, 5, 8
_NAME = 60
"""Longest name in characters; longer ones are cut, shorter ones fold into the column."""

_SEVERITY_STYLE: dict[Severity, str] = {
    "critical": "bold red",
    "high": "red",
    "medium": "yellow",
    "low": "cyan",
    "info": "dim",
}
_STATUS_STYLE = {"ok": "green", "partial": "yellow", "failed": "red", "skipped": "dim"}


def render(report: Report) -> str:
    """Give the summary as plain text of 100 columns, for files and pipes."""
    from rich.console import Console  # noqa: PLC0415 -- rich costs start-up time that few commands need

    out = io.StringIO()
    write(report, Console(file=out, width=100, color_system=None, force_terminal=False))
    return out.getvalue()


def write(report: Report, console: "Console", *, files: Sequence[str] = ()) -> None:
    """Print the summary to a console, which decides on stream, width and colour.

    `files` are the paths of what was written. Text from clouds never reaches rich as markup, and its
    control characters are shown instead of sent.
    """
    from rich.text import Text  # noqa: PLC0415 -- see render

    def text(untrusted: str, style: str = "") -> Text:
        return Text(_shown(untrusted, console), style=style)

    def heading(words: str) -> None:
        console.print()
        console.print(Text(words, style="bold"))

    console.print(text(verdict_line(report), "bold"))
    console.print(text(scope_line(report)))
    console.print(text(findings_line(report)))
    heading("Sources")
    console.print(_sources(report, console))
    console.print(text(_log_line(report), "dim"))
    identities = ai_identities(report)
    if identities:
        heading("AI identities")
        console.print(_identities(identities, console))
    groups = finding_groups(report)
    if groups:
        heading("Findings")
        console.print(_findings(groups, console))
    drifted = _drift(report)
    if drifted:
        heading("What changed")
        for line in drifted:
            console.print(text(line))
    unseen = _unseen(report)
    if unseen:
        heading("What could not be seen")
        for line in unseen:
            console.print(text(f"- {line}"))
    if files:
        heading("Written")
        for path in files:
            # A path must stay whole, so that it can be copied: soft_wrap leaves breaking to the terminal.
            console.print(Text(f"  {_printable(escape.terminal(path), console)}"), soft_wrap=True)


def _log_line(report: Report) -> str:
    events = report.summary.log_events
    parts = {
        "duplicates": events.duplicates,
        "outside the window": events.outside_window,
        "of unknown operations": events.unmapped,
        "without a nameable caller": events.unattributed,
        "unusable": events.rejected,
    }
    line = f"Log events: {events.read:,} read in {counted(events.files, 'file')}"
    for words, number in parts.items():
        line += f", {number:,} {words}" if number else ""
    if events.unreadable_files:
        line += f"; {counted(events.unreadable_files, 'file')} could not be read whole"
    return line


def _sources(report: Report, console: "Console") -> "Table":
    table = _table()
    for style in ("", "", ""):
        table.add_column(style=style, overflow="fold")
    for source in report.sources[:_SOURCES]:
        said = source.reason or f"{source.records:,} records"
        if source.status == "ok" and source.data_as_of:
            said += f", as of {source.data_as_of[:10]}"
        table.add_row(
            _cell(source.name, console),
            _cell(source.status, console, _STATUS_STYLE[source.status]),
            _cell(_without_middle(said, 2 * _NAME), console, limit=2 * _NAME),
        )
    left = len(report.sources) - _SOURCES
    if left > 0:
        bad = sum(source.status != "ok" for source in report.sources[_SOURCES:])
        table.add_row(_cell(f"and {left:,} more", console), "", _cell(f"{bad:,} not ok", console))
    return table


def _identities(identities: list[IdentityEntry], console: "Console") -> "Table":
    table = _table()
    table.add_column("name", overflow="fold", min_width=12)
    table.add_column("cloud", no_wrap=True)
    for name in ("granted", "used", "unused", "not obs."):
        table.add_column(name, justify="right", no_wrap=True)
    table.show_header = True
    for identity in identities[:_IDENTITIES]:
        counts = identity.permissions
        numbers = (counts.granted, counts.used, counts.unused, counts.unobservable)
        table.add_row(
            _cell(identity.name or identity.id, console),
            _cell(identity.provider, console),
            *(f"{number:,}" for number in numbers),
        )
    if len(identities) > _IDENTITIES:
        table.add_row(f"and {len(identities) - _IDENTITIES:,} more", style="dim")
    return table


def _findings(groups: list[FindingGroup], console: "Console") -> "Table":
    table = _table()
    for name in ("severity", "type", "findings", "identities"):
        table.add_column(name, overflow="fold", no_wrap=name == "severity")
    for group in groups[:_FINDINGS]:
        names, more = first_of([_brief(name, 30) for name in group.identities], _NAMES)
        table.add_row(
            _cell(group.severity, console, _SEVERITY_STYLE[group.severity]),
            _cell(f"{group.rule} {finding_types.name(group.rule)}", console, limit=30),
            f"{group.count:,}",
            _cell(", ".join(names) + more, console, limit=200),
        )
    left = sum(group.count for group in groups[_FINDINGS:])
    if left:
        table.add_row("", f"and {left:,} more", "", "", style="dim")
    return table


def _drift(report: Report) -> list[str]:
    line = drift_line(report)
    lines = [line] if line else []
    changes = drift_first(report, _CHANGES)
    lines += [f"{'+' if change.attention else '-'} {_brief(sentence(change), 160)}" for change in changes]
    left = report.drift.changes_total - len(changes) if report.drift else 0
    if left > 0:
        lines.append(f"and {left:,} more, in the report")
    if report.history is not None:
        lines += [f"! {note}" for note in report.history.notes]
        if report.history.approvals:
            entries = counted(report.history.approvals, "entry", "entries")
            lines.append(f"Approvals: {entries}, head {report.history.approvals_head[:16]}")
    return lines


def _unseen(report: Report) -> list[str]:
    groups = unseen_reasons(report)
    lines = [
        f"{group.provider}, {counted(group.permissions, 'permission')}: {_brief(group.reason, 120)}"
        + (f" ({group.rest})" if group.rest else "")
        for group in groups[:_UNSEEN]
    ]
    left = sum(group.permissions + group.like_permissions for group in groups[_UNSEEN:])
    if left:
        lines.append(f"{counted(left, 'permission')} for other reasons; the report names them with the fix")
    if report.limits_of_analysis:
        limits = counted(len(report.limits_of_analysis), "limit")
        lines.append(f"{limits} of the analysis, listed in the report")
    return lines


def _brief(untrusted: str, limit: int) -> str:
    return untrusted if len(untrusted) <= limit else untrusted[: limit - 3] + "..."


def _table() -> "Table":
    from rich.table import Table  # noqa: PLC0415 -- see render

    return Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=False, header_style="dim")


def _without_middle(untrusted: str, limit: int) -> str:
    """Cut a reason in the middle: it begins with the part and ends with what is wrong, after a path."""
    if len(untrusted) <= limit:
        return untrusted
    return f"{untrusted[: limit // 3]} ... {untrusted[5 - limit + limit // 3 :]}"


def _cell(untrusted: str, console: "Console", style: str = "", limit: int = _NAME) -> "Text":
    from rich.text import Text  # noqa: PLC0415 -- see render

    return Text(_shown(_brief(untrusted, limit), console), style=style)


def _shown(untrusted: str, console: "Console") -> str:
    return _printable(escape.terminal(untrusted), console)


def _printable(text: str, console: "Console") -> str:
    """Spell out what the stream's encoding cannot hold, as on a Windows console or with LANG=C."""
    return text.encode(console.encoding, "backslashreplace").decode(console.encoding)
