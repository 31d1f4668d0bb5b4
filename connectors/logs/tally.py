"""Count events into rows, each once, in a few bytes per row and day."""

import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import compress
from sys import intern
from typing import overload

from connectors.logs.clock import DAY_SECONDS, day, stamp
from connectors.logs.fold import Batch, FileRead, Kind
from connectors.logs.rows import LogFile, Presence, RowKey, UsageRow
from connectors.logs.seen import NO_ID, SeenEvents

_CELL = struct.Struct("<HxxIII")
"""Day since 1970, count, first and last second since 1970."""


class _Count:
    """Events of one kind: of the day met last, and packed, of the days before."""

    __slots__ = ("closed", "count", "day", "first", "kind", "last")

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.day = -1
        self.count = 0
        self.first = 0
        self.last = 0
        self.closed = bytearray()

    def turn(self, to: int) -> None:
        """Pack the present day and begin another."""
        if self.count:
            self.closed += _CELL.pack(self.day, self.count, self.first, self.last)
        self.day, self.count = to, 0


class _Sight:
    """Every event of one place, counted or not."""

    __slots__ = ("count", "first", "last")

    def __init__(self, second: int) -> None:
        self.count = 0
        self.first = self.last = second

    def add(self, count: int, first: int, last: int) -> None:
        self.count += count
        self.first = min(self.first, first)
        self.last = max(self.last, last)


class Tally:
    """Merges the batches of all folders, which must come in the order of their files.

    Dates are kept only for kinds of events: 16 bytes for each day on which one occurred.
    """

    def __init__(self, seen: SeenEvents, reader: str, *, start: int, end: int) -> None:
        self._seen = seen
        self._reader = reader
        self._start = start
        self._end = end
        self._kinds: dict[Kind, _Count] = {}
        self._numbered: dict[int, list[_Count]] = {}
        self._places: dict[tuple[str, str, str, str], _Sight] = {}
        self.files: list[LogFile] = []

    def add(self, batch: Batch, folder: int) -> list[LogFile]:
        """Count a batch of one folder and return the fate of its files."""
        numbered = self._numbered.setdefault(folder, [])
        if batch.afresh:
            numbered.clear()
        numbered += map(self._kind, batch.fresh)
        duplicates = self._duplicates(batch)
        outside = self._outside(batch)
        self._count(batch, numbered, {*duplicates, *outside})
        added = []
        at = 0
        known = set(duplicates)
        outside = [event for event in outside if event not in known]
        for file in batch.files:
            end = at + file.events
            added.append(_log_file(file, _between(duplicates, at, end), _between(outside, at, end)))
            at = end
        self.files += added
        return added

    def _kind(self, kind: Kind) -> _Count:
        found = self._kinds.get(kind)
        if found is None:
            kind = Kind(tuple([RowKey._make(map(intern, key)) for key in kind.keys]), kind.place)
            found = self._kinds[kind] = _Count(kind)
        return found

    def _duplicates(self, batch: Batch) -> list[int]:
        """Return the positions of events that were counted before, sorted.

        Events without an id are copies only when the same file was read before: then all of them are.
        """
        found = self._seen.duplicates(batch.ids)
        at = 0
        for file in batch.files:
            end = at + file.events
            if file.events and file.digest and self._seen.file_again(file.digest, self._reader):
                ids = batch.ids
                found += [event for event in range(at, end) if ids[event * 16 : event * 16 + 16] == NO_ID]
            at = end
        return sorted(found)

    def _outside(self, batch: Batch) -> list[int]:
        """Return the positions of events outside the window."""
        start, end = self._start, self._end
        times = batch.times
        if not times or (min(times) >= start and max(times) < end):
            return []
        return [at for at, second in enumerate(times) if not start <= second < end]

    def _count(self, batch: Batch, numbered: list[_Count], uncounted: set[int]) -> None:
        pairs = zip(batch.kinds, batch.times, strict=True)
        if uncounted:
            take = bytearray(b"\1") * len(batch.times)
            for at in uncounted:
                take[at] = 0
                self._see(numbered[batch.kinds[at]].kind.place, 1, batch.times[at], batch.times[at])
            pairs_taken: Iterator[tuple[int, int]] = compress(pairs, take)
        else:
            pairs_taken = pairs
        for number, second in pairs_taken:
            count = numbered[number]
            today = second // DAY_SECONDS
            if count.day != today or not count.count:
                count.turn(today)
                count.first = count.last = second
            elif second < count.first:
                count.first = second
            elif second > count.last:
                count.last = second
            count.count += 1

    def _see(self, place: tuple[str, str, str, str], count: int, first: int, last: int) -> None:
        sight = self._places.get(place)
        if sight is None:
            sight = self._places[place] = _Sight(first)
        sight.add(count, first, last)

    def result(self) -> tuple["Rows", list[Presence]]:
        """Return all rows, and every place where events were seen, both sorted."""
        cells: dict[RowKey, bytearray] = {}
        for count in self._kinds.values():
            count.turn(-1)
            for _, events, first, last in _CELL.iter_unpack(count.closed):
                self._see(count.kind.place, events, first, last)
            for key in count.kind.keys if count.closed else ():
                held = cells.get(key)
                cells[key] = count.closed if held is None else held + count.closed
        presence = [
            Presence(*place, sight.count, _stamp(sight.first), _stamp(sight.last))
            for place, sight in self._places.items()
        ]
        return Rows(cells), sorted(presence)


