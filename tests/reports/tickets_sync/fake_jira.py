"""Jira's REST API, Cloud (version 3: documents, page tokens) and Data Center (version 2: wiki, offsets).

Shapes from developer.atlassian.com, "Jira Cloud platform REST API v3" and "Jira Data Center REST API".
"""

import base64
import re

from tickets_sync.fake_server import TOKEN, Answer, FakeTracker

BLOCKS = {"paragraph", "heading", "bulletList", "taskList", "table", "codeBlock"}
STATUSES = {
    "To Do": ("new", "To Do"),
    "In Progress": ("indeterminate", "In Progress"),
    "Done": ("done", "Done"),
    "Rejected": ("done", "Done"),
}
TRANSITIONS = [("11", "To Do"), ("21", "In Progress"), ("31", "Done"), ("41", "Rejected")]
EMAIL = "bot@example.com"


def status(name):
    key, category = STATUSES[name]
    return {"name": name, "statusCategory": {"key": key, "name": category}}


def flat(node):
    if node.get("type") == "text":
        return node["text"]
    return "".join(flat(child) for child in node.get("content", []))


def text_of(description):
    if not isinstance(description, dict):
        return description or ""
    return "\n".join(flat(node) for node in description["content"])


def problems(document):
    """Say what Jira Cloud would refuse in a document."""
    if not isinstance(document, dict) or document.get("type") != "doc" or document.get("version") != 1:
        return ["Operation value must be an Atlassian Document (see the Atlassian Document Format)"]
    found = [f"node {node['type']}" for node in document["content"] if node["type"] not in BLOCKS]

    def walk(node):
        if node["type"] == "text" and not node["text"]:
            found.append("empty text")
        for child in node.get("content", []):
            walk(child)

    walk(document)
    return found


