"""Remember which events were already counted, exactly and in few bytes."""

import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

NO_ID = bytes(16)
"""Stands for an event without an id; such events are never called duplicates."""
_UUID = 36
_DASHES = (8, 13, 18, 23)
"""The length of a UUID as text, and where it has its dashes."""


def packed_ids(ids: Sequence[bytes | str]) -> bytes:
    """Return ids as 16 bytes each, all in a row; at once where all are UUIDs as text, or packed already."""
    try:
        packed = _packed_together(ids)
    except (TypeError, ValueError):
        packed = b""
    # White space is passed over, so the whole would be too short.
    return packed if packed and len(packed) == len(NO_ID) * len(ids) else b"".join(map(_packed, ids))


def _packed_together(ids: Sequence[bytes | str]) -> bytes:
    """Return ids of one form packed; nothing, or an error, where they have another."""
    if ids and isinstance(ids[0], bytes):
        return b"".join(ids) if set(map(len, ids)) == {len(NO_ID)} else b""  # type: ignore[arg-type]
    text = "".join(ids)  # type: ignore[arg-type]
    return bytes.fromhex(text.replace("-", "")) if _are_uuids(text, ids) else b""


def _are_uuids(text: str, ids: Sequence[bytes | str]) -> bool:
    """Return whether joined ids have the length of UUIDs each, and dashes just where those have them.

    Then each has as many characters between its dashes as a UUID, so no digit passes to its neighbour.
    """
    count = len(ids)
    dashes = "-" * count
    return (
        len(text) == _UUID * count
        and set(map(len, ids)) == {_UUID}
        and text.count("-") == len(_DASHES) * count
        and all(text[at::_UUID] == dashes for at in _DASHES)
    )


def _packed(event: bytes | str) -> bytes:
    if not event:
        return NO_ID
    if isinstance(event, bytes):
        return event
    if len(event) == 2 * len(NO_ID) or _are_uuids(event, [event]):
        with contextlib.suppress(ValueError):
            packed = bytes.fromhex(event.replace("-", ""))
            if len(packed) == len(NO_ID):
                return packed
    return blake2b(event.encode("utf-8", "replace"), digest_size=len(NO_ID)).digest()


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

    reads: int | None = None
    """How many reads there will be, where that is known: nobody asks what the last of them met."""
    _runs: list[Run] = field(default_factory=list)
    _later: list[Callable[[], Run]] = field(default_factory=list)
    _files: set[tuple[str, str]] = field(default_factory=set)
    _ended: int = 0

    def runs(self) -> list[Run]:
        """Return the ids of all reads so far."""
        self._runs += [sorted_ids() for sorted_ids in self._later]
        self._later.clear()
        return self._runs

    def add(self, run: Run) -> None:
        """Remember the ids that a read met first."""
        self._runs.append(run)

    def add_later(self, sorted_ids: Callable[[], Run]) -> None:
        """Remember ids that are sorted when another read asks for them: after the last one nobody does."""
        self._later.append(sorted_ids)

    def has_file(self, digest: str, reader: str) -> bool:
        """Return whether a reader took events from a file in an earlier read."""
        return (digest, reader) in self._files

    def add_files(self, files: Iterable[tuple[str, str]]) -> None:
        """Remember the digests of files from which a reader took events."""
        self._files.update(files)

    def more_to_come(self) -> bool:
        """Return whether another read may follow the one that is under way."""
        return self.reads is None or self._ended + 1 < self.reads

    def end_of_read(self) -> None:
        """Note that a read ended; one that was not announced would count events again."""
        self._ended += 1
        if self.reads is not None and self._ended > self.reads:
            raise RuntimeError(f"{self._ended} reads share what was announced for {self.reads}")
