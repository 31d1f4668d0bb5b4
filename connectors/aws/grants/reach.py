"""Class permissions by the kind of power they are (`catalog/reach.toml`)."""

from connectors.aws.catalog.actions import Catalogue
from connectors.aws.catalog.tables import table
from connectors.aws.coverage.observability import union
from connectors.facts import PermissionSet


def reach_classes(catalogue: Catalogue) -> dict[str, PermissionSet]:
    """Return the permissions of each reach class, sorted by class; a permission may be in several."""
    return {
        name: (
            union(catalogue.expand(pattern) for pattern in entry["actions"])
            | union(catalogue.level(level) for level in entry.get("levels", ()))
        )
        & ~union(catalogue.expand(pattern) for pattern in entry.get("except", ()))
        & catalogue.known
        for name, entry in sorted(table("reach")["classes"].items())
    }