class FakeJira(FakeTracker):
    version = "3"
    deployment = "Cloud"
    asks_resolution = False
    longest = 32_767

    def knows(self, asked):
        basic = base64.b64encode(f"{EMAIL}:{TOKEN}".encode()).decode()
        wanted = f"Basic {basic}" if self.version == "3" else f"Bearer {TOKEN}"
        return asked.path.endswith("/serverInfo") or asked.headers.get("authorization") == wanted

    def stranger(self):
        return Answer(401, "Client must be authenticated to access this resource.")

    def route(self, asked):  # noqa: PLR0911 one path each
        path = asked.path.removeprefix(f"/rest/api/{self.version}/")
        match path:
            case "serverInfo":
                return Answer(200, {"versionNumbers": [9, 12, 0], "deploymentType": self.deployment})
            case "field":
                return Answer(200, [{"id": "summary", "name": "Summary", "clauseNames": ["summary"]}])
            case "myself":
                return Answer(200, {"accountId": "1", "displayName": "bot"})
            case "search/jql" if self.version == "3":
                return self._search_by_token(asked)
            case "search" if self.version == "2":
                return self._search_by_offset(asked)
            case "issue":
                return self._create(asked.body["fields"])
        match = re.fullmatch(r"issue/(OPS-\d+)(?:/(\w+))?", path)
        ticket = next((t for t in self.tickets if match and t["key"] == match[1]), None)
        if ticket is None:
            return Answer(404, {"errorMessages": ["Issue does not exist or you do not have permission to see it."], "errors": {}})  # fmt: skip
        return self._one(asked, ticket, match[2])

    def _one(self, asked, ticket, part):  # noqa: PLR0911 one verb each
        match asked.method, part:
            case "GET", None:
                return Answer(200, self._shown(ticket))
            case "PUT", None:
                return self._edit(ticket, asked.body)
            case "GET", "transitions":
                return Answer(200, {"transitions": [self._transition(*row) for row in TRANSITIONS]})
            case "POST", "transitions":
                return self._move(ticket, asked.body)
            case "POST", "comment":
                if self.version == "3" and problems(asked.body["body"]):
                    return Answer(
                        400, {"errorMessages": [], "errors": {"comment": "Comment body is not valid!"}}
                    )
                ticket["said"].append(text_of(asked.body["body"]))
                return Answer(201, {"id": "1", "self": f"{self.url}/comment/1"})
        return Answer(405, {"errorMessages": ["Method Not Allowed"], "errors": {}})

    def _matching(self, jql):
        label = re.search(r'labels = "([^"]+)"', jql)[1]
        assert jql.startswith('project = "OPS" AND ')
        return [ticket for ticket in self.tickets if label in ticket["fields"]["labels"]]

    def _search_by_token(self, asked):
        held = self._matching(asked.query["jql"])
        start = int(asked.query.get("nextPageToken", "page-0").removeprefix("page-"))
        end = start + self.page
        more = {"nextPageToken": f"page-{end}"} if end < len(held) else {}
        rows = [self._shown(row) for row in held[start:end]]
        return Answer(200, {"issues": rows, "isLast": not more, **more})

    def _search_by_offset(self, asked):
        held = self._matching(asked.query["jql"])
        start = int(asked.query.get("startAt", 0))
        rows = [self._shown(row) for row in held[start : start + self.page]]
        return Answer(200, {"startAt": start, "maxResults": self.page, "total": len(held), "issues": rows})

    def _refused(self, fields):
        errors = {}
        description = fields.get("description")
        if "description" in fields:
            if self.version == "3" and problems(description):
                errors["description"] = "; ".join(problems(description))
            if self.version == "2" and not isinstance(description, str):
                errors["description"] = "Operation value must be a string"
            if len(text_of(description)) > self.longest:
                errors["description"] = "The entered text is too long. It exceeds the allowed limit of 32,767 characters."  # fmt: skip
        if len(fields.get("summary", "")) > 255:
            errors["summary"] = "Summary can't exceed 255 characters."
        if any(" " in label for label in fields.get("labels", [])):
            errors["labels"] = "The label contains spaces which is invalid."
        return Answer(400, {"errorMessages": [], "errors": errors}) if errors else None

    def _create(self, fields):
        if refused := self._refused(fields):
            return refused
        assert fields["project"] == {"key": "OPS"}
        self.number += 1
        key = f"OPS-{self.number}"
        kept = {k: v for k, v in fields.items() if k not in ("project", "issuetype")}
        self.tickets.append(
            {
                "key": key,
                "fields": kept
                | {
                    "status": status("To Do"),
                    "resolution": None,
                    "resolutiondate": None,
                    "created": f"2026-11-22T11:00:{self.number:02}.000+0100",
                },
                "said": [],
            }
        )
        return Answer(201, {"id": str(self.number), "key": key, "self": self._self(key)})

    def _edit(self, ticket, body):
        if refused := self._refused(body.get("fields", {})):
            return refused
        ticket["fields"].update(body.get("fields", {}))
        for change in body.get("update", {}).get("labels", []):
            labels = ticket["fields"]["labels"]
            if "add" in change:
                labels.append(change["add"])
            elif change["remove"] in labels:
                labels.remove(change["remove"])
        return Answer(204)

    def _transition(self, number, name):
        fields = {}
        if self.asks_resolution and name == "Done":
            values = [{"name": "Won't Do"}, {"name": "Done"}]
            fields = {"resolution": {"required": True, "allowedValues": values}}
        return {"id": number, "name": name, "to": status(name), "fields": fields}

    def _move(self, ticket, body):
        name = dict(TRANSITIONS)[str(body["transition"]["id"])]
        resolution = (body.get("fields") or {}).get("resolution")
        if self.asks_resolution and name == "Done" and not resolution:
            return Answer(400, {"errorMessages": [], "errors": {"resolution": "Resolution is required."}})
        done = STATUSES[name][0] == "done"
        ticket["fields"].update(
            status=status(name),
            resolution=resolution or ({"name": "Done"} if done else None),
            resolutiondate="2026-11-23T00:00:00.000+0000" if done else None,
        )
        return Answer(204)

    def _self(self, key):
        return f"{self.url}/rest/api/{self.version}/issue/{key}"

    def _shown(self, ticket):
        return {"id": ticket["key"][4:], "key": ticket["key"], "self": self._self(ticket["key"]), "fields": ticket["fields"]}  # fmt: skip

    def description(self, ticket):
        return text_of(ticket["fields"]["description"])

    def write_around(self, ticket, before, after):
        fields = ticket["fields"]
        if self.version == "2":
            fields["description"] = f"{before}\r\n\r\n{fields['description']}\r\n{after}"
            return
        nodes = [
            {"type": "paragraph", "content": [{"type": "text", "text": text}]} for text in (before, after)
        ]
        content = fields["description"]["content"]
        for node in content:
            node.setdefault("attrs", {})["localId"] = "added-by-the-editor"
        fields["description"] = {**fields["description"], "content": [nodes[0], *content, nodes[1]]}

    def break_marks(self, ticket):
        fields = ticket["fields"]
        if self.version == "2":
            fields["description"] = fields["description"].replace("entdrift:end", "")
        else:
            fields["description"]["content"].pop()

    def title(self, ticket, value=None):
        ticket["fields"]["summary"] = value or ticket["fields"]["summary"]
        return ticket["fields"]["summary"]

    def shut(self, ticket, *, refused, when):
        ticket["fields"].update(
            status=status("Done"),
            resolution={"name": "Won\u2019t Do" if refused else "Done"},
            resolutiondate=when.replace("Z", ".000+0000"),
        )

    def is_open(self, ticket):
        return ticket["fields"]["status"]["statusCategory"]["key"] != "done"

    def comments(self, ticket):
        return ticket["said"]


class FakeJiraDataCenter(FakeJira):
    version = "2"
    deployment = "Server"
