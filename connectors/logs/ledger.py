"""Remember in the state file which log objects were read and what they held, so that none is read twice.

A log object is known by source, part, key, size and a stamp that changes with its content (time of change of
a file, etag of a stored object). Its events are kept as the numbers that the engine counts: 16 bytes of id,
4 of time, 4 of kind. So a later scan counts exactly what a cold one would, whatever its window, and tells
copies of an event apart from new ones.
"""

import os
import sqlite3
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from connectors.logs.fold import FileRead, Kind
from connectors.logs.rows import LogReader, RowKey
from connectors.logs.store import Numbers
from connectors.logs.tally import Events, Tally
from connectors.logs.version import version_of
from connectors.state import Component, State, open_state

LEDGER = Component(
    "log ledger",
    (
        """
        CREATE TABLE log_scope (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
        CREATE TABLE log_version (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
        CREATE TABLE log_kind (
            id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, body BLOB NOT NULL) STRICT;
        CREATE TABLE log_object (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            scope INTEGER NOT NULL REFERENCES log_scope (id),
            key BLOB NOT NULL,
            size_bytes INTEGER NOT NULL,
            stamp TEXT NOT NULL,
            version INTEGER NOT NULL REFERENCES log_version (id),
            facts BLOB NOT NULL,
            events BLOB NOT NULL,
            UNIQUE (scope, key)
        ) STRICT;
        CREATE INDEX log_object_by_scope ON log_object (scope);
        """,
    ),
)
"""Tables of the ledger. `events` holds all ids, then all times, then all kinds, little-endian."""

_PAGE = 256
_EVENT_BYTES = 24
_COMMIT_EVENTS = 100_000
_COMMIT_FILES = 2_000
_AT_ONCE = 500


class _Facts(NamedTuple):
    """How an object was read; its key and size are columns."""

    status: str
    reason: str
    events: int
    rejected: int
    digest: str
    lost: bool


class Remembered(NamedTuple):
    """One object as an earlier scan left it."""

    key: str
    size_bytes: int
    stamp: str
    current: bool
    """True when this version of the reader read it, and it may be taken as it is."""
    file: FileRead
    packed: bytes
    """Its events: ids, times, kinds of the ledger."""


