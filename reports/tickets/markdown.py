"""Write all tickets into one Markdown file: an index, then the tickets one below the other."""

from reports import escape
from reports.document import Report
from reports.tickets.plan import Ticket, plan


def render(report: Report) -> str:
    """Give `tickets.md` for a report."""
    return write(plan(report), report)


def write(tickets: list[Ticket], report: Report) -> str:
    """Write the tickets; each body's headings go one level down, below the ticket's own."""
    start, end = escape.markdown(report.window.start), escape.markdown(report.window.end)
    number = f"{len(tickets)} AI {'identity needs' if len(tickets) == 1 else 'identities need'}"
    lines = ["# Tickets", "", f"{number} a change or a decision. Window: {start} to {end}.", ""]
    if tickets:
        lines += ["| Ticket | Priority | Title | Owner |", "| --- | --- | --- | --- |"]
    for ticket in tickets:
        owner = escape.markdown(escape.clip(ticket.owner, 100)) or "nobody named"
        lines.append(f"| {ticket.key} | {ticket.priority} | {escape.markdown(ticket.title)} | {owner} |")
    for ticket in tickets:
        lines += [
            "",
            "---",
            "",
            f"# {escape.markdown(ticket.title)}",
            "",
            f"Labels: {', '.join(escape.markdown_code(label) for label in ticket.labels)}",
            "",
            ticket.body.rstrip("\n"),
        ]
    return "\n".join(lines) + "\n"
