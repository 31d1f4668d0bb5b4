"""Read diagnostic settings: for which resource which log category is on, and what stays hidden."""

from collections.abc import Iterable, Mapping
from typing import Any

from connectors.azure.coverage.presence import Logs
from connectors.azure.coverage.resources import Resources
from connectors.azure.coverage.services import Service, services
from connectors.azure.ids import fields, mappings, resource_id, subscription, text
from connectors.azure.inventory import Inventory
from connectors.azure.policy.patterns import Plane, Universe
from connectors.facts import Blind, Coverage, CoverageState, PermissionSet
from connectors.interface import Evidence, Status
from connectors.logs.rows import UsageRow
from connectors.logs.spans import Span

_SETTING = "/providers/microsoft.insights/diagnosticsettings"
_SETTING_CHANGES = {f"microsoft.insights/diagnosticsettings/{verb}" for verb in ("write", "delete")}
_STATES = {
    CoverageState.ON: "a diagnostic setting records it",
    CoverageState.OFF: "its diagnostic settings leave it out",
    CoverageState.PARTIAL: "a diagnostic setting records part of it",
    CoverageState.UNKNOWN: "no diagnostic setting of it is in the evidence",
}
_FIX = (
    "az monitor diagnostic-settings create --name entdrift --resource {resource} "
    '--logs \'[{{"category":"{category}","enabled":true}}]\' --workspace WORKSPACE_ID'
)


class DataLogs:
    """Which data actions diagnostic settings would have shown, by scope."""

    def __init__(
        self,
        universe: Universe,
        inventory: Inventory,
        logs: Logs,
        rows: Iterable[UsageRow],
        *,
        listed_whole: bool,
    ) -> None:
        rows = list(rows)
        self._logs = logs
        self._changed = settings_changed(rows)
        self._on = settings_on(inventory)
        self._apart = settings_on(inventory, apart=True)
        self._present = {(kind, place): span for (_, kind, place), span in logs.classes.items()}
        self._resources = Resources(inventory, rows, logs, listed_whole=listed_whole)
        self._masks: list[tuple[Service, tuple[str, ...], PermissionSet]] = []
        rest = universe.plane(Plane.DATA)
        for service in services():
            data = universe.listed_by(Plane.DATA, service.operations) & rest
            rest &= ~data
            mask = data | universe.listed_by(Plane.CONTROL, service.control)
            by_category: dict[tuple[str, ...], list[str]] = {}
            for name in universe.permissions.names(mask):
                by_category.setdefault(service.needs(name), []).append(name)
            self._masks += [
                (service, categories, universe.permissions.mask(names))
                for categories, names in sorted(by_category.items())
            ]
        self._unlisted = rest

    def blind(self, scope: str, held: PermissionSet, account: str) -> list[Blind]:
        """Return what is held at a scope of the data plane and no log given could have shown, by reason.

        `account` is the subscription by whose logs statements about the holder's use are made.
        """
        found = []
        for service, categories, mask in self._masks:
            if not held & mask:
                continue
            why = next((why for one in categories if (why := self._why(service, one, scope, account))), None)
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

    def spans(self, scope: str, held: PermissionSet) -> list[Span]:
        """Return from when to when each log has records that would show use of what is held at a scope."""
        return [
            self._span(service, resource + service.setting_on)
            for service, categories, mask in self._masks
            if held & mask
            for resource in self._resources.below(service.resource_type, scope)
            if any((one.lower(), resource + service.setting_on) in self._present for one in categories)
        ]

    def _why(self, service: Service, category: str, scope: str, account: str) -> tuple[str, str, str] | None:
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
        resources = self._resources.below(service.resource_type, scope)
        needs = f"only the diagnostic category {category} of {service.name} records these calls; "
        if not resources:
            return (
                "diagnostic-setting-unknown",
                needs + "the evidence does not list all such resources below the grant's scope",
                _FIX.format(resource="RESOURCE_ID" + service.setting_on, category=category),
            )
        hidden = (self._hidden(service, category, resource, account) for resource in resources)
        return next((why for why in hidden if why), None)

    def _hidden(
        self, service: Service, category: str, resource: str, account: str
    ) -> tuple[str, str, str] | None:
        """Return why calls to one resource could have gone unseen, None when they could not."""
        state = self._state(service, category, resource)
        target = resource + service.setting_on
        if state is not CoverageState.ON:
            known = state is CoverageState.OFF
            needs = f"only the diagnostic category {category} of {service.name} records these calls; "
            said = "it is off" if known else "the evidence does not say it is on"
            return (
                "diagnostic-setting-off" if known else "diagnostic-setting-unknown",
                needs + f"{said} for {resource}",
                _FIX.format(resource=target, category=category),
            )
        changed = max(self._changed.get(resource, ""), self._changed.get(target, ""))
        if changed:
            return (
                "diagnostic-setting-new",
                f"the diagnostic settings of {resource} were changed on {changed[:10]}, in the window",
                "wait until the setting has been on for the whole window",
            )
        if (category.lower(), target) not in self._present and not self._beside(service, category, resource):
            return (
                "resource-logs-missing",
                f"the diagnostic category {category} is on for {resource}, the evidence has no record of it",
                "add the exported logs of that category as resource_logs",
            )
        short = self._logs.lags(self._span(service, target), account)
        if short:
            return (
                "resource-logs-partial",
                f"the logs of {resource} are not whole: {short}",
                "add the exported logs of the whole window as resource_logs",
            )
        return None

    def _beside(self, service: Service, category: str, resource: str) -> bool:
        """Return whether records of a category would stand beside others that were given of the same log."""
        target = resource + service.setting_on
        apart = self._apart.get(resource, set()) | self._apart.get(target, set())
        wanted = {category.lower(), "alllogs", "audit"}
        return not apart & wanted and any(
            (one.lower(), target) in self._present for one in service.categories.values()
        )

    def _span(self, service: Service, target: str) -> Span:
        """Return from when to when a resource's log has records, whatever their category."""
        spans = [
            span
            for category in set(service.categories.values())
            if (span := self._present.get((category.lower(), target)))
        ]
        return Span(
            min(one.first for one in spans), max(one.last for one in spans), sum(one.events for one in spans)
        )

    def _state(self, service: Service, category: str, resource: str) -> CoverageState:
        """Return whether a category is on for a resource, on itself or on its service part."""
        settings = [self._on[one] for one in {resource, resource + service.setting_on} if one in self._on]
        wanted = {category.lower(), "alllogs", *(("audit",) if service.in_audit_group else ())}
        if any(on & wanted for on in settings):
            return CoverageState.ON
        return CoverageState.OFF if settings else CoverageState.UNKNOWN

    def coverage(self, held: PermissionSet) -> list[Coverage]:
        """Return the state of each category that would record something of `held`, by resource."""
        wanted = {
            (service.name, category)
            for service, categories, mask in self._masks
            if held & mask
            for category in categories
        }
        return [
            self._coverage(service, category, identifier)
            for service in services()
            for category in sorted(set(service.categories.values()))
            if (service.name, category) in wanted and service.names_caller
            for identifier in self._resources.listed(service.resource_type)
        ]

    def _coverage(self, service: Service, category: str, resource: str) -> Coverage:
        target = resource + service.setting_on
        seen = self._present.get((category.lower(), target))
        state = self._state(service, category, resource)
        said = _STATES[state]
        if state is CoverageState.UNKNOWN and seen:
            state, said = CoverageState.PARTIAL, "its events are in the evidence, its settings are not"
        elif state is CoverageState.ON and seen:
            short = self._logs.lags(self._span(service, target), subscription(target))
            state, said = (CoverageState.PARTIAL, f"{said}; {short}") if short else (state, said)
        elif state is CoverageState.ON:
            said += "; none of its records is in the evidence"
        return Coverage(
            provider="azure",
            account=subscription(target),
            place=target,
            log_class=category.lower(),
            state=state,
            since=seen.first if seen else "",
            reason=said,
            fix="" if state is CoverageState.ON else _FIX.format(resource=target, category=category),
        )


