"""Write the tickets as CSV that Jira's and ServiceNow's importers take."""

from reports import escape
from reports.document import Report, Severity
from reports.tickets.plan import Ticket, plan

COLUMNS = (
    "Summary",
    "Description",
    "Issue Type",
    "Priority",
    "Labels",
    "External ID",
    "Severity",
    "Provider",
    "Account",
    "Identity",
    "Owner",
    "Removed Permissions",
    "Removed Grants",
    "Removed Credentials",
    "Findings",
)
_FINDINGS = 500
"""Fingerprints in one cell: spreadsheets hold 32,767 characters, tickets.json holds them all."""
PRIORITY: dict[Severity, str] = {
    "critical": "Highest",
    "high": "High",
    "medium": "Medium",
    "low": "Low",
    "info": "Lowest",
}
"""Jira's default priority scheme; ServiceNow's import maps the same words."""


def render(report: Report) -> str:
    """Give `tickets.csv` for a report."""
    return write(plan(report))


def write(tickets: list[Ticket]) -> str:
    """Write one row per ticket; `External ID` and a label hold the key that finds it again."""
    rows = [",".join(COLUMNS)]
    rows += [",".join(_quoted(escape.csv_cell(cell)) for cell in _row(ticket)) for ticket in tickets]
    return "\r\n".join([*rows, ""])


def _quoted(cell: str) -> str:
    """Quote a cell that needs it, as the csv module does, which looks at each letter of a body by itself."""
    if '"' in cell or "," in cell or "\n" in cell or "\r" in cell:
        doubled = cell.replace('"', '""')
        return f'"{doubled}"'
    return cell


def _row(ticket: Ticket) -> list[str]:
    kinds = [removal.kind for removal in ticket.removes]
    return [
        ticket.title,
        ticket.body,
        "Task",
        PRIORITY[ticket.priority],
        " ".join(ticket.labels),
        ticket.key,
        ticket.priority,
        ticket.provider,
        escape.clip(ticket.account or " ".join(ticket.accounts), 10_000),
        escape.clip(ticket.identity, 1_000),
        escape.clip(ticket.owner, 1_000),
        str(ticket.removes_permissions),
        str(kinds.count("grant")),
        str(kinds.count("credential")),
        " ".join(ticket.findings[:_FINDINGS]),
    ]
