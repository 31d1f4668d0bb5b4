"""Read one export file, also when it is cut off or holds comments."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from connectors.errors import EvidenceError
from connectors.files import read_records, read_text


def read_export(path: Path, containers: Sequence[str]) -> tuple[list[dict[str, Any]], str]:
    """Return the records of a file, and what of it could not be read.

    Comment lines (`#`) are passed over. A file that is cut off gives the records before the cut.
    Raises EvidenceError when nothing can be read.
    """
    try:
        return read_records(path, containers), ""
    except EvidenceError as error:
        text = "\n".join(line for line in read_text(path).splitlines() if not line.lstrip().startswith("#"))
        records, rest = _salvaged(text)
        if not records:
            raise
        return records, f"{error}; {len(records)} records before that were read" if rest else ""


def _salvaged(text: str) -> tuple[list[dict[str, Any]], bool]:
    """Return the whole objects at the start of a list or of JSON lines, and whether text was left over."""
    decoder = json.JSONDecoder()
    between = re.compile(r"[\s,]*")
    records: list[dict[str, Any]] = []
    at = 0
    if opening := re.match(r"\s*\[", text):
        at = opening.end()
    while True:
        at = _end(between, text, at)
        if at == len(text) or (text[at] == "]" and not text[at + 1 :].strip()):
            return records, False
        try:
            value, at = decoder.raw_decode(text, at)
        except (json.JSONDecodeError, RecursionError):
            return records, True
        if not isinstance(value, dict):
            return records, True
        records.append(value)


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at
