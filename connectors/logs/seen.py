"""Remember which events were already counted, exactly and in few bytes."""

import struct
from array import array
from typing import Self

NO_ID = bytes(16)
"""Stands for an event without an id; such events are never called duplicates."""

_BUCKETS = 1 << 16


class SeenEvents:
    """The ids of every event counted so far, so that copies in other files and sources count once.

    Ids are kept whole (16 bytes each, no hashes of hashes), packed into 65,536 byte strings chosen by two
    bytes of the id: about 16 bytes an event, where a Python set would take 100.
    """

    def __init__(self) -> None:
        self._buckets = [b""] * _BUCKETS
        self._files: set[tuple[str, str]] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Forget everything."""
        self._buckets = [b""] * _BUCKETS
        self._files.clear()

    def duplicates(self, ids: bytes | bytearray) -> list[int]:
        """Remember packed ids and return the positions of those that were known before, in order."""
        buckets = self._buckets
        found = []
        # Bytes 12 and 13 are random in every UUID version that clouds use, and in digests.
        pairs = zip(array("H", bytes(ids))[6::8], struct.iter_unpack("16s", ids), strict=True)
        for at, (key, (event,)) in enumerate(pairs):
            bucket = buckets[key]
            if event not in bucket or not (event == NO_ID or _holds(bucket, event)):
                buckets[key] = bucket + event
            elif event != NO_ID:
                found.append(at)
        return found

    def file_again(self, digest: str, reader: str) -> bool:
        """Remember that a reader took events from a file, and return whether it took them before."""
        known = len(self._files)
        self._files.add((digest, reader))
        return len(self._files) == known


def _holds(bucket: bytes, event: bytes) -> bool:
    """Return whether an id stands in a bucket at an id's place, not across two neighbours."""
    at = bucket.find(event)
    while at % 16 and at != -1:
        at = bucket.find(event, at + 1)
    return at != -1
