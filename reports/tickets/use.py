"""Say in a ticket what the identity does today: who may act as it, what it called, how often and when."""

from reports.document import FindingEntry, IdentityEntry, UsageEntry
from reports.overview import counted, first_of
from reports.tickets.wording import ROWS, code, left_out, text

_TRUSTED = 5


def observed(findings: list[FindingEntry]) -> str:
    """Say which part of the window the logs of the identity span, as its findings about use measured it.

    Empty where no finding is about use. Logs that end early are the first thing to know before a cut.
    """
    for finding in findings:
        held = finding.evidence
        start, end, days = (held.get(f"observed_{part}") for part in ("start", "end", "days"))
        if isinstance(start, str) and isinstance(end, str) and start and isinstance(days, int | float):
            return f"{text(start)} to {text(end)}, {counted(round(days), 'day')}"
    return ""


def use(identity: IdentityEntry) -> list[str]:
    """List who may act as the identity and each permission on record, the most called first."""
    lines = []
    if identity.trusted:
        names, more = first_of([code(name) for name in identity.trusted], _TRUSTED)
        lines.append(f"May act as it: {', '.join(names)}{more}.")
    if not identity.usage:
        return lines
    rows: dict[str, list[UsageEntry]] = {}
    for row in identity.usage:
        rows.setdefault(row.permission, []).append(row)
    ordered = sorted(rows.items(), key=lambda item: (-sum(row.count for row in item[1]), item[0]))
    lines += [""] if lines else []
    lines += [
        "| Called | Calls | Refused | First | Last | On |",
        "| --- | ---: | ---: | --- | --- | --- |",
        *(_row(permission, calls) for permission, calls in ordered[:ROWS]),
    ]
    return lines + left_out(len(ordered) - ROWS, "permissions on record", "usage")


def _row(permission: str, rows: list[UsageEntry]) -> str:
    resources = sorted({row.resource for row in rows if row.resource})
    names, more = first_of([code(name) for name in resources], 1)
    cells = [
        code(permission) if permission else "-",
        f"{sum(row.count for row in rows):,}",
        f"{sum(row.denied for row in rows):,}",
        text(min(row.first_seen for row in rows)),
        text(max(row.last_seen for row in rows)),
        ", ".join(names) + more if names else "not on record",
    ]
    return f"| {' | '.join(cells)} |"
