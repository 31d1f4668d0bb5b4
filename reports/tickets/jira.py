"""Keep tickets as Jira issues, Cloud (REST version 3) and Data Center (version 2), through jira.

Cloud takes descriptions as ADF and searches with `/search/jql` and page tokens; Data Center takes wiki
markup and searches with `/search` and offsets (developer.atlassian.com, REST API references).
"""

import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

from reports.tickets import jira_text
from reports.tickets.csv import PRIORITY
from reports.tickets.plan import Ticket
from reports.tickets.settings import Jira
from reports.tickets.tracker import (
    GARBLED,
    LABEL,
    Changes,
    Found,
    Made,
    TrackerDownError,
    TrackerError,
    edited_away,
    garbled,
    library,
    refused,
    rfc3339,
    unreachable,
)

T = TypeVar("T")
Issue = Mapping[str, Any]
_FIELDS = [
    "summary",
    "status",
    "resolution",
    "resolutiondate",
    "created",
    "labels",
    "priority",
    "description",
]
_SEVERITY = {name: severity for severity, name in PRIORITY.items()}
_PAGE = 100
_TOO_LONG = ("CONTENT_LIMIT_EXCEEDED", "exceeds the allowed limit", "exceeded the maximum number")
_CLOSING = ("done", "close", "close issue", "closed", "resolve", "resolve issue", "resolved")
_OPENING = ("reopen", "reopen issue", "reopened", "to do", "open", "backlog")
_NOT_CLOSED = {"new", "indeterminate"}


