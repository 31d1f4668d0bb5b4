"""Hold what an earlier scan added up, with the events behind it where they are asked for."""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from connectors.logs.cells import spans
from connectors.logs.clock import DAY_SECONDS
from connectors.logs.copies import Flags, Words, columns, held, is_nameless
from connectors.logs.fold import FileRead
from connectors.logs.rolled import Objects, Rolled, Whole, flags
from connectors.logs.seen import Run
from connectors.logs.sights import Sights
from connectors.logs.store import Columns, Numbers, joined

_SIEVE_BITS = 20
EVENT_BYTES = 24
"""An event of an object in the ledger: 16 bytes of id, 4 of time, 4 of kind."""


class Packed(NamedTuple):
    """Events of some objects as the ledger has them: of each object all ids, all times, then all kinds."""

    data: bytes
    lengths: Whole
    """By object: how many events it has."""

    def ids(self) -> bytes:
        """Return 16 bytes an event."""
        words = np.frombuffer(self.data, "<u8")
        return words[spans(3 * self._before(), 2 * self.lengths)].tobytes()

    def times(self) -> Numbers:
        """Return seconds since 1970."""
        return self._numbers(4)

    def kinds(self) -> Numbers:
        """Return kinds of the ledger."""
        return self._numbers(5)

    def _before(self) -> Whole:
        return np.cumsum(self.lengths) - self.lengths

    def _numbers(self, place: int) -> Numbers:
        starts = 6 * self._before() + place * self.lengths
        return np.frombuffer(self.data, "<u4")[spans(starts, self.lengths)]


class Page(NamedTuple):
    """The events of some objects."""

    objects: Whole
    """The objects, by their places among those that were taken."""
    packed: Packed
    kinds: Numbers
    """Kinds of the tally."""


Load = Callable[[Objects, Whole], Iterator[Page]]
"""Yields the events of some objects, by their places among all. StateError where one is gone."""


class Recalled:
    """The objects of a roll-up that count in a read, and what all of its objects add up to.

    Their events are the first that a read meets, in the order of the objects.
    """

    def __init__(
        self, rolled: Rolled, taken: Flags, files: Sequence[FileRead], removed: Sequence[bytes], load: Load
    ) -> None:
        """Take some objects, which are told as `files` now; `removed` are the ids in the others."""
        self.rolled = rolled
        self.files = list(files)
        self._taken = taken
        self.objects = rolled.objects if taken.all() else rolled.objects.taken(taken)
        self.lengths = self.objects.lengths()
        self.starts = np.cumsum(self.lengths) - self.lengths
        self.events = int(self.lengths.sum())
        self._removed = removed
        self._load = load

    @property
    def whole(self) -> bool:
        """Whether all objects of the roll-up were taken."""
        return len(self._taken) == len(self.files)

    @cached_property
    def copied(self) -> Flags:
        """Which events of the objects were copies within all of the roll-up."""
        lengths = self.rolled.objects.lengths()
        found = flags(self.rolled.copied, int(lengths.sum()))
        if self.whole:
            return found
        return found[spans((np.cumsum(lengths) - lengths)[self._taken], self.lengths)]

    def removed_days(self) -> Whole:
        """Return the days of the objects that count no more."""
        objects, gone = self.rolled.objects, ~self._taken
        first, last = (seconds[gone] // DAY_SECONDS for seconds in (objects.firsts, objects.lasts))
        days = last.astype(np.int64) - first + 1
        return np.unique(spans(first.astype(np.int64), days))

    def pages(self, which: Flags) -> Iterator[Page]:
        """Yield the events of some objects; StateError where another scan took one away meanwhile."""
        yield from self._load(self.objects, np.flatnonzero(which & (self.lengths > 0)))

    def ats(self, objects: Whole) -> Whole:
        """Return the places of all events of some objects among the events of all."""
        return spans(self.starts[objects], self.lengths[objects])

    def looked_through(self, new: Words, runs: list[Run], placed: Numbers, *, keep: bool) -> "LookedThrough":
        """Return the events that share an id with new ones, with those removed, or with other reads.

        `new` is the first column of the ids of new events; `keep` says whether the other ids are wanted;
        `placed` has the place of each kind.
        """
        sights = Sights() if not self.whole else self.rolled.sights
        found = LookedThrough([], [], sights)
        sieve = Sieve(np.concatenate([new, *(columns(ids)[0] for ids in self._removed)]))
        if sieve.empty and not runs and self.whole and not keep:
            return found
        for page in self.pages(np.ones(len(self.files), np.bool_)):
            mixed, low = columns(page.packed.ids())
            times, ats = page.packed.times(), self.ats(page.objects)
            named = ~is_nameless(mixed, low)
            shared = sieve.among(mixed) & named
            shared |= held(mixed, low, runs) & named
            if np.any(shared):
                events = Columns(mixed, low, times, page.kinds, ats.astype(np.uint32))
                found.shared.append(events.taken(shared))
            if keep:
                rest = named & ~shared & ~self.copied[ats]
                found.others.append((mixed[rest], low[rest]))
            if not self.whole:
                found.sights.add(placed[page.kinds], times)
        return found


class LookedThrough(NamedTuple):
    """What one look at all events found."""

    shared: list[Columns]
    """Events that share an id with others."""
    others: list[tuple[Words, Words]]
    """The ids of all others, each once, if they are wanted."""
    sights: Sights
    """All events by place."""

    def events(self) -> Columns:
        """Return the events that share an id, in order."""
        return joined(self.shared)

    def run(self) -> Run:
        """Return the ids of all others, sorted."""
        mixed, low = (np.concatenate(halves) for halves in zip(*self.others, strict=True))
        order = np.argsort(mixed)
        return Run(mixed[order], low[order])


class Sieve:
    """Tells quickly which of many values stand among some; all spread evenly over their range."""

    def __init__(self, some: Words) -> None:
        self._some = np.unique(some)
        self._sieve = np.zeros(1 << _SIEVE_BITS, np.bool_)
        self._sieve[self._some >> _SHIFT] = True
        self.empty = not len(self._some)

    def among(self, values: Words) -> Flags:
        """Return which values stand among them."""
        found = np.zeros(len(values), np.bool_)
        if not self.empty:
            perhaps = np.flatnonzero(self._sieve[values >> _SHIFT])
            place = np.searchsorted(self._some, values[perhaps])
            found[perhaps] = self._some[np.minimum(place, len(self._some) - 1)] == values[perhaps]
        return found


_SHIFT = np.uint64(64 - _SIEVE_BITS)
