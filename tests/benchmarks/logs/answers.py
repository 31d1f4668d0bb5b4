"""Tell whether readers of one tree gave the same answer: a digest over the lines of everything that they found."""

from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any, NamedTuple

from connectors.logs.rows import LogRead

_BETWEEN = "\x1f"
PARTS = ("row", "seen", "file")
"""What lines begin with: rows of usage, places where events were seen, and files."""


class Answer(NamedTuple):
    """What a reader found; the lines are only made when somebody asks."""

    events: int
    lines: Iterable[str]


def line(part: str, *fields: Any) -> str:
    """Return one line of an answer."""
    return _BETWEEN.join((part, *map(str, fields)))


def engine_lines(read: LogRead) -> Iterator[str]:
    """Yield what the engine found; of files the path, events, copies of earlier events, and the digest."""
    for row in read.rows:
        yield line("row", *(getattr(row, field) for field in row.__struct_fields__))
    for one in read.presence:
        yield line("seen", *(getattr(one, field) for field in one.__struct_fields__))
    for file in read.files:
        if file.status != "skipped":
            yield line("file", file.path, file.records, file.duplicates, file.digest)


def digests(lines: Iterable[str]) -> dict[str, str]:
    """Return a digest of each part, in whatever order the lines of different parts come."""
    found = {part: sha256() for part in PARTS}
    counts = dict.fromkeys(PARTS, 0)
    for one in lines:
        part = one[: one.index(_BETWEEN)]
        found[part].update(one.encode("utf-8", "surrogatepass") + b"\n")
        counts[part] += 1
    return {part: f"{counts[part]:,} {found[part].hexdigest()[:16]}" for part in PARTS}