class Rows(Sequence[UsageRow]):
    """The usage rows in order, made when asked for: a million of them at once would take 300 MB."""

    def __init__(self, cells: dict[RowKey, bytearray]) -> None:
        self._keys = sorted(cells)
        self._cells = [_merged(cells[key]) for key in self._keys]
        self._ends: list[int] = []
        total = 0
        for cell in self._cells:
            total += len(cell) // _CELL.size
            self._ends.append(total)

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __iter__(self) -> Iterator[UsageRow]:
        days: dict[int, str] = {}
        for key, cell in zip(self._keys, self._cells, strict=True):
            for number, count, first, last in _CELL.iter_unpack(cell):
                written = days.get(number)
                if written is None:
                    written = days[number] = day(number)
                begun = stamp(written, first % DAY_SECONDS)
                ended = begun if first == last else stamp(written, last % DAY_SECONDS)
                yield UsageRow(*key, written, count, begun, ended)

    @overload
    def __getitem__(self, at: int) -> UsageRow: ...
    @overload
    def __getitem__(self, at: slice) -> list[UsageRow]: ...
    def __getitem__(self, at: int | slice) -> UsageRow | list[UsageRow]:
        if isinstance(at, slice):
            return list(self)[at]
        at = range(len(self))[at]
        which = bisect_right(self._ends, at)
        within_key = at - (self._ends[which - 1] if which else 0)
        number, count, first, last = _CELL.unpack_from(self._cells[which], within_key * _CELL.size)
        return UsageRow(*self._keys[which], day(number), count, _stamp(first), _stamp(last))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    def __hash__(self) -> int:
        raise TypeError("rows are compared, not hashed")


def _merged(cells: bytearray) -> bytes:
    """Return cells sorted by day, one for each day."""
    if len(cells) == _CELL.size:
        return bytes(cells)
    days: dict[int, tuple[int, int, int]] = {}
    for number, count, first, last in _CELL.iter_unpack(cells):
        held = days.get(number, (0, first, last))
        days[number] = (held[0] + count, min(held[1], first), max(held[2], last))
    return b"".join([_CELL.pack(number, *days[number]) for number in sorted(days)])


def _stamp(second: int) -> str:
    number, second = divmod(second, DAY_SECONDS)
    return stamp(day(number), second)


def _between(positions: list[int], start: int, end: int) -> int:
    """Return how many sorted positions lie in [start, end)."""
    return bisect_right(positions, end - 1) - bisect_right(positions, start - 1)


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
