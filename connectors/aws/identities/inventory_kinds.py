"""Know what runs AI workloads and where its role stands (`catalog/ai_inventory.toml`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from connectors.aws.catalog.tables import table


@dataclass(frozen=True, slots=True)
class ResourceKind:
    """One row of the table; its keys are explained there."""

    kind: str
    service: str
    list: str
    items: str
    id: str
    name: str
    roles: tuple[str, ...]
    describe: str = ""
    record: str = ""
    ids: Mapping[str, str] | None = None
    given: Mapping[str, str] | None = None
    under: str = ""
    recent: str = ""
    env: str = ""
    keep: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    ai: bool = True

    @property
    def stored(self) -> tuple[str, ...]:
        """Paths of the fields that are stored; the names of variables are added by the collector."""
        fields = (self.id, self.name, *self.roles, *self.keep)
        return tuple(dict.fromkeys(path for path in fields if path))


@lru_cache(maxsize=1)
def resource_kinds() -> tuple[ResourceKind, ...]:
    """Return all kinds; one that lies under another stands after it."""
    return tuple(ResourceKind(**_tuples(row)) for row in table("ai_inventory")["kinds"])


def _tuples(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
