"""Say on which resources an identity holds permissions, to tell whether a selector takes in all of them."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from connectors.aws.event_actions import Sureness, needed_by_tables
from connectors.aws.field_filters import FieldFilter
from connectors.aws.globs import covers, overlaps
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

    def patterns(self, permission: PermissionSet) -> Iterable[str]:
        """Return every pattern on which a permission is held; none if it is not held at all."""
        return (pattern for pattern, held in self.held if held & permission)


def cannot_be(event: str, places: Places, mask: Callable[[Iterable[str]], PermissionSet]) -> bool:
    """Tell whether an event (`prefix:Name`) needs a permission that is held nowhere."""
    needed = needed_by_tables(event)
    return needed.sureness is Sureness.EACH and not all(
        any(places.patterns(mask((name,)))) for name in needed.permissions
    )


def all_admitted(
    one: FieldFilter, event: str, places: Places, mask: Callable[[Iterable[str]], PermissionSet]
) -> bool:
    """Tell whether `resources.ARN` of a selector takes in an event on every resource that it may act on.

    The record of a call that needs several permissions (CopyObject) may name the resource of any of them.
    """
    needed = needed_by_tables(event).permissions
    patterns = {pattern for name in needed for pattern in places.patterns(mask((name,)))}
    return bool(patterns) and all(_admits(one, pattern) for pattern in patterns)


def _admits(one: FieldFilter, pattern: str) -> bool:
    """Tell whether certainly every resource that a pattern matches passes a filter."""
    if not all(_PLAIN.fullmatch(value) for _, value in (*one.select, *one.exclude)):
        return False
    selected = not one.select or any(covers(glob, pattern) for glob in map(_glob, one.select) if glob)
    return selected and not any(not glob or overlaps(glob, pattern) for glob in map(_glob, one.exclude))


def _glob(condition: tuple[str, str]) -> str:
    """Return a condition as a pattern; empty for an operator nobody knows."""
    how, value = condition
    return {"Equals": value, "StartsWith": f"{value}*", "EndsWith": f"*{value}"}.get(how, "")
