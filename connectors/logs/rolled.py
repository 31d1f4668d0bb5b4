"""Keep in the ledger what its objects add up to, so that later scans count only what is new.

What is kept names the objects that it is about, and an object's events never change under its number: so it
holds for those of them that are still there, whatever other scans wrote meanwhile.
"""

import contextlib
import os
from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from connectors.logs.cells import Cells
from connectors.logs.clock import DAY_SECONDS
from connectors.logs.copies import Flags
from connectors.logs.fold import FileRead
from connectors.logs.kinds import KindTable, unpacked
from connectors.logs.packing import Narrow, narrow, released, squeezed, wide
from connectors.logs.sights import Sights
from connectors.logs.store import Numbers
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
"""An older version kept there which events are copies of each other, and no sums."""
ROLLED = """
DROP TABLE log_settled;
CREATE TABLE log_rolled (
    scope INTEGER PRIMARY KEY REFERENCES log_scope (id),
    objects BLOB NOT NULL,
    copies BLOB NOT NULL,
    kinds BLOB NOT NULL,
    cells BLOB NOT NULL,
    named INTEGER NOT NULL
) STRICT;
"""
"""`objects`: what is known of each; `copies`: a bit for each of their events; `kinds`: a `KindTable`;
`cells`: their events by row and day, and by place; all packed. `named`: whether all events have an id."""

Whole = npt.NDArray[np.int64]

_BETWEEN = "\0"
"""Stands in no path; where it does, nothing is kept."""


class Objects(NamedTuple):
    """Objects of the ledger as columns, in the order of their numbers."""

    numbers: npt.NDArray[np.uint64]
    versions: Numbers
    """Of the readers that read them."""
    files: list[FileRead]
    """As they were read."""
    firsts: Numbers
    lasts: Numbers
    """Times of their first and last event; copies are events, too."""
    duplicates: Whole
    """How many of their events are copies."""
    again: Flags
    """Whether another object has the same content, and stands before it in the order of paths."""

    def taken(self, which: Flags) -> "Objects":
        """Return some of the objects."""
        files = [self.files[at] for at in np.flatnonzero(which).tolist()]
        numbers, versions, _, firsts, lasts, duplicates, again = self
        columns = (firsts[which], lasts[which], duplicates[which], again[which])
        return Objects(numbers[which], versions[which], files, *columns)

    def lengths(self) -> Whole:
        """Return by object how many events it has."""
        return np.array([file.events for file in self.files], np.int64)


class Rolled(NamedTuple):
    """What some objects of one scope add up to, whatever the window."""

    objects: Objects
    copied: bytes
    """A bit for each event, object after object: whether its id stands in a file before, or earlier in its
    own. Packed: it is seldom needed."""
    kinds: KindTable
    """All kinds of these events, and perhaps others."""
    cells: Cells
    """Events that are no copies, by row (a place among the sorted keys of the kinds) and day."""
    sights: Sights
    """All events by place."""
    named: bool
    """Whether all these events have an id."""


def packed_flags(copied: Flags) -> bytes:
    """Return flags as a bit each, packed."""
    return squeezed(np.packbits(copied).tobytes())


def flags(packed: bytes, count: int) -> Flags:
    """Return so many flags; those that were not kept are not set."""
    bits = np.unpackbits(np.frombuffer(released(packed), np.uint8), count=count)
    return bits.view(np.bool_)


def read_rolled(state: State, scope: int) -> Rolled | None:
    """Return what was kept of a scope; None where it cannot be used, and has to be counted again."""
    query = "SELECT objects, copies, kinds, cells, named FROM log_rolled WHERE scope = ?"
    for listed, copies, table, sums, named in state.read(query, (scope,)):
        with contextlib.suppress(msgspec.MsgspecError, ValueError):
            kinds, objects = unpacked(table), _objects(listed)
            flags(copies, int(objects.lengths().sum()))
            return kinds and Rolled(objects, copies, kinds, *_sums(sums), bool(named))
    return None


def write_rolled(state: State, scope: int, rolled: Rolled) -> None:
    """Keep what objects add up to; it takes the place of what was kept before."""
    listed = _listed(rolled.objects)
    if listed is None:
        return
    with state.transaction() as connection:
        connection.execute(
            "INSERT OR REPLACE INTO log_rolled (scope, objects, copies, kinds, cells, named)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (scope, listed, rolled.copied, rolled.kinds.packed(), _summed(rolled), int(rolled.named)),
        )