_TENANT = {
    "serviceprincipalsigninlogs": ("service-principal-sign-ins", "ServicePrincipalSignInLogs"),
    "managedidentitysigninlogs": ("managed-identity-sign-ins", "ManagedIdentitySignInLogs"),
    "microsoftgraphactivitylogs": ("microsoftgraphactivitylogs", "MicrosoftGraphActivityLogs"),
}


def tenant_coverage(evidence: Iterable[Evidence]) -> list[Coverage]:
    """Return whether the tenant exports sign-ins and Graph calls, where its settings were read."""
    read, enabled = False, set()
    for one in evidence:
        read = read or any(
            outcome.part == "tenant_diagnostic_settings" and outcome.status is Status.OK
            for outcome in one.outcomes()
        )
        for record in one.records("tenant_diagnostic_settings"):
            for log in mappings(fields(record).get("logs")):
                data = fields(log)
                enabled |= {text(data.get("category")).lower()} if _enabled(data) else set()
    return [
        Coverage(
            provider="azure",
            account="tenant",
            place="/providers/microsoft.aadiam",
            log_class=log_class,
            state=CoverageState.ON if category in enabled else CoverageState.OFF,
            reason=_STATES[CoverageState.ON if category in enabled else CoverageState.OFF],
            fix="" if category in enabled else f"Entra admin center, Diagnostic settings: switch on {name}",
        )
        for category, (log_class, name) in sorted(_TENANT.items())
        if read
    ]


def settings_on(inventory: Inventory, *, apart: bool = False) -> dict[str, set[str]]:
    """Return the enabled categories and category groups (lower case) by resource id.

    With `apart` only what is sent somewhere that keeps each category for itself: a storage account (a
    container for each), an event hub that the setting does not name. A workspace keeps all in one table.
    """
    found: dict[str, set[str]] = {}
    for identifier, held in inventory.settings.items():
        if apart and not _apart(held.data):
            continue
        resource = identifier.split(_SETTING)[0]
        enabled = found.setdefault(resource, set())
        for log in mappings(held.data.get("logs")):
            data = fields(log)
            if _enabled(data):
                enabled |= {text(data.get(key)).lower() for key in ("category", "categorygroup")} - {""}
    return found


def _apart(setting: Mapping[str, Any]) -> bool:
    hub = setting.get("eventhubauthorizationruleid") and not setting.get("eventhubname")
    return bool(setting.get("storageaccountid") or hub or not _sent(setting))


def _sent(setting: Mapping[str, Any]) -> bool:
    return bool(setting.get("workspaceid") or setting.get("eventhubauthorizationruleid"))


def _enabled(log: Mapping[str, Any]) -> bool:
    return log.get("enabled") is True


def settings_changed(rows: Iterable[UsageRow]) -> dict[str, str]:
    """Return when diagnostic settings of a resource were last changed, as the Activity Log shows it."""
    found: dict[str, str] = {}
    for row in rows:
        if row.operation.lower() in _SETTING_CHANGES and row.outcome != "denied":
            target = resource_id(row.resource).split(_SETTING)[0]
            found[target] = max(found.get(target, ""), row.last)
    return found
