"""Turn the text of a log file into typed records: strictly where possible, one by one where not."""

import contextlib
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from connectors.logs.rows import LogReader
from connectors.logs.salvage import Fate, Salvage, as_json
from connectors.logs.shapes import REFUSED, Shapes

WHOLE_BYTES = 2 << 20
"""Text up to this size is decoded in one go; longer text in pieces of about this size."""
LARGEST_DOCUMENT_BYTES = 256 << 20
"""Longer text that cannot be cut between records is not read."""

_CUT_OFF = "the export goes on elsewhere (a token for the next page is left in it): put all pages in one file"
_TABLE_BYTES = 4096
_OTHER_FORM = (
    "a table with columns of events, or text with events, is not read: export the log objects, or JSON"
)
_WRAPPED = "events inside records of another tool are in a form that is not read: export the log objects"
_DEPTH = 6
"""So many levels down events are looked for inside records of another tool."""
_SPACE = "\ufeff\0 \t\r\n"
_ZEROS = 64
"""So many bytes of value 0 and nothing else are no empty file."""
_FIRST_PEEK_BYTES = 1 << 14
_PEEK_BYTES = 1 << 20
_LENIENT = json.JSONDecoder(strict=False)
_WRAPPING_WITHIN = 1 << 16
_WRAPPING_SOON = 1 << 13
# Spaces are never given back (`*+`): trying every way to share out a megabyte of them would take hours.
_HEAD = re.compile(rb'\s*+(?:\{\s*+"([^"\\]{1,200})"\s*+:\s*+\[|(\[))?\s*+(?=\{)')
_BETWEEN = re.compile(rb'(\s*+,?\s*+)(\{\s*"[^"\\]{1,200}"\s*:)')
_MISFIT = re.compile(r"(?:, got `(\w+)`)?.* - at `\$([^`]*)`$")
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")
_PART = "Expected `object"
_REPAIRS = 8
_CUTS_TRIED = 8