def _listed(objects: Objects) -> bytes | None:
    """Return objects as bytes; None for names that cannot be told apart then."""
    files = objects.files
    texts = [_joined(file.path for file in files), _joined(file.stamp for file in files)]
    if any(text.count(_BETWEEN.encode()) != max(len(files) - 1, 0) for text in texts):
        return None
    met = dict.fromkeys((file.status, file.reason, file.lost) for file in files)
    fates = {fate: number for number, fate in enumerate(met)}
    columns = narrow(
        (
            objects.numbers,
            objects.versions,
            objects.firsts,
            objects.lasts,
            objects.duplicates,
            objects.again,
            np.array([file.size_bytes for file in files], np.int64),
            np.array([file.events for file in files], np.int64),
            np.array([file.rejected for file in files], np.int64),
            np.array([fates[file.status, file.reason, file.lost] for file in files], np.int64),
        )
    )
    digests = bytes.fromhex("".join(file.digest for file in files))
    return squeezed(msgspec.msgpack.encode([texts, [*fates], columns, digests]))


def _joined(texts: Iterable[str]) -> bytes:
    return os.fsencode(_BETWEEN.join(texts))


def _objects(listed: bytes) -> Objects:
    (paths, stamps), fates, columns, digests = _LISTED.decode(released(listed))
    numbers, versions, firsts, lasts, duplicates, again, *counts, fate = wide(columns)
    sizes, events, rejected = (column.tolist() for column in counts)
    found = [fates[number] for number in fate.tolist()]
    files = zip(
        _split(paths, len(numbers)),
        sizes,
        [status for status, _, _ in found],
        [reason for _, reason, _ in found],
        events,
        rejected,
        _digests(digests.hex(), len(numbers)),
        [lost for _, _, lost in found],
        _split(stamps, len(numbers)),
        strict=True,
    )
    made = [*map(FileRead._make, files)]
    times = firsts.astype(np.uint32), lasts.astype(np.uint32)
    ids = numbers.astype(np.uint64), versions.astype(np.uint32)
    return Objects(*ids, made, *times, duplicates.astype(np.int64), again.astype(np.bool_))


def _split(texts: bytes, count: int) -> Sequence[str]:
    return os.fsdecode(texts).split(_BETWEEN) if count else []


def _digests(text: str, count: int) -> list[str]:
    width = len(text) // max(count, 1)
    return [text[at : at + width] for at in range(0, width * count, max(width, 1))]


def _summed(rolled: Rolled) -> bytes:
    """Return sums as bytes: of what is sorted the steps, and times from the beginning of their day."""
    (keys, days, counts, firsts, lasts), sights = rolled.cells, rolled.sights
    steps = np.diff(keys, prepend=np.zeros(1, keys.dtype))
    columns = (steps, days, counts, firsts - days * np.uint32(DAY_SECONDS), lasts - firsts)
    places = (sights.counts, sights.firsts, sights.lasts)
    return squeezed(msgspec.msgpack.encode((counted_by(), narrow((*columns, *places)))))


def _sums(body: bytes) -> tuple[Cells, Sights]:
    code, held = _COLUMNS.decode(released(body))
    if code != counted_by():
        raise ValueError("counted by another version")
    steps, *columns, places, seen_first, seen_last = wide(held)
    days, counts, begins, lengths = (column.astype(np.uint32) for column in columns)
    firsts = days * np.uint32(DAY_SECONDS) + begins
    cells = Cells(np.cumsum(steps, dtype=np.uint32), days, counts.astype(np.int64), firsts, firsts + lengths)
    sights = Sights(places.astype(np.int64), seen_first.astype(np.uint32), seen_last.astype(np.uint32))
    return cells, sights


@lru_cache(maxsize=1)
def counted_by() -> bytes:
    """Return a digest of the code that adds up: sums of older code would pass for those of this one."""
    found = blake2b(digest_size=16)
    for path in sorted(Path(__file__).parent.glob("*.py")):
        found.update(path.read_bytes())
    return found.digest()


_COLUMNS = msgspec.msgpack.Decoder(tuple[bytes, list[Narrow]])
_LISTED = msgspec.msgpack.Decoder(
    tuple[tuple[bytes, bytes], list[tuple[str, str, bool]], list[Narrow], bytes]
)
