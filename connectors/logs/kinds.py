"""Number the kinds of event that one read meets: those of earlier scans as columns, new ones one by one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from sys import intern
from typing import NamedTuple

import msgspec
import numpy as np

from connectors.logs.cells import Column, spans
from connectors.logs.fold import Kind, Place
from connectors.logs.keys import Keys, Words
from connectors.logs.packing import Narrow, narrow, released, squeezed, wide
from connectors.logs.rows import RowKey
from connectors.logs.store import Numbers


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
    keys: Keys
    """Of all rows."""

    def packed(self) -> bytes:
        """Return the table as bytes."""
        columns = narrow((self.numbers, self.ranks, self.starts, self.placed, *self.keys.numbers.T))
        return squeezed(msgspec.msgpack.encode([self.places, self.keys.words, columns]))


def unpacked(body: bytes) -> KindTable | None:
    """Return a table from its bytes; None where rows had other fields then."""
    places, words, columns = _TABLE.decode(released(body))
    if len(columns) != len(RowKey._fields) + 4:
        return None
    numbers, ranks, starts, placed, *fields = (column.astype(np.uint32) for column in wide(columns))
    return KindTable(numbers, ranks, starts, placed, places, Keys(words, np.stack(fields, axis=1)))


def _matrix(keys: Sequence[tuple[str, ...]]) -> Words:
    return np.array(keys, np.object_).reshape(-1, len(RowKey._fields))


_TABLE = msgspec.msgpack.Decoder(tuple[list[Place], list[str], list[Narrow]])


@dataclass
class _Columns:
    placed: Numbers
    ranked: Ranked
    moved: Numbers | None
    keys: Keys | None
    alike: Numbers | None = None


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
        self._columns: _Columns | None = None

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
            self._columns = None
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
        return self._all().placed

    def alike(self) -> Numbers:
        """Return by kind a number that is equal for those that count in the same rows."""
        columns = self._all()
        if columns.alike is None:
            columns.alike = _alike(columns.ranked)
        return columns.alike

    def ranked(self) -> Ranked:
        """Return the keys of all rows, sorted."""
        return self._all().ranked

    def moved(self, rows: Column) -> Column:
        """Return where rows of the table stand among the keys of all rows."""
        moved = self._all().moved
        return rows if moved is None else moved[rows]

    def _all(self) -> "_Columns":
        """Return what is worked out about all kinds at once; it holds until another is met."""
        if self._columns is None:
            others = np.array(self._placed, np.uint32)
            placed = others if self.table is None else np.concatenate((self.table.placed, others))
            self._columns = _Columns(placed, *self._sorted())
        return self._columns

    def _sorted(self) -> tuple[Ranked, Numbers | None, Keys | None]:
        """Return the keys of all rows; with a table, where its keys are now, and all of them as numbers."""
        table = self.table
        if table is not None and not self._others:
            return Ranked(table.keys.texts(), table.ranks, table.starts), None, table.keys
        keys: list[tuple[str, ...]] = sorted({key for kind in self._others for key in kind.keys})
        ends = np.cumsum([0, *(len(kind.keys) for kind in self._others)])
        if table is None:
            return (
                Ranked(_matrix(keys), self._ranks(keys, range(len(keys))), ends.astype(np.uint32)),
                None,
                None,
            )
        joined, moved, places = table.keys.joined(keys)
        ranked = Ranked(
            joined.texts(),
            np.concatenate((moved[table.ranks], self._ranks(keys, places.tolist()))),
            np.concatenate((table.starts[:-1], len(table.ranks) + ends)).astype(np.uint32),
        )
        return ranked, moved, joined

    def _ranks(self, keys: Sequence[tuple[str, ...]], places: Sequence[int]) -> Numbers:
        """Return the places of the keys of those kinds that are not of the table, kind by kind."""
        place = dict(zip(keys, places, strict=True))
        return np.array([place[key] for kind in self._others for key in kind.keys], np.uint32)

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
        known_keys = self._all().keys
        return KindTable(
            np.array([*numbers], np.uint32)[order],
            ranks[spans(begins, widths)],
            np.append(0, np.cumsum(widths)).astype(np.uint32),
            self.placed()[chosen],
            self.places(),
            known_keys if known_keys is not None else Keys.of(keys.tolist()),
        )


def _alike(ranked: Ranked) -> Numbers:
    widths = np.diff(ranked.starts.astype(np.int64))
    found = np.append(ranked.ranks, 0)[ranked.starts[:-1]]
    several: dict[bytes, int] = {}
    for kind in np.flatnonzero(widths != 1).tolist():
        rows = np.sort(ranked.ranks[ranked.starts[kind] : ranked.starts[kind + 1]]).tobytes()
        found[kind] = len(ranked.keys) + several.setdefault(rows, len(several))
    return found
