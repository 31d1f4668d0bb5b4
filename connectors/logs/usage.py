"""Usage rows as a sequence that is made when it is read."""

from collections.abc import Callable, Iterator, Sequence
from typing import overload

import numpy as np

from connectors.logs.cells import Cells, Column, regrouped, spans
from connectors.logs.keys import Words
from connectors.logs.kinds import Ranked
from connectors.logs.rows import UsageRow
from connectors.logs.stamps import STAMP, days, stamps, write_stamps

_AT_ONCE = 10_000


class Rows(Sequence[UsageRow]):
    """The usage rows in order, made when asked for: a million of them at once would take 300 MB."""

    def __init__(self, cells: Cells, keys: Words) -> None:
        self._keys = keys
        self._cells = cells
        """By row: a place among the keys."""

    def __len__(self) -> int:
        return len(self._cells.keys)

    def __iter__(self) -> Iterator[UsageRow]:
        for start in range(0, len(self), _AT_ONCE):
            yield from self._made(start, start + _AT_ONCE)

    def _made(self, start: int, end: int) -> Iterator[UsageRow]:
        keys, numbers, counts, firsts, lasts = (column[start:end] for column in self._cells)
        written, which = days(numbers)
        day = map(written.__getitem__, which.tolist())
        fields: list[list[str]] = self._keys[keys].T.tolist()
        made: Callable[..., UsageRow] = UsageRow
        # Columns, so that no step of a loop in Python is taken for each row.
        return map(made, *fields, day, counts.tolist(), *_both_stamps(firsts, lasts))

    def lines(self, encode: Callable[[list[str]], bytes]) -> Iterator[tuple[bytes, int]]:
        """Yield all rows as JSON arrays, each on a line, many at a time; and how many.

        They are what `encode` (of lists of text) makes of the fields of each row, in a third of the time.
        """
        for start in range(0, len(self), _AT_ONCE):
            keys, numbers, counts, firsts, lasts = (
                column[start : start + _AT_ONCE] for column in self._cells
            )
            met, row = np.unique(keys, return_inverse=True)
            written, day = days(numbers)
            size, count = np.unique(counts, return_inverse=True)
            columns = (
                ([encode(key)[:-1] for key in self._keys[met].tolist()], row),
                ([b',"%s",' % text.encode() for text in written], day),
                ([b"%d" % number for number in size.tolist()], count),
            )
            pieces: list[bytes] = [b""] * (4 * len(keys))
            for at, (texts, which) in enumerate(columns):
                pieces[at::4] = map(texts.__getitem__, which.tolist())
            pieces[3::4] = _ends(firsts, lasts)
            yield b"".join(pieces), len(keys)

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


def _both_stamps(firsts: Column, lasts: Column) -> tuple[list[str], list[str]]:
    """Return times as text; most last ones are the first."""
    first = stamps(firsts)
    last = first.copy()
    others = np.flatnonzero(lasts != firsts)
    for at, text in zip(others.tolist(), stamps(lasts[others]), strict=True):
        last[at] = text
    return first, last


def _ends(firsts: Column, lasts: Column) -> list[bytes]:
    """Return the ends of lines, behind the count."""
    end = b',"%s","%s"]\n' % (b" " * STAMP, b" " * STAMP)
    letters = np.tile(np.frombuffer(end, np.uint8), (len(firsts), 1))
    write_stamps(firsts, letters[:, 2 : 2 + STAMP])
    write_stamps(lasts, letters[:, 5 + STAMP : 5 + 2 * STAMP])
    found: list[bytes] = letters.view(f"S{len(end)}").ravel().tolist()
    return found


def by_row(cells: Cells, ranked: Ranked) -> Cells:
    """Return the cells of kinds as cells of keys.

    Several kinds may count in one row (seen in different places), and one kind in several rows.
    """
    starts = ranked.starts.astype(np.int64)
    widths = np.diff(starts)
    if np.all(widths == 1):  # as nearly always
        return regrouped(cells._replace(keys=ranked.ranks[cells.keys]))
    width = widths[cells.keys]
    repeated = Cells(*(np.repeat(column, width) for column in cells))
    return regrouped(repeated._replace(keys=ranked.ranks[spans(starts[cells.keys], width)]))
