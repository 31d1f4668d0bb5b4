"""Count events into rows, each once: duplicates taken out, grouped by kind and day."""

from collections.abc import Container
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from connectors.logs.clock import DAY_SECONDS, day, stamp
from connectors.logs.copies import Flags, columns, copies, few, held, part
from connectors.logs.count import Count
from connectors.logs.fold import FileRead
from connectors.logs.kinds import Kinds
from connectors.logs.new_ids import NewIds
from connectors.logs.recalled import Piece, Recalled, among
from connectors.logs.rows import LogFile, Presence
from connectors.logs.seen import Run, SeenEvents
from connectors.logs.sights import Sights
from connectors.logs.store import MOST_IN_MEMORY, Columns, Numbers, Store
from connectors.logs.usage import Rows

_TOGETHER = 200_000
"""So many events are handled at a time: fewer cost more calls, more cost memory."""


class Events(NamedTuple):
    """The events of some files in order, packed; kinds are those of a Tally."""

    files: list[FileRead]
    ids: bytes | bytearray
    times: Numbers
    kinds: Numbers


class SettledEvents(NamedTuple):
    """The events of some files in order, and which of them are copies within all that were settled."""

    files: list[FileRead]
    piece: Piece


class _Order(NamedTuple):
    """The files of a read by their paths, and which file an event is from."""

    files: list[FileRead]
    ranks: npt.NDArray[np.intp]
    """By file as they were met: its place in the order of paths."""
    ends: npt.NDArray[np.intp]
    """By file as they were met: how many events were met by its end."""
    again: Flags
    """By place: whether the same file was read before."""
    kept: Flags | None
    """By place: whether a ledger has it; None where nobody wants to know which events are copies there."""

    def owners(self, ats: Numbers) -> npt.NDArray[np.intp]:
        """Return the files, by their places, of events that were met at some points."""
        return self.ranks[np.searchsorted(self.ends, ats, side="right")]


