"""Sort the catalogue by what CloudTrail can show: data events, permissions without an event, unknown ones."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import or_

from connectors.aws.catalog.actions import Catalogue
from connectors.aws.catalog.tables import table
from connectors.aws.coverage.read_only import permissions_by_mark


@dataclass(frozen=True, slots=True)
class Observability:
    """Sets of permissions by how their use shows in CloudTrail."""

    never: tuple[tuple[str, str, int], ...]
    """(code, reason, permissions) that leave no event of their own, or none that anybody documents."""
    data: tuple[tuple[str, int], ...]
    """(resources.type, permissions) recorded only where selectors ask for that type."""
    data_only: int
    """Those of `data` that no management event can show."""
    no_api: int
    """Names that no public API operation has."""
    reads: int
    """Permissions whose use may leave an event that a write-only selector leaves out."""
    writes: int
    """Permissions whose use may leave an event that a read-only selector leaves out."""


def observability(catalogue: Catalogue) -> Observability:
    """Return the sets for the catalogue at hand; the tables are `catalog/*_events.toml` and `no_api.toml`."""
    never = [
        (
            str(entry.get("code", "never-logged")),
            str(entry["reason"]),
            _expand(catalogue, entry["actions"]),
        )
        for entry in table("never_events")["classes"]
    ]
    nothing = union(permissions for _, _, permissions in never)
    data = [
        (str(entry["resource_type"]), _expand(catalogue, entry["actions"]) & ~nothing)
        for entry in table("data_events")["types"]
    ]
    no_api = catalogue.permissions.mask(
        f"{service}:{name}" for service, names in table("no_api")["services"].items() for name in names
    )
    both = _expand(catalogue, table("data_events")["management_too"]["actions"])
    data_only = union(permissions for _, permissions in data) & ~both
    return Observability(
        tuple(never), tuple(data), data_only, no_api & catalogue.known, *permissions_by_mark()
    )


def _expand(catalogue: Catalogue, patterns: Iterable[str]) -> int:
    return union(catalogue.expand(pattern) for pattern in patterns) & catalogue.known


def union(sets: Iterable[int]) -> int:
    """Return the union of permission sets."""
    return reduce(or_, sets, 0)
