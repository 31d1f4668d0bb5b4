"""Tell the first copy of each event from the later ones, for columns of ids."""

import numpy as np
import numpy.typing as npt

from connectors.logs.seen import Run

Words = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]

_LARGE = 1_000_000
"""Only so many ids (16 MB) are put together in one run: that takes little memory."""

_FACTOR = np.uint64(0x9E3779B97F4A7C15)
"""An odd number: with it, an id is spread evenly and can be got back from both of its columns."""


def columns(ids: bytes | bytearray) -> tuple[Words, Words]:
    """Return packed ids as two columns that together are equal exactly for equal ids.

    The first is spread evenly over its range even where ids are not, so it can be sorted and cut alone.
    """
    halves = np.frombuffer(ids, dtype="<u8").reshape(-1, 2)
    low = halves[:, 1].copy()
    mixed = (halves[:, 0] + low * _FACTOR) * _FACTOR
    mixed ^= mixed >> np.uint64(32)
    return mixed, low


def is_nameless(mixed: Words, low: Words) -> Flags:
    """Return which events have no id."""
    found: Flags = (mixed == 0) & (low == 0)
    return found


def copies(mixed: Words, low: Words, before: list[Run]) -> tuple[Flags, Run]:
    """Return which events have an id that stands before them or in `before`, and the ids that are new."""
    order = np.argsort(mixed, kind="stable")
    sorted_mixed, sorted_low = mixed[order], low[order]
    same = sorted_mixed[1:] == sorted_mixed[:-1]
    if np.any(same & (sorted_low[1:] != sorted_low[:-1])):  # one chance in billions, or made on purpose
        order = np.lexsort((low, mixed))
        sorted_mixed, sorted_low = mixed[order], low[order]
        same = (sorted_mixed[1:] == sorted_mixed[:-1]) & (sorted_low[1:] == sorted_low[:-1])
    first = np.concatenate(([True], ~same)) if len(mixed) else np.zeros(0, np.bool_)
    known = np.zeros(len(mixed), np.bool_)
    for run in before:
        known |= _held(run, sorted_mixed, sorted_low)
    copied = np.zeros(len(mixed), np.bool_)
    copied[order] = known | ~first
    fresh = first & ~known
    return copied, Run(sorted_mixed[fresh], sorted_low[fresh])


def held(mixed: Words, low: Words, runs: list[Run]) -> Flags:
    """Return which events have an id that stands in one of the runs."""
    found = np.zeros(len(mixed), np.bool_)
    if runs:
        order = np.argsort(mixed)  # what is looked up in order is found in half the time
        for run in runs:
            found[order] |= _held(run, mixed[order], low[order])
    return found


def _held(run: Run, mixed: Words, low: Words) -> Flags:
    """Return which ids stand in a run."""
    size = len(run.mixed)
    found = np.zeros(len(mixed), np.bool_)
    if not size:
        return found
    at = np.searchsorted(run.mixed, mixed)
    open_ = np.arange(len(mixed))
    while len(open_):
        place = at[open_]
        inside = place < size
        open_, place = open_[inside], place[inside]
        alike = run.mixed[place] == mixed[open_]
        open_, place = open_[alike], place[alike]
        found[open_] |= run.low[place] == low[open_]
        open_ = open_[~found[open_]]
        at[open_] += 1  # another id with the same first column
    return found


def few(runs: list[Run]) -> list[Run]:
    """Make one of small runs of like size at the end of the list, and return the list.

    Each read looks into every run, so hundreds of sources would otherwise look into tens of thousands.
    """
    while len(runs) > 1 and _are_alike(*runs[-2:]):
        last = runs.pop()
        mixed = np.concatenate([runs[-1].mixed, last.mixed])
        order = np.argsort(mixed, kind="stable")
        runs[-1] = Run(mixed[order], np.concatenate([runs[-1].low, last.low])[order])
    return runs


def _are_alike(older: Run, newer: Run) -> bool:
    return len(older.mixed) <= min(2 * len(newer.mixed), _LARGE - len(newer.mixed))


def part(run: Run, number: int, parts: int) -> Run:
    """Return the ids of one of `parts` (a power of two) equal ranges of the first column."""
    width = (1 << 64) // parts
    start = np.searchsorted(run.mixed, np.uint64(number * width))
    end = (
        len(run.mixed) if number == parts - 1 else np.searchsorted(run.mixed, np.uint64((number + 1) * width))
    )
    return Run(run.mixed[start:end], run.low[start:end])
