"""Remember in the state file which log objects were read and what they held, so that none is read twice.

A log object is known by source, part, key, size and a stamp that changes with its content (time of change of
a file, etag of a stored object). Its events are kept as the numbers that the engine counts: 16 bytes of id,
4 of time, 4 of kind. So a later scan counts exactly what a cold one would, whatever its window, and tells
copies of an event apart from new ones.
"""

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import compress
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from connectors.logs.cells import spans
from connectors.logs.fold import FileRead, Kind
from connectors.logs.kinds import KindTable
from connectors.logs.recalled import EVENT_BYTES, Packed, Piece
from connectors.logs.rows import LogReader, RowKey
from connectors.logs.settled import SETTLED, Settled, read_settled, write_settled
from connectors.logs.store import Numbers
from connectors.logs.tally import Events, SettledEvents, Tally
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
        SETTLED,
    ),
)
"""Tables of the ledger. `events` holds all ids, then all times, then all kinds, little-endian."""

_PAGE = 1_000
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
    """One object as an earlier scan left it, without its events."""

    number: int
    """What numbers it in the ledger; another content has another number."""
    current: bool
    """True when this version of the reader read it, and it may be taken as it is."""
    file: FileRead


@dataclass
class Ledger:
    """The log objects of one source and part. Not shared between threads."""

    state: State
    scope: int
    version: int
    reread: bool = False
    """Take nothing that is still there for known: it is read once more."""
    _numbers: Numbers = field(default_factory=lambda: np.zeros(0, np.uint32))
    """By kind of the ledger: kind of the tally, plus one."""
    _stored: dict[int, int] = field(default_factory=dict)
    """By kind of the tally that stands in no table: kind of the ledger."""
    _waiting: list[Events] = field(default_factory=list)
    _settled: Settled | None = None
    """What an earlier scan found out, where it holds."""
    _kept: dict[str, int] = field(default_factory=dict)
    """By key: number of the object that the ledger has of it now."""

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
        """Yield all objects, page by page, in the order of their numbers."""
        last = 0
        while rows := self.state.read(
            "SELECT id, key, size_bytes, stamp, version, facts FROM log_object"
            " WHERE scope = ? AND id > ? ORDER BY id LIMIT ?",
            (self.scope, last, _PAGE),
        ):
            last = rows[-1][0]
            page = []
            for number, stored_key, size, stamp, version, facts in rows:
                key = os.fsdecode(stored_key)
                current = version == self.version and not self.reread
                page.append(Remembered(number, current, FileRead(key, size, *_FACTS.decode(facts), stamp)))
            yield page

    def recall(
        self, objects: Sequence[Remembered], tally: Tally, *, settled: bool
    ) -> Iterator[Events | SettledEvents]:
        """Yield the events of objects that were remembered; with which are copies, where that is known.

        It is known of all that an earlier scan settled, or of none: the tally is told when all were yielded.
        Those of which it is known come first; without `settled` there are none. The objects are in the order
        of their numbers.
        """
        found = read_settled(self.state, self.scope) if settled else None
        numbers = np.array([one.number for one in objects], np.uint64)
        if found is None or not np.all(np.isin(found.objects, numbers)):
            yield from self._unpacked(objects, tally)
            return
        self._adopt(found.kinds, tally)
        old = np.isin(numbers, found.objects)
        at = 0
        for page, packed in self._pages([*compress(objects, old)]):
            kinds = self._known(packed.kinds(), tally)
            copied = np.zeros(len(kinds), np.bool_)
            bits = found.copied[at : at + len(copied)]
            copied[: len(bits)] = bits
            at += len(copied)
            yield SettledEvents([one.file for one in page], Piece(packed, kinds, copied))
        if -(-at // 8) * 8 == len(found.copied):  # bits come by the byte
            self._settled = found
            tally.recalled_all(named=found.named)
        yield from self._unpacked([*compress(objects, ~old)], tally)

    def _unpacked(self, objects: Sequence[Remembered], tally: Tally) -> Iterator[Events]:
        for page, packed in self._pages(objects):
            kinds = self._known(packed.kinds(), tally)
            yield Events([one.file for one in page], packed.ids(), packed.times(), kinds)

    def _pages(self, objects: Sequence[Remembered]) -> Iterator[tuple[Sequence[Remembered], Packed]]:
        """Yield objects with their events, page by page."""
        before = np.cumsum([0, *(one.file.events for one in objects)])
        start = 0
        while start < len(objects):
            end = int(np.searchsorted(before, before[start] + _COMMIT_EVENTS, side="right"))
            page = objects[start : max(start + 1, min(end - 1, start + _PAGE))]
            start += len(page)
            rows = self.state.read(
                "SELECT id, events FROM log_object WHERE scope = ? AND id >= ? AND id <= ? ORDER BY id",
                (self.scope, page[0].number, page[-1].number),
            )
            wanted = {one.number for one in page}
            events = [packed for number, packed in rows if number in wanted]
            self._kept.update((one.file.path, one.number) for one in page)
            lengths = np.array([len(packed) // EVENT_BYTES for packed in events], np.int64)
            yield page, Packed(b"".join(events), lengths)

    def _adopt(self, table: KindTable, tally: Tally) -> None:
        """Have the tally begin with the kinds of a table."""
        tally.kinds.adopt(table)
        self._numbers = np.zeros(int(table.numbers.max()) + 1, np.uint32)
        self._numbers[table.numbers] = np.arange(1, len(table.numbers) + 1, dtype=np.uint32)

    def _known(self, stored: Numbers, tally: Tally) -> Numbers:
        """Return the tally's numbers for kinds of the ledger."""
        if not len(stored):
            return stored
        short = int(stored.max()) + 1 - len(self._numbers)
        if short > 0:
            self._numbers = np.append(self._numbers, np.zeros(short, np.uint32))
        known = self._numbers[stored]
        if np.all(known):
            return known - np.uint32(1)
        missing = np.unique(stored[known == 0]).tolist()
        for start in range(0, len(missing), _AT_ONCE):
            some = missing[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            for number, body in self.state.read(f"SELECT id, body FROM log_kind WHERE id IN ({marks})", some):
                met = tally.kinds.number(_kind(body))
                self._numbers[number] = met + 1
                self._stored[met] = number
        return self._numbers[stored] - np.uint32(1)

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
        stored: dict[str, int] = {}
        with self.state.transaction() as connection:
            for events in waiting:
                self._learn(connection, events.kinds, tally)
                for row in self._rows(events):
                    number = connection.execute(
                        "INSERT OR REPLACE INTO log_object"
                        " (scope, key, size_bytes, stamp, version, facts, events)"
                        " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
                        row,
                    ).fetchone()
                    stored[os.fsdecode(row[1])] = int(number[0])
        self._kept.update(stored)

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
                kind = tally.kinds.other(number)
                body = msgspec.msgpack.encode([kind.keys, kind.place])
                found = connection.execute(
                    "INSERT INTO log_kind (digest, body) VALUES (?, ?)"
                    " ON CONFLICT (digest) DO UPDATE SET body = excluded.body RETURNING id",
                    (blake2b(body, digest_size=16).digest(), body),
                ).fetchone()
                self._stored[number] = int(found[0])

    def kept(self) -> Mapping[str, int]:
        """Return the numbers of the objects that count in this read and are in the ledger, by key."""
        return self._kept

    def unsettled(self) -> bool:
        """Return whether anything counts in this read of which no earlier scan knew the copies."""
        return self._settled is None or len(self._kept) != len(self._settled.objects)

    def settle(self, tally: Tally) -> None:
        """Keep which events of the objects in the ledger are copies, after the tally counted them."""
        numbers = np.array([self._kept.get(file.path, 0) for file in tally.files], np.uint64)
        lengths = np.array([file.events for file in tally.files], np.int64)
        order = np.argsort(numbers)[np.count_nonzero(numbers == 0) :]
        starts = (np.cumsum(lengths) - lengths)[order]
        kinds = tally.kinds.settled(self._stored)
        if kinds is not None and lengths.sum() == len(tally.copied):
            copied = tally.copied[spans(starts, lengths[order])]
            write_settled(self.state, self.scope, Settled(numbers[order], copied, kinds, tally.named))

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


_FACTS = msgspec.msgpack.Decoder(_Facts)
_KIND = msgspec.msgpack.Decoder(tuple[list[tuple[str, ...]], tuple[str, str, str, str]])
