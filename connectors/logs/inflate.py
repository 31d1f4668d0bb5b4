"""Turn a stored file into the bytes it holds, in bounded memory, whatever happens to it meanwhile."""

import hashlib
import zlib
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any, BinaryIO


def _deflate() -> ModuleType:
    """Return ISA-L, or the standard library's zlib (same interface) where it has no wheel."""
    try:
        return import_module("isal.isal_zlib")
    except ImportError:
        return zlib


deflate = _deflate()

STORED_BYTES = 4 << 20
"""How much of a stored file is read at a time."""
PLAIN_BYTES = 16 << 20
"""How much unpacked text comes out at a time."""
LARGEST_BYTES = 64 << 30
"""More text than this in one file is refused."""
BOMB_BYTES = 64 << 20
BOMB_RATIO = 300
"""Past BOMB_BYTES, gzip data that grows more than this is refused.

Every event holds random ids, so real logs grow 7 to 40 times; deflate can grow 1,032 times.
"""

_GZIP = b"\x1f\x8b"
_GZIP_WINDOW = 31  # zlib's wbits for "expect a gzip header and trailer"
_ERRORS: tuple[type[Exception], ...] = (zlib.error, deflate.error, EOFError)


class Inflated:
    """One file being read: `blocks` yields its text bytes; the rest is known once they are used up."""

    def __init__(self, stream: BinaryIO) -> None:
        self.problem = ""
        """Why the text is not all there; empty when it is."""
        self.stored_bytes = 0
        self._stream = stream
        self._hash = hashlib.sha256()

    @property
    def digest(self) -> str:
        """SHA-256 of what was read so far, as stored."""
        return self._hash.hexdigest()

    def blocks(self) -> Iterator[bytes]:
        """Yield the text, unpacked if it is gzip (of any number of members)."""
        first = self._read()
        blocks = self._unpack(first) if first.startswith(_GZIP) else self._copy(first)
        total = 0
        for block in blocks:
            total += len(block)
            if total > BOMB_BYTES and total > self.stored_bytes * BOMB_RATIO:
                self.problem = f"refused: grows more than {BOMB_RATIO} times when unpacked (gzip bomb?)"
                break
            if total > LARGEST_BYTES:
                self.problem = f"refused: more than {LARGEST_BYTES >> 30} GiB when unpacked; split it"
                break
            yield block
        self._drain()

    def _read(self) -> bytes:
        try:
            data = self._stream.read(STORED_BYTES)
        except OSError as error:
            self.problem = f"reading stopped ({error.strerror})"
            return b""
        self._hash.update(data)
        self.stored_bytes += len(data)
        return data

    def _drain(self) -> None:
        """Read what is left, for the digest."""
        while self._read():
            pass

    def _copy(self, data: bytes) -> Iterator[bytes]:
        while data:
            yield data
            data = self._read()

    def _unpack(self, data: bytes) -> Iterator[bytes]:
        member = _member()
        while True:
            try:
                block: bytes = member.decompress(data, PLAIN_BYTES)
            except _ERRORS as error:
                self.problem = f"gzip data is corrupt ({error})"
                return
            if block:
                yield block
            if member.eof:
                data = (member.unused_data or self._read()).lstrip(b"\0")
                while not data and (data := self._read()):
                    data = data.lstrip(b"\0")
                if not data:
                    return
                if not data.startswith(_GZIP[: len(data)]):
                    self.problem = "bytes after the end of the gzip data"
                    return
                member = _member()
            else:
                data = member.unconsumed_tail or self._read()
                if not data and len(block) < PLAIN_BYTES:
                    self.problem = self.problem or "gzip data is cut off"
                    return


def _member() -> Any:
    return deflate.decompressobj(wbits=_GZIP_WINDOW)
