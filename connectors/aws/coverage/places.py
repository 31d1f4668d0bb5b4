"""Say on which resources an identity holds permissions, to tell whether a selector takes in all of them."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from connectors.aws.coverage.field_filters import FieldFilter
from connectors.aws.policy.globs import overlaps
from connectors.aws.usage.actions import Sureness, needed_by_tables
from connectors.facts import PermissionSet

_PLAIN = re.compile(r"[\w:/.+=@-]+", re.ASCII)
"""Values of selectors that stand for themselves, however CloudTrail may encode other characters."""


@dataclass(frozen=True, slots=True)
class Places:
    """Resource patterns with the permissions that are held on them at most; empty where that is not known."""

    held: tuple[tuple[str, PermissionSet], ...] = ()

    @classmethod
    def of(cls, patterns: Mapping[str, PermissionSet], permissions: PermissionSet) -> "Places":
        """Return the places of some permissions."""
        some = ((pattern, held & permissions) for pattern, held in patterns.items())
        return cls(tuple(sorted(one for one in some if one[1])))

    @property
    def permissions(self) -> PermissionSet:
        """What is held on any of them."""
        every = 0
        for _, held in self.held:
            every |= held
        return every


@dataclass(frozen=True, slots=True)
class Need:
    """The permissions that an event (`prefix:Name`) may need; `each`: the call needs every one of them."""

    permissions: PermissionSet
    each: bool

    @classmethod
    def of(cls, event: str, mask: Callable[[Iterable[str]], PermissionSet]) -> "Need":
        """Return what an event needs by the tables."""
        needed = needed_by_tables(event)
        return cls(mask(needed.permissions), needed.sureness is Sureness.EACH)

    def lacks(self, held: PermissionSet) -> bool:
        """Tell whether the event cannot be, because it needs a permission that is held nowhere."""
        return self.each and self.permissions & held != self.permissions

    def stays_in(self, admitted: PermissionSet, held: PermissionSet) -> bool:
        """Tell whether what is held of it, and that is something, is all admitted.

        The record of a call that needs several permissions (CopyObject) may name the resource of any of them.
        """
        needed = self.permissions & held
        return needed != 0 and needed & admitted == needed


class ResourceFilter:
    """Tells which permissions a filter on `resources.ARN` takes in wherever they are held.

    Identities have most patterns in common, and filters hundreds of values: each pattern is weighed once.
    """

    def __init__(self, one: FieldFilter) -> None:
        self._selects = bool(one.select)
        self._plain = all(_PLAIN.fullmatch(value) for _, value in (*one.select, *one.exclude))
        self._equal = frozenset(value for how, value in one.select if how == "Equals")
        self._starts = tuple(value for how, value in one.select if how == "StartsWith")
        self._ends = tuple(value for how, value in one.select if how == "EndsWith")
        self._excluded = tuple(map(_glob, one.exclude))
        self._known: dict[str, bool] = {}

    def admitted(self, places: Places) -> PermissionSet:
        """Return the permissions all of whose places it takes in."""
        inside = outside = 0
        for pattern, held in places.held:
            if self.admits(pattern):
                inside |= held
            else:
                outside |= held
        return inside & ~outside

    def admits(self, pattern: str) -> bool:
        """Tell whether certainly every resource that a pattern matches passes the filter."""
        found = self._known.get(pattern)
        if found is None:
            found = self._known[pattern] = self._admits(pattern)
        return found

    def _admits(self, pattern: str) -> bool:
        if not self._plain:
            return False
        # Its values hold no wildcards, so what a pattern begins and ends with holds for all that it matches.
        selected = not self._selects or (
            pattern in self._equal or pattern.startswith(self._starts) or pattern.endswith(self._ends)
        )
        return selected and not any(not glob or overlaps(glob, pattern) for glob in self._excluded)


def _glob(condition: tuple[str, str]) -> str:
    """Return a condition as a pattern; empty for an operator nobody knows."""
    how, value = condition
    return {"Equals": value, "StartsWith": f"{value}*", "EndsWith": f"*{value}"}.get(how, "")
