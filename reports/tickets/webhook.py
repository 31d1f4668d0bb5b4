"""Keep tickets behind a web address of your own, with the standard library alone.

GET lists tickets (`?label=`, `?key=` or `?id=`), POST takes one action; docs/tickets.md has the documents.
A body is signed with HMAC-SHA256 when a secret is given.
"""

import hashlib
import hmac
import http.client
import time
from typing import Any, Literal, TypeVar
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

import msgspec

from reports import json
from reports.tickets.plan import Ticket
from reports.tickets.region import MARKDOWN, find_block, replace, wrap
from reports.tickets.settings import Webhook
from reports.tickets.tracker import (
    LABEL,
    Changes,
    Found,
    Made,
    TrackerError,
    edited_away,
    refused,
    unreachable,
)

T = TypeVar("T")
_TIMEOUT_SECONDS = 60
_ANSWER_LIMIT_BYTES = 50_000_000


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket as the receiver lists it."""

    id: str
    description: str
    title: str = ""
    url: str = ""
    state: Literal["open", "done", "rejected"] = "open"
    created: str = ""
    closed: str = ""
    labels: list[str] = []
    priority: str = ""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What GET answers; `next` is the address of the next page."""

    tickets: list[Listed]
    next: str | None = None


class _NoRedirects(HTTPRedirectHandler):
    """Follow no redirect: the token would go along to wherever it leads."""

    def redirect_request(self, *_: Any) -> None:
        return None


class Receiver:
    """One web address."""

    pause_seconds = 0.0

    def __init__(self, settings: Webhook, token: str, secret: str = "") -> None:
        self._url, self._token, self._secret = settings.url, token, secret
        self._opener = build_opener(_NoRedirects)

    def find(self, key: str = "") -> list[Found]:
        """List the tickets with our label, or with a key."""
        return [_found(row) for row in self._list({"key": key} if key else {"label": LABEL})]

    def create(self, ticket: Ticket) -> Made:
        """Send the whole ticket; the answer says its id."""
        body = {
            "title": ticket.title,
            "description": wrap(ticket.body, MARKDOWN),
            "labels": ticket.labels,
            "priority": ticket.priority,
            "provider": ticket.provider,
            "account": ticket.account,
            "identity": ticket.identity,
            "owner": ticket.owner,
            **({"accounts": ticket.accounts} if ticket.accounts else {}),
        }
        return self._read(self._post("create", {"key": ticket.key, "ticket": body}), Made)

    def edit(self, ticket_id: str, changes: Changes) -> None:
        """Send what changed, with the description as it is now around our part."""
        listed = [row for row in self._list({"id": ticket_id}) if row.id == ticket_id]
        merged = replace(listed[0].description, changes.body, MARKDOWN) if listed else None
        if merged is None:
            raise edited_away()
        sent = {
            "title": changes.title,
            "description": merged,
            "priority": changes.priority,
            "add_labels": changes.add_labels,
            "remove_labels": changes.remove_labels,
        }
        self._post("update", {"id": ticket_id, "changes": {k: v for k, v in sent.items() if v}})

    def reopen(self, ticket_id: str) -> None:
        """Ask to open it again."""
        self._post("reopen", {"id": ticket_id})

    def close(self, ticket_id: str) -> None:
        """Ask to close it as done."""
        self._post("close", {"id": ticket_id})

    def comment(self, ticket_id: str, text: str) -> None:
        """Send a comment as plain text."""
        self._post("comment", {"id": ticket_id, "text": text})

    def _list(self, query: dict[str, str]) -> list[Listed]:
        joined = "&" if urlsplit(self._url).query else "?"
        address: str | None = f"{self._url}{joined}{urlencode(query)}"
        rows: list[Listed] = []
        while address:
            if _origin(address) != _origin(self._url):
                raise TrackerError("the next page is at another host, where the token is not sent")
            page = self._read(self._open(Request(address, headers=self._headers())), Page)  # noqa: S310 checked by settings
            rows += page.tickets
            address = page.next
        return rows

    def _post(self, action: str, document: dict[str, Any]) -> bytes:
        body = json.write({"schema": 1, "action": action, **document})
        headers = self._headers() | {
            "Content-Type": "application/json",
            "Idempotency-Key": hashlib.sha256(body).hexdigest(),
        }
        if self._secret:
            signature = hmac.new(self._secret.encode(), body, hashlib.sha256).hexdigest()
            headers["X-Entdrift-Signature"] = f"sha256={signature}"
        return self._open(Request(self._url, data=body, headers=headers, method="POST"))  # noqa: S310 checked by settings

    def _headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json", "User-Agent": "entdrift"}
        return headers | ({"Authorization": f"Bearer {self._token}"} if self._token else {})

    def _open(self, request: Request) -> bytes:
        try:
            with self._opener.open(request, timeout=_TIMEOUT_SECONDS) as answer:
                read: bytes = answer.read(_ANSWER_LIMIT_BYTES)
                return read
        except HTTPError as error:
            with error:
                said = error.read(500).decode("utf-8", "replace")
            raise refused(
                error.code, said, dict(error.headers), now=time.time(), secret=self._token
            ) from None
        except (OSError, http.client.HTTPException) as error:
            raise unreachable(self._url, error) from None

    def _read(self, answer: bytes, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(answer, type=kind)
        except msgspec.DecodeError as error:
            raise TrackerError(
                f"the answer of the webhook cannot be read: {error}",
                hint="docs/tickets.md has the documents that a receiver answers with",
            ) from error


def _found(row: Listed) -> Found:
    return Found(
        id=row.id,
        url=row.url,
        title=row.title,
        state=row.state,
        created=row.created,
        closed=row.closed,
        labels=row.labels,
        priority=row.priority,
        block=find_block(row.description, MARKDOWN),
    )


def _origin(address: str) -> tuple[str, str]:
    parts = urlsplit(address)
    return parts.scheme, parts.netloc
