"""Permission sets between a run, where a name has a bit, and the state file, where its number stays."""

import hashlib
import sqlite3
import zlib
from collections.abc import Mapping

import numpy as np

from connectors.facts import PermissionSet
from connectors.permissions import Permissions
from connectors.state import State


class SetStore:
    """The stored sets of one cloud: compressed bitmaps over name numbers, equal ones stored once."""

    def __init__(self, state: State, provider: str, permissions: Permissions) -> None:
        self._provider, self._permissions = provider, permissions
        rows = state.read("SELECT id, name FROM permission_name WHERE provider = ?", (provider,))
        self._numbers: dict[str, int] = {name: number for number, name in rows}
        self._read: dict[int, PermissionSet] = {}
        self._written: dict[PermissionSet, int] = {}
        self._to_bits = np.zeros(1 + max((number for number, _ in rows), default=0), dtype=np.int64)
        for number, name in rows:
            self._to_bits[number] = permissions.index(name)
        self._interned = permissions.mask(self._numbers)
        self._to_numbers: np.ndarray[tuple[int], np.dtype[np.int64]] | None = None

    def load(self, state: State, sets: Mapping[int, None]) -> None:
        """Read these stored sets, so that `read` knows them."""
        wanted = [number for number in sets if number not in self._read]
        for start in range(0, len(wanted), 500):
            some = wanted[start : start + 500]
            marks = ",".join("?" * len(some))
            for number, bits in state.read(
                f"SELECT id, bits FROM permission_set WHERE id IN ({marks})", some
            ):
                self._read[number] = self._decode(bits)

    def read(self, number: int) -> PermissionSet:
        """Return a loaded set in the bits of this run."""
        return self._read[number]

    def write(self, connection: sqlite3.Connection, permissions: PermissionSet) -> int:
        """Store a set unless an equal one is there; return its number."""
        found = self._written.get(permissions)
        if found is None:
            bits = self._encode(connection, permissions)
            digest = hashlib.sha256(bits).digest()
            connection.execute(
                "INSERT INTO permission_set (digest, bits) VALUES (?, ?) ON CONFLICT (digest) DO NOTHING",
                (digest, zlib.compress(bits, 1)),
            )
            row = connection.execute("SELECT id FROM permission_set WHERE digest = ?", (digest,)).fetchone()
            found = self._written[permissions] = int(row[0])
        return found

    def number(self, connection: sqlite3.Connection, name: str) -> int:
        """Return the stored number of one permission name, giving it one on first sight."""
        self._intern(connection, 1 << self._permissions.index(name))
        spelling = self._permissions.spelling(name)
        return self._numbers[spelling] if spelling in self._numbers else self._numbers[name]

    def _decode(self, blob: bytes) -> PermissionSet:
        numbers = _positions(zlib.decompress(blob))
        return _packed(self._to_bits[numbers])

    def _encode(self, connection: sqlite3.Connection, permissions: PermissionSet) -> bytes:
        self._intern(connection, permissions)
        if self._to_numbers is None or len(self._to_numbers) < len(self._permissions):
            self._to_numbers = np.full(len(self._permissions), -1, dtype=np.int64)
            for name, number in self._numbers.items():
                self._to_numbers[self._permissions.index(name)] = number
        return _bytes(_packed(self._to_numbers[_positions(_bytes(permissions))]))

    def _intern(self, connection: sqlite3.Connection, permissions: PermissionSet) -> None:
        """Give the names of a set a number where they have none; rare, since the catalogue comes first."""
        new = permissions & ~self._interned
        for name in self._permissions.names(new):
            row = connection.execute(
                "INSERT INTO permission_name (provider, name) VALUES (?, ?) RETURNING id",
                (self._provider, name),
            ).fetchone()
            self._numbers[name] = int(row[0])
        if new:
            self._interned |= new
            self._to_numbers = None


def _bytes(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "little")


def _positions(packed: bytes) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """Return the numbers of the bits that are set."""
    return np.flatnonzero(np.unpackbits(np.frombuffer(packed, dtype=np.uint8), bitorder="little"))


def _packed(positions: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> int:
    if not len(positions):
        return 0
    bits = np.zeros(int(positions.max()) + 1, dtype=np.uint8)
    bits[positions] = 1
    return int.from_bytes(np.packbits(bits, bitorder="little").tobytes(), "little")
