"""Map what an identity can touch, by class of permission, granted beside used."""

from collections.abc import Mapping, Sequence

from connectors.facts import PermissionSet, Usage
from connectors.permissions import Permissions
from scanner.results import Reach, Verdicts


def map_reach(
    verdicts: Verdicts, usage: Sequence[Usage], classes: Mapping[str, PermissionSet], permissions: Permissions
) -> dict[str, Reach]:
    """Return the reach for every class that the identity holds or used a permission of."""
    touched: dict[str, set[str]] = {}
    for row in usage:
        if row.resource and row.count > row.denied:
            bit = 1 << permissions.index(row.permission)
            for name, members in classes.items():
                if members & bit:
                    touched.setdefault(name, set()).add(row.resource)
    return {
        name: Reach(
            granted=verdicts.granted & members,
            used=verdicts.used & members,
            resources=tuple(sorted(touched.get(name, ()))),
        )
        for name, members in sorted(classes.items())
        if members & (verdicts.granted | verdicts.used)
    }