class Decoder:
    """Decodes one cloud's log files, whatever holds their records.

    Known: an object with the list under a key (also several such objects, pages, or a list of them), an
    array, JSON lines of records or of such objects, pretty-printed objects in a row, and records wrapped as
    JSON text in another record.
    """

    def __init__(self, reader: LogReader) -> None:
        record: Any = reader.record_type
        self._embedded = getattr(reader, "embedded", "")
        self._wrapping = f'"{self._embedded}"'.encode() if self._embedded else b""
        wrapped = msgspec.defstruct("Wrapped", [("text", str)], rename={"text": self._embedded}, gc=False)
        self._usual = f'{{"{reader.containers[0]}":['.encode()
        self._keys = frozenset(reader.containers)
        self._quoted = [f'"{key}"'.encode() for key in reader.containers]
        self._columns: tuple[str, ...] = getattr(reader, "columns", ())
        self._strange: Callable[[Any], bool] | None = getattr(reader, "strange", None)
        self._taken: tuple[bytes, bool, bool] | None = None
        """The text that gave the records yielded last, and what array it is the inside of, cut out as one."""
        self._record = msgspec.json.Decoder(record)
        self._plain = Shapes(record, reader.containers)
        self._wrapped = Shapes(wrapped, reader.containers)

    def records(self, blocks: Iterator[bytes], fate: Fate) -> Iterator[list[Any]]:
        """Yield the records of one file in lists; what could not be read is noted in `fate`."""
        self._plain.continued = self._wrapped.continued = False
        yield from self._records(blocks, fate)
        if fate.continued or self._plain.continued or self._wrapped.continued:
            fate.note(_CUT_OFF)

    def again(self, fate: Fate) -> list[Any] | None:
        """Return the records yielded last, read one by one; None where that would give nothing else.

        For when some of them turn out to be none: they may be containers, or wrap what they hold.
        """
        if self._taken is None:
            return None
        data, inside, listed = self._taken
        data = data[1:-1] if inside or listed else data
        if not any(key in data for key in self._quoted) and not self._tells_of_events(data.decode("latin-1")):
            return None
        return self._tolerant(data, fate, inside=inside, listed=listed, continued=inside or listed)[0]

    def _records(self, blocks: Iterator[bytes], fate: Fate) -> Iterator[list[Any]]:
        self._taken = None
        data = next(blocks, b"")
        more = next(blocks, b"") if data else b""
        if not more:
            yield self._whole(data, fate)
            return
        parts = [data, more]
        size = len(data) + len(more)
        while size <= WHOLE_BYTES and (block := next(blocks, b"")):
            parts.append(block)
            size += len(block)
        if size > WHOLE_BYTES:
            yield from self._pieces(bytearray().join(parts), blocks, fate)
        else:
            yield self._whole(b"".join(parts), fate)

    def _whole(self, data: bytes, fate: Fate) -> list[Any]:
        """Return the records of a complete text."""
        wrapped = self._is_wrapped(data, self._looked_at(data))
        try:
            found = self._unwrapped(self._wrapped.whole(data)) if wrapped else self._plain.whole(data)
        except REFUSED:
            found = None
        self._taken = (data, False, False)
        return self._tolerant(data, fate)[0] if found is None else found

    def _looked_at(self, data: bytes | bytearray) -> int:
        """Return how far a text is looked at for the wrapping of records: less far where a trail wrote it."""
        return _WRAPPING_SOON if data.startswith(self._usual) else _WRAPPING_WITHIN

    def _is_wrapped(self, data: bytes, within: int) -> bool:
        """Return whether records seem to be wrapped."""
        return bool(self._wrapping) and data.find(self._wrapping, 0, within) >= 0

    def _unwrapped(self, wrapped: list[Any] | None) -> list[Any] | None:
        return None if wrapped is None else [self._record.decode(item.text) for item in wrapped]

    def _pieces(self, buffer: bytearray, blocks: Iterator[bytes], fate: Fate) -> Iterator[list[Any]]:
        """Yield the records of long text, cut where one record ends and the next begins.

        The cut is learnt from the first two records. A false cut (inside a record or a string) leaves an
        unbalanced piece, which strict decoding refuses: so what it accepts was cut right.
        """
        head = _HEAD.match(buffer)
        inside, listed = bool(head and head[1]), bool(head and head[2])
        array = inside or listed
        known = head and (not head[1] or head[1].decode("utf-8", "replace") in self._keys)
        between = _learn(buffer, head.end()) if head and known else None
        if head is None or between is None:
            if _fill(buffer, blocks, LARGEST_DOCUMENT_BYTES):
                fate.lose(f"one document of more than {LARGEST_DOCUMENT_BYTES >> 20} MiB: split it")
            else:
                data = bytes(buffer)
                buffer.clear()  # up to LARGEST_DOCUMENT_BYTES that nobody needs twice
                yield self._whole(data, fate)
            return
        fate.contained = True
        within = self._looked_at(buffer)
        del buffer[: head.end()]
        separator, opening = between
        mark = b"}" + separator + opening
        wanted = WHOLE_BYTES
        while _fill(buffer, blocks, wanted):
            cut = buffer.rfind(mark)
            if cut < 0:
                if wanted >= LARGEST_DOCUMENT_BYTES:
                    fate.lose(f"no record ends within {wanted >> 20} MiB")
                    return
                wanted *= 2
                continue
            wanted = WHOLE_BYTES
            found, piece, end = self._strict_piece(buffer, mark, cut, within, array=array)
            del buffer[: end + 1 + len(separator)]
            self._taken = (piece, inside, listed)
            if found is None:
                piece = piece[1:-1] if array else piece
                found, rest = self._tolerant(piece, fate, inside=inside, listed=listed, continued=True)
                if rest:
                    buffer[:0] = rest + separator
            yield found
        yield self._last_piece(bytes(buffer), fate, within, inside=inside, listed=listed)

    def _strict_piece(
        self, buffer: bytearray, mark: bytes, cut: int, within: int, *, array: bool
    ) -> tuple[list[Any] | None, bytes, int]:
        """Return the records before a cut, their text and the cut, moved forward if it is inside a record."""
        end = cut
        for _ in range(_CUTS_TRIED if array else 1):
            piece = _cut_out(buffer, end + 1, array=array)
            found = self._body(piece, within, array=array)
            if found is not None:
                return found, piece, end
            end = buffer.rfind(mark, 0, end)
            if end < 0:
                break
        return None, _cut_out(buffer, cut + 1, array=array), cut

    def _last_piece(self, piece: bytes, fate: Fate, within: int, *, inside: bool, listed: bool) -> list[Any]:
        """Return the records of what is left at the end, where the array is closed."""
        body = piece
        array = inside or listed
        if array:
            end = piece.rfind(b"]")
            closed = end >= 0 and piece[end + 1 :].strip() in (b"", b"}")
            body = b"[%b]" % (piece[:end] if closed else b"{")
        found = self._body(body, within, array=array)
        self._taken = (body, inside, listed)
        return self._tolerant(piece, fate, inside=inside, listed=listed)[0] if found is None else found

    def _body(self, body: bytes, within: int, *, array: bool) -> list[Any] | None:
        """Return the records of lines, or of an array; None if strict decoding refuses."""
        wrapped = self._is_wrapped(body, within)
        shapes = self._wrapped if wrapped else self._plain
        try:
            found = shapes.array(body) if array else shapes.lines(body)
            return self._unwrapped(found) if wrapped else found
        except REFUSED:
            return None

    def _tolerant(
        self,
        data: bytes,
        fate: Fate,
        *,
        inside: bool = False,
        listed: bool = False,
        continued: bool = False,
    ) -> tuple[list[Any], bytes]:
        """Return every record that can be read by itself, and the beginning of one that goes on."""
        self._taken = None
        text = data.decode("utf-8", "replace")
        if "\ufffd" in text and b"\xef\xbf\xbd" not in data:
            fate.note("bytes that are not UTF-8 were replaced")
        start = text.lstrip(_SPACE)[:1]
        if not start:
            fate.foreign = "is empty"
            if data.count(b"\0") >= _ZEROS:
                fate.lose("nothing but zero bytes, as a disk leaves that failed: fetch the file again")
            return [], b""
        if start not in "{[" and not (inside or listed):
            fate.foreign = "is not JSON"
            if self._tells_of_events(text[:_TABLE_BYTES]):
                fate.foreign = ""
                fate.lose(_OTHER_FORM)
            return [], b""
        records: list[Any] = []
        self._plain.continued = self._wrapped.continued = False  # told anew, from the whole text
        salvage = Salvage(text, self._keys, fate, inside=inside, listed=listed, continued=continued)
        for value in salvage.records():
            try:
                records += self._of_value(value, fate)
            except (msgspec.MsgspecError, ValueError, RecursionError) as error:
                fate.lose(str(error))
        if not records and not fate.lost and not fate.contained:
            fate.foreign = "holds no log records"
        return records, salvage.rest.encode("utf-8", "replace")

    def _of_value(self, value: Any, fate: Fate) -> list[Any]:
        """Return the record that a parsed value is, or those that it wraps; ValueError if they are lost."""
        record = self._typed(self._content(value), fate)
        if self._strange is None or not self._strange(record):
            return [record]
        if not self._tells_of_events(as_json(value).decode("utf-8", "replace")):
            return [record]
        found = list(self._wrapped_in(value, self._strange, fate, _DEPTH))
        if not found:
            raise ValueError(_WRAPPED)
        return found

    def _wrapped_in(
        self, value: Any, strange: Callable[[Any], bool], fate: Fate, depth: int
    ) -> Iterator[Any]:
        """Yield the records that stand anywhere inside a value of another tool, also as JSON text."""
        if isinstance(value, str) and value[:1] in ("{", "["):
            with contextlib.suppress(ValueError, RecursionError):
                yield from self._wrapped_in(json.loads(value), strange, fate, depth)
            return
        if isinstance(value, dict):
            record = self._typed(value, fate)
            if not strange(record):
                yield record
                return
            value = list(value.values())
        if isinstance(value, list) and depth:
            for one in value:
                yield from self._wrapped_in(one, strange, fate, depth - 1)

    def _tells_of_events(self, text: str) -> bool:
        """Return whether a text that is no record has the words that stand together in events.

        A console writes the head of its table in words of its own (`Event name,Event time,…`).
        """
        text = text.lower().replace("_", "")
        head = text.lstrip().partition("\n")[0]
        told = (text, head.replace(" ", "") if "," in head else "")
        return bool(self._columns) and any(all(column in one for column in self._columns) for one in told)

    def _content(self, value: Any) -> Any:
        """Return a record, taken out of its wrapping if it has one."""
        inner = value.get(self._embedded) if self._embedded else None
        return json.loads(inner) if isinstance(inner, str) else value

    def _typed(self, value: Any, fate: Fate) -> Any:
        """Return a parsed record as the reader's type, leaving out what has a surprising type.

        A number where text is wanted becomes that text (account ids written as numbers). A whole part that is
        left out may have said who called: that is noted.
        """
        for _ in range(_REPAIRS):
            try:
                return self._record.decode(as_json(value))
            except msgspec.ValidationError as error:
                found = _MISFIT.search(str(error))
                if not found or not _repair(value, found[2], found[1]):
                    raise
                if str(error).startswith(_PART) and not found[2].endswith("]"):  # a list keeps the others
                    fate.note(f"part of a record has another type than it should (`{found[2].lstrip('.')}`)")
        return self._record.decode(as_json(value))


