"""Group columns of events by kind and day."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from connectors.logs.clock import DAY_SECONDS

Whole = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.uint32]
Column = npt.NDArray[np.integer[Any]]


class Cells(NamedTuple):
    """Counts by (kind or row, day since 1970), sorted by both; with the first and last second of each.

    Counts are 64 bits wide, all else 32.
    """

    keys: Column
    days: Column
    counts: Column
    firsts: Column
    lasts: Column


def cells_of(kinds: Numbers, times: Numbers) -> Cells:
    """Return the cells of events."""
    packed = kinds.astype(np.uint64)
    packed <<= np.uint64(32)
    packed |= times
    packed.sort()
    keys = (packed >> np.uint64(32)).astype(np.uint32)
    seconds = packed.astype(np.uint32)  # the lower half
    del packed
    days = seconds // np.uint32(DAY_SECONDS)
    starts = _starts(keys, days)
    ends = np.append(starts[1:], len(keys)) - 1 if len(starts) else starts
    return Cells(keys[starts], days[starts], ends - starts + 1, seconds[starts], seconds[ends])


def merged(some: Cells, more: Cells) -> Cells:
    """Return all cells with those of the same key and day made one."""
    if not len(some.keys):
        return more
    return regrouped(Cells(*map(np.concatenate, zip(some, more, strict=True))))


def regrouped(cells: Cells) -> Cells:
    """Return cells in any order as sorted ones, one for each key and day."""
    places = (cells.keys.astype(np.uint64) << np.uint64(32)) | cells.days
    if np.all(places[1:] > places[:-1]):
        return cells
    order = np.argsort(places, kind="stable")
    keys, days, counts, firsts, lasts = (column[order] for column in cells)
    starts = _starts(keys, days)
    if len(starts) == len(keys):
        return Cells(keys, days, counts, firsts, lasts)
    return Cells(
        keys[starts],
        days[starts],
        np.add.reduceat(counts, starts),
        np.minimum.reduceat(firsts, starts),
        np.maximum.reduceat(lasts, starts),
    )


def spans(starts: Whole, lengths: Whole) -> Whole:
    """Return all places of spans that begin at `starts`, one span after the other."""
    ends = np.cumsum(lengths)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - ends + lengths, lengths)


def _starts(keys: Column, days: Column) -> Whole:
    if not len(keys):
        return np.zeros(0, np.int64)
    changed = (keys[1:] != keys[:-1]) | (days[1:] != days[:-1])
    return np.flatnonzero(np.concatenate(([True], changed)))
