"""Print the report as a short summary that fits a screen and survives narrow ones."""

import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports import escape, finding_types
from reports.document import Report, Severity, SourceEntry
from reports.drift_text import sentences
from reports.log_ends import ends_early, logs_end, worst_first
from reports.overview import (
    FindingGroup,
    Row,
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

if TYPE_CHECKING:
    from rich.console import Console, OverflowMethod
    from rich.table import Table
    from rich.text import Text


@dataclass(frozen=True, slots=True)
class _Room:
    """How many rows of each kind are printed, and whether each has to fit on one line."""

    sources: int = 6
    identities: int = 8
    findings: int = 8
    names: int = 3
    unseen: int = 5
    changes: int = 8
    tight: bool = False


_FULL = _Room()
_TIGHT = _Room(sources=1, identities=2, findings=3, names=1, unseen=1, changes=2, tight=True)
_TALL, _WIDE = 50, 76
"""Lines from which on a terminal gets the full summary, and columns below which it gets it, too."""
_NUMBERS = 41
"""Columns that the numbers of an identity take beside its name."""
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

    room = _room(console)
    console.print(text(verdict_line(report), "bold"))
    console.print(text(scope_line(report)))
    console.print(text(findings_line(report)))
    if alike := groups_line(report):
        console.print(text(alike))
    if not room.tight:
        heading("Sources")
    for part in _reading(report, console, room):
        console.print(part)
    rows = ai_rows(report)
    if rows:
        heading("AI identities")
        console.print(_identities(rows, console, room))
    groups = finding_groups(report)
    if groups:
        heading("Findings")
        console.print(_findings(groups, console, room))
    drifted = _drift(report, room)
    if drifted:
        heading("What changed")
        for line in drifted:
            console.print(text(line))
    unseen = _unseen(report, room)
    if unseen:
        heading("What could not be seen")
        for line in unseen:
            console.print(text(f"- {line}"))
    if files and not room.tight:
        heading("Written")
    for line in _written(files, room):
        # A path must stay whole, so that it can be copied: soft_wrap leaves breaking to the terminal.
        console.print(Text(_printable(escape.terminal(line), console)), soft_wrap=True)


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


def _room(console: "Console") -> _Room:
    """Keep to one screen where there is one; on narrow ones lines break anyhow, so nothing is left out."""
    small = console.is_terminal and console.height < _TALL and console.width >= _WIDE
    return _TIGHT if small else _FULL


def _reading(report: Report, console: "Console", room: _Room) -> "list[Table | Text]":
    """Say what was read: all of it, or in one line and by name only what was not read whole."""
    from rich.text import Text  # noqa: PLC0415 -- see render

    if not room.tight:
        line = Text(_shown(_log_line(report), console), style="dim")
        return [_sources(report, worst_first(report), console, room), line]
    bad = [source for source in worst_first(report) if source.status != "ok"]
    line = Text(_shown(_sources_line(report), console), style="dim")
    return [line, _sources(report, bad, console, room)] if bad else [line]


def _written(files: Sequence[str], room: _Room) -> list[str]:
    if not files or not room.tight:
        return [f"  {path}" for path in files]
    return [", ".join([f"Written: {files[0]}", *(path.rpartition("/")[2] for path in files[1:])])]


def _sources_line(report: Report) -> str:
    """Say in one line how much was read."""
    whole = sum(source.status == "ok" for source in report.sources)
    events = report.summary.log_events
    return (
        f"Sources: {whole} of {len(report.sources)} read whole; "
        f"{counted(events.read, 'log event')} in {counted(events.files, 'file')}"
    )


def _sources(report: Report, sources: Sequence[SourceEntry], console: "Console", room: _Room) -> "Table":
    table = _table()
    for style in ("", "", ""):
        table.add_column(style=style, overflow="ellipsis" if room.tight else "fold", no_wrap=room.tight)
    for source in sources[: room.sources]:
        said = source.reason or f"{source.records:,} records"
        if source.status == "ok":
            said += _as_of(report, source)
        table.add_row(
            _cell(source.name, console),
            _cell(source.status, console, _STATUS_STYLE[source.status]),
            _cell(_without_middle(said, 2 * _NAME), console, limit=2 * _NAME),
        )
    left = len(sources) - room.sources
    if left > 0:
        bad = sum(source.status != "ok" for source in sources[room.sources :])
        table.add_row(_cell(f"and {left:,} more", console), "", _cell(f"{bad:,} not ok", console))
    return table


def _as_of(report: Report, source: SourceEntry) -> str:
    """Say up to when a source speaks: where its logs end, else the time of its newest file."""
    if end := logs_end(report, source):
        early = ", long before the window ends" if ends_early(report, source) else ""
        return f", logs to {end[:10]}{early}"
    return f", as of {source.data_as_of[:10]}" if source.data_as_of else ""


def _identities(rows: list[Row], console: "Console", room: _Room) -> "Table":
    table = _table()
    overflow: OverflowMethod = "ellipsis" if room.tight else "fold"
    most = console.width - _NUMBERS if room.tight else None
    table.add_column("name", overflow=overflow, no_wrap=room.tight, min_width=12, max_width=most)
    table.add_column("cloud", no_wrap=True)
    for name in ("granted", "used", "unused", "not obs."):
        table.add_column(name, justify="right", no_wrap=True)
    table.show_header = True
    names = Counter((row.identity.provider, row.name) for row in rows)
    for row in rows[: room.identities]:
        name, provider = row.name, row.identity.provider
        beside = f"{row.accounts:,} accounts" if row.accounts > 1 else row.identity.account
        if beside and (row.accounts > 1 or names[provider, name] > 1):
            name = f"{_brief(name, _NAME - len(beside) - 3)} ({beside})"
        counts = [entry.permissions for entry in row.identities]
        columns = ("granted", "used", "unused", "unobservable")
        table.add_row(
            _cell(name, console),
            _cell(provider, console),
            *(spread(getattr(one, column) for one in counts) for column in columns),
        )
    if len(rows) > room.identities:
        table.add_row(f"and {len(rows) - room.identities:,} more", style="dim")
    return table


def _findings(groups: list[FindingGroup], console: "Console", room: _Room) -> "Table":
    table = _table()
    overflow: OverflowMethod = "ellipsis" if room.tight else "fold"
    for name in ("severity", "type", "findings", "identities"):
        table.add_column(name, overflow=overflow, no_wrap=room.tight or name == "severity")
    for group in groups[: room.findings]:
        names, more = first_of([_who(name) for name in group.identities], room.names)
        table.add_row(
            _cell(group.severity, console, _SEVERITY_STYLE[group.severity]),
            _cell(f"{group.rule} {finding_types.name(group.rule)}", console, limit=30),
            f"{group.count:,}",
            _cell(", ".join(names) + more, console, limit=200),
        )
    left = sum(group.count for group in groups[room.findings :])
    if left:
        table.add_row("", f"and {left:,} more", "", "", style="dim")
    return table


def _who(name: str) -> str:
    """Cut a long name; in how many accounts it stands is kept."""
    return _brief(name, 48 if name.endswith(" accounts)") else 30)


def _drift(report: Report, room: _Room) -> list[str]:
    line = drift_line(report)
    lines = [line] if line else []
    changes = drift_first(report, room.changes)
    told = sentences(changes, report.drift.changes if report.drift else ())
    lines += [
        f"{'+' if change.attention else '-'} {_brief(said, 75 if room.tight else 160)}"
        for change, said in zip(changes, told, strict=True)
    ]
    left = report.drift.changes_total - len(changes) if report.drift else 0
    if left > 0:
        lines.append(f"and {left:,} more, in the report")
    if report.history is not None:
        lines += [f"! {note}" for note in report.history.notes]
        lines += pattern_lines(report)
        if report.history.approvals:
            entries = counted(report.history.approvals, "entry", "entries")
            lines.append(f"Approvals: {entries}, head {report.history.approvals_head[:16]}")
    return lines


def _unseen(report: Report, room: _Room) -> list[str]:
    groups = unseen_reasons(report)
    lines = [
        f"{group.provider}, {counted(group.permissions, 'permission')}: "
        f"{_brief(group.reason, 45 if room.tight else 120)}"
        + (f" ({group.rest})" if group.rest and not room.tight else "")
        for group in groups[: room.unseen]
    ]
    left = sum(group.permissions + group.like_permissions for group in groups[room.unseen :])
    limits = counted(len(report.limits_of_analysis), "limit") if report.limits_of_analysis else ""
    if room.tight:
        left += sum(group.like_permissions for group in groups[: room.unseen])
        more = [f"{counted(left, 'permission')} for other reasons"] if left else []
        more += [f"{limits} of the analysis"] if limits else []
        return [*lines, f"{', '.join(more)}: see report"] if more else lines
    if left:
        lines.append(f"{counted(left, 'permission')} for other reasons; the report names them with the fix")
    if limits:
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
