"""Count events into rows, each once: duplicates taken out, grouped by kind and day."""

from array import array
from collections.abc import Sequence
from sys import intern
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from connectors.logs.cells import Cells, cells_of, merged
from connectors.logs.clock import DAY_SECONDS, day, stamp
from connectors.logs.copies import columns, copies, part
from connectors.logs.fold import FileRead, Kind
from connectors.logs.new_ids import NewIds
from connectors.logs.rows import LogFile, Presence, RowKey
from connectors.logs.seen import Run, SeenEvents
from connectors.logs.store import MOST_IN_MEMORY, Columns, Numbers, Store
from connectors.logs.usage import Rows

_TOGETHER = 200_000
"""So many events are handled at a time: fewer cost more calls, more cost memory."""
_PAIRS = 2_000_000


class Events(NamedTuple):
    """The events of some files in order, packed; kinds are those of a Tally."""

    files: list[FileRead]
    ids: bytes | bytearray
    times: Numbers
    kinds: Numbers


class _Sight:
    """Every event of one place, counted or not."""

    __slots__ = ("count", "first", "last")

    def __init__(self) -> None:
        self.count = 0
        self.first = 1 << 32
        self.last = 0


class Tally:
    """Takes the events of files in any order; the result is as if they had come in the order of the files.

    Of several copies of an event, that of the first file counts.
    """

    def __init__(self, seen: SeenEvents, reader: str, *, start: int, end: int) -> None:
        self._seen = seen
        self._reader = reader
        self._start = start
        self._end = end
        self.kinds: list[Kind] = []
        """All kinds of event by their numbers."""
        self._numbers: dict[Kind, int] = {}
        self._place_numbers: dict[tuple[str, str, str, str], int] = {}
        self._places = array("I")
        self._sights: list[_Sight] = []
        self._files: list[FileRead] = []
        self._waiting: list[Events] = []
        self._count = 0
        self._store = Store()

    def number(self, kind: Kind) -> int:
        """Return the number of a kind of event in this tally."""
        found = self._numbers.get(kind)
        if found is None:
            kind = Kind(tuple([RowKey._make(map(intern, key)) for key in kind.keys]), kind.place)
            found = self._numbers[kind] = len(self.kinds)
            self.kinds.append(kind)
            place = self._place_numbers.setdefault(kind.place, len(self._place_numbers))
            if place == len(self._sights):
                self._sights.append(_Sight())
            self._places.append(place)
        return found

    def add(self, events: Events) -> None:
        """Count the events of some files."""
        self._waiting.append(events)
        self._count += len(events.times)
        if self._count >= _TOGETHER:
            self._flush()

    def _flush(self) -> None:
        """Move what came in to the store."""
        waiting, self._waiting = self._waiting, []
        met = len(self._files)
        self._files += [file for events in waiting for file in events.files]
        counts = [file.events for events in waiting for file in events.files]
        if not self._count:
            return
        self._count = 0
        mixed, low = columns(b"".join([events.ids for events in waiting]))
        times = np.concatenate([events.times for events in waiting])
        kinds = np.concatenate([events.kinds for events in waiting])
        owners = np.repeat(np.arange(met, len(self._files), dtype=np.uint32), counts)
        places = np.frombuffer(self._places, np.uint32)[kinds]
        self._see(places, times)
        self._store.add(Columns(mixed, low, times, kinds, owners))

    def _see(self, places: Numbers, times: Numbers) -> None:
        """Note where and when events were seen."""
        order = np.argsort(places, kind="stable")
        ordered = places[order]
        starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
        counts = np.diff(starts, append=len(ordered))
        by_place = times[order]
        firsts, lasts = np.minimum.reduceat(by_place, starts), np.maximum.reduceat(by_place, starts)
        found = (ordered[starts], counts, firsts, lasts)
        for place, count, first, last in zip(*(column.tolist() for column in found), strict=True):
            sight = self._sights[place]
            sight.count += count
            sight.first = min(sight.first, first)
            sight.last = max(sight.last, last)

    def result(self) -> tuple[Rows, list[LogFile], list[Presence]]:
        """Return all rows, what became of each file, and every place where events were seen, all sorted."""
        self._flush()
        order = sorted(range(len(self._files)), key=lambda owner: self._files[owner].path)
        files = [self._files[owner] for owner in order]
        ranks = np.zeros(len(order), np.uint32)
        ranks[order] = np.arange(len(order))
        again = [
            bool(file.events and file.digest) and self._seen.file_again(file.digest, self._reader)
            for file in files
        ]
        duplicates, outside = np.zeros(len(order), np.int64), np.zeros(len(order), np.int64)
        cells, new = self._counted(ranks, np.array(again, np.bool_), duplicates, outside)
        self._store.close()
        if len(new.mixed):
            self._seen.runs.append(new)
        counts = zip(files, duplicates.tolist(), outside.tolist(), strict=True)
        listed = [_log_file(*one) for one in counts]
        presence = [
            Presence(*place, sight.count, _stamp(sight.first), _stamp(sight.last))
            for place, sight in zip(self._place_numbers, self._sights, strict=True)
            if sight.count
        ]
        return Rows(cells, self.kinds), listed, sorted(presence)

    def _counted(
        self,
        ranks: Numbers,
        again: npt.NDArray[np.bool_],
        duplicates: npt.NDArray[np.int64],
        outside: npt.NDArray[np.int64],
    ) -> tuple[Cells, Run]:
        """Count each event once, part by part, and return the new ids.

        Also count by file the events that do not count, and why.
        """
        found = _grouped([])
        pending: list[tuple[Numbers, Numbers]] = []
        new = NewIds(many=self._store.count > MOST_IN_MEMORY)
        parts = self._store.parts
        for number in range(parts):
            events = _in_order(self._store.part(number), ranks)
            before = [part(run, number, parts) for run in self._seen.runs]
            copied, fresh = _copied(events, before, again)
            new.add(fresh)
            inside = (events.times >= self._start) & (events.times < self._end)
            duplicates += np.bincount(events.owners[copied], minlength=len(again))
            outside += np.bincount(events.owners[~copied & ~inside], minlength=len(again))
            counted = ~copied & inside
            pending.append((events.kinds[counted], events.times[counted]))
            if sum(len(kinds) for kinds, _ in pending) > _PAIRS:
                found = merged(found, _grouped(pending))
                pending = []
        return merged(found, _grouped(pending)), new.run()


