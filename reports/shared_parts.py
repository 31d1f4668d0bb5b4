"""Ids of what a large report writes once, and looking it up again."""

import hashlib
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from reports.errors import ReportError

_Part = TypeVar("_Part")


def digest(content: str | bytes) -> str:
    """Return the id of a shared part: 12 hexadecimal digits of the SHA-256 of its content."""
    raw = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    return hashlib.sha256(raw).hexdigest()[:12]


def written(content: object) -> bytes:
    """Return content as it is compared and hashed: JSON, or its `repr` where a log left lone surrogates."""
    try:
        return msgspec.json.encode(content, order="deterministic")
    except UnicodeEncodeError:
        return repr(content).encode("utf-8", "backslashreplace")


def find_shared(held: Mapping[str, _Part], name: str) -> _Part:
    """Return a shared part by its id; ReportError when the document does not hold it."""
    try:
        return held[name]
    except KeyError as error:
        raise ReportError(
            f"the report names the shared part {name} but does not hold it",
            hint="The report was cut or edited; scan again.",
        ) from error
