"""Count the events of a read one way: what an earlier scan added up, changed by what came and went since.

Sums of a day stand as long as all of its events count. Where one does not (its object is gone, another copy
of it counts now, the window begins or ends within the day), the events of that day are counted again.
"""

import numpy as np
import numpy.typing as npt

from connectors.logs.cells import Cells, Column, merged
from connectors.logs.clock import DAY_SECONDS
from connectors.logs.copies import Flags, columns, is_nameless
from connectors.logs.count import Count, Owners
from connectors.logs.kinds import Kinds
from connectors.logs.recalled import Page, Recalled
from connectors.logs.rolled import Whole
from connectors.logs.sights import Sights
from connectors.logs.store import Columns, Numbers
from connectors.logs.usage import by_row

_DAY = np.uint32(DAY_SECONDS)


class Reckoning:
    """Takes events that have to be looked through, and then tells what all events add up to."""

    def __init__(
        self,
        count: Count,
        base: Recalled | None,
        sights: Sights,
        ranks: npt.NDArray[np.intp],
        again: Flags,
    ) -> None:
        """Begin with the sums of `base`, whose files stand at `ranks` among all, and with its `sights`.

        `again` says by place which files have the content of one before them.
        """
        self._count = count
        self._base = base
        self._ranks = ranks
        self._again = again
        self.sights = Sights(sights.counts, sights.firsts, sights.lasts)
        self._dirty: list[Column] = [base.removed_days()] if base is not None else []
        self._standing: list[tuple[Numbers, Numbers]] = []
        """Kinds and times of events that are in the sums, perhaps for another copy."""
        self._shared: list[Numbers] = []
        """Events of the base that were taken here."""

    def take(self, events: Columns, owners: Owners, copied: Flags, kinds: Kinds) -> None:
        """Count events, of which those that the base has come with all that share an id with them."""
        counted = ~copied
        self._count.tell(events.times, owners, copied)
        known = events.ats < (self._base.events if self._base is not None else 0)
        self.sights.add(kinds.placed()[events.kinds[~known]], events.times[~known])
        if self._base is not None and np.any(known):
            old = np.flatnonzero(known)
            was_copied = self._base.copied[events.ats[old]]
            np.subtract.at(self._count.duplicates, owners[old[was_copied]], 1)
            self._shared.append(events.ats[old])
            named = ~is_nameless(events.mixed, events.low)
            alike = events._replace(kinds=kinds.alike()[events.kinds])
            standing, lost = _compared(alike, np.flatnonzero(counted & named), old[~was_copied])
            self._dirty.append(events.times[lost] // _DAY)
            self._standing.append((events.kinds[standing], events.times[standing]))
            counted[standing] = False
        self._count.add(events.kinds, events.times, counted)

    def rows(self, kinds: Kinds) -> Cells:
        """Return what was counted by row and day; what `files` returns is complete then."""
        base = self._base
        if base is None:
            return by_row(self._count.cells(), kinds.ranked())
        changed = self._changed(base)
        cells, dirty = self._clean(base, changed)
        for some, times in self._standing:
            self._count.add(some, times, dirty.have(times // _DAY))
        self._count.duplicates[self._ranks] += base.objects.duplicates
        shared = np.zeros(base.events, np.bool_)
        for ats in self._shared:
            shared[ats] = True
        straddling = self._straddling(base)
        for page in base.pages(dirty.between(base) | straddling):
            self._count_again(base, page, shared, dirty)
        self._outside(base, straddling)
        new = by_row(self._count.cells(), kinds.ranked())
        return merged(new, cells._replace(keys=kinds.moved(cells.keys)))

    def files(self) -> tuple[Whole, Whole]:
        """Return by file how many of its events are copies, and how many others lie outside the window."""
        return self._count.duplicates, self._count.outside

    def _clean(self, base: Recalled, changed: Flags) -> "tuple[Cells, _Days]":
        """Return the sums that stand, and the days whose events are counted again."""
        cells, count = base.rolled.cells, self._count
        inside = (cells.firsts >= count.start) & (cells.lasts < count.end)
        cut = ~inside & (cells.lasts >= count.start) & (cells.firsts < count.end)
        firsts, lasts = base.objects.firsts[changed] // _DAY, base.objects.lasts[changed] // _DAY
        spans = [
            np.arange(first, last + 1) for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True)
        ]
        dirty = _Days(np.unique(np.concatenate([cells.days[cut], *spans, *self._dirty]).astype(np.int64)))
        if len(dirty.days):
            inside &= ~dirty.have(cells.days)
        return (cells if inside.all() else Cells(*(column[inside] for column in cells))), dirty

    def _straddling(self, base: Recalled) -> Flags:
        """Return the files that may have events on both sides of an edge of the window."""
        firsts, lasts = base.objects.firsts, base.objects.lasts
        found: Flags = np.zeros(len(firsts), np.bool_)
        for edge in (self._count.start, self._count.end):
            found |= (firsts < edge) & (lasts >= edge)
        return found

    def _changed(self, base: Recalled) -> Flags:
        """Return the objects whose events without an id are copies now and were none, or the reverse."""
        if base.rolled.named:
            return np.zeros(len(self._ranks), np.bool_)
        found: Flags = (self._again[self._ranks] != base.objects.again) & (base.lengths > 0)
        return found

    def _count_again(self, base: Recalled, page: Page, shared: Flags, dirty: "_Days") -> None:
        """Count the events of one page that the sums do not hold any more."""
        count = self._count
        ats, times = base.ats(page.objects), page.packed.times()
        files = np.repeat(page.objects, base.lengths[page.objects])
        owners = self._ranks[files]
        copied = base.copied[ats]
        if not base.rolled.named:
            nameless = is_nameless(*columns(page.packed.ids()))
            again = nameless & self._again[owners]
            np.subtract.at(count.duplicates, owners[nameless & base.objects.again[files]], 1)
            np.add.at(count.duplicates, owners[again], 1)
            copied = copied | again
        rest = ~shared[ats] & ~copied
        count.add(page.kinds, times, rest & dirty.have(times // _DAY))
        count.tell(times[rest], owners[rest], np.zeros(np.count_nonzero(rest), np.bool_))

    def _outside(self, base: Recalled, straddling: Flags) -> None:
        """Say of files that lie on one side of the window whole how many of their events are outside."""
        count, objects, ranks = self._count, base.objects, self._ranks
        out = (objects.lasts < count.start) | (objects.firsts >= count.end)
        told = np.where(out, base.lengths - count.duplicates[ranks], 0)
        count.outside[ranks] = np.where(straddling, count.outside[ranks], told)


class _Days:
    """Some days, sorted."""

    def __init__(self, days: Whole) -> None:
        self.days = days

    def have(self, days: Column) -> Flags:
        """Return which days are among them."""
        return np.isin(days, self.days)

    def between(self, base: Recalled) -> Flags:
        """Return which objects may have events on one of them."""
        objects = base.objects
        first = np.searchsorted(self.days, objects.firsts // _DAY, side="left")
        return first < np.searchsorted(self.days, objects.lasts // _DAY, side="right")


def _compared(events: Columns, now: Whole, before: Whole) -> tuple[Whole, Whole]:
    """Compare the events that count now with those that counted before, each of which has another id.

    Return those that count now and look as the one with their id that counted before, and those that counted
    before and have no such successor.
    """
    both = np.concatenate((now, before))
    order = np.lexsort((events.low[both], events.mixed[both]))
    both = both[order]
    first, second = both[:-1], both[1:]
    same = np.flatnonzero(
        (events.mixed[first] == events.mixed[second])
        & (events.low[first] == events.low[second])
        & (events.kinds[first] == events.kinds[second])
        & (events.times[first] == events.times[second])
    )
    is_now = order < len(now)
    standing = np.where(is_now[same], first[same], second[same])
    gone = np.where(is_now[same], second[same], first[same])
    return standing, np.setdiff1d(before, gone)
