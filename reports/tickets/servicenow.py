"""Keep tickets as records of a ServiceNow task table, through pysnc.

`correlation_id` holds the key and `correlation_display` our label: the fields of the task table for records
of another system (docs.servicenow.com, task table). Descriptions are plain text.
"""

import time
from collections.abc import Callable
from typing import Any, Literal, TypeVar

from reports.document import Severity
from reports.errors import ReportError
from reports.tickets import plain
from reports.tickets.block import without_members
from reports.tickets.blocks import fit
from reports.tickets.blocks import read as read_markdown
from reports.tickets.plan import Ticket
from reports.tickets.region import PLAIN, find_block, replace, take_block, wrap
from reports.tickets.settings import ServiceNow
from reports.tickets.tracker import (
    GARBLED,
    LABEL,
    Changes,
    Found,
    Made,
    edited_away,
    garbled,
    library,
    refused,
    rfc3339,
    unreachable,
)

T = TypeVar("T")
_FIELDS = (
    "sys_id",
    "short_description",
    "description",
    "state",
    "priority",
    "correlation_id",
    "sys_created_on",
    "closed_at",
)
_TITLE_LIMIT = 160
_IMPACT_AND_URGENCY: dict[Severity, tuple[str, str]] = {
    "critical": ("1", "1"),
    "high": ("2", "1"),
    "medium": ("2", "2"),
    "low": ("3", "2"),
    "info": ("3", "3"),
}
"""The cells of ServiceNow's default priority matrix that give priority 1 to 5."""
_SEVERITY = {"1": "critical", "2": "high", "3": "medium", "4": "low", "5": "info"}