def _in_order(events: Columns, ranks: Numbers) -> Columns:
    """Return events in the order of their files, which are told by their ranks from then on."""
    events = events._replace(owners=ranks[events.owners])
    if np.all(events.owners[1:] >= events.owners[:-1]):
        return events
    return events.taken(np.argsort(events.owners, kind="stable"))


def _copied(
    events: Columns, before: list[Run], again: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.bool_], Run]:
    """Return which events were there before, and the new ids.

    Events without an id are copies only when the same file was read before: then all of them are.
    """
    nameless = (events.mixed == 0) & (events.low == 0)
    if not np.any(nameless):
        return copies(events.mixed, events.low, before)
    copied = nameless & again[events.owners]
    named = np.flatnonzero(~nameless)
    found, fresh = copies(events.mixed[named], events.low[named], before)
    copied[named] = found
    return copied, fresh


def _grouped(pairs: Sequence[tuple[Numbers, Numbers]]) -> Cells:
    if not pairs:
        return cells_of(np.zeros(0, np.uint32), np.zeros(0, np.uint32))
    return cells_of(
        np.concatenate([kinds for kinds, _ in pairs]), np.concatenate([times for _, times in pairs])
    )


def _stamp(second: int) -> str:
    number, second = divmod(second, DAY_SECONDS)
    return stamp(day(number), second)


def _log_file(file: FileRead, duplicates: int, outside: int) -> LogFile:
    return LogFile(
        path=_writable(file.path),
        size_bytes=file.size_bytes,
        status=file.status,
        reason=file.reason,
        records=file.events,
        duplicates=duplicates,
        outside_window=outside,
        rejected=file.rejected,
        digest=file.digest,
        lost=file.lost,
    )


def _writable(path: str) -> str:
    """Return a path as text that can be encoded: file names may hold bytes that are not UTF-8."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
