"""Keep tickets as GitLab issues, through python-gitlab.

A line that begins with a slash is a quick action (docs.gitlab.com, quick actions): none of ours does.
"""

import re
import time
from collections.abc import Callable
from typing import Any, Literal, TypeVar

from reports import escape
from reports.tickets.plan import Ticket
from reports.tickets.region import MARKDOWN, find_block, replace, wrap
from reports.tickets.settings import GitLab
from reports.tickets.tracker import (
    GARBLED,
    LABEL,
    Changes,
    Found,
    Made,
    check_label,
    edited_away,
    garbled,
    library,
    priority_label,
    refused,
    rfc3339,
    unreachable,
)

T = TypeVar("T")
_QUICK_ACTION = re.compile(r"^(\s*)/")
_FENCE = re.compile(r"`{3,}")
_TRIES = {"obey_rate_limit": False, "retry_transient_errors": False}
"""Waiting is our own business: it is counted, capped and told."""


class Issues:
    """The issues of one project."""

    pause_seconds = 0.2

    def __init__(self, settings: GitLab, token: str) -> None:
        self._url, self._token = settings.url, token
        self._refused = {word.casefold() for word in settings.rejected}
        self._gitlab = library("gitlab", "tickets-gitlab")
        requests = library("requests", "tickets-gitlab")
        self._http = requests.RequestException
        self._headers: dict[str, str] = {}
        session = requests.Session()
        session.hooks["response"].append(self._remember)
        client = self._gitlab.Gitlab(
            settings.url.rstrip("/"),
            private_token=token,
            timeout=60,
            per_page=100,
            user_agent="entdrift",
            session=session,
        )
        self._issues = client.projects.get(settings.project, lazy=True).issues

    def find(self, key: str = "") -> list[Found]:
        """List the issues with our label, open and closed."""
        return self._asking(
            lambda: [
                self._found(issue)
                for issue in self._issues.list(
                    iterator=True,
                    labels=[key or LABEL],
                    scope="all",
                    state="all",
                    order_by="created_at",
                    sort="asc",
                    **_TRIES,
                )
            ]
        )

    def create(self, ticket: Ticket) -> Made:
        """Open an issue; labels that do not exist are created with it."""
        fields = {
            "title": ticket.title,
            "description": _quiet(wrap(ticket.body, MARKDOWN)),
            "labels": ",".join(ticket.labels),
        }
        issue = self._asking(lambda: self._issues.create(fields, **_TRIES))
        check_label(list(issue.labels), ticket, issue.web_url)
        return Made(id=str(issue.iid), url=str(issue.web_url))

    def edit(self, ticket_id: str, changes: Changes) -> None:
        """Put our part into the description as it is now; labels of people stay."""

        def change() -> None:
            fields = {"title": changes.title} if changes.title else {}
            if changes.body:
                issue = self._issues.get(int(ticket_id), **_TRIES)
                body = replace(issue.description or "", _quiet(changes.body), MARKDOWN)
                if body is None:
                    raise edited_away()
                fields["description"] = body
            if changes.add_labels:
                fields["add_labels"] = ",".join(changes.add_labels)
            if changes.remove_labels:
                fields["remove_labels"] = ",".join(changes.remove_labels)
            self._issues.update(int(ticket_id), fields, **_TRIES)

        self._asking(change)

    def reopen(self, ticket_id: str) -> None:
        """Open the issue again."""
        self._asking(lambda: self._issues.update(int(ticket_id), {"state_event": "reopen"}, **_TRIES))

    def close(self, ticket_id: str) -> None:
        """Close the issue."""
        self._asking(lambda: self._issues.update(int(ticket_id), {"state_event": "close"}, **_TRIES))

    def comment(self, ticket_id: str, text: str) -> None:
        """Comment below the issue."""
        note = {"body": _quiet(escape.markdown(text))}
        self._asking(lambda: self._issues.get(int(ticket_id), lazy=True).notes.create(note, **_TRIES))

    def _found(self, issue: Any) -> Found:
        return Found(
            id=str(issue.iid),
            url=issue.web_url,
            title=issue.title,
            state=self._state(issue),
            created=rfc3339(issue.created_at),
            closed=rfc3339(issue.closed_at),
            labels=list(issue.labels),
            priority=priority_label(issue.labels),
            block=find_block(issue.description or "", MARKDOWN),
        )

    def _state(self, issue: Any) -> Literal["open", "done", "rejected"]:
        if issue.state == "opened":
            return "open"
        return "rejected" if self._refused & {label.casefold() for label in issue.labels} else "done"

    def _remember(self, response: Any, **_: object) -> None:
        """Keep the headers of the last answer: the library's errors do not carry them."""
        self._headers = dict(response.headers)

    def _asking(self, request: Callable[[], T]) -> T:
        """Make requests; tell failures without their cause, which may hold headers."""
        try:
            return request()
        except GARBLED as error:
            raise garbled(self._url, error) from None
        except self._gitlab.GitlabError as error:
            status = error.response_code or 0
            said = str(error.error_message)
            raise refused(status, said, self._headers, now=time.time(), secret=self._token) from None
        except self._http as error:
            raise unreachable(self._url, error) from None


def _quiet(markdown: str) -> str:
    """Keep every line from being a quick action; inside code GitLab reads none."""
    lines = []
    fence = ""
    for line in markdown.splitlines():
        opening = _FENCE.match(line)
        if opening and not fence:
            fence = opening[0]
        elif fence and line.strip() == fence:
            fence = ""
        lines.append(line if fence else _QUICK_ACTION.sub(r"\1&#47;", line))
    return "\n".join(lines) + "\n"
