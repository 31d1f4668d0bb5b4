"""Hold the events of which an earlier scan found out which are copies of each other."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from connectors.logs.cells import spans
from connectors.logs.copies import Flags, Words, columns
from connectors.logs.seen import Run
from connectors.logs.store import Columns, Numbers

_SIEVE_BITS = 20
EVENT_BYTES = 24
"""An event of an object in the ledger: 16 bytes of id, 4 of time, 4 of kind."""


class Packed(NamedTuple):
    """Events of some objects as the ledger has them: of each object all ids, all times, then all kinds."""

    data: bytes
    lengths: npt.NDArray[np.int64]
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

    def _before(self) -> npt.NDArray[np.int64]:
        return np.cumsum(self.lengths) - self.lengths

    def _numbers(self, place: int) -> Numbers:
        starts = 6 * self._before() + place * self.lengths
        return np.frombuffer(self.data, "<u4")[spans(starts, self.lengths)]


class Piece(NamedTuple):
    """Some events, in the order of the ledger's objects."""

    packed: Packed
    kinds: Numbers
    """Their kinds in the tally."""
    copied: Flags
    """Which have an id that stands in an earlier file, or earlier in their own."""


class Recalled:
    """The events of all objects that an earlier scan settled, as Packed has them."""

    def __init__(self, pieces: list[Piece]) -> None:
        self._packed = [piece.packed for piece in pieces]
        self.times = np.concatenate([packed.times() for packed in self._packed])
        self.kinds = np.concatenate([piece.kinds for piece in pieces])
        self.copied: Flags = np.concatenate([piece.copied for piece in pieces])

    def columns(self) -> Columns:
        """Return the events as those of which nothing is known; they are the first that are met."""
        mixed, low = columns(self._ids())
        return Columns(mixed, low, self.times, self.kinds, np.arange(len(mixed), dtype=np.uint32))

    def run(self, which: Flags) -> Run:
        """Return the ids of some events, sorted; no two of them may be the same."""
        mixed, low = columns(self._ids())
        mixed, low = mixed[which], low[which]
        order = np.argsort(mixed)
        return Run(mixed[order], low[order])

    def _ids(self) -> bytes:
        return b"".join([packed.ids() for packed in self._packed])


def among(mixed: Words, some: Words) -> Flags:
    """Return which values stand in `some`, which are few; both spread evenly over their range."""
    sieve = np.zeros(1 << _SIEVE_BITS, np.bool_)
    shift = np.uint64(64 - _SIEVE_BITS)
    sieve[some >> shift] = True
    perhaps = np.flatnonzero(sieve[mixed >> shift])
    found = np.zeros(len(mixed), np.bool_)
    found[perhaps] = np.isin(mixed[perhaps], some)
    return found
