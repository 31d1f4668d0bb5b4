"""Know what each role holds, from the role definitions in the evidence and nothing else."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from connectors.facts import PermissionSet
from connectors.gcp.hierarchy import Hierarchy
from connectors.gcp.names import permission_name
from connectors.permissions import Permissions

_PROJECT_ROLE = re.compile(r"^projects/([^/]+)/roles/(.+)$")


@dataclass(frozen=True, slots=True)
class Role:
    """One role definition: its permissions as a set, and whether it was deleted."""

    name: str
    permissions: PermissionSet
    deleted: bool
    title: str


class Roles:
    """The roles whose definition the evidence holds.

    A role listed without `includedPermissions` (a plain `roles list`) counts as unknown: an empty role and
    one whose permissions were not printed look the same.
    """

    def __init__(
        self,
        records: Iterable[Mapping[str, Any]],
        permissions: Permissions,
        hierarchy: Hierarchy,
        aliases: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._hierarchy = hierarchy
        self._roles: dict[str, Role] = {}
        for record in records:
            name = record.get("name")
            included = record.get("includedPermissions", record.get("included_permissions"))
            deleted = record.get("deleted") is True
            if not isinstance(name, str) or (not isinstance(included, list) and not deleted):
                continue
            name = self._canonical(name)
            names = (permission_name(one) for one in included or () if isinstance(one, str))
            held = permissions.load(aliases.get(one, one) for one in names)
            known = self._roles.get(name)
            # The same role from two exports of different days: what either says is held.
            merged = held | (known.permissions if known else 0)
            self._roles[name] = Role(name, 0 if deleted else merged, deleted, str(record.get("title") or ""))

    def __len__(self) -> int:
        return len(self._roles)

    def __iter__(self) -> Iterator[Role]:
        return iter(sorted(self._roles.values(), key=lambda role: role.name))

    def find(self, name: str) -> Role | None:
        """Return a role's definition, or None when the evidence does not hold it."""
        return self._roles.get(self._canonical(name))

    def _canonical(self, name: str) -> str:
        """Return a custom role's name with its project's id: exports may write the number."""
        match = _PROJECT_ROLE.match(name)
        return f"projects/{self._hierarchy.project(match[1])}/roles/{match[2]}" if match else name


def is_custom(name: str) -> bool:
    """Return whether a role name is of a customer's own role."""
    return not name.startswith("roles/")
