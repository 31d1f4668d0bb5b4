"""Write the difference between two reports as text and as Markdown."""

from collections.abc import Sequence

import msgspec

from reports import escape
from reports.document import DriftChange, Severity
from reports.overview import counted

_NAMES = 8


class FindingChange(msgspec.Struct, frozen=True, kw_only=True):
    """A finding that only one of two reports has."""

    fingerprint: str
    rule: str
    title: str
    severity: Severity
    provider: str
    account: str
    identity: str


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """What `entdrift diff` found; `old` and `new` are the times of the two reports."""

    old: str
    new: str
    changes: list[DriftChange]
    findings_new: list[FindingChange]
    findings_gone: list[FindingChange]
    notes: list[str]


def sentence(change: DriftChange) -> str:
    """Return a change with the first of its permission names."""
    if not change.permissions:
        return change.message
    names = ", ".join(change.permissions[:_NAMES])
    left = change.permissions_total - _NAMES
    return f"{change.message}: {names}" + (f" and {left:,} more" if left > 0 else "")


def sentences(changes: Sequence[DriftChange], among: Sequence[DriftChange]) -> list[str]:
    """Return some of `among` in words, each after its account where there are changes of several.

    Roles that an organization rolls out have the same name in every account.
    """
    several = len({(change.provider, change.account) for change in among}) > 1
    return [f"{f'{c.account}: ' if several and c.account else ''}{sentence(c)}" for c in changes]


def text(found: Difference) -> str:
    """Return the difference for a terminal; what gives more than before has a `+`."""
    lines = [f"From {found.old} to {found.new}: {_counts(found)}", ""]
    lines += [f"! {note}" for note in found.notes]
    lines += [
        f"{'+' if change.attention else ' '} {said}"
        for change, said in zip(found.changes, sentences(found.changes, found.changes), strict=True)
    ]
    for title, rows in (
        ("New findings", found.findings_new),
        ("Findings no longer there", found.findings_gone),
    ):
        if rows:
            lines += ["", title, *(f"  {_finding(row)}" for row in rows)]
    return "".join(f"{escape.terminal(line)}\n" for line in lines)


def markdown(found: Difference) -> str:
    """Return the difference for a pull request or a chat."""
    lines = ["## What changed", "", f"From {found.old} to {found.new}: {_counts(found)}.", ""]
    lines += [f"> {escape.markdown(note)}" for note in found.notes]
    lines += [""] if found.notes else []
    if found.changes:
        lines += ["| More | Change | Identity | What |", "| --- | --- | --- | --- |"]
        lines += [
            f"| {'**yes**' if change.attention else ''} | {change.kind.replace('_', ' ')} "
            f"| {escape.markdown_code(escape.clip(change.name or change.identity, 100))} "
            f"| {escape.markdown(escape.clip(said, 500))} |"
            for change, said in zip(found.changes, sentences(found.changes, found.changes), strict=True)
        ]
    for title, rows in (
        ("New findings", found.findings_new),
        ("Findings no longer there", found.findings_gone),
    ):
        if rows:
            lines += ["", f"### {title}", ""]
            lines += [f"- {escape.markdown(escape.clip(_finding(row), 500))}" for row in rows]
    return "\n".join([*lines, ""])


def _counts(found: Difference) -> str:
    more = sum(change.attention for change in found.changes)
    return (
        f"{counted(len(found.changes), 'change')}, {more:,} of them more than before; "
        f"{counted(len(found.findings_new), 'new finding')}, {len(found.findings_gone):,} no longer there"
    )


def _finding(row: FindingChange) -> str:
    where = f" in {row.account}" if row.account else ""
    return f"{row.severity} {row.rule} {row.title}{where} ({row.fingerprint[:12]})"
