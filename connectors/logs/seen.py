"""Remember which events were already counted, exactly and in few bytes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

NO_ID = bytes(16)
"""Stands for an event without an id; such events are never called duplicates."""
_NO_TEXT = "0" * 32


def packed_ids(ids: Sequence[bytes | str]) -> bytes:
    """Return ids as 16 bytes each, all in a row; those given as text at once where all are well formed.

    No text holds more than 32 digits, so the right length of the whole means that each has its own.
    """
    try:
        packed = bytes.fromhex("".join([event or _NO_TEXT for event in ids]).replace("-", ""))  # type: ignore[misc]
    except (TypeError, ValueError):
        packed = b""
    if len(packed) == 16 * len(ids):
        return packed
    return b"".join(map(_packed, ids))


def _packed(event: bytes | str) -> bytes:
    if not event:
        return NO_ID
    if isinstance(event, bytes):
        return event
    try:
        packed = bytes.fromhex(event.replace("-", ""))
    except ValueError:
        packed = b""
    return packed if len(packed) == 16 else blake2b(event.encode("utf-8", "replace"), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Run:
    """Ids of 16 bytes each, as two columns sorted by the first; the two columns give the id back."""

    mixed: "npt.NDArray[np.uint64]"
    low: "npt.NDArray[np.uint64]"


@dataclass(slots=True)
class SeenEvents:
    """The ids of every event counted so far, so that copies in other files and sources count once.

    One instance is shared by the reads of several sources; `connectors/logs/tally.py` adds a run of ids
    after each. Ids are kept whole: 16 bytes an event, on disk where there are too many for memory.
    """

    runs: list[Run] = field(default_factory=list)
    _files: set[tuple[str, str]] = field(default_factory=set)

    def file_again(self, digest: str, reader: str) -> bool:
        """Remember that a reader took events from a file, and return whether it took them before."""
        known = len(self._files)
        self._files.add((digest, reader))
        return len(self._files) == known