class Records:
    """The records of one table."""

    pause_seconds = 0.1

    def __init__(self, settings: ServiceNow, token: str) -> None:
        self._settings, self._token = settings, token
        self._pysnc = library("pysnc", "tickets-servicenow")
        library("markdown_it", "tickets-servicenow")
        requests = library("requests", "tickets-servicenow")
        self._http = requests.RequestException
        self._errors = _errors(library("pysnc.exceptions", "tickets-servicenow"))
        auth = (settings.user, token) if settings.user else _bearer(requests, token)
        try:
            self._client = self._pysnc.ServiceNowClient(settings.url, auth=auth, auto_retry=False)
        except library("pysnc.exceptions", "tickets-servicenow").InstanceException as error:
            raise ReportError(
                f"{settings.url}: {error}", hint='url = "https://NAME.service-now.com"'
            ) from None
        self._status = 0
        self._answered: dict[str, str] = {}
        self._client.session.hooks["response"].append(self._remember)

    def find(self, key: str = "") -> list[Found]:
        """List the records with our label, open and closed."""

        def ask() -> list[Found]:
            records = self._client.GlideRecord(self._settings.table, 100)
            records.fields = list(_FIELDS)
            records.add_query("correlation_display", LABEL)
            if key:
                records.add_query("correlation_id", key)
            records.order_by("sys_created_on")
            records.query()
            found = []
            while records.next():
                found.append(self._found({name: records.get_value(name) or "" for name in _FIELDS}))
            return found

        return self._asking(ask)

    def create(self, ticket: Ticket) -> Made:
        """Insert a record."""
        fields = {
            "short_description": ticket.title[:_TITLE_LIMIT],
            "description": wrap(self._section(ticket.body), PLAIN),
            "correlation_id": ticket.key,
            "correlation_display": LABEL,
            **self._ranked(ticket.priority),
        }

        def insert() -> Made:
            record = self._client.GlideRecord(self._settings.table)
            record.initialize()
            for name, value in fields.items():
                record.set_value(name, value)
            sys_id = str(record.insert())
            return Made(id=sys_id, url=self._url(sys_id))

        return self._asking(insert)

    def edit(self, ticket_id: str, changes: Changes) -> None:
        """Put our part into the description as it is now."""

        def fields(record: Any) -> dict[str, str]:
            found = self._ranked(changes.priority) if changes.priority else {}
            if changes.title:
                found["short_description"] = changes.title[:_TITLE_LIMIT]
            merged = replace(record.get_value("description") or "", self._section(changes.body), PLAIN)
            if merged is None:
                raise edited_away()
            return found | {"description": merged}

        self._change(ticket_id, fields)

    def reopen(self, ticket_id: str) -> None:
        """Set the open state."""
        self._change(ticket_id, lambda _: {"state": self._settings.open_state})

    def close(self, ticket_id: str) -> None:
        """Set the closed state; incidents want a code and notes with it."""
        notes = "entdrift: complete evidence shows that nothing is left to do."
        self._change(
            ticket_id,
            lambda _: {
                "state": self._settings.closed_state,
                "close_code": self._settings.close_code,
                "close_notes": notes,
            },
        )

    def comment(self, ticket_id: str, text: str) -> None:
        """Add a work note."""
        self._change(ticket_id, lambda _: {"work_notes": text})

    def _change(self, ticket_id: str, fields: Callable[[Any], dict[str, str]]) -> None:
        def change() -> None:
            record = self._client.GlideRecord(self._settings.table)
            if not record.get(ticket_id):
                raise refused(404, f"no record {ticket_id}", {}, now=0, secret=self._token)
            for name, value in fields(record).items():
                if name not in record:
                    record.set_value(name, "")  # only a field that is there counts as changed
                record.set_value(name, value)
            record.update()

        self._asking(change)

    def _section(self, body: str) -> str:
        """Write our part so that it fits the field: ServiceNow cuts what does not, marks and all."""
        text, data = take_block(body)
        if len(data) > self._settings.description_limit // 2:
            data = without_members(data)
        room = self._settings.description_limit - len(data) - len(PLAIN.begin) - len(PLAIN.end) - 100
        written = plain.write(fit(read_markdown(text), plain.write, max(room, 0)))
        return f"{written}\n\n{PLAIN.data[0]}{data}\n"

    def _ranked(self, priority: Severity) -> dict[str, str]:
        if not self._settings.set_priority:
            return {}
        impact, urgency = _IMPACT_AND_URGENCY[priority]
        return {"impact": impact, "urgency": urgency}

    def _found(self, record: dict[str, str]) -> Found:
        return Found(
            id=record["sys_id"],
            url=self._url(record["sys_id"]),
            title=record["short_description"],
            state=self._state(record["state"]),
            created=rfc3339(record["sys_created_on"]),
            closed=rfc3339(record["closed_at"]),
            labels=[label for label in (LABEL, record["correlation_id"]) if label],
            priority=_SEVERITY.get(record["priority"], "") if self._settings.set_priority else "",
            block=find_block(record["description"], PLAIN),
        )

    def _state(self, state: str) -> Literal["open", "done", "rejected"]:
        if state in self._settings.rejected_states:
            return "rejected"
        return "done" if state in {*self._settings.done_states, self._settings.closed_state} else "open"

    def _remember(self, response: Any, **_: object) -> None:
        """Keep status and headers of the last answer: the library's errors do not carry them."""
        self._status, self._answered = response.status_code, dict(response.headers)

    def _asking(self, request: Callable[[], T]) -> T:
        """Make requests; tell failures without their cause, which may hold headers."""
        try:
            return request()
        except GARBLED as error:
            raise garbled(self._settings.url, error) from None
        except self._http as error:
            raise unreachable(self._settings.url, error) from None
        except self._errors as error:
            said = _said(error)
            raise refused(self._status, said, self._answered, now=time.time(), secret=self._token) from None

    def _url(self, sys_id: str) -> str:
        return f"{self._client.instance}/{self._settings.table}.do?sys_id={sys_id}"


def _errors(module: Any) -> tuple[type[Exception], ...]:
    """Name the library's errors: they have no common base."""
    return (
        module.AuthenticationException,
        module.RoleException,
        module.NotFoundException,
        module.RequestException,
        module.RestException,
    )


def _said(error: Exception) -> str:
    """Give the message of ServiceNow's error document."""
    document = error.args[0] if error.args else ""
    told = document.get("error") if isinstance(document, dict) else None
    if isinstance(told, dict):
        return " ".join(filter(None, (told.get("message"), told.get("detail"))))
    return "" if isinstance(document, dict) else str(document)[:500]


def _bearer(requests: Any, token: str) -> Any:
    """Make an authentication that sends a bearer token (an OAuth access token)."""

    class Bearer(requests.auth.AuthBase):  # type: ignore[misc]
        def __call__(self, request: Any) -> Any:
            request.headers["Authorization"] = f"Bearer {token}"
            return request

    return Bearer()
