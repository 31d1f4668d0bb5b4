"""Turn the text of a log file into typed records: strictly where possible, one by one where not."""

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from connectors.logs.rows import LogReader
from connectors.logs.salvage import Salvage, as_json

_ENCODINGS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_MISFIT = re.compile(r"(?:, got `(\w+)`)?.* - at `\$([^`]*)`$")
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")
_REPAIRS = 8


class Decoded:
    """The records of one text, and what could not be read of it."""

    def __init__(self) -> None:
        self.records: list[Any] = []
        self.lost = 0
        self.reason = ""
        self.foreign = ""
        """Why this is no log at all; empty when it is one."""


class Decoder:
    """Decodes one cloud's log files."""

    def __init__(self, reader: LogReader) -> None:
        record: Any = reader.record_type
        records: Any = list[record]
        self._containers = reader.containers
        self._embedded = getattr(reader, "embedded", "")
        self._record = msgspec.json.Decoder(record)
        self._list = msgspec.json.Decoder(records)
        held = records | None | msgspec.UnsetType
        fields = [(f"field{at}", held, msgspec.UNSET) for at in range(len(self._containers))]
        names = {f"field{at}": key for at, key in enumerate(self._containers)}
        self._document = msgspec.json.Decoder(msgspec.defstruct("Document", fields, rename=names, gc=False))

    def decode(self, data: bytes) -> Decoded:
        """Return the records of a whole file's text."""
        decoded = Decoded()
        records = self._strict(data)
        if records is not None:
            decoded.records = records
        else:
            self._tolerant(data, decoded)
        return decoded

    def _strict(self, data: bytes) -> list[Any] | None:
        """Return the records if the text is one clean document or clean lines, else None."""
        if self._embedded and f'"{self._embedded}"'.encode() in data:
            return None
        try:
            if data[:64].lstrip()[:1] == b"[":
                return list(self._list.decode(data))
            document = self._document.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        held = [value for value in msgspec.structs.astuple(document) if value is not msgspec.UNSET]
        return [record for records in held for record in records or ()] if held else None

    def _tolerant(self, data: bytes, decoded: Decoded) -> None:
        text, decoded.reason = _text(data)
        if not text.strip("\ufeff\0 \t\r\n"):
            decoded.foreign = "is empty"
            return
        if text.lstrip("\ufeff\0 \t\r\n")[0] not in "{[":
            decoded.foreign = "is not JSON"
            return
        salvage = Salvage(text, self._containers)
        for value in self._unwrapped(salvage, decoded):
            try:
                decoded.records.append(self._typed(value))
            except (msgspec.MsgspecError, ValueError, RecursionError) as error:
                decoded.lost += 1
                decoded.reason = decoded.reason or str(error)
        decoded.lost += salvage.lost
        decoded.reason = decoded.reason or salvage.reason
        if not decoded.records and not decoded.lost and not salvage.contained:
            decoded.foreign = "holds no log records"

    def _unwrapped(self, salvage: Salvage, decoded: Decoded) -> Iterator[Any]:
        """Yield the records, those that are wrapped as JSON text taken out of their wrapping."""
        for record in salvage.records():
            inner = record.get(self._embedded) if self._embedded else None
            if not isinstance(inner, str):
                yield record
                continue
            try:
                yield json.loads(inner)
            except (ValueError, RecursionError) as error:
                decoded.lost += 1
                decoded.reason = decoded.reason or f"{self._embedded}: {error}"

    def _typed(self, value: Any) -> Any:
        """Return a parsed record as the reader's type, leaving out fields of a surprising type.

        A number where text is wanted becomes that text (account ids written as numbers).
        """
        for _ in range(_REPAIRS):
            try:
                return self._record.decode(as_json(value))
            except msgspec.ValidationError as error:
                found = _MISFIT.search(str(error))
                if not found or not _repair(value, found[2], found[1]):
                    raise
        return self._record.decode(as_json(value))


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
        elif value[last] is None:
            return False
        else:
            del value[last]
    except (KeyError, IndexError, TypeError):
        return False
    return True


def _text(data: bytes) -> tuple[str, str]:
    """Return bytes as text, and what was wrong with them."""
    encoding = next((name for mark, name in _ENCODINGS if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding), ""
    except UnicodeDecodeError as error:
        return data.decode(encoding, "replace"), f"not {encoding} after byte {error.start}, replaced"
