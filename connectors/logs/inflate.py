"""Turn a stored file into the UTF-8 text it holds, block by block, whatever happens to it meanwhile."""

import codecs
import contextlib
import hashlib
import zlib
from collections.abc import Callable, Iterator
from importlib import import_module
from types import ModuleType
from typing import Any


def _deflate() -> ModuleType:
    """Return ISA-L, or the standard library's zlib (same interface) where it has no wheel."""
    try:
        return import_module("isal.isal_zlib")
    except ImportError:
        return zlib


deflate = _deflate()

STORED_BYTES = 1 << 20
"""How much of a stored file is read at a time."""
_LEAST_BYTES = 4096
"""The least that is asked for at a time, whatever size the file system tells."""
BLOCK_BYTES = 1 << 20
"""At most how much unpacked text comes out at a time."""
LARGEST_BYTES = 64 << 30
"""More text than this in one file is refused."""
BOMB_BYTES = 64 << 20
BOMB_RATIO = 300
"""Past BOMB_BYTES, gzip data that grows more than this is refused.

Every event holds random ids, so real logs grow 7 to 40 times; deflate can grow 1,032 times.
"""

_GZIP = b"\x1f\x8b"
_STEP_BYTES = 256
_GZIP_WINDOW = 31  # zlib's wbits for "expect a gzip header and trailer"
_ERRORS: tuple[type[Exception], ...] = (zlib.error, deflate.error, EOFError)
_FOREIGN = (
    (0, b"PAR1", "Parquet"),
    (0, b"PK\x03\x04", "a zip archive"),
    (0, b"(\xb5/\xfd", "zstd data"),
    (0, b"BZh", "bzip2 data"),
    (0, b"\xfd7zXZ", "xz data"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (0, b"\x04\x22\x4d\x18", "lz4 data"),
    (0, b"Obj\x01", "Avro"),
    (0, b"ORC", "ORC"),
    (257, b"ustar", "a tar archive"),
)
"""Where a format has its mark. Logs are packed in these, so such a file may hold calls."""
_UNREAD = "so the calls in it were not read: unpack or export it as JSON, or take it out of the logs"


class Inflated:
    """One file being read: `blocks` yields its text; the rest is known once they are used up."""

    def __init__(self, read: Callable[[int], bytes], size_bytes: int) -> None:
        """Read what `read` returns when it is asked for so many bytes; a small file takes no large buffer."""
        self.problem = ""
        """Why the text is not all there; empty when it is."""
        self.stored_bytes = 0
        self._source = read
        self._at_once = min(max(size_bytes + 1, _LEAST_BYTES), STORED_BYTES)
        self._hash = hashlib.sha256()
        self._ended = False

    @property
    def digest(self) -> str:
        """SHA-256 of the file as stored; empty until it was read to its end."""
        return self._hash.hexdigest() if self._ended else ""

    def blocks(self) -> Iterator[bytes]:
        """Yield the text: unpacked if it is gzip (of any number of members, also twice), as UTF-8."""
        total = 0
        # An empty block would look like the end.
        for block in filter(None, _as_utf8(self._unpacked(self._stored(), layers=2))):
            total += len(block)
            if total > BOMB_BYTES and total > self.stored_bytes * BOMB_RATIO:
                self.problem = f"refused: grows more than {BOMB_RATIO} times when unpacked (a gzip bomb?)"
                break
            if total > LARGEST_BYTES:
                self.problem = f"refused: more than {LARGEST_BYTES >> 30} GiB when unpacked; split it"
                break
            yield block
        for _ in self._stored():  # what is left, for the digest
            pass

    def _stored(self) -> Iterator[bytes]:
        while True:
            try:
                data = self._source(self._at_once)
            except OSError as error:
                self.problem = f"reading stopped ({error.strerror})"
                return
            if not data:
                self._ended = True
                return
            self._hash.update(data)
            self.stored_bytes += len(data)
            yield data

    def _unpacked(self, chunks: Iterator[bytes], layers: int) -> Iterator[bytes]:
        """Yield chunks as they are, or what they hold if they begin like gzip data."""
        first = next(chunks, b"")
        if layers and first.startswith(_GZIP):
            # Services that compress what was compressed already (log subscriptions) nest two layers.
            yield from self._unpacked(filter(None, self._members(first, chunks)), layers - 1)
            return
        for at, mark, name in _FOREIGN:
            if first.startswith(mark, at):
                self.problem = f"is {name}, not JSON, {_UNREAD}"
                return
        if first:
            yield first
            yield from chunks

    def _members(self, data: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the content of gzip members in a row.

        The stream object is the only interface that neither drops members after the first nor takes the
        memory that a bomb asks for.
        """
        member = _member()
        begun = True
        while True:
            try:
                block: bytes = member.decompress(data, BLOCK_BYTES)
            except _ERRORS as error:
                self.problem = f"the gzip data is corrupt ({error})"
                yield from _before_the_error(data) if begun else ()
                return
            if block:
                yield block
            if member.eof:
                data = member.unused_data.lstrip(b"\0")
                while not data and (more := next(chunks, b"")):
                    data = more.lstrip(b"\0")
                if not data:
                    return
                if not data.startswith(_GZIP[: len(data)]):
                    self.problem = "there are bytes after the end of the gzip data"
                    return
                member = _member()
                begun = True
            else:
                begun = False
                data = member.unconsumed_tail or next(chunks, b"")
                if not data and len(block) < BLOCK_BYTES:
                    self.problem = self.problem or "the gzip data is cut off"
                    return


def _member() -> Any:
    return deflate.decompressobj(wbits=_GZIP_WINDOW)


def _before_the_error(data: bytes) -> Iterator[bytes]:
    """Yield what a corrupt member holds before it breaks, found in small steps, then byte by byte."""
    member = zlib.decompressobj(wbits=_GZIP_WINDOW)
    with contextlib.suppress(*_ERRORS):
        for at in range(0, len(data), _STEP_BYTES):
            whole = member.copy()
            try:
                yield member.decompress(data[at : at + _STEP_BYTES])
            except zlib.error:
                for byte in data[at : at + _STEP_BYTES]:
                    yield whole.decompress(bytes((byte,)))


def _as_utf8(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield text as UTF-8 without a byte order mark; PowerShell redirection writes UTF-16."""
    first = next(blocks, b"")
    encoding = ""
    if first.startswith(codecs.BOM_UTF8):
        first = first[3:]
    elif first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif first[1:2] == b"\0" and first[:1] in b"{[":
        encoding = "utf-16-le"
    elif first[:1] == b"\0" and first[1:2] in b"{[":
        encoding = "utf-16-be"
    if not encoding:
        if first:
            yield first
        yield from blocks
        return
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    yield decoder.decode(first).encode("utf-8", "replace")
    for block in blocks:
        yield decoder.decode(block).encode("utf-8", "replace")
