"""Write and read the report document as JSON, with lists that many identities share written once."""

import codecs
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

import msgspec

from reports.document import SCHEMA_VERSION, Report
from reports.errors import ReportError
from reports.sharing import share, spread

FILE_NAME = "report.json"
"""What a scan calls the document in its folder."""

_ENCODER = msgspec.json.Encoder(order="deterministic")

_AT_ONCE = 100
"""Entries of a list or mapping of the report that are written together."""

_READABLE_BYTES = 8_000_000
"""Above this the document is written without line breaks: they would add about a third."""


class _Head(msgspec.Struct):
    """The one field that tells which reader a document needs."""

    schema_version: str | None = None


def encode(report: Report) -> bytes:
    """Write the report as UTF-8 JSON in stable order: equal reports give equal bytes.

    Small documents are indented by one space, so that two scans can be compared line by line. In large
    ones what many entries share is written once and line breaks are left out: 500 administrators stay
    below 50 MB.
    """
    return b"".join(parts(report))


def parts(report: Report) -> Iterator[bytes]:
    """Yield what `encode` returns, so that a large document is never held whole."""
    start: list[bytes] = []
    length = 0
    rest = _pieces(share(report))
    for piece in rest:
        start.append(piece)
        length += len(piece)
        if length > _READABLE_BYTES:
            yield from chain(start, rest)
            return
    yield _readable(b"".join(start))


def _pieces(report: Report) -> Iterator[bytes]:
    """Yield the document without line breaks, some entries of its lists and mappings at a time."""
    before = b"{"
    for name in Report.__struct_fields__:
        value = getattr(report, name)
        if value is msgspec.UNSET:
            continue
        yield before + _written(name) + b":"
        if isinstance(value, (dict, list)) and len(value) > _AT_ONCE:
            yield from _some(value)
        else:
            yield _written(value)
        before = b","
    yield b"}\n"


def _some(entries: Mapping[str, object] | Sequence[object]) -> Iterator[bytes]:
    keys = sorted(entries) if isinstance(entries, Mapping) else ()
    for start in range(0, len(entries), _AT_ONCE):
        places = slice(start, start + _AT_ONCE)
        some = (
            {key: entries[key] for key in keys[places]} if isinstance(entries, Mapping) else entries[places]
        )
        raw = _written(some)
        yield (b"," if start else raw[:1]) + raw[1:-1]
    yield raw[-1:]


def write(document: object) -> bytes:
    """Write any document of ours as UTF-8 JSON: keys of mappings sorted, indented while it is small."""
    # As one line of lines: a large document gets its line end without being copied.
    try:
        raw = _ENCODER.encode_lines([document])
    except UnicodeEncodeError:
        raw = _ENCODER.encode_lines([_without_surrogates(msgspec.to_builtins(document))])
    return raw if len(raw) > _READABLE_BYTES else _readable(raw)


def _readable(raw: bytes) -> bytes:
    return msgspec.json.format(raw.rstrip(), indent=1) + b"\n"


def _written(value: object) -> bytes:
    try:
        return _ENCODER.encode(value)
    except UnicodeEncodeError:
        # A tolerant log reader may hand on lone surrogates, which UTF-8 cannot hold.
        return _ENCODER.encode(_without_surrogates(msgspec.to_builtins(value)))


def decode(source: bytes | Path) -> Report:
    """Read a report from bytes, a file or a scan's folder; ReportError says what is wrong and what to do.

    Documents of a newer minor version are read: within one major version fields are only added.
    """
    if isinstance(source, Path) and source.is_dir():
        source = source / FILE_NAME
    name = str(source) if isinstance(source, Path) else "the report"
    raw = (_read(source) if isinstance(source, Path) else source).removeprefix(codecs.BOM_UTF8)
    try:
        version = msgspec.json.decode(raw, type=_Head).schema_version
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ReportError(f"{name} is not a report: {error}", hint=_broken_hint(raw, error)) from error
    if version is None:
        raise ReportError(
            f"{name} is not a report: it has no schema_version",
            hint="Give the report.json that a scan wrote.",
        )
    if version.partition(".")[0] != SCHEMA_VERSION.partition(".")[0]:
        raise ReportError(
            f"{name} has schema version {version}; this program reads {SCHEMA_VERSION.partition('.')[0]}.x",
            hint="Read it with the entdrift version that wrote it, or scan again.",
        )
    try:
        return spread(msgspec.json.decode(raw, type=Report))
    except msgspec.DecodeError as error:
        raise ReportError(
            f"{name} does not follow report schema {version}: {error}",
            hint="It was changed by hand or by another program, or written by a newer entdrift: update.",
        ) from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ReportError(
            f"cannot read the report {path}: {error.strerror or error}",
            hint="Check the path and your permission to read it; `entdrift scan` writes report.json.",
        ) from error


def _broken_hint(raw: bytes, error: Exception) -> str:
    if not raw.strip():
        return "The file is empty: the scan that should have written it did not finish. Scan again."
    if raw.startswith(b"\x1f\x8b"):
        return "The file is gzip data: unpack it first."
    if raw.lstrip()[:1] == b"<":
        return "This looks like the HTML report; give the report.json beside it."
    if "truncated" in str(error):
        return "The file ends too early, as after a broken copy or a full disk: copy it or scan again."
    return "Give the report.json that a scan wrote."


def _without_surrogates(value: object) -> object:
    match value:
        case str():
            return value.encode("utf-8", "replace").decode("utf-8")
        case list():
            return [_without_surrogates(item) for item in value]
        case dict():
            return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
        case _:
            return value
