"""ServiceNow's Table API: values with display values, totals in a header, fields cut at their length.

Shapes from docs.servicenow.com, "Table API", and from what pysnc 1.2.1 reads.
"""

import base64
import re

from tickets_sync.fake_server import TOKEN, Answer, FakeTracker

USER = "entdrift"
LENGTHS = {"short_description": 160, "description": 4000}


class FakeServiceNow(FakeTracker):
    def knows(self, asked):
        basic = base64.b64encode(f"{USER}:{TOKEN}".encode()).decode()
        return asked.headers.get("authorization") in (f"Basic {basic}", f"Bearer {TOKEN}")

    def stranger(self):
        error = {"message": "User Not Authenticated", "detail": "Required to provide Auth information"}
        return Answer(401, {"error": error, "status": "failure"})

    def route(self, asked):
        base = "/api/now/table/incident"
        if asked.path == base and asked.method == "GET":
            return self._page(asked)
        if asked.path == base:
            return self._add(asked.body)
        match = re.fullmatch(base + r"/([0-9a-f]{32})", asked.path)
        ticket = next((t for t in self.tickets if match and t["sys_id"] == match[1]), None)
        if ticket is None:
            error = {"message": "No Record found", "detail": "Record doesn't exist or ACL restricts it"}
            return Answer(404, {"error": error, "status": "failure"})
        if asked.method == "PATCH":
            return self._edit(ticket, asked.body)
        return Answer(200, {"result": self._shown(ticket)})

    def _page(self, asked):
        wanted = dict(part.split("=", 1) for part in asked.query["sysparm_query"].split("^") if "=" in part)
        held = [t for t in self.tickets if all(t.get(name) == value for name, value in wanted.items())]
        start = int(asked.query.get("sysparm_offset", 0))
        rows = [self._shown(row) for row in held[start : start + self.page]]
        return Answer(200, {"result": rows}, {"X-Total-Count": str(len(held))})

    def _cut(self, body):
        return {name: value[: LENGTHS.get(name, 255)] for name, value in body.items()}

    def _add(self, body):
        self.number += 1
        ticket = self._cut(body) | {
            "sys_id": f"{self.number:032x}",
            "state": "1",
            "priority": "5",
            "sys_created_on": f"2026-11-22 10:00:{self.number:02}",
            "closed_at": "",
            "said": [],
        }
        self.tickets.append(ticket)
        return Answer(201, {"result": self._shown(ticket)})

    def _edit(self, ticket, body):
        if body.get("state") in ("6", "7") and not (body.get("close_code") and body.get("close_notes")):
            error = {
                "message": "Operation Failed",
                "detail": "Data Policy Exception: close_code is mandatory",
            }
            return Answer(403, {"error": error, "status": "failure"})
        if "work_notes" in body:
            ticket["said"].append(body.pop("work_notes"))
        ticket.update(self._cut(body))
        return Answer(200, {"result": self._shown(ticket)})

    def _shown(self, ticket):
        return {
            name: {"value": value, "display_value": value} for name, value in ticket.items() if name != "said"
        }

    def description(self, ticket):
        return ticket["description"]

    def write_around(self, ticket, before, after):
        ticket["description"] = before + "\n\n" + ticket["description"] + "\n" + after

    def break_marks(self, ticket):
        ticket["description"] = ticket["description"].replace("entdrift:end", "")

    def title(self, ticket, value=None):
        ticket["short_description"] = value or ticket["short_description"]
        return ticket["short_description"]

    def shut(self, ticket, *, refused, when):
        ticket.update(state="8" if refused else "7", closed_at=when.replace("T", " ").removesuffix("Z"))

    def is_open(self, ticket):
        return ticket["state"] not in ("6", "7", "8")

    def comments(self, ticket):
        return ticket["said"]
