"""Decode clean text strictly: an object holding a list, a list, or lines of either."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from connectors.logs.salvage import CONTINUED

REFUSED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What strict decoding raises for text that the tolerant reader may still read."""

_SPACE = b" \t\r\n"
_NESTED = re.compile(rb'\s*\[\s*(?:\[|\{\s*"([^"\\]{1,200})"\s*:\s*\[)')


class Shapes:
    """The strict decoders for one type of record."""

    def __init__(self, record: Any, containers: Sequence[str]) -> None:
        records: Any = list[record]
        optional = records | None | msgspec.UnsetType
        fields: list[tuple[str, Any, Any]] = [
            (f"field{at}", optional, msgspec.UNSET) for at in range(len(containers))
        ]
        names = {f"field{at}": key for at, key in enumerate(containers)}
        for at, key in enumerate(CONTINUED):
            fields.append((f"more{at}", msgspec.Raw, _NOTHING))
            names[f"more{at}"] = key
        document = msgspec.defstruct("Document", fields, rename=names, gc=False)
        self._lists = len(containers)
        self._no_marks = (_NOTHING,) * len(CONTINUED)
        self.continued = False
        """Whether the document read last says that its list goes on elsewhere."""
        self._containers = frozenset(key.encode() for key in containers)
        self._record = msgspec.json.Decoder(record)
        self._list = msgspec.json.Decoder(records)
        self._document = msgspec.json.Decoder(document)

    def whole(self, data: bytes) -> list[Any] | None:
        """Return the records of a complete text; None, or an error of REFUSED, for any other shape."""
        if data[:1] == b"{" or data[:64].lstrip(_SPACE)[:1] == b"{":
            try:
                document = self._document.decode(data)
            except msgspec.ValidationError:
                raise
            except msgspec.DecodeError:
                return self.lines(data)
            return self._held(document)
        nested = _NESTED.match(data)
        if nested and (nested[1] is None or nested[1] in self._containers):
            return None
        return self.array(data)

    def array(self, data: bytes) -> list[Any]:
        """Return the records of a JSON array."""
        found: list[Any] = self._list.decode(data)
        return found

    def lines(self, data: bytes) -> list[Any] | None:
        """Return the records of JSON lines, each a record or an object holding a list of them."""
        first = data[: data.find(b"\n") + 1]
        if not first:
            return None
        if self._held(self._document.decode(first)) is None:
            return self._record.decode_lines(data)
        found: list[Any] = []
        for document in self._document.decode_lines(data):
            held = self._held(document)
            if held is None:
                return None
            found += held
        return found

    def _held(self, document: Any) -> list[Any] | None:
        """Return the records in a document's containers; None when it has none of them."""
        values = msgspec.structs.astuple(document)
        lists = [value for value in values[: self._lists] if value is not msgspec.UNSET]
        if not lists:
            return None
        marks = values[self._lists :]
        self.continued = marks != self._no_marks and any(bytes(mark) not in _NONE for mark in marks)
        if len(lists) == 1:
            return lists[0] or []
        return [record for records in lists for record in records or ()]


_NOTHING = msgspec.Raw(b"null")
_NONE = (b"null", b'""', b"")
