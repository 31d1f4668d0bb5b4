"""Remember in the state file which log objects were read and what they held, so that none is read twice.

A log object is known by source, part, key, size and a stamp that changes with its content (time of change of
a file, etag of a stored object). Its events are kept as the numbers that the engine counts: 16 bytes of id,
4 of time, 4 of kind. So a later scan counts exactly what a cold one would, whatever its window, and tells
copies of an event apart from new ones.
"""

import os
import sqlite3
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from connectors.errors import StateError
from connectors.logs.cells import spans
from connectors.logs.copies import Flags
from connectors.logs.fold import FileRead, Kind
from connectors.logs.kinds import KindTable
from connectors.logs.recalled import Packed, Page, Recalled
from connectors.logs.rolled import (
    ROLLED,
    SETTLED,
    Objects,
    Rolled,
    Whole,
    packed_flags,
    read_rolled,
    write_rolled,
)
from connectors.logs.rows import LogReader, RowKey
from connectors.logs.store import Numbers
from connectors.logs.tally import Events, Kept, Tally
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
        ROLLED,
    ),
)
"""Tables of the ledger. `events` holds all ids, then all times, then all kinds, little-endian."""

_PAGE = 500
"""So many objects are asked for at once."""
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
    version: int
    """Of the reader that read it."""
    file: FileRead
    told: FileRead | None = None
    """How it is told now, if not as it was read."""


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
    _base: Recalled | None = None
    """What an earlier scan added up, and is taken from there."""
    _kept: dict[str, Remembered] = field(default_factory=dict)
    """By key: the other objects that count, as the ledger has them."""

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

    def current(self, version: int) -> bool:
        """Return whether an object may be taken as this version of a reader read it."""
        return version == self.version and not self.reread

    def rolled(self) -> Rolled | None:
        """Return what an earlier scan added up; None where that cannot be used."""
        found = read_rolled(self.state, self.scope)
        if found is None or not np.all(np.isin(found.objects.numbers, self._numbers_now())):
            return None
        return found

    def _numbers_now(self) -> npt.NDArray[np.uint64]:
        rows = self.state.read("SELECT id FROM log_object WHERE scope = ?", (self.scope,))
        return np.fromiter((number for (number,) in rows), np.uint64, len(rows))

    def remembered(self, rolled: Rolled | None) -> Iterator[list[Remembered]]:
        """Yield all objects page by page, in the order of their numbers; without those of a roll-up."""
        numbers = np.sort(self._numbers_now())
        if rolled is not None:
            numbers = np.setdiff1d(numbers, rolled.objects.numbers, assume_unique=True)
        for start in range(0, len(numbers), _PAGE):
            some = numbers[start : start + _PAGE].tolist()
            marks = ",".join("?" * len(some))
            yield [
                Remembered(number, version, FileRead(os.fsdecode(key), size, *_FACTS.decode(facts), stamp))
                for number, key, size, stamp, version, facts in self.state.read(
                    "SELECT id, key, size_bytes, stamp, version, facts FROM log_object"
                    f" WHERE id IN ({marks}) ORDER BY id",
                    some,
                )
            ]

    def recall(self, rolled: Rolled, taken: Sequence[bool], files: Sequence[FileRead], tally: Tally) -> None:
        """Have a tally begin with the objects of a roll-up that are taken, told as `files` now."""
        self._adopt(rolled.kinds, tally)
        which = np.array(taken, np.bool_)
        gone = rolled.objects.taken(~which)
        removed = [packed.ids() for _, packed in self._pages(gone.numbers, gone.lengths())]

        def load(objects: Objects, which: Whole) -> Iterator[Page]:
            for page, packed in self._pages(objects.numbers[which], objects.lengths()[which]):
                yield Page(which[page], packed, self._known(packed.kinds(), tally))

        self._base = Recalled(rolled, which, files, removed, load)
        tally.recall(self._base)

    def events(self, objects: Sequence[Remembered], tally: Tally) -> Iterator[Events]:
        """Yield the events of objects that were remembered, in the order of their numbers."""
        numbers = np.array([one.number for one in objects], np.uint64)
        lengths = np.array([one.file.events for one in objects], np.int64)
        self._kept.update((one.file.path, one) for one in objects)
        for page, packed in self._pages(numbers, lengths):
            files = [one.told or one.file for one in objects[page]]
            yield Events(files, packed.ids(), packed.times(), self._known(packed.kinds(), tally))

    def _pages(self, numbers: npt.NDArray[np.uint64], lengths: Whole) -> Iterator[tuple[slice, Packed]]:
        """Yield the events of objects, some at a time; StateError where one is not there any more."""
        before = np.cumsum([0, *lengths])
        start = 0
        while start < len(numbers):
            end = int(np.searchsorted(before, before[start] + _COMMIT_EVENTS, side="right"))
            page = slice(start, max(start + 1, min(end - 1, start + _PAGE)))
            some = numbers[page].tolist()
            marks = ",".join("?" * len(some))
            rows = self.state.read(f"SELECT events FROM log_object WHERE id IN ({marks}) ORDER BY id", some)
            if len(rows) != len(some):
                raise StateError(f"{self.state.path}: another scan read the same logs anew meanwhile")
            yield page, Packed(b"".join([events for (events,) in rows]), lengths[page])
            start = page.stop

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
        stored: list[Remembered] = []
        with self.state.transaction() as connection:
            for events in waiting:
                self._learn(connection, events.kinds, tally)
                for file, packed in self._stored_events(events):
                    facts = _Facts(
                        file.status, file.reason, file.events, file.rejected, file.digest, file.lost
                    )
                    number = connection.execute(
                        "INSERT OR REPLACE INTO log_object"
                        " (scope, key, size_bytes, stamp, version, facts, events)"
                        " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
                        (
                            self.scope,
                            os.fsencode(file.path),
                            file.size_bytes,
                            file.stamp,
                            self.version,
                            msgspec.msgpack.encode(facts),
                            packed,
                        ),
                    ).fetchone()
                    stored.append(Remembered(int(number[0]), self.version, file))
        self._kept.update((one.file.path, one) for one in stored)

    def _stored_events(self, events: Events) -> Iterator[tuple[FileRead, bytes]]:
        """Yield the files that can be remembered, with their events as the ledger has them."""
        met, places = np.unique(events.kinds, return_inverse=True)
        kinds = np.array([self._stored[number] for number in met.tolist()], "<u4")[places].tobytes()
        times = events.times.astype("<u4").tobytes()
        at = 0
        for file in events.files:
            end = at + file.events
            if file.stamp and file.digest:
                ids = bytes(events.ids[16 * at : 16 * end])
                yield file, ids + times[4 * at : 4 * end] + kinds[4 * at : 4 * end]
            at = end

    def _learn(self, connection: sqlite3.Connection, numbers: Numbers, tally: Tally) -> None:
        """Give every kind a number of the ledger; another scan may have done so meanwhile."""
        fresh = [number for number in np.unique(numbers).tolist() if number not in self._stored]
        kinds = [tally.kinds.other(number) for number in fresh]
        bodies = [msgspec.msgpack.encode([kind.keys, kind.place]) for kind in kinds]
        digests = [blake2b(body, digest_size=16).digest() for body in bodies]
        connection.executemany(
            "INSERT OR IGNORE INTO log_kind (digest, body) VALUES (?, ?)", zip(digests, bodies, strict=True)
        )
        known: dict[bytes, int] = {}
        for start in range(0, len(digests), _AT_ONCE):
            some = digests[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            known.update(
                connection.execute(f"SELECT digest, id FROM log_kind WHERE digest IN ({marks})", some)
            )
        self._stored.update((number, known[digest]) for number, digest in zip(fresh, digests, strict=True))

    def kept(self) -> Container[str]:
        """Return the keys of the objects that count in this read and are in the ledger, but not recalled."""
        return self._kept.keys()

    def changed(self) -> bool:
        """Return whether other objects count in this read than an earlier scan added up."""
        return self._base is None or not self._base.whole or bool(self._kept)

    def roll_up(self, tally: Tally, kept: Kept) -> None:
        """Keep what the objects in the ledger add up to, after the tally counted them."""
        kinds = tally.kinds.settled(self._stored)
        if kinds is None:
            return
        objects = [] if self._base is None else [self._base.objects]
        others = [self._kept[file.path] for file in _beyond(tally.files, objects) if file.path in self._kept]
        numbers = [*(one.numbers for one in objects), np.array([one.number for one in others], np.uint64)]
        versions = [*(one.versions for one in objects), np.array([one.version for one in others], np.uint32)]
        files = [file for one in objects for file in one.files] + [one.file for one in others]
        lengths = np.array([file.events for file in tally.files], np.int64)
        starts = (np.cumsum(lengths) - lengths)[kept.which]
        found = np.concatenate(numbers)
        order = np.argsort(found)
        listed = Objects(
            found[order],
            np.concatenate(versions)[order],
            [files[at] for at in order.tolist()],
            kept.firsts[kept.which][order],
            kept.lasts[kept.which][order],
            kept.duplicates[kept.which][order],
            kept.again[kept.which][order],
        )
        copied = packed_flags(_in_turn(kept.copied, starts[order], lengths[kept.which][order]))
        rolled = Rolled(listed, copied, kinds, kept.cells, kept.sights, kept.named)
        write_rolled(self.state, self.scope, rolled)

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


def _in_turn(flags: Flags, starts: Whole, lengths: Whole) -> Flags:
    """Return the flags of spans, one span after the other; as they are where they stand so."""
    ends = starts + lengths
    if len(starts) and not starts[0] and ends[-1] == len(flags) and np.array_equal(starts[1:], ends[:-1]):
        return flags
    return flags[spans(starts, lengths)]


def _beyond(files: Sequence[FileRead], objects: Sequence[Objects]) -> Sequence[FileRead]:
    """Return the files that were met after those of the objects."""
    return files[sum(len(one.files) for one in objects) :]


def _kind(body: bytes) -> Kind:
    keys, place = _KIND.decode(body)
    return Kind(tuple([RowKey._make(key) for key in keys]), place)


_FACTS = msgspec.msgpack.Decoder(_Facts)
_KIND = msgspec.msgpack.Decoder(tuple[list[tuple[str, ...]], tuple[str, str, str, str]])