class Issues:
    """The issues of one project."""

    pause_seconds = 0.1

    def __init__(self, settings: Jira, token: str) -> None:
        self._settings, self._token = settings, token
        self._jira = library("jira", "tickets-jira")
        library("markdown_it", "tickets-jira")
        self._http = library("requests", "tickets-jira").RequestException
        host = urlsplit(settings.url).hostname or ""
        guessed = "cloud" if host.endswith((".atlassian.net", ".jira.com")) else "data-center"
        self._cloud = (settings.deployment or guessed) == "cloud"
        self._text = jira_text.CLOUD if self._cloud else jira_text.DATA_CENTER
        self._client: Any = None

    def find(self, key: str = "") -> list[Found]:
        """List the issues of the project with our label, open and closed."""
        project = self._settings.project.replace("\\", "\\\\").replace('"', '\\"')
        jql = f'project = "{project}" AND labels = "{key or LABEL}" ORDER BY created ASC'
        return [self._found(issue) for issue in self._asking(lambda: list(self._search(jql)))]

    def create(self, ticket: Ticket) -> Made:
        """Create an issue; one that is too long for Jira is written shorter."""
        fields: dict[str, Any] = {
            "project": {"key": self._settings.project},
            "issuetype": {"name": self._settings.issue_type},
            "summary": ticket.title,
            "labels": ticket.labels,
        }
        if self._settings.set_priority:
            fields["priority"] = {"name": PRIORITY[ticket.priority]}

        def post(limit: int) -> Made:
            text = self._text.description(ticket.body, limit)
            issue = self._connected().create_issue(fields={**fields, "description": text}, prefetch=False)
            return Made(id=str(issue.key), url=self._url(issue.key))

        return self._as_long_as_possible(post)

    def edit(self, ticket_id: str, changes: Changes) -> None:
        """Put our part into the description as it is now; labels of people stay."""
        fields: dict[str, Any] = {"summary": changes.title} if changes.title else {}
        if changes.priority and self._settings.set_priority:
            fields["priority"] = {"name": PRIORITY[changes.priority]}
        labels = [{"add": label} for label in changes.add_labels]
        labels += [{"remove": label} for label in changes.remove_labels]
        update = {"update": {"labels": labels}} if labels else {}

        def put(limit: int) -> None:
            issue = self._connected().issue(ticket_id, fields="description")
            merged = self._text.merge(issue.raw["fields"].get("description"), changes.body, limit)
            if merged is None:
                raise edited_away()
            # Issue.update() of the library edits its arguments for users; Resource.update() sends them.
            self._jira.resources.Resource.update(
                issue, fields={"fields": {**fields, "description": merged}, **update}
            )

        self._as_long_as_possible(put)

    def reopen(self, ticket_id: str) -> None:
        """Take the transition that leads out of the done statuses."""
        self._asking(
            lambda: self._move(ticket_id, _NOT_CLOSED, self._settings.reopen_transition, _OPENING, "reopen")
        )

    def close(self, ticket_id: str) -> None:
        """Take the transition that leads to a done status which is no refusal."""
        self._asking(
            lambda: self._move(ticket_id, {"done"}, self._settings.close_transition, _CLOSING, "close")
        )

    def comment(self, ticket_id: str, text: str) -> None:
        """Comment below the issue."""
        self._asking(lambda: self._connected().add_comment(ticket_id, self._text.comment(text)))

    def _connected(self) -> Any:
        """Give the client; Jira treats a bad token as nobody on some paths, so ask who we are first."""
        if self._client is None:
            settings = self._settings
            options = {"server": settings.url.rstrip("/"), "rest_api_version": "3" if self._cloud else "2"}
            who = (
                {"basic_auth": (settings.email, self._token)}
                if settings.email
                else {"token_auth": self._token}
            )
            client = self._jira.JIRA(options=options, timeout=60, max_retries=0, logging=False, **who)
            if (client.deploymentType == "Cloud") is not self._cloud:
                raise TrackerDownError(
                    f"{settings.url} says that it is Jira {client.deploymentType}",
                    hint='set deployment = "cloud" or "data-center" in [tickets.jira]',
                )
            client.myself()
            self._client = client
        return self._client

    def _search(self, jql: str) -> Iterator[Issue]:
        client = self._connected()
        if self._cloud:
            token: str | None = None
            while True:
                page = client.enhanced_search_issues(
                    jql, nextPageToken=token, maxResults=_PAGE, fields=[*_FIELDS], json_result=True
                )
                yield from page["issues"]
                token = page.get("nextPageToken")
                if not token:
                    return
        start = 0
        while True:
            page = client.search_issues(
                jql, startAt=start, maxResults=_PAGE, fields=[*_FIELDS], json_result=True
            )
            yield from page["issues"]
            start += len(page["issues"])
            if not page["issues"] or start >= page["total"]:
                return

    def _found(self, issue: Issue) -> Found:
        fields = issue["fields"]
        priority = (fields.get("priority") or {}).get("name", "")
        return Found(
            id=issue["key"],
            url=self._url(issue["key"]),
            title=fields.get("summary") or "",
            state=self._state(fields),
            created=rfc3339(fields.get("created")),
            closed=rfc3339(fields.get("resolutiondate")),
            labels=fields.get("labels") or [],
            priority=_SEVERITY.get(priority, ""),
            block=self._text.block(fields.get("description")),
        )

    def _state(self, fields: Mapping[str, Any]) -> Literal["open", "done", "rejected"]:
        status = fields.get("status") or {}
        if (status.get("statusCategory") or {}).get("key") != "done":
            return "open"
        words = {_word((fields.get("resolution") or {}).get("name", "")), _word(status.get("name", ""))}
        return "rejected" if self._is_refusal(*words) else "done"

    def _is_refusal(self, *words: str) -> bool:
        return bool(set(words) & {_word(word) for word in self._settings.rejected})

    def _move(
        self, ticket_id: str, categories: set[str], wanted: str, usual: tuple[str, ...], verb: str
    ) -> None:
        client = self._connected()
        status = client.issue(ticket_id, fields="status").raw["fields"]["status"]
        if status["statusCategory"]["key"] in categories:
            return
        found = client.transitions(ticket_id, expand="transitions.fields")
        transition = self._choose(found, categories, wanted, usual)
        if transition is None:
            names = ", ".join(sorted(row["name"] for row in found)) or "none"
            raise TrackerError(
                f"no transition of {ticket_id} is surely the one to {verb} it (there are: {names})",
                hint=f"name it in [tickets.jira] as {verb}_transition",
            )
        client.transition_issue(ticket_id, transition["id"], fields=self._resolution(transition))

    def _choose(
        self, found: list[Issue], categories: set[str], wanted: str, usual: tuple[str, ...]
    ) -> Issue | None:
        if wanted:
            return next((row for row in found if _word(row["name"]) == _word(wanted)), None)
        fitting = [
            row
            for row in found
            if row["to"]["statusCategory"]["key"] in categories
            and not self._is_refusal(_word(row["name"]), _word(row["to"]["name"]))
        ]
        for name in usual:
            for row in fitting:
                if name in {_word(row["name"]), _word(row["to"]["name"])}:
                    return row
        return fitting[0] if len(fitting) == 1 else None

    def _resolution(self, transition: Issue) -> dict[str, Any]:
        """Fill in the resolution where the transition's screen asks for one."""
        field = (transition.get("fields") or {}).get("resolution")
        if not field:
            return {}
        names = [value["name"] for value in field.get("allowedValues") or []]
        names = [name for name in names if not self._is_refusal(_word(name))]
        best = next((name for name in names if _word(name) in {"done", "fixed"}), "")
        return {"resolution": {"name": best or names[0]}} if names else {}

    def _as_long_as_possible(self, request: Callable[[int], T]) -> T:
        for limit in jira_text.LIMITS[:-1]:
            try:
                return self._asking(partial(request, limit))
            except TrackerError as error:
                if not any(sign in str(error) for sign in _TOO_LONG):
                    raise
        return self._asking(partial(request, jira_text.LIMITS[-1]))

    def _asking(self, request: Callable[[], T]) -> T:
        """Make requests; tell failures without their cause, whose text holds the request's headers."""
        try:
            return request()
        except GARBLED as error:
            raise garbled(self._settings.url, error) from None
        except self._jira.JIRAError as error:
            headers = error.response.headers if error.response is not None else {}
            raise refused(
                error.status_code or 0, error.text or "", headers, now=time.time(), secret=self._token
            ) from None
        except self._http as error:
            raise unreachable(self._settings.url, error) from None

    def _url(self, key: str) -> str:
        return f"{self._settings.url.rstrip('/')}/browse/{key}"


def _word(name: str) -> str:
    return name.replace("\u2019", "'").casefold().strip()
