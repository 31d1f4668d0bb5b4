"""The escalation paths of `escalation_paths.toml`, and which of them a set of permissions completes."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import msgspec

from connectors.facts import PermissionSet
from connectors.permissions import Permissions


@dataclass(frozen=True, slots=True)
class Path:
    """One row: all of `permissions`, and one of `one_of` where there are any.

    `gain` is `policy` (rewrites who may do what), `identity` (acts as another) or `key` (bypasses policy).
    """

    id: str
    provider: str
    gain: str
    effect: str
    source: str
    permissions: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()
    passed_to: tuple[str, ...] = ()
    """Services of which one must be handed another identity; empty: the path hands none over."""
    itself: bool = False
    """True for a path that needs no other target than the identity itself, its groups or its policies."""
    others: bool = False
    """True for a path that leads to other identities only: on itself the permission changes nothing."""

    def of(self, among: PermissionSet, names: Permissions) -> PermissionSet:
        """Return the permissions of the path among these, or nothing when the path is not complete."""
        needed = known(self.permissions, names)
        if needed & among != needed or len(self.permissions) != needed.bit_count():
            return 0
        finish = known(self.one_of, names) & among
        return needed | finish if finish or not self.one_of else 0

    def choice(self, names: Permissions) -> PermissionSet:
        """Return the permissions whose scope decides which targets the path reaches."""
        return known(self.permissions[:1] or self.one_of, names)


@cache
def paths(provider: str) -> tuple[Path, ...]:
    """Return the paths of a cloud in the order of the table."""
    data = tomllib.loads(files("scanner.rules").joinpath("escalation_paths.toml").read_text("utf-8"))
    rows = msgspec.convert(data["path"], list[Path])
    return tuple(row for row in rows if row.provider == provider)


def known(names: Sequence[str], permissions: Permissions) -> PermissionSet:
    """Return those of the names that the evidence knows, as a set, without adding the others."""
    return permissions.present(tuple(names))
