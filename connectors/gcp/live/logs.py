"""Read audit logs with entries.list: for small projects, since 60 pages a minute are all there is."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from connectors.facts import Window
from connectors.gcp.live.calls import Calls
from connectors.gcp.live.scope import Scope
from connectors.gcp.usage.events import AuditLogReader
from connectors.interface import Observer
from connectors.live.event_days import Event, History, Place, read_days
from connectors.live.failures import CallError
from connectors.logs.rows import LogRead
from connectors.logs.seen import SeenEvents

if TYPE_CHECKING:
    from connectors.logs.ledger import Ledger

PART = "log_entries"
PAGE = 1000
SECONDS_A_PAGE = 60 / 55
"""60 pages a minute are all there are, some of which are left for others."""
_LOGS = ("activity", "data_access", "system_event", "policy")
_PRIVATE = "logging.privateLogEntries.list"
_NAME = "logging.entries.list"
_CHUNK_DAYS = 30
_EVER = datetime(1970, 1, 1, tzinfo=UTC)
"""How long a log is kept is a setting of its bucket: everything may be asked for."""


@dataclass(frozen=True, slots=True)
class Entries:
    """What the logs of a source gave; `errors` are the places that could not be read whole."""

    read: LogRead
    errors: tuple[CallError, ...]


def log_entries(
    calls: Calls,
    scope: Scope,
    window: Window,
    now: datetime,
    seen: SeenEvents,
    observe: Observer,
    ledger: "Ledger | None" = None,
) -> Entries:
    """Return the folded entries of every project of the scope, and of the scope itself.

    Where one cannot be read whole, a log file that lost calls stands for it, so that nothing of that project
    counts as unused. What is remembered was read with the same rights to see Data Access records.
    """
    above = [] if scope.node.startswith("projects/") else [scope.node]
    nodes = [*above, *(f"projects/{project}" for project in scope.names())]
    nodes = nodes[:1] if calls.sample else nodes
    private = {node: _private(calls, node) for node in nodes if node.startswith("projects/")}

    def each(work: Callable[[Place], None], places: Sequence[Place]) -> None:
        for node, place in zip(nodes, places, strict=True):
            observe("part", source=calls.session.settings.source, part=PART, node=node)
            work(place)

    found = read_days(
        [_place(calls, node) for node in nodes],
        _history(calls, scope, {node: shown for node, shown in private.items() if shown is not True}),
        window,
        now,
        seen=seen,
        ledger=ledger,
        each=each,
        observe=observe,
    )
    refused = [node for node, shown in private.items() if shown is False and _path(node) not in found.errors]
    return Entries(found.read, (*found.errors.values(), *(_left_out(calls, node) for node in refused)))


def _history(calls: Calls, scope: Scope, hidden: Mapping[str, bool | None]) -> History:
    settings = calls.session.settings
    asked = [settings.endpoint_url, settings.impersonate, scope.node, hidden, question("", (_EVER, _EVER))]
    return History(AuditLogReader(), json.dumps(asked), __file__, _EVER, _CHUNK_DAYS, sample=calls.sample)


def _place(calls: Calls, node: str) -> Place:
    def ask(start: datetime, end: datetime) -> Iterator[Event]:
        return _entries(calls, node, question(node, (start, end)))

    def late(since: datetime, start: datetime, end: datetime) -> Iterator[Event]:
        asked = question(node, (start, end))
        asked["filter"] = f'{asked["filter"]} AND receiveTimestamp>="{_written(since)}"'
        return _entries(calls, node, asked)

    return Place(_path(node), ask, late)


def question(node: str, span: tuple[datetime, datetime]) -> dict[str, object]:
    """Return the query for the audit logs of one node; always with both bounds.

    Without the word "timestamp" in its filter the API's own tools narrow a query to one day.
    """
    names = [f'"{node}/logs/cloudaudit.googleapis.com%2F{log}"' for log in _LOGS]
    start, end = map(_written, span)
    return {
        "resourceNames": [node],
        "filter": f'logName=({" OR ".join(names)}) AND timestamp>="{start}" AND timestamp<"{end}"',
        "orderBy": "timestamp asc",
        "pageSize": PAGE,
    }


def _entries(calls: Calls, node: str, asked: Mapping[str, object]) -> Iterator[Event]:
    """Yield the entries that answer a question, page by page."""
    token = ""
    while True:
        page = calls.posted(
            _NAME, "v2/entries:list", {**asked, **({"pageToken": token} if token else {})}, node
        )
        for entry in page.get("entries") or ():
            time = entry.get("timestamp") if isinstance(entry, dict) else None
            yield Event(time if isinstance(time, str) else "", json.dumps(entry))
        token = str(page.get("nextPageToken") or "")
        if not token or calls.sample:
            return


def _written(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _private(calls: Calls, node: str) -> bool | None:
    """Return whether Data Access records are in the answers; they are left out without a word. None: unknown.

    The question is about the scanner's own permissions, never about those of a scanned identity.
    """
    try:
        answer = calls.posted(
            "cloudresourcemanager.projects.testIamPermissions",
            f"v3/{node}:testIamPermissions",
            {"permissions": [_PRIVATE]},
            node,
        )
    except CallError:
        return None
    return _PRIVATE in (answer.get("permissions") or ())


def _left_out(calls: Calls, node: str) -> CallError:
    return calls.explain(_NAME, node, "denied", "Data Access records are left out without it", ValueError())


def _path(node: str) -> str:
    return f"log-entries/{node}.jsonl"
