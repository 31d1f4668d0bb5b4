"""Keep tickets as GitHub issues, through PyGithub.

Closed as `not_planned` or `duplicate` is a person's refusal (docs.github.com, REST API for issues). Content
may be created about 80 times a minute, so writes are a second apart.
"""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal, TypeVar

from reports import escape
from reports.tickets.plan import Ticket
from reports.tickets.region import MARKDOWN, find_block, replace, wrap
from reports.tickets.settings import GitHub
from reports.tickets.tracker import (
    GARBLED,
    LABEL,
    Changes,
    Found,
    Made,
    TrackerError,
    check_label,
    edited_away,
    garbled,
    library,
    priority_label,
    refused,
    unreachable,
)

T = TypeVar("T")
BODY_LIMIT = 65_536
_REFUSED = {"not_planned", "duplicate"}


class Issues:
    """The issues of one repository."""

    pause_seconds = 1.0

    def __init__(self, settings: GitHub, token: str) -> None:
        self._url, self._token = settings.url, token
        self._github = library("github", "tickets-github")
        self._http = library("requests", "tickets-github").RequestException
        client = self._github.Github(
            auth=self._github.Auth.Token(token),
            base_url=settings.url.rstrip("/"),
            user_agent="entdrift",
            per_page=100,
            retry=None,
            seconds_between_requests=None,
            seconds_between_writes=None,
            lazy=True,
        )
        self._repository = client.get_repo(settings.repository)

    def find(self, key: str = "") -> list[Found]:
        """List the issues with our label, open and closed; pull requests are no issues."""
        return self._asking(
            lambda: [
                _found(issue)
                for issue in self._repository.get_issues(
                    state="all", labels=[key or LABEL], sort="created", direction="asc"
                )
                if issue.pull_request is None
            ]
        )

    def create(self, ticket: Ticket) -> Made:
        """Open an issue; labels that do not exist are created with it."""
        issue = self._asking(
            lambda: self._repository.create_issue(
                title=ticket.title, body=wrap(ticket.body, MARKDOWN), labels=ticket.labels
            )
        )
        check_label([label.name for label in issue.labels], ticket, issue.html_url)
        return Made(id=str(issue.number), url=str(issue.html_url))

    def edit(self, ticket_id: str, changes: Changes) -> None:
        """Put our part into the description as it is now; labels of people stay."""

        def change() -> None:
            issue = self._repository.get_issue(int(ticket_id))
            fields: dict[str, Any] = {"title": changes.title} if changes.title else {}
            if changes.body:
                body = replace(issue.body or "", changes.body, MARKDOWN)
                if body is None:
                    raise edited_away()
                fields["body"] = body
            if changes.add_labels or changes.remove_labels:
                held = [label.name for label in issue.labels if label.name not in changes.remove_labels]
                fields["labels"] = sorted({*held, *changes.add_labels})
            issue.edit(**fields)

        self._asking(change)

    def reopen(self, ticket_id: str) -> None:
        """Open the issue again."""
        self._asking(lambda: self._repository.get_issue(int(ticket_id)).edit(state="open"))

    def close(self, ticket_id: str) -> None:
        """Close the issue as completed."""
        self._asking(
            lambda: self._repository.get_issue(int(ticket_id)).edit(state="closed", state_reason="completed")
        )

    def comment(self, ticket_id: str, text: str) -> None:
        """Comment below the issue."""
        self._asking(lambda: self._repository.get_issue(int(ticket_id)).create_comment(escape.markdown(text)))

    def _asking(self, request: Callable[[], T]) -> T:
        """Make requests; tell failures without their cause, which may hold headers."""
        try:
            return request()
        except GARBLED as error:
            raise garbled(self._url, error) from None
        except self._github.GithubException as error:
            raise _refusal(error, self._token) from None
        except self._http as error:
            raise unreachable(self._url, error) from None


def _refusal(error: Any, token: str) -> TrackerError:
    said = error.data.get("message", "") if isinstance(error.data, dict) else ""
    details = error.data.get("errors") if isinstance(error.data, dict) else None
    text = f"{said} {details}" if details else said
    return refused(error.status, text, error.headers or {}, now=time.time(), secret=token)


def _found(issue: Any) -> Found:
    labels = [label.name for label in issue.labels]
    return Found(
        id=str(issue.number),
        url=issue.html_url,
        title=issue.title,
        state=_state(issue),
        created=_moment(issue.created_at),
        closed=_moment(issue.closed_at),
        labels=labels,
        priority=priority_label(labels),
        block=find_block(issue.body or "", MARKDOWN),
    )


def _state(issue: Any) -> Literal["open", "done", "rejected"]:
    if issue.state == "open":
        return "open"
    return "rejected" if issue.state_reason in _REFUSED else "done"


def _moment(value: datetime | None) -> str:
    return value.strftime("%Y-%m-%dT%H:%M:%SZ") if value else ""