@dataclass
class Ledger:
    """The log objects of one source and part. Not shared between threads."""

    state: State
    scope: int
    version: int
    reread: bool = False
    """Take nothing that is still there for known: it is read once more."""
    _numbers: "array[int]" = field(default_factory=lambda: array("I"))
    """By kind of the ledger: kind of the tally, plus one."""
    _stored: dict[int, int] = field(default_factory=dict)
    """By kind of the tally: kind of the ledger."""
    _waiting: list[Events] = field(default_factory=list)

    @classmethod
    def open(cls, path: Path, scope: str, reader: LogReader, *, reread: bool = False) -> "Ledger":
        """Open the ledger of a source's part; StateError for a state file that cannot be used."""
        state = open_state(path, LEDGER)
        with state.transaction() as connection:
            numbers = []
            for table, name in (("log_scope", scope), ("log_version", version_of(reader))):
                connection.execute(f"INSERT INTO {table} (name) VALUES (?) ON CONFLICT DO NOTHING", (name,))
                query = f"SELECT id FROM {table} WHERE name = ?"
                numbers.append(int(connection.execute(query, (name,)).fetchone()[0]))
        return cls(state, numbers[0], numbers[1], reread)

    def stamps(self) -> dict[str, str]:
        """Return the stamp of every object that need not be read again unless it changed."""
        if self.reread:
            return {}
        query = "SELECT key, stamp FROM log_object WHERE scope = ? AND version = ?"
        return {os.fsdecode(key): stamp for key, stamp in self.state.read(query, (self.scope, self.version))}

    def restamp(self, stamps: Mapping[str, str]) -> None:
        """Give objects that were found unchanged another stamp."""
        with self.state.transaction() as connection:
            connection.executemany(
                "UPDATE log_object SET stamp = ? WHERE scope = ? AND key = ?",
                [(stamp, self.scope, os.fsencode(key)) for key, stamp in stamps.items()],
            )

    def remembered(self) -> Iterator[list[Remembered]]:
        """Yield all objects, page by page; one that is read by another scan meanwhile may come twice."""
        last = 0
        while rows := self.state.read(
            "SELECT id, key, size_bytes, stamp, version, facts, events FROM log_object"
            " WHERE scope = ? AND id > ? ORDER BY id LIMIT ?",
            (self.scope, last, _PAGE),
        ):
            last = rows[-1][0]
            page = []
            for _, stored_key, size, stamp, version, facts, events in rows:
                key = os.fsdecode(stored_key)
                read = _Facts(*msgspec.msgpack.decode(facts))
                current = version == self.version and not self.reread
                page.append(Remembered(key, size, stamp, current, FileRead(key, size, *read, stamp), events))
            yield page

    def unpack(self, objects: Sequence[Remembered], tally: Tally) -> Events:
        """Return the events of some objects as a tally takes them."""
        ids, times, kinds = [], [], []
        for one in objects:
            count = len(one.packed) // _EVENT_BYTES
            ids.append(one.packed[: 16 * count])
            times.append(one.packed[16 * count : 20 * count])
            kinds.append(one.packed[20 * count :])
        stored = np.frombuffer(b"".join(kinds), "<u4")
        files = [one.file for one in objects]
        return Events(files, b"".join(ids), np.frombuffer(b"".join(times), "<u4"), self._known(stored, tally))

    def _known(self, stored: Numbers, tally: Tally) -> Numbers:
        """Return the tally's numbers for kinds of the ledger."""
        if not len(stored):
            return stored
        met = np.unique(stored)
        short = int(met[-1]) + 1 - len(self._numbers)
        if short > 0:
            self._numbers.extend(bytes(short))
        missing = met[np.frombuffer(self._numbers, np.uint32)[met] == 0].tolist()
        for start in range(0, len(missing), _AT_ONCE):
            some = missing[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            for number, body in self.state.read(f"SELECT id, body FROM log_kind WHERE id IN ({marks})", some):
                known = tally.number(_kind(body))
                self._numbers[number] = known + 1
                self._stored[known] = number
        return np.frombuffer(self._numbers, np.uint32)[stored] - np.uint32(1)

    def keep(self, events: Events, tally: Tally) -> None:
        """Remember what was read of some files; those without a stamp are read again next time."""
        self._waiting.append(events)
        if (
            sum(len(events.times) for events in self._waiting) >= _COMMIT_EVENTS
            or sum(len(events.files) for events in self._waiting) >= _COMMIT_FILES
        ):
            self.commit(tally)

    def commit(self, tally: Tally) -> None:
        """Write what is waiting: the objects together with their events, or nothing."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        with self.state.transaction() as connection:
            for events in waiting:
                self._learn(connection, events.kinds, tally)
                connection.executemany(
                    "INSERT OR REPLACE INTO log_object"
                    " (scope, key, size_bytes, stamp, version, facts, events) VALUES (?, ?, ?, ?, ?, ?, ?)",
                    self._rows(events),
                )

    def _rows(self, events: Events) -> Iterator[tuple[int, bytes, int, str, int, bytes, bytes]]:
        met, places = np.unique(events.kinds, return_inverse=True)
        kinds = np.array([self._stored[number] for number in met.tolist()], "<u4")[places].tobytes()
        times = events.times.astype("<u4").tobytes()
        at = 0
        for file in events.files:
            end = at + file.events
            if file.stamp and file.digest:
                packed = (
                    bytes(events.ids[16 * at : 16 * end]) + times[4 * at : 4 * end] + kinds[4 * at : 4 * end]
                )
                facts = _Facts(file.status, file.reason, file.events, file.rejected, file.digest, file.lost)
                yield (
                    self.scope,
                    os.fsencode(file.path),
                    file.size_bytes,
                    file.stamp,
                    self.version,
                    msgspec.msgpack.encode(facts),
                    packed,
                )
            at = end

    def _learn(self, connection: sqlite3.Connection, numbers: Numbers, tally: Tally) -> None:
        """Give every kind a number of the ledger; another scan may have done so meanwhile."""
        for number in np.unique(numbers).tolist():
            if number not in self._stored:
                kind = tally.kinds[number]
                body = msgspec.msgpack.encode([kind.keys, kind.place])
                found = connection.execute(
                    "INSERT INTO log_kind (digest, body) VALUES (?, ?)"
                    " ON CONFLICT (digest) DO UPDATE SET body = excluded.body RETURNING id",
                    (blake2b(body, digest_size=16).digest(), body),
                ).fetchone()
                self._stored[number] = int(found[0])

    def forget(self, keys: Sequence[str]) -> None:
        """Remove objects that the source does not name any more."""
        with self.state.transaction() as connection:
            connection.executemany(
                "DELETE FROM log_object WHERE scope = ? AND key = ?",
                [(self.scope, os.fsencode(key)) for key in keys],
            )

    def close(self) -> None:
        """Close the state file."""
        self.state.close()


def _kind(body: bytes) -> Kind:
    keys, place = _KIND.decode(body)
    return Kind(tuple([RowKey._make(key) for key in keys]), place)


_KIND = msgspec.msgpack.Decoder(tuple[list[tuple[str, ...]], tuple[str, str, str, str]])
