"""A receiver as docs/tickets.md describes it: lists on GET, takes actions on POST."""

import hashlib
import hmac

from tickets_sync.fake_server import TOKEN, Answer, FakeTracker

SECRET = "s1gning-s3cret"


class FakeWebhook(FakeTracker):
    def knows(self, asked):
        return asked.headers.get("authorization") == f"Bearer {TOKEN}"

    def stranger(self):
        return Answer(401, {"error": "unauthorized"})

    def route(self, asked):
        if asked.method == "GET":
            return self._page(asked)
        wanted = hmac.new(SECRET.encode(), asked.headers["raw"].encode(), hashlib.sha256).hexdigest()
        if asked.headers.get("x-entdrift-signature") != f"sha256={wanted}":
            return Answer(403, {"error": "bad signature"})
        if asked.body["action"] == "create":
            return self._add(asked.body["ticket"])
        ticket = next(t for t in self.tickets if t["id"] == asked.body["id"])
        match asked.body["action"]:
            case "update":
                changes = asked.body["changes"]
                gone, more = changes.pop("remove_labels", []), changes.pop("add_labels", [])
                ticket["labels"] = [label for label in ticket["labels"] if label not in gone] + more
                ticket.update(changes)
            case "reopen":
                ticket.update(state="open", closed="")
            case "close":
                ticket.update(state="done", closed="2026-11-23T00:00:00Z")
            case "comment":
                ticket["said"].append(asked.body["text"])
        return Answer(200, {"id": ticket["id"]})

    def _page(self, asked):
        label = asked.query.get("key") or asked.query.get("label")
        held = [t for t in self.tickets if label in t["labels"] or t["id"] == asked.query.get("id")]
        start = int(asked.query.get("from", 0))
        end = start + self.page
        more = f"{self.url}/hook?label={label}&from={end}" if end < len(held) else None
        rows = [{k: v for k, v in t.items() if k != "said"} for t in held[start:end]]
        return Answer(200, {"tickets": rows, "next": more})

    def _add(self, sent):
        self.number += 1
        kept = {k: sent[k] for k in ("title", "description", "labels", "priority")}
        self.tickets.append(
            kept
            | {
                "id": str(self.number),
                "url": f"{self.url}/{self.number}",
                "state": "open",
                "created": f"2026-11-22T10:00:{self.number:02}Z",
                "closed": "",
                "said": [],
            }
        )
        return Answer(201, {"id": str(self.number), "url": f"{self.url}/{self.number}"})

    def description(self, ticket):
        return ticket["description"]

    def write_around(self, ticket, before, after):
        ticket["description"] = before + "\n\n" + ticket["description"] + "\n" + after

    def break_marks(self, ticket):
        ticket["description"] = ticket["description"].replace("entdrift:end", "")

    def title(self, ticket, value=None):
        ticket["title"] = value or ticket["title"]
        return ticket["title"]

    def shut(self, ticket, *, refused, when):
        ticket.update(state="rejected" if refused else "done", closed=when)

    def is_open(self, ticket):
        return ticket["state"] == "open"

    def comments(self, ticket):
        return ticket["said"]
