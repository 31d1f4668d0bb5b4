"""The report's data as a block in the page: JSON that cannot end its element, packed when it is large."""

import base64
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from itertools import chain
from operator import attrgetter
from types import ModuleType
from typing import Any, NamedTuple

import msgspec

from reports.document import FindingEntry, Report
from reports.sharing import share_names

PACK_ABOVE_BYTES = 300_000
"""Below this plain JSON opens faster and can be read with any editor."""

_ON_THE_WIRE = (
    "framework_set",
    "evidence_shared",
    "message_text",
    "remediation_text",
    "evidence_texts",
    "body",
)
"""Fields of findings that only report.json uses."""

_IN_PLACE_NAMES = 20_000
"""Permission names of all identities together that the page writes in place; nobody reads them there."""

# What could end the element or start another, and the line ends that JSON allows but JavaScript once did not.
# `ensure_ascii` already writes U+2028 and U+2029 (and lone surrogates) as escapes.
_ESCAPES = ((b"<", b"\\u003c"), (b">", b"\\u003e"), (b"&", b"\\u0026"))

_GZIP = 31
"""The window of zlib with a gzip header, whose time is 0: equal data gives equal bytes."""

_LEVEL = 3
"""The highest of ISA-L: a seventh more than zlib's usual 6, in a quarter of the time."""

_AT_ONCE = 2_000
"""Values of a column that are written together: those of all findings together are a hundred megabytes."""

_SHA256 = re.compile("[0-9a-f]{64}")


def _deflate() -> ModuleType:
    """Return ISA-L, or the standard library's zlib (same interface) where it has no wheel."""
    try:
        return import_module("isal.isal_zlib")
    except ImportError:
        return zlib


class Island(NamedTuple):
    """The text of the data block and how it is written: `json` or `gzip+base64`."""

    encoding: str
    text: str


def island(report: Report) -> Island:
    """Return the data block of a report.

    What many identities share stands once, as in a large report.json. Findings are laid out by column,
    framework references stand once, and fingerprints are packed: of ten thousand findings that halves the
    page and the time the browser needs to read it.
    """
    shared = share_names(report, above=_IN_PLACE_NAMES)
    fields = ((name, getattr(shared, name)) for name in Report.__struct_fields__)
    document: dict[str, Any] = {name: value for name, value in fields if value is not msgspec.UNSET}
    del document["unlisted"]
    numbers, document["framework_sets"] = _share_frameworks(report.findings)
    del document["findings"]
    document["finding_columns"] = _columns(report.findings, numbers)
    document["finding_fingerprints"] = _pack_fingerprints(document["finding_columns"])
    return _packed(_pieces(document))


def _packed(pieces: Iterable[bytes]) -> Island:
    """Return the data as it is, or packed where it is large: two hundred megabytes are never held whole."""
    start: list[bytes] = []
    length = 0
    rest = iter(pieces)
    for piece in rest:
        start.append(piece)
        length += len(piece)
        if length > PACK_ABOVE_BYTES:
            break
    else:
        return Island("json", b"".join(start).decode("ascii"))
    packer = _deflate().compressobj(level=_LEVEL, wbits=_GZIP)
    packed = bytearray()
    for piece in chain(start, rest):
        packed += packer.compress(piece)
    packed += packer.flush()
    return Island("gzip+base64", base64.b64encode(packed).decode("ascii"))


def _pieces(document: Mapping[str, Any]) -> Iterator[bytes]:
    """Yield the JSON of a document part by part: ASCII that holds none of the characters of markup."""
    before = b"{"
    for name, value in document.items():
        yield before + _written(name) + b":"
        if name == "finding_columns":
            yield from _pieces(value)
        elif isinstance(value, list) and len(value) > _AT_ONCE:
            yield from _list_pieces(value)
        else:
            yield _written(value)
        before = b","
    yield b"}"


def _list_pieces(values: Sequence[object]) -> Iterator[bytes]:
    for start in range(0, len(values), _AT_ONCE):
        yield (b"," if start else b"[") + _written(values[start : start + _AT_ONCE])[1:-1]
    yield b"]"


def _written(value: object) -> bytes:
    try:
        text = msgspec.json.encode(value)
    except UnicodeError:  # a lone surrogate
        text = b"\xff"
    if not text.isascii():  # or other letters
        plain = msgspec.to_builtins(value)
        text = json.dumps(plain, ensure_ascii=True, separators=(",", ":")).encode("ascii")
    for mark, escape in _ESCAPES:
        text = text.replace(mark, escape)
    return text


def _share_frameworks(findings: Sequence[FindingEntry]) -> tuple[list[int], list[list[dict[str, str]]]]:
    """Return for each finding the number of its framework references, and the lists so numbered."""
    by_object: dict[int, int] = {}
    by_content: dict[str, int] = {}
    shared: list[list[dict[str, str]]] = []
    for finding in findings:
        references = finding.frameworks
        if id(references) in by_object:
            continue
        number = by_content.setdefault(repr(references), len(shared))
        if number == len(shared):
            shared.append(msgspec.to_builtins(references))
        by_object[id(references)] = number
    return [by_object[id(finding.frameworks)] for finding in findings], shared


def _columns(findings: Sequence[FindingEntry], frameworks: list[int]) -> dict[str, list[Any]]:
    """Return the findings by field, with the numbers of their framework references."""
    wanted = [name for name in FindingEntry.__struct_fields__ if name not in _ON_THE_WIRE]
    columns = {name: list(map(attrgetter(name), findings)) for name in wanted}
    return columns | {"frameworks": frameworks}


def _pack_fingerprints(columns: dict[str, list[Any]]) -> str:
    """Take the fingerprints out of the columns as base64 of their bytes; leave them if one is no SHA-256.

    Hexadecimal digits are the one part of a finding that does not compress.
    """
    fingerprints = columns["fingerprint"]
    if not all(_SHA256.fullmatch(fingerprint) for fingerprint in fingerprints):
        return ""
    del columns["fingerprint"]
    return base64.b64encode(bytes.fromhex("".join(fingerprints))).decode("ascii")
