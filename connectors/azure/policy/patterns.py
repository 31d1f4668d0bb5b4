"""Azure's permission patterns: what a role's permission blocks give, over the operations we know of."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from connectors.azure.ids import fields, mappings, strings, text
from connectors.facts import PermissionSet
from connectors.permissions import Permissions

ALL_PROVIDERS = "*"
"""Stands for every provider in `Universe.complete`."""


class Plane(StrEnum):
    """The two planes of Azure RBAC; a pattern of one never reaches the operations of the other."""

    CONTROL = "control"
    DATA = "data"


@dataclass(frozen=True, slots=True)
class Block:
    """One permission block of a role or deny assignment; its condition limits this block only.

    A role may hold several blocks, and what one subtracts (`notActions`) another may give (learn:
    role-based-access-control/role-definitions).
    """

    actions: tuple[str, ...]
    not_actions: tuple[str, ...]
    data_actions: tuple[str, ...]
    not_data_actions: tuple[str, ...]
    condition: str = ""

    def allowed(self, plane: Plane) -> tuple[str, ...]:
        """Return the patterns the block gives in one plane."""
        return self.actions if plane is Plane.CONTROL else self.data_actions

    def subtracted(self, plane: Plane) -> tuple[str, ...]:
        """Return the patterns the block takes out again in one plane."""
        return self.not_actions if plane is Plane.CONTROL else self.not_data_actions


def blocks(record: Mapping[str, Any]) -> tuple[Block, ...]:
    """Return the permission blocks of a role or deny assignment as any export writes them.

    PowerShell's `Get-AzRoleDefinition` has no blocks, its action lists stand in the role itself.
    """
    held = [fields(block) for block in mappings(record.get("permissions"))]
    if not held and ("actions" in record or "dataactions" in record):
        held = [dict(record)]
    return tuple(
        Block(
            actions=tuple(strings(block.get("actions"))),
            not_actions=tuple(strings(block.get("notactions"))),
            data_actions=tuple(strings(block.get("dataactions"))),
            not_data_actions=tuple(strings(block.get("notdataactions"))),
            condition=text(block.get("condition")).strip(),
        )
        for block in held
    )


def matches(pattern: str, name: str) -> bool:
    """Return whether a pattern covers an operation name: `*` spans `/`, case does not count.

    For a name that itself holds `*` the answer says whether everything it stands for is covered.
    """
    return _covers(_parts(pattern.strip().lower()), name.lower())


@lru_cache(maxsize=65_536)
def _parts(pattern: str) -> tuple[str, ...]:
    return tuple(pattern.split("*"))


def _covers(parts: tuple[str, ...], name: str) -> bool:
    """Match the parts between stars from left to right: time stays linear whatever the pattern."""
    if len(parts) == 1:
        return parts[0] == name
    first, *inner, last = parts
    if len(name) < len(first) + len(last) or not (name.startswith(first) and name.endswith(last)):
        return False
    at, end = len(first), len(name) - len(last)
    for part in inner:
        found = name.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


class Universe:
    """All operations the evidence names, by plane, so that wildcards can be expanded over them.

    Azure has no list of operations outside its own API; what a role definition spells out, what a log
    shows and what a `provider_operations` export lists is what there is to expand over. Where that
    export is missing a wildcard may mean more than we can list. Such a pattern becomes a permission by
    its own name, so that the part we cannot list is visible and never counts as unused.
    """

    def __init__(self, permissions: Permissions) -> None:
        self.permissions = permissions
        self._names: dict[Plane, dict[str, int]] = {Plane.CONTROL: {}, Plane.DATA: {}}
        self._sorted: dict[Plane, list[str]] = {}
        self._complete: set[str] = set()
        self._expanded: dict[tuple[Plane, str], PermissionSet] = {}
        self._patterns: dict[tuple[Plane, str], int] = {}

    def add(self, plane: Plane, names: Iterable[str]) -> None:
        """Add operations of one plane; patterns among them are left out."""
        wanted = sorted({name.strip() for name in names if name.strip() and "*" not in name})
        self.permissions.load(wanted)
        self._names[plane].update({name.lower(): self.permissions.index(name) for name in wanted})
        self._sorted.pop(plane, None)
        self._expanded.clear()

    def complete(self, providers: Iterable[str]) -> None:
        """Say that every operation of these providers has been added."""
        self._complete |= {provider.lower() for provider in providers}

    @property
    def size(self) -> int:
        """Number of operations known."""
        return len(self._names[Plane.CONTROL]) + len(self._names[Plane.DATA])

    @property
    def patterns(self) -> PermissionSet:
        """The permissions that are patterns, standing for operations the evidence does not list."""
        return _union(self._patterns.values())

    def plane(self, plane: Plane) -> PermissionSet:
        """Return all operations of one plane."""
        return _mask(self._names[plane].values())

    def expand(self, plane: Plane, pattern: str) -> PermissionSet:
        """Return the operations a pattern covers, and the pattern itself where the list may be short.

        The list may be short of a whole provider too: a pattern that covers nothing stands for itself.
        """
        key = (plane, pattern.strip().lower())
        found = self._expanded.get(key)
        if found is None:
            found = self.listed(plane, key[1])
            if "*" in pattern and not (found and self._listed_whole(key[1])):
                found |= self._patterns.setdefault(key, 1 << self.permissions.index(pattern.strip()))
            self._expanded[key] = found
        return found

    def listed(self, plane: Plane, pattern: str) -> PermissionSet:
        """Return only the known operations that a pattern covers."""
        known = self._names[plane]
        pattern = pattern.strip().lower()
        if "*" not in pattern:
            return 1 << known[pattern] if pattern in known else 0
        names = self._sorted.get(plane)
        if names is None:
            names = self._sorted[plane] = sorted(known)
        prefix = pattern.split("*", 1)[0]
        start = bisect_left(names, prefix)
        stop = bisect_left(names, prefix + "\U0010ffff", start)
        parts = _parts(pattern)
        return _mask(known[name] for name in names[start:stop] if _covers(parts, name))

    def listed_by(self, plane: Plane, patterns: Iterable[str]) -> PermissionSet:
        """Return the known operations that any of the patterns covers."""
        return _union(self.listed(plane, pattern) for pattern in patterns)

    def _listed_whole(self, pattern: str) -> bool:
        """Return whether the catalogue lists all operations of the providers a pattern names."""
        provider, slash, _ = pattern.partition("/")
        return ALL_PROVIDERS in self._complete or (
            bool(slash) and "*" not in provider and provider in self._complete
        )

    def _covered(self, plane: Plane, takers: Sequence[str]) -> set[str]:
        """Return the patterns of one plane that one of the `takers` covers entirely: no plain name does."""
        wide = [taker for taker in takers if "*" in taker]
        return {
            name
            for held, name in self._patterns
            if wide and held is plane and any(matches(taker, name) for taker in wide)
        }

    def reaching(self, plane: Plane, patterns: Sequence[str]) -> PermissionSet:
        """Return what reaches into `patterns`: known operations, and held patterns inside or around them."""
        found = self.listed_by(plane, patterns)
        for (where, name), bit in self._patterns.items():
            if where is plane and any(matches(one, name) or matches(name, one) for one in patterns):
                found |= bit
        return found

    def block(self, plane: Plane, block: Block) -> PermissionSet:
        """Return what a block gives in one plane: its actions minus its notActions."""
        allowed = _union(self.expand(plane, pattern) for pattern in block.allowed(plane))
        takers = block.subtracted(plane)
        taken = self.listed_by(plane, takers)
        for name in self._covered(plane, takers):
            taken |= self._patterns[plane, name]
        return allowed & ~taken

    def denied(self, block: Block) -> PermissionSet:
        """Return what a deny block takes away for certain.

        A pattern is taken only by a deny that covers all of it, spares nothing, and does so in every
        plane in which somebody holds a pattern of that name.
        """
        taken = 0
        covered: dict[Plane, set[str]] = {}
        for plane in Plane:
            names = self.listed_by(plane, block.allowed(plane))
            spared = self.listed_by(plane, block.subtracted(plane))
            taken |= names & ~spared
            covered[plane] = set() if block.subtracted(plane) else self._covered(plane, block.allowed(plane))
        for (_, name), bit in self._patterns.items():
            if all(name in covered[plane] for plane in Plane if (plane, name) in self._patterns):
                taken |= bit
        return taken


def _mask(bits: Iterable[int]) -> PermissionSet:
    """Return the set with these bits, built in one pass."""
    found = bytearray()
    for index in bits:
        byte, bit = divmod(index, 8)
        if byte >= len(found):
            found.extend(bytes(byte + 1 - len(found)))
        found[byte] |= 1 << bit
    return int.from_bytes(found, "little")


def _union(masks: Iterable[PermissionSet]) -> PermissionSet:
    union = 0
    for mask in masks:
        union |= mask
    return union
