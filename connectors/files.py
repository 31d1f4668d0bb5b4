"""Read the JSON and CSV files that the clouds' own tools write, whatever their container and encoding."""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connectors.errors import EvidenceError

LARGEST_BYTES = 4 * 1024**3
"""A decompressed dump larger than this is refused: no account's IAM dump comes near it."""

_ENCODINGS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def read_text(path: Path) -> str:
    """Return a file's text: plain or gzip, UTF-8 or the UTF-16 that PowerShell redirection writes.

    Raises EvidenceError naming the file and the way out.
    """
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            with gzip.open(io.BytesIO(data)) as stream:
                data = stream.read(LARGEST_BYTES + 1)
    except FileNotFoundError as error:
        raise EvidenceError(f"{path}: no such file", hint="check the path in the config file") from error
    except IsADirectoryError as error:
        raise EvidenceError(f"{path}: is a folder, a file is needed", hint="name one file") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise EvidenceError(
            f"{path}: the gzip data is cut off or corrupt ({error})", hint="export or download it again"
        ) from error
    except OSError as error:
        raise EvidenceError(f"{path}: cannot be read ({error.strerror})", hint="check its rights") from error
    if len(data) > LARGEST_BYTES:
        raise EvidenceError(f"{path}: larger than {LARGEST_BYTES} bytes when unpacked", hint="split it")
    encoding = next((name for mark, name in _ENCODINGS if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise EvidenceError(
            f"{path}: not {encoding} text (byte {error.start})", hint="is this the right file?"
        ) from error


def _read_some(path: Path) -> str:
    text = read_text(path)
    if not text.strip():
        raise EvidenceError(f"{path}: is empty", hint="run the export again; the command may have failed")
    return text


def read_json(path: Path) -> Any:
    """Return the JSON value of a file; several values in a row (JSON lines) come back as a list.

    Raises EvidenceError naming the file, the line and the way out.
    """
    text = _read_some(path)
    try:
        return json.loads(text)
    except RecursionError as error:
        raise EvidenceError(f"{path}: nested too deeply", hint="is this the right file?") from error
    except json.JSONDecodeError as error:
        values = _several(text)
        if values is not None:
            return values
        raise EvidenceError(
            f"{path}: line {error.lineno}: not JSON ({error.msg})",
            hint="export it again with JSON output; a cut-off download ends like this",
        ) from error


def _several(text: str) -> list[Any] | None:
    """Return the values of text that holds one JSON value after another, or None when it does not."""
    decoder = json.JSONDecoder()
    values: list[Any] = []
    at = 0
    while True:
        while at < len(text) and text[at].isspace():
            at += 1
        if at == len(text):
            return values
        try:
            value, at = decoder.raw_decode(text, at)
        except (json.JSONDecodeError, RecursionError):
            return None
        values.append(value)


def read_records(path: Path, containers: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return the records of a file: a list, JSON lines, pages, or an object holding a list.

    `containers` are the keys that may hold the list (`value`, `bindings`); a list of page objects that
    each hold one is flattened. An object without any of them is one record.
    """
    value = read_json(path)
    records = list(_unpack(value, containers))
    if not all(isinstance(record, dict) for record in records):
        raise EvidenceError(f"{path}: holds values that are no objects", hint="is this the right file?")
    return records


def _unpack(value: Any, containers: Sequence[str]) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _unpack(item, containers)
        return
    held = next((k for k in containers if isinstance(value, dict) and isinstance(value.get(k), list)), None)
    if held is None:
        yield value
    else:
        yield from value[held]


def read_csv(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file with a header line, by column name."""
    rows = csv.DictReader(io.StringIO(_read_some(path)))
    return [{str(k): v or "" for k, v in row.items() if isinstance(v, str | None)} for row in rows]


def expand(paths: Sequence[Path], suffixes: Sequence[str]) -> list[Path]:
    """Return the files that a setting names: files as they are, folders searched for `suffixes`.

    Hidden files and links to folders are not followed; the result is sorted and free of repeats.
    """
    found: set[Path] = set()
    for path in paths:
        if path.is_dir():
            found |= {
                file
                for file in path.rglob("*")
                if file.name.endswith(tuple(suffixes)) and not file.name.startswith(".") and file.is_file()
            }
        else:
            found.add(path)
    return sorted(found)


def modified(path: Path) -> str:
    """Return a file's modification time as RFC 3339 UTC: how old a dump is when it does not say."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
