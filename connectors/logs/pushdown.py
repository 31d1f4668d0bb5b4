"""Turn what a query engine counted into the rows that reading the log itself would give.

The engine groups events into kinds: everything that a row depends on, and the day. One representative of each
kind is read by the same reader as a log file, and counts as often as the engine says. So a store's query text
knows which fields matter, and nothing about permissions.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import msgspec

from connectors.logs.rows import LogFile, LogRead, LogReader, Presence, RowKey, UsageRow

_Counted = tuple[int, str, str]
"""How many events, and the first and last time."""
_Key = TypeVar("_Key")


class Group(NamedTuple):
    """Events of one kind on one day: a record as the log writes it, how many, and the first and last time."""

    record: Mapping[str, Any]
    calls: int
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Query:
    """A query that was run: kept as evidence of where the rows come from."""

    engine: str
    place: str
    """The table or workspace that was asked."""
    text: str
    id: str = ""
    scanned_bytes: int = 0
    statistics: str = ""
    """What else the engine says of its work."""

    @property
    def digest(self) -> str:
        """SHA-256 of the query text."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def record(self) -> dict[str, str | int]:
        """Return the query as a record of the bundle."""
        told: dict[str, str | int] = {"statistics": self.statistics} if self.statistics else {}
        return {
            **told,
            "engine": self.engine,
            "place": self.place,
            "query_id": self.id,
            "scanned_bytes": self.scanned_bytes,
            "sha256": self.digest,
            "text": self.text,
        }


def read_groups(groups: Iterable[Group], reader: LogReader, query: Query, problem: str = "") -> LogRead:
    """Return the rows of all groups; the query stands where a log file would.

    `problem` is why not all groups could be had: calls are missing then, and nothing counts as unused.
    Copies of an event are taken out by the query, so presence counts each event once, inside the window.
    """
    rows: dict[tuple[RowKey, str], _Counted] = {}
    places: dict[tuple[str, str, str, str], _Counted] = {}
    read = rejected = 0
    for group in groups:
        read += group.calls
        folded = _fold(group.record, reader)
        if folded is None:
            rejected += group.calls
            continue
        keys, place = folded
        first, last = _second(group.first), _second(group.last)
        for key in keys:
            _add(rows, (key, first[:10]), (group.calls, first, last))
        _add(places, place, (group.calls, first, last))
    reason = f"query {query.id}, {query.scanned_bytes:,} bytes scanned" if query.id else "query"
    file = LogFile(
        path=f"{query.engine}:{query.place}",
        size_bytes=query.scanned_bytes,
        status="partial" if problem else "ok",
        reason="; ".join(filter(None, (problem, reason))),
        records=read,
        duplicates=0,
        outside_window=0,
        rejected=rejected,
        digest=query.digest,
        lost=bool(problem),
    )
    return LogRead(
        rows=[UsageRow(*key, day, *counted) for (key, day), counted in sorted(rows.items())],
        files=[file],
        presence=[Presence(*place, *counted) for place, counted in sorted(places.items())],
    )


def _fold(
    record: Mapping[str, Any], reader: LogReader
) -> tuple[list[RowKey], tuple[str, str, str, str]] | None:
    try:
        typed = msgspec.json.decode(msgspec.json.encode(record), type=reader.record_type)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    folded = reader.fold(typed)
    return None if isinstance(folded, str) else (list(folded.keys), folded.place)


def _add(held: dict[_Key, _Counted], key: _Key, counted: _Counted) -> None:
    known = held.get(key)
    if known is None:
        held[key] = counted
    else:
        held[key] = (known[0] + counted[0], min(known[1], counted[1]), max(known[2], counted[2]))


def _second(time: str) -> str:
    """Return a time with its fraction cut off, as log rows have it."""
    return time if len(time) == len("2026-11-22T00:00:00Z") else f"{time[:19]}Z"