class Tally:
    """Takes the events of files in any order; the result is as if they had come in the order of the files.

    Of several copies of an event, that of the first file counts.
    """

    def __init__(self, seen: SeenEvents, reader: str, *, start: int, end: int) -> None:
        self._seen = seen
        self._reader = reader
        self._start = start
        self._end = end
        self.kinds = Kinds()
        self._sights = Sights()
        self.files: list[FileRead] = []
        """As they were met."""
        self.copied: Flags = np.zeros(0, np.bool_)
        """After `result` with `kept`, by event as they were met: whether it is a copy within those files."""
        self.named = True
        """Whether all events have an id."""
        self._waiting: list[Events] = []
        self._count = 0
        self._met = 0
        self._store = Store()
        self._recalled: list[Piece] = []
        self._whole = False

    def recall(self, events: SettledEvents) -> None:
        """Count events of which an earlier scan knew which are copies; before all others."""
        self.files += events.files
        self._met += len(events.piece.kinds)
        self._recalled.append(events.piece)

    def recalled_all(self, *, named: bool) -> None:
        """Say that all files that the earlier scan knew were recalled: what it knew holds only then.

        `named` is whether all their events have an id.
        """
        self._whole = True
        self.named = named

    def add(self, events: Events) -> None:
        """Count the events of some files."""
        self._waiting.append(events)
        self._count += len(events.times)
        if self._count >= _TOGETHER:
            self._flush()

    def _flush(self) -> None:
        """Move what came in to the store."""
        waiting, self._waiting = self._waiting, []
        self.files += [file for events in waiting for file in events.files]
        if not self._count:
            return
        mixed, low = columns(b"".join([events.ids for events in waiting]))
        times = np.concatenate([events.times for events in waiting])
        kinds = np.concatenate([events.kinds for events in waiting])
        ats = np.arange(self._met, self._met + self._count, dtype=np.uint32)
        self._met += self._count
        self._count = 0
        self._sights.add(self.kinds.placed()[kinds], times)
        self._store.add(Columns(mixed, low, times, kinds, ats))

    def is_large(self) -> bool:
        """Return whether there are more events than are held in memory."""
        return self._met + self._count > MOST_IN_MEMORY

    def result(self, kept: Container[str] | None = None) -> tuple[Rows, list[LogFile], list[Presence]]:
        """Return all rows, what became of each file, and every place where events were seen, all sorted.

        `kept` names the files that a ledger has; `copied` tells then which of their events are copies.
        """
        self._flush()
        recalled = Recalled(self._recalled) if self._recalled else None
        self._recalled = []
        order = self._ordered(kept)
        if kept is not None:
            self.copied = np.zeros(self._met, np.bool_)
        count = Count(len(order.files), self._start, self._end)
        runs = few(self._seen.runs()) if self._met else []
        if recalled is not None:
            self._sights.add(self.kinds.placed()[recalled.kinds], recalled.times)
            self._count_recalled(recalled, order, runs, count)
            del recalled
        new = self._count_stored(order, runs, count)
        self._store.close()
        if len(new.mixed):
            self._seen.add(new)
        cells = count.cells()
        counts = zip(order.files, count.duplicates.tolist(), count.outside.tolist(), strict=True)
        listed = [_log_file(*one) for one in counts]
        presence = [
            Presence(*place, seen, _stamp(first), _stamp(last))
            for place, (seen, first, last) in zip(self.kinds.places(), self._sights.all(), strict=False)
            if seen
        ]
        return Rows(cells, self.kinds.ranked()), listed, sorted(presence)

    def _ordered(self, kept: Container[str] | None) -> _Order:
        order = sorted(range(len(self.files)), key=[file.path for file in self.files].__getitem__)
        files = [self.files[owner] for owner in order]
        ranks = np.zeros(len(order), np.intp)
        ranks[order] = np.arange(len(order))
        ends = np.cumsum([file.events for file in self.files], dtype=np.intp)
        again = [
            bool(file.events and file.digest) and self._seen.file_again(file.digest, self._reader)
            for file in files
        ]
        has = None if kept is None else np.array([file.path in kept for file in files], np.bool_)
        return _Order(files, ranks, ends, np.array(again, np.bool_), has)

    def _count_recalled(self, recalled: Recalled, order: _Order, runs: list[Run], count: Count) -> None:
        """Count what an earlier scan knew; what shares an id with what came since goes to the store."""
        times, kinds, copied = recalled.times, recalled.kinds, recalled.copied
        if not self._whole:
            self._store.add(recalled.columns())
            return
        if order.kept is not None:
            self.copied[: len(copied)] = copied
        owners = np.repeat(order.ranks, np.diff(order.ends, prepend=0))[: len(times)]
        if self.named and not self._store.count and not runs:
            self._seen.add_later(partial(recalled.run, ~copied))
            count.add(kinds, times, owners, copied)
            return
        events = recalled.columns()
        nameless = _nameless(events)
        touched = among(events.mixed, self._store.mixed()) & ~nameless
        self._store.add(events.taken(touched))
        copied = copied | (nameless & order.again[owners])
        copied |= held(events.mixed, events.low, runs) & ~nameless
        rest = ~touched
        count.add(kinds[rest], times[rest], owners[rest], copied[rest])
        self._seen.add_later(partial(recalled.run, rest & ~nameless & ~copied))

    def _count_stored(self, order: _Order, runs: list[Run], count: Count) -> Run:
        """Count each event of the store once, part by part, and return the new ids."""
        new = NewIds(many=self._store.count > MOST_IN_MEMORY)
        parts = self._store.parts
        for number in range(parts if self._store.count else 0):
            events, owners = _in_order(self._store.part(number), order)
            before = [part(run, number, parts) for run in runs]
            nameless = _nameless(events)
            named = np.flatnonzero(~nameless)
            self.named &= len(named) == len(nameless)
            copied = nameless & order.again[owners]
            found, fresh = copies(events.mixed[named], events.low[named], before)
            copied[named] = found
            new.add(fresh)
            count.add(events.kinds, events.times, owners, copied)
            if order.kept is not None:
                named = named[order.kept[owners[named]]]
                if runs or len(named) < len(found):
                    found, _ = copies(events.mixed[named], events.low[named], [])
                self.copied[events.ats[named]] = found
        return new.run()


def _nameless(events: Columns) -> Flags:
    """Return which events have no id."""
    nameless: Flags = (events.mixed == 0) & (events.low == 0)
    return nameless


def _in_order(events: Columns, order: _Order) -> tuple[Columns, npt.NDArray[np.intp]]:
    """Return events in the order of their files, and the places of those."""
    owners = order.owners(events.ats)
    if np.all(owners[1:] >= owners[:-1]):
        return events, owners
    by_file = np.argsort(owners, kind="stable")
    return events.taken(by_file), owners[by_file]


def _stamp(second: int) -> str:
    number, second = divmod(second, DAY_SECONDS)
    return stamp(day(number), second)


def _log_file(file: FileRead, duplicates: int, outside: int) -> LogFile:
    path = file.path if file.path.isascii() else _writable(file.path)
    read = file.size_bytes, file.status, file.reason, file.events
    return LogFile(path, *read, duplicates, outside, file.rejected, file.digest, file.lost)


def _writable(path: str) -> str:
    """Return a path as text that can be encoded: file names may hold bytes that are not UTF-8."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
