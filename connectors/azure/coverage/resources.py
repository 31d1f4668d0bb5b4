"""Find the resources of a type that a grant reaches, as far as the evidence lists them."""

from collections.abc import Iterable

from connectors.azure.coverage.presence import Logs
from connectors.azure.ids import Level, holds, level, resource_id, text
from connectors.azure.inventory import Inventory
from connectors.logs.rows import UsageRow

_PROVIDERS = "/providers/"


class Resources:
    """The resources that inventory files list, and those that only assignments, settings or logs mention."""

    def __init__(
        self, inventory: Inventory, rows: Iterable[UsageRow], logs: Logs, *, listed_whole: bool
    ) -> None:
        self._whole = listed_whole
        self._listed: dict[str, set[str]] = {}
        for identifier, held in inventory.resources.items():
            self._listed.setdefault(text(held.data.get("type")).lower(), set()).add(identifier)
        self._mentioned = sorted(
            {
                *(one.scope for one in inventory.rights),
                *inventory.settings,
                *(place for _, _, place in logs.classes),
                *(resource_id(row.resource) for row in rows),
            }
        )
        self._of_type: dict[str, set[str]] = {}
        self._below: dict[tuple[str, str], list[str]] = {}

    def listed(self, kind: str) -> list[str]:
        """Return the resources of a type that an inventory file lists."""
        return sorted(self._listed.get(kind, ()))

    def below(self, kind: str, scope: str) -> list[str]:
        """Return the resources of a type that a scope reaches, none when they are not all known.

        Above a single resource the list must come from an inventory file that was read whole. One that
        some other record mentions counts too: a list that lacks it was short.
        """
        found = self._below.get((kind, scope))
        if found is None:
            found = self._below[kind, scope] = self._find(kind, scope)
        return found

    def _find(self, kind: str, scope: str) -> list[str]:
        at = level(scope)
        if at is Level.RESOURCE:
            one = _cut(scope, kind)
            return [one] if one else []
        listed = [one for one in self.listed(kind) if holds(scope, one)]
        if not listed or not self._whole or at in (Level.ROOT, Level.MANAGEMENT_GROUP):
            return []
        return sorted({*listed, *(one for one in self._all(kind) if holds(scope, one))})

    def _all(self, kind: str) -> set[str]:
        if kind not in self._of_type:
            self._of_type[kind] = {one for mentioned in self._mentioned if (one := _cut(mentioned, kind))}
        return self._of_type[kind]


def _cut(identifier: str, kind: str) -> str:
    """Return the resource of a type that an id is or lies in, or ""."""
    before, found, rest = identifier.partition(f"{_PROVIDERS}{kind}/")
    return f"{before}{found}{rest.split('/', 1)[0]}" if found and rest else ""
