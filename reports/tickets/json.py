"""Write the tickets as a JSON list for scripts that create them in a tracker."""

from reports import json
from reports.document import Report
from reports.tickets.plan import plan


def render(report: Report) -> bytes:
    """Give `tickets.json` for a report.

    Title, body and labels are ready to be sent; `identity`, `name`, `account` and `owner` are data as the
    cloud has them.
    """
    return json.write(plan(report))
