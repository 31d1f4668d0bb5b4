"""Keep in the ledger which events are copies of others, so that later scans need not find it out again.

What is kept names the objects that it is about, and an object's events never change under its number: so it
holds for as long as all of them are there, whatever other scans wrote meanwhile.
"""

import contextlib
import zlib
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from connectors.logs.copies import Flags
from connectors.logs.kinds import KindTable, unpacked
from connectors.state import State

SETTLED = """
CREATE TABLE log_settled (
    scope INTEGER PRIMARY KEY REFERENCES log_scope (id),
    objects BLOB NOT NULL,
    copies BLOB NOT NULL,
    kinds BLOB NOT NULL,
    named INTEGER NOT NULL
) STRICT;
"""
"""`objects`: their numbers; `copies`: a bit for each of their events; `kinds`: a `KindTable`; all packed.
`named`: whether all events have an id."""

_FAST = 1


class Settled(NamedTuple):
    """What was found out about some objects of one scope."""

    objects: npt.NDArray[np.uint64]
    """Their numbers, ascending."""
    copied: Flags
    """By event, object after object: whether its id stands in an earlier file, or earlier in its own."""
    kinds: KindTable
    """All kinds of these events, and perhaps others."""
    named: bool
    """Whether all these events have an id."""


def read_settled(state: State, scope: int) -> Settled | None:
    """Return what was kept of a scope; None where it cannot be used, and has to be found out again."""
    query = "SELECT objects, copies, kinds, named FROM log_settled WHERE scope = ?"
    for objects, copies, body, named in state.read(query, (scope,)):
        with contextlib.suppress(zlib.error, msgspec.MsgspecError, ValueError):
            kinds = unpacked(body)
            bits = np.unpackbits(np.frombuffer(zlib.decompress(copies), np.uint8))
            numbers = np.frombuffer(zlib.decompress(objects), "<u8")
            return kinds and Settled(numbers, bits.astype(np.bool_), kinds, bool(named))
    return None


def write_settled(state: State, scope: int, settled: Settled) -> None:
    """Keep what was found out; it takes the place of what was kept before."""
    objects = zlib.compress(settled.objects.astype("<u8").tobytes(), _FAST)
    copies = zlib.compress(np.packbits(settled.copied).tobytes(), _FAST)
    with state.transaction() as connection:
        connection.execute(
            "INSERT OR REPLACE INTO log_settled (scope, objects, copies, kinds, named)"
            " VALUES (?, ?, ?, ?, ?)",
            (scope, objects, copies, settled.kinds.packed(), int(settled.named)),
        )
