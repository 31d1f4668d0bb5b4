"""Say which application permissions of Microsoft Graph allow a call, by its method and address.

Addresses are compared segment by segment with the templates of Graph's own permission table, of which
`catalog/graph_permissions.json.gz` holds the part for applications (source and date stand in it).
"""

import gzip
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

ID = "{id}"
_ANY = "..."
_ALLOWING = "\0"
_WORD = re.compile(r"[a-z]+")
_CALLED = re.compile(r"([a-z0-9_.]+)\((.*)\)", re.DOTALL)
_VERSIONS = ("v1.0", "beta")
_MOST = 16
"""Segments that are kept of an address; no template is as long."""
_CAST = "microsoft.graph."
_NAMES = frozenset(("root", "inbox", "drafts", "sentitems", "deleteditems", "archive", "junkemail", "outbox"))
"""Names that stand where ids stand: the root site, folders every mailbox has (learn, mailFolder resource)."""


@dataclass(frozen=True, slots=True)
class Allowing:
    """What Graph's table says of one call: permissions that allow it, and those it may need besides."""

    allow: frozenset[str]
    beside: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Table:
    words: frozenset[str]
    names: frozenset[str]
    tree: Mapping[str, Any]


@cache
def _table() -> _Table:
    packed = (files("connectors.azure") / "catalog" / "graph_permissions.json.gz").read_bytes()
    read = msgspec.json.decode(gzip.decompress(packed))
    names = read["permissions"]
    tree: dict[str, Any] = {}
    words = set()
    for method, paths in read["calls"].items():
        for path, (allow, beside) in paths.items():
            node = tree.setdefault(method, {})
            for segment in path.split("/"):
                words.add(segment)
                node = node.setdefault(segment, {})
            node[_ALLOWING] = Allowing(
                frozenset(names[one] for one in allow), frozenset(names[one] for one in beside)
            )
    return _Table(frozenset(words - {ID, _ANY}), frozenset(names), tree)


def known_permissions() -> frozenset[str]:
    """Return the permissions of Graph that the table knows."""
    return _table().names


def allowing(method: str, path: str) -> Allowing | None:
    """Return what the table says of a call; None where it knows no such call.

    `path` is an address as `address` writes it. Where several templates fit, what any of them says counts.
    """
    found = list(_walk(_table().tree.get(method.upper(), {}), [one for one in path.split("/") if one]))
    if not found:
        return None
    return Allowing(
        frozenset().union(*(one.allow for one in found)), frozenset().union(*(one.beside for one in found))
    )


def _walk(node: Mapping[str, Any], segments: list[str]) -> Iterator[Allowing]:
    if not segments:
        if _ALLOWING in node:
            yield node[_ALLOWING]
        return
    first, rest = segments[0], segments[1:]
    bound = first.removeprefix(_CAST)
    if first in node or bound in node:
        yield from _walk(node.get(first) or node[bound], rest)
    elif first.startswith(("$", _CAST)):
        yield from _walk(node, rest)
    if first in _NAMES:
        yield from _walk(node.get(ID, {}), rest)
    if first == "root":
        yield from _walk(node.get("items", {}).get(ID, {}), rest)
    if _ANY in node:
        for skipped in range(len(segments)):
            yield from _walk(node[_ANY], segments[skipped:])


def address(uri: str) -> str:
    """Return the part of Graph that an address names, ids left out: a tenant has millions of them.

    A word that the table does not know stays as it is: it may be a name or a part of Graph that the table
    lacks, and stands for no id.
    """
    path = urlsplit(uri).path
    segments = list(template(path, _table().words))
    return "/" + "/".join(segments[:_MOST])


def template(path: str, words: frozenset[str] | None = None) -> Iterator[str]:
    """Yield the segments of a path in one spelling: `name(id)` as `name/{id}`, functions by their name.

    `words` are the segments that name a part of Graph; without it every segment does that is in no braces.
    """
    segments = [segment for segment in unquote(path).lower().split("/") if segment]
    if segments and segments[0] in _VERSIONS:
        segments = segments[1:]
    for segment in _plain(segments):
        called = _CALLED.fullmatch(segment) if "(" in segment else None
        if called is None:
            yield _part(segment, words)
            continue
        name, inside = called.groups()
        yield f"microsoft.{name}" if name.startswith("graph.") else name
        if inside and ("=" not in inside or name in _KEYED):
            yield ID


_KEYED = frozenset(
    ("applications", "serviceprincipals", "devices", "directoryroles", "businessscenarios", "users", "groups")
)
"""Collections whose members may be named by another key: `applications(appId='…')` is one application."""


def _plain(segments: Iterable[str]) -> Iterator[str]:
    """Yield segments with addresses by path (`root:/folder/file:`, `host:/sites/name:`) as one id."""
    inside = False
    for segment in segments:
        if inside:
            inside = not segment.endswith(":")
        elif segment.endswith(":"):
            inside = True
            if segment == "root:":
                yield "items"
            yield ID
        else:
            yield segment


def _part(segment: str, words: frozenset[str] | None) -> str:
    if segment.startswith("graph."):
        segment = f"microsoft.{segment}"
    if words is None:
        return ID if segment.startswith(("{", "(")) else segment
    if segment in words or segment.startswith("$"):
        return segment
    return segment if _WORD.fullmatch(segment.removeprefix(_CAST)) else ID
