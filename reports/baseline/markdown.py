"""Write a comparison with baselines in Markdown, to be read in a pull request."""

from reports import escape
from reports.baseline.document import CheckReport, Compared, Expansion
from reports.baseline.words import headline, permissions, title
from reports.overview import counted

_MOST, _SCOPES, _LISTED = 40, 4, 60
_KINDS = {
    "permission": "new permission",
    "scope": "wider scope",
    "condition": "condition loosened",
    "undecided": "not decided",
    "new-identity": "new identity",
    "reach": "new class of reach",
    "admin": "administrator grant",
    "trust": "new trust",
    "credential": "new credential",
    "approval": "not approved",
}


def check(report: CheckReport) -> str:
    """Give one table for each identity that goes beyond its baseline; the rest is counted."""
    mark = "❌" if report.decision == "expands" else "✅"
    lines = [
        "## Entitlement baseline",
        "",
        f"{mark} **{_text(headline(report))}**",
        "",
        f"Compared: {_text(report.against)}.",
    ]
    lines += [f"\n> {_text(note)}" for note in report.notes]
    shown = [one for one in report.compared if one.expansions]
    for one in shown[:_MOST]:
        lines += _identity(one)
    if len(shown) > _MOST:
        lines += ["", f"and {counted(len(shown) - _MOST, 'more identity', 'more identities')}"]
    within = len(report.compared) - len(shown)
    if within:
        lines += ["", f"{counted(within, 'identity', 'identities')} within the baseline."]
    if report.decision == "expands":
        lines += [
            "",
            (
                "To accept an expansion: change the baseline file in this pull request and have it approved "
                "(`entdrift baseline approve`), or write a `[[waiver]]` with reason, owner and end into it."
            ),
        ]
    return "\n".join([*lines, ""])


def _identity(one: Compared) -> list[str]:
    file = f"Baseline {_code(one.baseline)}" if one.baseline else "No baseline file"
    approval = f"; {_text(one.approval)}" if one.approval else ""
    lines = [
        "",
        f"### {_text(title(one))}",
        "",
        f"{file}{approval}.",
        "",
        "| What | Which | Where | By |",
        "| --- | --- | --- | --- |",
    ]
    lines += [_row(expansion) for expansion in one.expansions]
    lines += [_details(expansion) for expansion in one.expansions if len(expansion.permissions) > 4]
    lines += [f"\n> {_text(note)}" for note in one.notes]
    return lines


def _row(expansion: Expansion) -> str:
    kind = _KINDS[expansion.kind] + (" (waived)" if expansion.waived else "")
    which = permissions(expansion.permissions) or expansion.message
    if expansion.condition:
        which += f" when {expansion.condition}"
    if expansion.example and expansion.kind == "undecided":
        which += f": {expansion.example}"
    scopes = ", ".join(_code(scope) for scope in expansion.scopes[:_SCOPES])
    left = len(expansion.scopes) - _SCOPES
    more = f" and {left:,} more" if left > 0 else ""
    by = expansion.waiver if expansion.waived else expansion.source
    return f"| {kind} | {_text(which)} | {scopes}{more} | {_text(by)} |"


def _details(expansion: Expansion) -> str:
    names = "<br>".join(_code(name) for name in expansion.permissions[:_LISTED])
    left = len(expansion.permissions) - _LISTED
    more = f"<br>and {left:,} more, all in the JSON form" if left > 0 else ""
    summary = f"{counted(len(expansion.permissions), 'permission')}: {_KINDS[expansion.kind]}"
    return f"\n<details><summary>{summary}</summary>\n\n{names}{more}\n\n</details>"


def _text(untrusted: str) -> str:
    return escape.markdown(escape.clip(untrusted, 500).rstrip("."))


def _code(untrusted: str) -> str:
    return escape.markdown_code(escape.clip(untrusted, 200))
