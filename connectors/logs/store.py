"""Keep columns of events, cut into parts, until all are there: in memory, and past a limit on disk."""

import os
import tempfile
from collections.abc import Iterator
from typing import IO, NamedTuple

import numpy as np
import numpy.typing as npt

from connectors.logs.copies import Words

MOST_IN_MEMORY = 2_000_000
"""So many events (32 bytes each) are held in memory; more go to a temporary file."""
PARTS = 64
"""Into how many parts events are cut by their ids, so that sorting one part takes little memory."""

Numbers = npt.NDArray[np.uint32]


class Columns(NamedTuple):
    """Events as columns of equal length."""

    mixed: Words
    low: Words
    times: Numbers
    """Seconds since 1970."""
    kinds: Numbers
    ats: Numbers
    """How many events were met before."""

    def taken(self, which: "npt.NDArray[np.bool_] | npt.NDArray[np.intp] | slice") -> "Columns":
        """Return some of the events."""
        return Columns._make(column[which] for column in self)


def joined(pieces: list[Columns]) -> Columns:
    """Return columns that follow each other as one."""
    if len(pieces) == 1:
        return pieces[0]
    if not pieces:
        words, numbers = np.zeros(0, np.uint64), np.zeros(0, np.uint32)
        return Columns(words, words, numbers, numbers, numbers)
    return Columns._make(np.concatenate(columns) for columns in zip(*pieces, strict=True))


class _Piece(NamedTuple):
    """Events ordered by their part, those of one part in the order they came."""

    events: Columns
    ends: npt.NDArray[np.intp]
    """Where each part begins, and where the last one ends."""

    def part(self, number: int) -> Columns:
        """Return the events of one part."""
        return self.events.taken(slice(self.ends[number], self.ends[number + 1]))


class Store:
    """Collects events and gives them back in parts; all copies of one event are in the same part.

    A part is sorted and counted alone: all events at once would take several times their own memory.
    """

    parts = PARTS

    def __init__(self) -> None:
        self._pieces: list[_Piece] = []
        self._held = 0
        self.count = 0
        """How many events were added."""
        self._disk: IO[bytes] | None = None
        self._segments: list[list[tuple[int, int]]] = [[] for _ in range(PARTS)]

    def add(self, events: Columns) -> None:
        """Keep some events."""
        which = _part_of(events)
        order = np.argsort(which, kind="stable")
        ends = np.searchsorted(which[order], np.arange(PARTS + 1))
        self._pieces.append(_Piece(events.taken(order), ends))
        self._held += len(events.times)
        self.count += len(events.times)
        if self._held > MOST_IN_MEMORY:
            self._spill()

    def part(self, number: int) -> Columns:
        """Return the events of one part, in any order."""
        return joined([*self._read(number), *(piece.part(number) for piece in self._pieces)])

    def mixed(self) -> Words:
        """Return the first column of all ids."""
        return np.concatenate([np.zeros(0, np.uint64), *(self.part(number).mixed for number in range(PARTS))])

    def close(self) -> None:
        """Let go of everything."""
        self._pieces = []
        if self._disk is not None:
            self._disk.close()

    def _spill(self) -> None:
        """Write what is in memory to disk, part by part; where the disk refuses, memory must do."""
        self._held = 0
        segments: list[tuple[int, int]] = []
        try:
            disk = self._disk or tempfile.TemporaryFile(prefix="entdrift-events-")  # noqa: SIM115 see close
            at = disk.seek(0, os.SEEK_END)
            for number in range(PARTS):
                events = joined([piece.part(number) for piece in self._pieces])
                for column in events:
                    disk.write(column.tobytes())
                segments.append((at, len(events.times)))
                at += len(events.times) * _WIDTH
            disk.flush()
        except OSError:
            return
        self._disk = disk
        for number, segment in enumerate(segments):
            self._segments[number].append(segment)
        self._pieces = []

    def _read(self, number: int) -> Iterator[Columns]:
        for at, count in self._segments[number]:
            if self._disk is not None and count:
                self._disk.seek(at)
                read = self._disk.read
                yield Columns._make(np.frombuffer(read(count * width), kind) for kind, width in _FORMAT)


def _part_of(events: Columns) -> npt.NDArray[np.uint8]:
    """Return which part each event belongs to: told by its id, or by when it was met where it has none."""
    nameless = (events.mixed == 0) & (events.low == 0)
    by_id = events.mixed >> np.uint64(64 - PARTS.bit_length() + 1)
    return np.where(nameless, events.ats % PARTS, by_id).astype(np.uint8)


_FORMAT = ((np.uint64, 8), (np.uint64, 8), (np.uint32, 4), (np.uint32, 4), (np.uint32, 4))
_WIDTH = sum(width for _, width in _FORMAT)
