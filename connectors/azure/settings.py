"""Read diagnostic settings: for which resource which log category is on, and what stays hidden."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.azure.catalogue import catalogue
from connectors.azure.ids import Level as ScopeLevel
from connectors.azure.ids import fields, holds, level, mappings, resource_id, subscription, text
from connectors.azure.inventory import Inventory
from connectors.azure.policy import Plane, Universe
from connectors.azure.presence import Logs
from connectors.facts import Blind, Coverage, CoverageState, PermissionSet, Window
from connectors.logs.rows import UsageRow

_SETTING = "/providers/microsoft.insights/diagnosticsettings"
_SETTING_WRITE = "microsoft.insights/diagnosticsettings/write"
_FIX = (
    "az monitor diagnostic-settings create --name entdrift --resource {resource} "
    '--logs \'[{{"category":"{category}","enabled":true}}]\' --workspace WORKSPACE_ID'
)


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

    def category(self, operation: str) -> str:
        """Return the category that records an operation."""
        verb = operation.lower().rsplit("/", 1)[-1]
        return self.categories.get(verb, self.categories["write"])


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


class DataLogs:
    """Which data actions diagnostic settings would have shown, by scope."""

    def __init__(
        self,
        universe: Universe,
        inventory: Inventory,
        logs: Logs,
        rows: Iterable[UsageRow],
        window: Window,
    ) -> None:
        self._inventory = inventory
        self._start = window.start.strftime("%Y-%m-%dT%H:%M:%SZ")
        self._on = _settings_on(inventory)
        self._changed = _changed(rows)
        self._present = {(kind, place): first for (_, kind, place), (first, _) in logs.classes.items()}
        self._masks: list[tuple[Service, str, PermissionSet]] = []
        rest = universe.plane(Plane.DATA)
        for service in services():
            data = _listed(universe, Plane.DATA, service.operations) & rest
            rest &= ~data
            mask = data | _listed(universe, Plane.CONTROL, service.control)
            by_category: dict[str, list[str]] = {}
            for name in universe.permissions.names(mask):
                by_category.setdefault(service.category(name), []).append(name)
            self._masks += [
                (service, category, universe.permissions.mask(names))
                for category, names in sorted(by_category.items())
            ]
        self._unlisted = rest

    def blind(self, scope: str, held: PermissionSet) -> list[Blind]:
        """Return what is held at a scope of the data plane and no log given could have shown, by reason."""
        found = []
        for service, category, mask in self._masks:
            if not held & mask:
                continue
            why = self._why(service, category, scope)
            if why:
                found.append(Blind(held & mask, *why))
        if held & self._unlisted:
            found.append(
                Blind(
                    held & self._unlisted,
                    "data-actions-not-logged",
                    "only the service's own diagnostic log records data actions, and entdrift does not know "
                    "one for this service that names the caller",
                    "switch on the resource's diagnostic category group allLogs and compare by hand",
                )
            )
        return found

    def _why(self, service: Service, category: str, scope: str) -> tuple[str, str, str] | None:
        """Return why a category's calls could have gone unseen at a scope, None when they could not.

        Every resource of the type below the scope must have the category on, unchanged over the window,
        and the evidence must hold records of that class for its subscription.
        """
        if not service.names_caller:
            return (
                "caller-not-logged",
                f"the logs of {service.name} do not say who called",
                "no setting changes that today; ask the owner before removing it",
            )
        resources = self._resources(service, scope)
        needs = f"only the diagnostic category {category} of {service.name} records these calls; "
        if not resources:
            return (
                "diagnostic-setting-unknown",
                needs + "the evidence lists no such resource below the grant's scope",
                _FIX.format(resource="RESOURCE_ID" + service.setting_on, category=category),
            )
        hidden = (self._hidden(service, category, resource) for resource in resources)
        return next((why for why in hidden if why), None)

    def _hidden(self, service: Service, category: str, resource: str) -> tuple[str, str, str] | None:
        """Return why calls to one resource could have gone unseen, None when they could not."""
        state = self._state(service, category, resource)
        if state is not CoverageState.ON:
            known = state is CoverageState.OFF
            needs = f"only the diagnostic category {category} of {service.name} records these calls; "
            said = "it is off" if known else "the evidence does not say it is on"
            return (
                "diagnostic-setting-off" if known else "diagnostic-setting-unknown",
                needs + f"{said} for {resource}",
                _FIX.format(resource=resource + service.setting_on, category=category),
            )
        changed = self._changed.get(resource, "")
        if changed > self._start:
            return (
                "diagnostic-setting-new",
                f"the diagnostic settings of {resource} were changed on {changed[:10]}, in the window",
                "wait until the setting has been on for the whole window",
            )
        if (category.lower(), resource + service.setting_on) not in self._present:
            return (
                "resource-logs-missing",
                f"the diagnostic category {category} is on for {resource}, the evidence has no record of it",
                "add the exported logs of that category as resource_logs",
            )
        return None

    def _state(self, service: Service, category: str, resource: str) -> CoverageState:
        """Return whether a category is on for a resource, on itself or on its service part."""
        settings = [self._on[one] for one in {resource, resource + service.setting_on} if one in self._on]
        wanted = {category.lower(), "alllogs", *(("audit",) if service.in_audit_group else ())}
        if any(on & wanted for on in settings):
            return CoverageState.ON
        return CoverageState.OFF if settings else CoverageState.UNKNOWN

    def _resources(self, service: Service, scope: str) -> list[str]:
        """Return the resources of a service's type that a scope reaches, as far as they are listed.

        Above a single resource the list must come from a resource inventory; without one it is unknown.
        """
        if level(scope) is ScopeLevel.RESOURCE:
            at = scope.find(f"/providers/{service.resource_type}/")
            if at < 0:
                return []
            parts = scope[at + len(f"/providers/{service.resource_type}/") :].split("/")
            return [scope[:at] + f"/providers/{service.resource_type}/{parts[0]}"]
        if level(scope) in (ScopeLevel.ROOT, ScopeLevel.MANAGEMENT_GROUP):
            return []
        return sorted(
            identifier
            for identifier, held in self._inventory.resources.items()
            if text(held.data.get("type")).lower() == service.resource_type and holds(scope, identifier)
        )

    def coverage(self, held: PermissionSet) -> list[Coverage]:
        """Return the state of each category that would record something of `held`, by resource."""
        wanted = {(service.name, category) for service, category, mask in self._masks if held & mask}
        return [
            self._coverage(service, category, identifier)
            for service in services()
            for category in sorted(set(service.categories.values()))
            if (service.name, category) in wanted and service.names_caller
            for identifier, one in sorted(self._inventory.resources.items())
            if text(one.data.get("type")).lower() == service.resource_type
        ]

    def _coverage(self, service: Service, category: str, resource: str) -> Coverage:
        target = resource + service.setting_on
        since = self._present.get((category.lower(), target), "")
        state = self._state(service, category, resource)
        if state is CoverageState.UNKNOWN and since:
            state = CoverageState.PARTIAL
        reasons = {
            CoverageState.ON: "a diagnostic setting records it",
            CoverageState.OFF: "its diagnostic settings leave it out",
            CoverageState.PARTIAL: "its events are in the evidence, its diagnostic settings are not",
        }
        return Coverage(
            provider="azure",
            account=subscription(target),
            place=target,
            log_class=category.lower(),
            state=state,
            since=since,
            reason=reasons.get(state, "no diagnostic setting of it is in the evidence"),
            fix="" if state is CoverageState.ON else _FIX.format(resource=target, category=category),
        )


def _listed(universe: Universe, plane: Plane, patterns: Iterable[str]) -> PermissionSet:
    mask = 0
    for pattern in patterns:
        mask |= universe.listed(plane, pattern)
    return mask


def _settings_on(inventory: Inventory) -> dict[str, set[str]]:
    """Return the enabled categories and category groups (lower case) by resource id."""
    found: dict[str, set[str]] = {}
    for identifier, held in inventory.settings.items():
        resource = identifier.split(_SETTING)[0]
        enabled = found.setdefault(resource, set())
        for log in mappings(held.data.get("logs")):
            data = fields(log)
            if _enabled(data):
                enabled |= {text(data.get(key)).lower() for key in ("category", "categorygroup")} - {""}
    return found


def _enabled(log: Mapping[str, Any]) -> bool:
    return log.get("enabled") is True


def _changed(rows: Iterable[UsageRow]) -> dict[str, str]:
    """Return when diagnostic settings of a resource were last written, as the Activity Log shows it."""
    found: dict[str, str] = {}
    for row in rows:
        if row.operation.lower() == _SETTING_WRITE:
            resource = resource_id(row.resource).split(_SETTING)[0]
            for target in (resource, resource.rsplit("/blobservices", 1)[0]):
                found[target] = max(found.get(target, ""), row.last)
    return found
