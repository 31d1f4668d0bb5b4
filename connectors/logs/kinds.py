"""Number the kinds of event that one read meets: those of earlier scans as columns, new ones one by one."""

import zlib
from collections.abc import Mapping, Sequence
from sys import intern
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from connectors.logs.cells import spans
from connectors.logs.fold import Kind, Place
from connectors.logs.rows import RowKey
from connectors.logs.store import Numbers

Words = npt.NDArray[np.object_]
"""A matrix of words: one row for each RowKey, one column for each of its fields."""
_FAST = 1


class Ranked(NamedTuple):
    """The keys of all rows in order, and which of them the events of each kind count in."""

    keys: Words
    ranks: Numbers
    """Places among the keys: those of the first kind, then those of the second, …"""
    starts: Numbers
    """By kind: where its ranks begin; and where the last ones end."""


class KindTable(NamedTuple):
    """Kinds as columns, each word kept once: 38,000 kinds take a tenth of a second less than one by one."""

    numbers: Numbers
    """The kinds by their numbers in the ledger, in the order of their keys."""
    ranks: Numbers
    starts: Numbers
    """See Ranked."""
    placed: Numbers
    """By kind: its place."""
    places: list[Place]
    words: list[str]
    columns: list[Numbers]
    """By field of a RowKey: the words of the sorted keys."""

    def keys(self) -> Words:
        """Return the keys of all rows, sorted."""
        return np.array(self.words, np.object_)[np.stack(self.columns, axis=1)]

    def packed(self) -> bytes:
        """Return the table as bytes."""
        numbers = (self.numbers, self.ranks, self.starts, self.placed, *self.columns)
        columns = [column.astype("<u4").tobytes() for column in numbers]
        return zlib.compress(msgspec.msgpack.encode([self.places, self.words, columns]), _FAST)


def unpacked(body: bytes) -> KindTable | None:
    """Return a table from its bytes; None where rows had other fields then."""
    places, words, columns = _TABLE.decode(zlib.decompress(body))
    numbers, ranks, starts, placed, *fields = (np.frombuffer(column, "<u4") for column in columns)
    if len(fields) != len(RowKey._fields):
        return None
    return KindTable(numbers, ranks, starts, placed, places, words, fields)


def _matrix(keys: Sequence[tuple[str, ...]]) -> Words:
    return np.array(keys, np.object_).reshape(-1, len(RowKey._fields))


_TABLE = msgspec.msgpack.Decoder(tuple[list[Place], list[str], list[bytes]])


class Kinds:
    """All kinds of event of one read by their numbers: first those of a table, then the others as they come.

    A kind of the table may come once more among the others: what is counted of either becomes one row.
    """

    def __init__(self) -> None:
        self.table: KindTable | None = None
        self._settled = 0
        self._others: list[Kind] = []
        self._numbers: dict[Kind, int] = {}
        self._places: dict[Place, int] = {}
        self._placed: list[int] = []
        self._ranked: Ranked | None = None

    def adopt(self, table: KindTable) -> None:
        """Begin with the kinds of a table, in its order."""
        self.table = table
        self._settled = len(table.numbers)
        self._places = {place: number for number, place in enumerate(table.places)}

    def __len__(self) -> int:
        return self._settled + len(self._others)

    def number(self, kind: Kind) -> int:
        """Return the number of a kind of event."""
        found = self._numbers.get(kind)
        if found is None:
            kind = Kind(tuple([RowKey._make(map(intern, key)) for key in kind.keys]), kind.place)
            found = self._numbers[kind] = len(self)
            self._others.append(kind)
            self._ranked = None
            self._placed.append(self._places.setdefault(kind.place, len(self._places)))
        return found

    def other(self, number: int) -> Kind:
        """Return the kind of a number, if it is none of the table."""
        return self._others[number - self._settled]

    def places(self) -> list[Place]:
        """Return all places where events were seen."""
        return list(self._places)

    def placed(self) -> Numbers:
        """Return by kind the number of its place."""
        others = np.array(self._placed, np.uint32)
        return others if self.table is None else np.concatenate((self.table.placed, others))

    def ranked(self) -> Ranked:
        """Return the keys of all rows, sorted."""
        if self._ranked is None:
            self._ranked = self._sorted()
        return self._ranked

    def _sorted(self) -> Ranked:
        table = self.table
        if table is not None and not self._others:
            return Ranked(table.keys(), table.ranks, table.starts)
        known = [*map(tuple, table.keys().tolist())] if table is not None else []
        keys: list[tuple[str, ...]] = sorted({*known, *(key for kind in self._others for key in kind.keys)})
        ranks = {key: rank for rank, key in enumerate(keys)}
        others = [ranks[key] for kind in self._others for key in kind.keys]
        ends = np.cumsum([0, *(len(kind.keys) for kind in self._others)])
        if table is None:
            return Ranked(_matrix(keys), np.array(others, np.uint32), ends.astype(np.uint32))
        moved = np.array([ranks[key] for key in known], np.uint32)[table.ranks]
        return Ranked(
            _matrix(keys),
            np.concatenate((moved, np.array(others, np.uint32))),
            np.concatenate((table.starts[:-1], len(moved) + ends)).astype(np.uint32),
        )

    def settled(self, stored: Mapping[int, int]) -> KindTable | None:
        """Return the table with all kinds that the ledger numbers: `stored` has the numbers of the others."""
        table = self.table
        known = table.numbers.tolist() if table is not None else []
        numbers = {number: at for at, number in enumerate(known)}
        for at in range(self._settled, len(self)):
            if at in stored:
                numbers.setdefault(stored[at], at)
        if not numbers or len(numbers) == len(known):
            return table
        keys, ranks, starts = self.ranked()
        chosen = np.array([*numbers.values()], np.int64)
        # In the order of keys, so that what is counted by kind need not be sorted by row.
        begins = np.append(starts, starts[-1])[chosen].astype(np.int64)
        order = np.argsort(np.append(ranks, 0)[begins], kind="stable")
        begins, chosen = begins[order], chosen[order]
        widths = starts[chosen + 1].astype(np.int64) - begins
        words: dict[str, int] = {}
        columns = [
            np.array([words.setdefault(word, len(words)) for word in field], np.uint32)
            for field in keys.T.tolist()
        ]
        return KindTable(
            np.array([*numbers], np.uint32)[order],
            ranks[spans(begins, widths)],
            np.append(0, np.cumsum(widths)).astype(np.uint32),
            self.placed()[chosen],
            self.places(),
            list(words),
            columns,
        )
