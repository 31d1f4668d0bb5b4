"""Read audit logs with entries.list: for small projects, since 60 pages a minute are all there is."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from connectors.facts import Window
from connectors.gcp.calls import Calls
from connectors.gcp.events import AuditLogReader
from connectors.gcp.live_scope import Scope
from connectors.interface import Observer
from connectors.live.failures import CallError
from connectors.logs.engine import read_logs
from connectors.logs.rows import LogFile, LogRead
from connectors.logs.seen import SeenEvents

PART = "log_entries"
_PAGE = 1000
_LOGS = ("activity", "data_access", "system_event", "policy")
_PRIVATE = "logging.privateLogEntries.list"
_NAME = "logging.entries.list"


@dataclass(frozen=True, slots=True)
class Entries:
    """What the logs of a source gave; `errors` are the places that could not be read whole."""

    read: LogRead
    errors: tuple[CallError, ...]


def log_entries(
    calls: Calls, scope: Scope, window: Window, now: datetime, seen: SeenEvents, observe: Observer
) -> Entries:
    """Return the folded entries of every project of the scope, and of the scope itself.

    Where one cannot be read whole, a log file that lost calls stands for it, so that nothing of that project
    counts as unused.
    """
    above = [] if scope.node.startswith("projects/") else [scope.node]
    nodes = [*above, *(f"projects/{project}" for project in scope.names())]
    failed: dict[str, CallError] = {}
    refused: list[CallError] = []
    with tempfile.TemporaryDirectory(prefix="entdrift-entries-") as folder:
        for number, node in enumerate(nodes[:1] if calls.sample else nodes):
            observe("part", source=calls.session.settings.source, part=PART, node=node)
            path = Path(folder) / f"{number:05}.jsonl"
            error = _fetch(calls, node, (window.start, min(window.end, now)), path)
            if error is not None:
                failed[node] = error
            elif node.startswith("projects/") and (hidden := _hidden(calls, node)) is not None:
                refused.append(hidden)
        read = read_logs([Path(folder)], AuditLogReader(), window, seen=seen, workers=1, observe=observe)
    files = [_renamed(file, nodes, failed) for file in read.files]
    named = {file.path for file in files}
    for node, error in failed.items():
        if _path(node) not in named:
            files.append(LogFile(_path(node), 0, "failed", str(error), 0, 0, 0, 0, lost=True))
    return Entries(read._replace(files=sorted(files)), (*failed.values(), *refused))


def question(node: str, span: tuple[datetime, datetime]) -> dict[str, object]:
    """Return the query for the audit logs of one node; always with both bounds.

    Without the word "timestamp" in its filter the API's own tools narrow a query to one day.
    """
    names = [f'"{node}/logs/cloudaudit.googleapis.com%2F{log}"' for log in _LOGS]
    start, end = (time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for time in span)
    return {
        "resourceNames": [node],
        "filter": f'logName=({" OR ".join(names)}) AND timestamp>="{start}" AND timestamp<"{end}"',
        "orderBy": "timestamp asc",
        "pageSize": _PAGE,
    }


def _fetch(calls: Calls, node: str, span: tuple[datetime, datetime], path: Path) -> CallError | None:
    """Write the entries of a node to a file, page by page; return what ended it early."""
    asked = question(node, span)
    # Opened with the first page: an empty file would look like a log that was cut off.
    token = ""
    while True:
        try:
            page = calls.posted(
                _NAME, "v2/entries:list", {**asked, **({"pageToken": token} if token else {})}, node
            )
        except CallError as failed:
            return failed
        entries = page.get("entries") or ()
        if entries:
            with path.open("a", encoding="utf-8") as file:
                file.writelines(f"{json.dumps(entry)}\n" for entry in entries)
        token = str(page.get("nextPageToken") or "")
        if not token or calls.sample:
            return None


def _hidden(calls: Calls, node: str) -> CallError | None:
    """Return an error where Data Access records were left out of the answer without a word.

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
    if _PRIVATE in (answer.get("permissions") or ()):
        return None
    return calls.explain(_NAME, node, "denied", "Data Access records are left out without it", ValueError())


def _path(node: str) -> str:
    return f"log-entries/{node}.jsonl"


def _renamed(file: LogFile, nodes: Sequence[str], failed: Mapping[str, CallError]) -> LogFile:
    """Name a file by its node instead of where it lay for a moment."""
    node = nodes[int(Path(file.path).stem)]
    named = msgspec.structs.replace(file, path=_path(node))
    error = failed.get(node)
    if error is None:
        return named
    return msgspec.structs.replace(named, status="partial", reason=str(error), lost=True)
