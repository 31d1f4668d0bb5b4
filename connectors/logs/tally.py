"""Count events into rows, each once: duplicates taken out, grouped by kind and day."""

from collections.abc import Callable, Container, Sequence
from itertools import compress
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from connectors.logs.cells import Cells, merged
from connectors.logs.clock import DAY_SECONDS, day, stamp
from connectors.logs.copies import Flags, columns, copies, few, is_nameless, part
from connectors.logs.count import Count
from connectors.logs.fold import FileRead
from connectors.logs.kinds import Kinds
from connectors.logs.new_ids import NewIds
from connectors.logs.recalled import LookedThrough, Recalled
from connectors.logs.reckoning import Reckoning
from connectors.logs.rolled import Rolled, Whole
from connectors.logs.rows import LogFile, Presence
from connectors.logs.seen import Run, SeenEvents
from connectors.logs.sights import Sights
from connectors.logs.store import MOST_IN_MEMORY, Columns, Numbers, Store
from connectors.logs.usage import Rows

_TOGETHER = 200_000
"""So many events are handled at a time: fewer cost more calls, more cost memory."""
_EVER = 1 << 32


class Events(NamedTuple):
    """The events of some files in order, packed; kinds are those of a Tally."""

    files: list[FileRead]
    ids: bytes | bytearray
    times: Numbers
    kinds: Numbers


class Kept(NamedTuple):
    """What the files that a ledger has add up to alone, whatever the window. Files are as they were met."""

    which: Flags
    """By file: whether the ledger has it."""
    firsts: Numbers
    lasts: Numbers
    """By file: times of its first and last event."""
    duplicates: Whole
    """By file: how many of its events are copies of one in these files."""
    again: Flags
    """By file: whether one of them with the same content stands before it."""
    copied: Flags
    """By event: whether it is a copy."""
    cells: Cells
    """The others by row and day."""
    sights: Sights
    named: bool
    """Whether all events have an id."""


class _Order(NamedTuple):
    """The files of a read by their paths, and which file an event is from."""

    files: list[FileRead]
    ranks: npt.NDArray[np.intp]
    """By file as they were met: its place in the order of paths."""
    ends: npt.NDArray[np.intp]
    """By file as they were met: how many events were met by its end."""

    def owners(self, ats: Numbers) -> npt.NDArray[np.intp]:
        """Return the files, by their places, of events that were met at some points."""
        return self.ranks[np.searchsorted(self.ends, ats, side="right")]


class _Ledgers(NamedTuple):
    """The files that a ledger has, counted alone."""

    which: Flags
    """By place: whether the ledger has the file."""
    reckoning: Reckoning
    again: Flags
    """By place: whether one of them with the same content stands before it."""
    copied: Flags
    """By event as they were met: whether it is a copy of one in them."""
    all_there: bool
    """Whether they are all files, and count as they do in the read: only what lies outside the window is
    counted for them then, since sums of millions of rows take memory."""


