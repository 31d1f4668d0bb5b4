"""Write a set of actions as a short list of patterns that names, in the dated catalogue, just that set.

A wildcard is written only after a whole CamelCase word, only where an original pattern covers it, and only
where it saves at least three names. `within` (characters) asks for a shorter list: then wildcards may give
back some of the unwanted names, the least dangerous first, because a list that does not fit removes nothing.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from connectors.aws.catalog.actions import Catalogue, fold_action

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z]+|.")
_SAVED_NAMES = 3
_QUOTES_AND_COMMA = 3

Allowed = Callable[[str], bool]
"""Tells whether a wildcard pattern may be written at all (an original pattern covers it)."""


@dataclass(frozen=True, slots=True)
class _Node:
    """All actions of a service that start with the same words; sets are over the service's own actions."""

    pattern: str
    members: int
    own: int
    children: tuple["_Node", ...]


@dataclass(frozen=True, slots=True)
class _Service:
    low: int
    names: tuple[str, ...]
    root: _Node

    def part(self, permissions: int) -> int:
        """Return the service's share of a set."""
        return permissions >> self.low & ((1 << len(self.names)) - 1)


class Compressor:
    """Writes lists of actions; what it learns of a service's names serves all later lists."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._services: dict[int, _Service] = {}

    def shortest(self, wanted: int, free: int, allowed: Allowed, *, within: int | None = None) -> list[str]:
        """Return sorted patterns that name all of `wanted` and nothing else but `free`.

        With `within` the list is made to fit that many characters if it can; it then may name more.
        """
        known = wanted & self._catalogue.known
        extra = self._catalogue.permissions.names(wanted & ~known)
        parts = [_Part(service, known, free, allowed) for service in self._services_of(known)]
        if within is not None and length(_written(parts)) > within:
            _group(parts, within - length(extra), self._catalogue)
        return sorted(_written(parts) + extra, key=str.lower)

    def _services_of(self, permissions: int) -> Iterator["_Service"]:
        """Yield the services that have a part in a set; a service's actions are neighbours there."""
        while permissions:
            first = (permissions & -permissions).bit_length() - 1
            found = self._services.get(first)
            if found is None:
                name = self._catalogue.permissions.names(1 << first)[0].partition(":")[0]
                every = self._catalogue.expand(f"{name}:*")
                found = _service(name, every, self._catalogue.permissions.names(every))
                for place in range(found.low, found.low + len(found.names)):
                    self._services[place] = found
            yield found
            permissions &= ~(((1 << len(found.names)) - 1) << found.low)


def length(patterns: Sequence[str]) -> int:
    """Return the characters that a list of patterns takes in a policy document."""
    return sum(len(pattern) + _QUOTES_AND_COMMA for pattern in patterns)


class _Part:
    """One service's share of the list; `forced` patterns are written although they name too much."""

    def __init__(self, service: _Service, wanted: int, free: int, allowed: Allowed) -> None:
        self.service = service
        self.wanted = service.part(wanted)
        self.fine = self.wanted | service.part(free)
        self.allowed = allowed
        self.forced: set[str] = set()

    def write(self) -> list[str]:
        return list(self._write(self.service.root))

    def _write(self, node: _Node) -> Iterator[str]:
        hit = node.members & self.wanted
        if not hit:
            return
        if self._is_exact(node, hit) or node.pattern in self.forced:
            yield node.pattern
            return
        if node.own & self.wanted:
            yield self.service.names[node.own.bit_length() - 1]
        for child in node.children:
            yield from self._write(child)

    def _is_exact(self, node: _Node, hit: int) -> bool:
        saved = hit.bit_count() - 1
        enough = 1 if node is self.service.root else _SAVED_NAMES
        return saved >= enough and not node.members & ~self.fine and self.allowed(node.pattern)

    def groups(self, danger: Callable[[int], int]) -> Iterator[tuple[float, int, str, "_Part"]]:
        """Yield wildcards that would shorten the list, with the danger of what they give back."""
        waiting = [self.service.root]
        while waiting:
            node = waiting.pop()
            hit = node.members & self.wanted
            if hit.bit_count() < 2 or self._is_exact(node, hit):
                continue
            saved = length(list(self._write(node))) - length([node.pattern])
            if saved > 0 and self.allowed(node.pattern):
                excess = danger((node.members & ~self.fine) << self.service.low)
                yield (excess / saved, -saved, node.pattern, self)
            waiting += node.children


def _group(parts: Sequence[_Part], within: int, catalogue: Catalogue) -> None:
    """Force as few wildcards as needed, those first that give back the least danger per character."""
    permission_changes = catalogue.level("Permissions management")
    harmless = catalogue.level("Read") | catalogue.level("List")

    def danger(permissions: int) -> int:
        worst = (permissions & permission_changes).bit_count()
        mild = (permissions & harmless & ~permission_changes).bit_count()
        return 20 * worst + mild + 4 * (permissions.bit_count() - worst - mild)

    found = sorted((g for part in parts for g in part.groups(danger)), key=lambda g: g[:3])

    def force(number: int) -> int:
        for part in parts:
            part.forced.clear()
        for _, _, pattern, part in found[:number]:
            part.forced.add(pattern)
        return length(_written(parts))

    low, high = 0, len(found)
    while low < high:
        middle = (low + high) // 2
        if force(middle) <= within:
            high = middle
        else:
            low = middle + 1
    force(low)


def _written(parts: Sequence[_Part]) -> list[str]:
    return [name for part in parts for name in part.write()]


def _service(service: str, everything: int, names: Sequence[str]) -> _Service:
    low = (everything & -everything).bit_length() - 1
    ordered = tuple(sorted(names, key=str.lower))
    words = [_WORD.findall(name.partition(":")[2]) for name in ordered]
    folded = [fold_action(name) for name in ordered]
    return _Service(low, ordered, _node(f"{service}:", range(len(ordered)), 0, words, folded))


def _node(
    prefix: str, members: Sequence[int], depth: int, words: Sequence[Sequence[str]], folded: Sequence[str]
) -> _Node:
    """Build the tree of first words.

    A wildcard is compared without case and may end inside a word, so it may name more than its children do.
    """
    groups: dict[str, list[int]] = {}
    own = 0
    for n in members:
        if len(words[n]) == depth:
            own |= 1 << n
        else:
            groups.setdefault(words[n][depth], []).append(n)
    children = []
    for word, inside in sorted(groups.items()):
        if len(inside) == 1:
            children.append(_Node("", 1 << inside[0], 1 << inside[0], ()))
            continue
        below, text = depth + 1, prefix + word
        while all(len(words[n]) > below for n in inside):
            following = {words[n][below] for n in inside}
            if len(following) > 1:
                break
            text += following.pop()
            below += 1
        children.append(_node(text, inside, below, words, folded))
    low = bisect_left(folded, prefix.lower())
    high = bisect_left(folded, prefix.lower() + chr(0x10FFFF), low)
    return _Node(prefix + "*", (1 << high) - (1 << low), own, tuple(children))
