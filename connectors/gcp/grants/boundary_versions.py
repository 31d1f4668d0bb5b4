"""Know which permissions a principal access boundary can block, by its enforcement version."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from connectors.facts import PermissionSet
from connectors.gcp.catalog import matcher, table
from connectors.permissions import Permissions


@dataclass(frozen=True, slots=True)
class Blocked:
    """What is out of reach in a place that is not eligible: for certain, and perhaps."""

    certain: PermissionSet = 0
    perhaps: PermissionSet = 0


class Versions:
    """The permissions of each enforcement version (`catalog/boundary_versions.toml`)."""

    def __init__(self, permissions: Permissions) -> None:
        data = table("boundary_versions")
        names = permissions.names(permissions.known)
        self._all = permissions.mask(names)
        self._default: int = data["default"]
        self._upto: dict[int, PermissionSet] = {}
        held = 0
        for version in data["versions"]:
            fits, spared = matcher(version["permissions"]), matcher(version["except"])
            held |= permissions.mask(name for name in names if fits(name) and not spared(name))
            self._upto[version["number"]] = held
        unsure = matcher(data["unsure"])
        self._unsure = permissions.mask(name for name in names if unsure(name))

    def anything(self) -> Blocked:
        """Return what a boundary blocks of which nothing is known: perhaps everything."""
        return Blocked(0, self._all)

    def blocked(self, version: Any) -> Blocked:
        """Return what a version blocks, as a policy names it: `"3"`, `"latest"`, or nothing.

        What stands for the newest one blocks what the default of the table's date did; what later versions
        add, and what versions that the table does not know block, is not certain.
        """
        newest = max(self._upto)
        number = int(version) if str(version or "").isdigit() else 0
        if number in self._upto and number < newest:
            return Blocked(self._upto[number])
        if number == newest:
            return Blocked(self._upto[newest] & ~self._unsure, self._unsure)
        certain = self._upto[newest if number else self._default] & ~self._unsure
        return Blocked(certain, self._all & ~certain)


def together(found: Sequence[Blocked]) -> Blocked:
    """Return what several boundaries block of which none makes a place eligible.

    Certain is what each of them blocks: which version counts where they differ is not documented.
    """
    if not found:
        return Blocked()
    certain, some = found[0].certain, 0
    for one in found:
        certain &= one.certain
        some |= one.certain | one.perhaps
    return Blocked(certain, some & ~certain)
