"""Write the tickets as CSV that Jira's and ServiceNow's importers take."""

import csv
import io

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
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for ticket in tickets:
        writer.writerow(escape.csv_cell(cell) for cell in _row(ticket))
    return out.getvalue()


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
        escape.clip(ticket.account, 1_000),
        escape.clip(ticket.identity, 1_000),
        escape.clip(ticket.owner, 1_000),
        str(ticket.removes_permissions),
        str(kinds.count("grant")),
        str(kinds.count("credential")),
        " ".join(ticket.findings),
    ]
