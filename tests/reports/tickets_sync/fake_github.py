"""GitHub's REST API for issues: pages by Link header, labels as objects, pull requests among the issues.

Shapes from docs.github.com, "REST API endpoints for issues", version 2022-11-28.
"""

import re

from tickets_sync.fake_server import TOKEN, Answer, FakeTracker


class FakeGitHub(FakeTracker):
    drops_labels = False

    def knows(self, asked):
        return asked.headers.get("authorization") in (f"token {TOKEN}", f"Bearer {TOKEN}")

    def stranger(self):
        return Answer(
            401, {"message": "Bad credentials", "documentation_url": "https://docs.github.com/rest"}
        )

    def route(self, asked):
        base = "/repos/acme/platform/issues"
        if asked.path == base and asked.method == "GET":
            return self._page(asked)
        if asked.path == base and asked.method == "POST":
            return Answer(201, self._add(asked.body))
        match = re.fullmatch(base + r"/(\d+)(/comments)?", asked.path)
        ticket = next((t for t in self.tickets if match and t["number"] == int(match[1])), None)
        if ticket is None:
            return Answer(404, {"message": "Not Found", "documentation_url": "https://docs.github.com/rest"})
        if match[2]:
            ticket["said"].append(asked.body["body"])
            return Answer(201, {"id": 1, "body": asked.body["body"], "url": f"{self.url}/c/1"})
        if asked.method == "PATCH":
            self._edit(ticket, asked.body)
        return Answer(200, self._shown(ticket))

    def _page(self, asked):
        wanted = asked.query["labels"].split(",")
        pull = {"number": 900, "said": [], "labels": wanted, "title": "a pull request", "body": "",
                "state": "open", "state_reason": None, "created_at": "2026-01-01T00:00:00Z", "closed_at": None}  # fmt: skip
        held = [pull, *(t for t in self.tickets if set(wanted) <= set(t["labels"]))]
        number = int(asked.query.get("page", 1))
        rows = held[(number - 1) * self.page : number * self.page]
        more = number * self.page < len(held)
        query = f"labels={','.join(wanted)}&state=all&page={number + 1}"
        link = {"Link": f'<{self.url}{asked.path}?{query}>; rel="next"'} if more else {}
        return Answer(200, [self._shown(row) for row in rows], link)

    def _add(self, body):
        if len(body["body"]) > 65_536:
            return {"message": "Validation Failed"}
        self.number += 1
        ticket = {
            "number": self.number,
            "title": body["title"],
            "body": body["body"],
            "labels": [] if self.drops_labels else list(body["labels"]),
            "state": "open",
            "state_reason": None,
            "created_at": f"2026-11-22T10:00:{self.number:02}Z",
            "closed_at": None,
            "said": [],
        }
        self.tickets.append(ticket)
        return self._shown(ticket)

    def _edit(self, ticket, body):
        ticket.update(body)
        if body.get("state") == "open":
            ticket.update(state_reason="reopened", closed_at=None)
        if body.get("state") == "closed":
            ticket.update(closed_at="2026-11-23T00:00:00Z")

    def _shown(self, ticket):
        url = f"{self.url}/repos/acme/platform/issues/{ticket['number']}"
        shown = {key: value for key, value in ticket.items() if key != "said"} | {
            "id": 1000 + ticket["number"],
            "url": url,
            "html_url": f"https://github.com/acme/platform/issues/{ticket['number']}",
            "labels": [{"id": 1, "name": name, "color": "ededed", "url": url} for name in ticket["labels"]],
            "user": {"login": "bot", "id": 1, "url": f"{self.url}/users/bot"},
            "comments": len(ticket["said"]),
        }
        return shown | ({"pull_request": {"url": url}} if ticket["number"] == 900 else {})

    def description(self, ticket):
        return ticket["body"]

    def write_around(self, ticket, before, after):
        ticket["body"] = (before + "\n\n" + ticket["body"] + "\n" + after).replace("\n", "\r\n")

    def break_marks(self, ticket):
        ticket["body"] = ticket["body"].replace("entdrift:end", "")

    def title(self, ticket, value=None):
        ticket["title"] = value or ticket["title"]
        return ticket["title"]

    def shut(self, ticket, *, refused, when):
        reason = "not_planned" if refused else "completed"
        ticket.update(state="closed", state_reason=reason, closed_at=when)

    def is_open(self, ticket):
        return ticket["state"] == "open"

    def comments(self, ticket):
        return ticket["said"]