def _fill(buffer: bytearray, blocks: Iterator[bytes], wanted: int) -> bool:
    """Add blocks until the buffer holds more than `wanted` bytes; False when the text ended before."""
    while len(buffer) <= wanted:
        block = next(blocks, b"")
        if not block:
            return False
        buffer += block
    return True


def _cut_out(buffer: bytearray, end: int, *, array: bool) -> bytes:
    """Return the text before a place; the inside of an array as an array of its own."""
    with memoryview(buffer)[:end] as text:  # a slice of the buffer itself would be copied once more
        return b"".join((b"[", text, b"]")) if array else bytes(text)


def _learn(buffer: bytearray, start: int) -> tuple[bytes, bytes] | None:
    """Return what stands between the first two records, and how the second one opens."""
    # Latin-1 keeps one character a byte, and no byte of a longer UTF-8 character looks like punctuation.
    for length in (_FIRST_PEEK_BYTES, _PEEK_BYTES):
        with (
            contextlib.suppress(ValueError, RecursionError),
            memoryview(buffer)[start : start + length] as part,
        ):
            _, end = _LENIENT.raw_decode(str(part, "latin-1"))
            break
    else:
        return None
    found = _BETWEEN.match(buffer, start + end)
    return (found[1], found[2]) if found else None


def _repair(value: Any, path: str, got: str) -> bool:
    """Change or drop the value at a msgspec error path and return whether that was possible."""
    steps = [name or int(index) for name, index in _STEP.findall(path)]
    if not steps:
        return False
    try:
        for step in steps[:-1]:
            value = value[step]
        last = steps[-1]
        if got in ("int", "float") and isinstance(value[last], int | float):
            value[last] = str(value[last])
        else:
            del value[last]
    except (KeyError, IndexError, TypeError):
        return False
    return True
