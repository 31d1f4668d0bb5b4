"""Usage rows as a sequence that is made when it is read."""

from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np

from connectors.logs.cells import Cells, regrouped
from connectors.logs.clock import DAY_SECONDS, day, stamp
from connectors.logs.fold import Kind
from connectors.logs.rows import RowKey, UsageRow

_AT_ONCE = 10_000


class Rows(Sequence[UsageRow]):
    """The usage rows in order, made when asked for: a million of them at once would take 300 MB."""

    def __init__(self, cells: Cells, kinds: Sequence[Kind]) -> None:
        self._keys, self._cells = _by_row(cells, kinds)

    def __len__(self) -> int:
        return len(self._cells.keys)

    def __iter__(self) -> Iterator[UsageRow]:
        for start in range(0, len(self), _AT_ONCE):
            yield from self._made(start, start + _AT_ONCE)

    def _made(self, start: int, end: int) -> Iterator[UsageRow]:
        days: dict[int, str] = {}
        keys = self._keys
        piece = (column[start:end].tolist() for column in self._cells)
        for key, number, count, first, last in zip(*piece, strict=True):
            written = days.get(number)
            if written is None:
                written = days[number] = day(number)
            begun = stamp(written, first % DAY_SECONDS)
            ended = begun if first == last else stamp(written, last % DAY_SECONDS)
            row: RowKey = keys[key]
            yield UsageRow(*row, written, count, begun, ended)

    @overload
    def __getitem__(self, at: int) -> UsageRow: ...
    @overload
    def __getitem__(self, at: slice) -> list[UsageRow]: ...
    def __getitem__(self, at: int | slice) -> UsageRow | list[UsageRow]:
        if isinstance(at, slice):
            return list(self)[at]
        at = range(len(self))[at]
        return next(self._made(at, at + 1))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    def __hash__(self) -> int:
        raise TypeError("rows are compared, not hashed")


def _by_row(cells: Cells, kinds: Sequence[Kind]) -> tuple[list[RowKey], Cells]:
    """Return the sorted keys of all rows, and the cells of kinds as cells of those.

    Several kinds may count in one row (seen in different places), and one kind in several rows.
    """
    met = np.unique(cells.keys)
    ranked = sorted({key for number in met.tolist() for key in kinds[number].keys})
    ranks = {key: rank for rank, key in enumerate(ranked)}
    flat: list[int] = []
    starts, widths = np.zeros(len(kinds), np.int64), np.zeros(len(kinds), np.int64)
    for number in met.tolist():
        starts[number] = len(flat)
        flat += [ranks[key] for key in kinds[number].keys]
        widths[number] = len(kinds[number].keys)
    ranks_of = np.array(flat, np.uint32)
    if np.all(widths[met] == 1):  # as nearly always
        return ranked, regrouped(cells._replace(keys=ranks_of[starts[cells.keys]]))
    width = widths[cells.keys]
    repeated = Cells(*(np.repeat(column, width) for column in cells))
    within = np.arange(len(repeated.keys)) - np.repeat(np.cumsum(width) - width, width)
    return ranked, regrouped(repeated._replace(keys=ranks_of[starts[repeated.keys] + within]))