class Tally:
    """Takes the events of files in any order; the result is as if they had come in the order of the files.

    Of several copies of an event, that of the first file counts.
    """

    def __init__(self, seen: SeenEvents, reader: str, *, start: int, end: int) -> None:
        self._seen = seen
        self._reader = reader
        self._window = start, end
        self.kinds = Kinds()
        self.files: list[FileRead] = []
        """As they were met."""
        self.kept: Kept | None = None
        """After `result`, where it was asked for."""
        self._firsts: list[Numbers] = []
        self._lasts: list[Numbers] = []
        self._named = True
        self._waiting: list[Events] = []
        self._count = 0
        self._met = 0
        self._store = Store()
        self._base: Recalled | None = None

    def recall(self, base: Recalled) -> None:
        """Begin with what an earlier scan added up."""
        self._base = base
        self.files += base.files
        self._firsts.append(base.objects.firsts)
        self._lasts.append(base.objects.lasts)
        self._met += base.events
        self._named = base.rolled.named

    def recalls(self) -> bool:
        """Return whether events are counted that an earlier scan added up."""
        return self._base is not None

    def has_room(self, rolled: Rolled) -> bool:
        """Return whether all ids can be held in memory that a later read may ask for."""
        return not self._seen.more_to_come() or rolled.objects.lengths().sum() <= MOST_IN_MEMORY

    def add(self, events: Events) -> None:
        """Count the events of some files."""
        self._waiting.append(events)
        self._count += len(events.times)
        if self._count >= _TOGETHER:
            self._flush()

    def _flush(self) -> None:
        """Move what came in to the store."""
        waiting, self._waiting = self._waiting, []
        files = [file for events in waiting for file in events.files]
        times = np.concatenate([np.zeros(0, np.uint32), *(events.times for events in waiting)])
        self.files += files
        self._note_times(np.array([file.events for file in files], np.intp), times)
        if not self._count:
            return
        mixed, low = columns(b"".join([events.ids for events in waiting]))
        kinds = np.concatenate([events.kinds for events in waiting])
        ats = np.arange(self._met, self._met + self._count, dtype=np.uint32)
        self._met += self._count
        self._count = 0
        self._named &= not np.any(is_nameless(mixed, low))
        self._store.add(Columns(mixed, low, times, kinds, ats))

    def _note_times(self, lengths: npt.NDArray[np.intp], times: Numbers) -> None:
        """Note the first and the last time of some files, whose events follow each other."""
        filled = lengths > 0
        starts = (np.cumsum(lengths) - lengths)[filled]
        for noted, ufunc in ((self._firsts, np.minimum), (self._lasts, np.maximum)):
            found = np.zeros(len(lengths), np.uint32)
            if len(starts):
                found[filled] = ufunc.reduceat(times, starts)
            noted.append(found)

    def result(self, kept: Container[str] | None = None) -> tuple[Rows, list[LogFile], list[Presence]]:
        """Return all rows, what became of each file, and every place where events were seen, all sorted.

        `kept` names the files that a ledger has beside those recalled; `self.kept` is what all of these
        add up to then.
        StateError where events that an earlier scan added up are needed and are not there any more.
        """
        self._flush()
        order = self._ordered()
        runs = few(self._seen.runs()) if self._met else []
        looked = self._looked_through(runs)
        again = self._again(order.files, self._seen.has_file)
        now = self._reckoning(order, looked, again, *self._window)
        alone = self._alone(order, looked, kept, again if not runs else None) if kept is not None else None
        new = self._count_stored(order, runs, again, now, alone)
        self._store.close()
        cells = now.rows(self.kinds)
        if alone is not None:
            self.kept = self._of_ledger(order, alone, now, cells)
        self._tell_seen(order, new, looked)
        counts = (column.tolist() for column in now.files())
        listed = [_log_file(*one) for one in zip(order.files, *counts, strict=True)]
        presence = [
            Presence(*place, seen, _stamp(first), _stamp(last))
            for place, (seen, first, last) in zip(self.kinds.places(), now.sights.all(), strict=False)
            if seen
        ]
        return Rows(cells, self.kinds.ranked().keys), listed, sorted(presence)

    def _ordered(self) -> _Order:
        order = sorted(range(len(self.files)), key=[file.path for file in self.files].__getitem__)
        files = [self.files[owner] for owner in order]
        ranks = np.zeros(len(order), np.intp)
        ranks[order] = np.arange(len(order))
        return _Order(files, ranks, np.cumsum([file.events for file in self.files], dtype=np.intp))

    def _looked_through(self, runs: list[Run]) -> LookedThrough | None:
        """Look for what shares an id with events that were recalled, and have it looked through with them."""
        if self._base is None:
            return None
        more = self._seen.more_to_come()
        found = self._base.looked_through(self._store.mixed(), runs, self.kinds.placed(), keep=more)
        self._store.add(found.events())
        return found

    def _again(self, files: Sequence[FileRead], known: Callable[[str, str], bool]) -> Flags:
        """Return which files have the content of one before them; that matters for events without an id."""
        if self._named:
            return np.zeros(len(files), np.bool_)
        met: set[str] = set()
        found = []
        for file in files:
            counts = bool(file.events and file.digest)
            found.append(counts and (file.digest in met or known(file.digest, self._reader)))
            met.update([file.digest] if counts else ())
        return np.array(found, np.bool_)

    def _reckoning(
        self, order: _Order, looked: LookedThrough | None, again: Flags, start: int, end: int
    ) -> Reckoning:
        ranks = order.ranks[: len(self._base.files) if self._base is not None else 0]
        sights = looked.sights if looked is not None else Sights()
        return Reckoning(Count(len(order.files), start, end), self._base, sights, ranks, again)

    def _alone(
        self, order: _Order, looked: LookedThrough | None, kept: Container[str], read: Flags | None
    ) -> _Ledgers:
        """Return how the files of a ledger are counted, before anything is.

        `read` says which files count as copies in the read, unless others may hold copies, too.
        """
        base = self._base
        recalled = len(base.files) if base is not None else 0
        which = np.zeros(len(order.files), np.bool_)
        which[order.ranks[:recalled]] = True
        which[order.ranks[recalled:]] = [file.path in kept for file in self.files[recalled:]]
        again = np.zeros(len(order.files), np.bool_)
        again[which] = self._again([*compress(order.files, which)], lambda *_: False)
        copied = np.zeros(self._met, np.bool_)
        if base is not None:
            copied[: base.events] = base.copied
        all_there = base is None and bool(np.all(which)) and read is not None and np.array_equal(read, again)
        return _Ledgers(which, self._reckoning(order, looked, again, 0, _EVER), again, copied, all_there)

    def _count_stored(
        self, order: _Order, runs: list[Run], again: Flags, now: Reckoning, alone: _Ledgers | None
    ) -> Run:
        """Count each event of the store once, part by part, and return the new ids if they are wanted."""
        more = self._seen.more_to_come()
        new = NewIds(many=more and self._store.count > MOST_IN_MEMORY)
        parts = self._store.parts
        for number in range(parts if self._store.count else 0):
            events, owners = _in_order(self._store.part(number), order)
            before = [part(run, number, parts) for run in runs]
            nameless = is_nameless(events.mixed, events.low)
            named = np.flatnonzero(~nameless)
            copied = nameless & again[owners]
            found, fresh = copies(events.mixed[named], events.low[named], before)
            copied[named] = found
            if more:
                new.add(fresh)
            now.take(events, owners, copied, self.kinds)
            if alone is not None:
                which = alone.which[owners]
                if alone.all_there:
                    alone.copied[events.ats] = copied & ~nameless
                    which = (events.times < self._window[0]) | (events.times >= self._window[1])
                    alone.reckoning.take(events.taken(which), owners[which], copied[which], self.kinds)
                    continue
                if runs or not np.all(which):
                    events, owners = events.taken(which), owners[which]
                    named = np.flatnonzero(~nameless[which])
                    found, _ = copies(events.mixed[named], events.low[named], [])
                copied = is_nameless(events.mixed, events.low) & alone.again[owners]
                copied[named] = found
                alone.copied[events.ats[named]] = found
                alone.reckoning.take(events, owners, copied, self.kinds)
        return new.run()

    def _of_ledger(self, order: _Order, alone: _Ledgers, now: Reckoning, rows: Cells) -> Kept:
        """Return what the files of a ledger add up to; `rows` is what all files do within the window."""
        cells = alone.reckoning.rows(self.kinds)
        if alone.all_there:
            cells = merged(rows, cells) if len(cells.keys) else rows
        same = now if alone.all_there else alone.reckoning
        duplicates, _ = same.files()
        return Kept(
            alone.which[order.ranks],
            np.concatenate(self._firsts),
            np.concatenate(self._lasts),
            duplicates[order.ranks],
            alone.again[order.ranks],
            alone.copied,
            cells,
            same.sights,
            self._named,
        )

    def _tell_seen(self, order: _Order, new: Run, looked: LookedThrough | None) -> None:
        """Have later reads know the files and ids of this one."""
        if self._seen.more_to_come():
            self._seen.add_files(
                (file.digest, self._reader) for file in order.files if file.events and file.digest
            )
            if len(new.mixed):
                self._seen.add(new)
            if looked is not None and looked.others:
                self._seen.add_later(looked.run)
        self._seen.end_of_read()


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
