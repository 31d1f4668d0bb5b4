"""Name the permissions that others need once in a while (`catalog/dependents.toml`)."""

from connectors.aws.catalog.actions import Catalogue
from connectors.aws.catalog.tables import table
from connectors.facts import Dependent


def dependents_of(catalogue: Catalogue) -> tuple[Dependent, ...]:
    """Return what stays with what."""
    mask = catalogue.permissions.mask
    return tuple(
        Dependent(mask(row["keeps"]), mask(row["with"]), row["reason"]) for row in table("dependents")["rows"]
    )
