"""GitLab's REST API for issues: encoded project paths, pages by Link header, labels as names.

Shapes from docs.gitlab.com, "Issues API" and "Notes API".
"""

import re

from tickets_sync.fake_server import TOKEN, Answer, FakeTracker


class FakeGitLab(FakeTracker):
    def knows(self, asked):
        return asked.headers.get("private-token") == TOKEN

    def stranger(self):
        return Answer(401, {"message": "401 Unauthorized"})

    def route(self, asked):
        base = "/api/v4/projects/acme%2Fplatform/issues"
        if asked.path == base and asked.method == "GET":
            return self._page(asked)
        if asked.path == base and asked.method == "POST":
            return Answer(201, self._add(asked.body))
        match = re.fullmatch(base + r"/(\d+)(/notes)?", asked.path)
        ticket = next((t for t in self.tickets if match and t["iid"] == int(match[1])), None)
        if ticket is None:
            return Answer(404, {"message": "404 Not Found"})
        if match[2]:
            ticket["said"].append(asked.body["body"])
            return Answer(201, {"id": 1, "body": asked.body["body"]})
        if asked.method == "PUT":
            self._edit(ticket, asked.body)
        return Answer(200, self._shown(ticket))

    def _page(self, asked):
        wanted = (asked.query.get("labels") or asked.query["labels[]"]).split(",")
        held = [t for t in self.tickets if set(wanted) <= set(t["labels"])]
        number = int(asked.query.get("page", 1))
        rows = held[(number - 1) * self.page : number * self.page]
        more = number * self.page < len(held)
        query = f"labels={','.join(wanted)}&state=all&page={number + 1}&per_page={self.page}"
        headers = {"Link": f'<{self.url}{asked.path}?{query}>; rel="next"'} if more else {}
        return Answer(200, [self._shown(row) for row in rows], headers)

    def _add(self, body):
        self.number += 1
        self.tickets.append(
            {
                "iid": self.number,
                "title": body["title"],
                "description": body["description"],
                "labels": body["labels"].split(","),
                "state": "opened",
                "created_at": f"2026-11-22T10:00:{self.number:02}.123Z",
                "closed_at": None,
                "said": [],
            }
        )
        return self._shown(self.tickets[-1])

    def _edit(self, ticket, body):
        match body.pop("state_event", ""):
            case "close":
                ticket.update(state="closed", closed_at="2026-11-23T00:00:00.000Z")
            case "reopen":
                ticket.update(state="opened", closed_at=None)
        gone = body.pop("remove_labels", "").split(",")
        more = [label for label in body.pop("add_labels", "").split(",") if label]
        ticket["labels"] = [label for label in ticket["labels"] if label not in gone] + more
        ticket.update(body)

    def _shown(self, ticket):
        shown = {key: value for key, value in ticket.items() if key != "said"}
        return shown | {
            "id": 500 + ticket["iid"],
            "project_id": 5,
            "web_url": f"https://gitlab.example/acme/platform/-/issues/{ticket['iid']}",
        }

    def description(self, ticket):
        return ticket["description"]

    def write_around(self, ticket, before, after):
        ticket["description"] = before + "\n\n" + ticket["description"] + "\n" + after

    def break_marks(self, ticket):
        ticket["description"] = ticket["description"].replace("entdrift:begin", "")

    def title(self, ticket, value=None):
        ticket["title"] = value or ticket["title"]
        return ticket["title"]

    def shut(self, ticket, *, refused, when):
        ticket.update(state="closed", closed_at=when)
        ticket["labels"] += ["Won't do"] if refused else []

    def is_open(self, ticket):
        return ticket["state"] == "opened"

    def comments(self, ticket):
        return ticket["said"]
