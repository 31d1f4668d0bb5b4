"""The services whose data actions some diagnostic category records, and which category records which."""

from collections.abc import Mapping
from dataclasses import dataclass

from connectors.azure.catalog.tables import catalogue


@dataclass(frozen=True, slots=True)
class Service:
    """A service's data actions and the diagnostic category that records each verb."""

    name: str
    operations: tuple[str, ...]
    control: tuple[str, ...]
    """Control-plane actions that its own endpoint answers too, out of the Activity Log's sight."""
    resource_type: str
    setting_on: str
    names_caller: bool
    in_audit_group: bool
    """Whether the category group `audit` records these calls; `allLogs` always does."""
    categories: Mapping[str, str]

    def needs(self, operation: str) -> tuple[str, ...]:
        """Return the categories that must be on so that every call of an operation is recorded.

        The verb tells for reads, writes and deletes. An action may be any of them (`process/action` both
        reads and deletes messages): where the catalogue does not say which, all are needed.
        """
        folded = operation.lower()
        verb = folded.rsplit("/", 1)[-1]
        if verb == "action":
            known = catalogue("data_logs")["actions"]
            verbs = next(
                (words for end, words in known.items() if folded.endswith(end)), list(self.categories)
            )
        else:
            verbs = [verb if verb in self.categories else "write"]
        return tuple(sorted({self.categories[verb] for verb in verbs}))


def services() -> tuple[Service, ...]:
    """Return the services whose data actions some diagnostic category records, narrowest first."""
    return tuple(
        Service(
            name=row["name"],
            operations=tuple(row["operations"]),
            control=tuple(row["control"]),
            resource_type=row["resource_type"],
            setting_on=row["setting_on"].lower(),
            names_caller=row["names_caller"],
            in_audit_group=row["in_audit_group"],
            categories={verb: row[verb] for verb in ("read", "write", "delete")},
        )
        for row in catalogue("data_logs")["service"]
    )
