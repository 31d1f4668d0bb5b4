"""Say which logs were on, and which permissions their absence or nature hides."""

from collections.abc import Iterable
from dataclasses import dataclass

from connectors.azure.activity import ADMINISTRATIVE
from connectors.azure.catalogue import catalogue
from connectors.azure.grants import Holding
from connectors.azure.ids import subscription
from connectors.azure.inventory import Inventory
from connectors.azure.policy import Plane, Universe
from connectors.azure.presence import Logs, reaches_back
from connectors.azure.settings import DataLogs
from connectors.facts import Blind, Coverage, CoverageState, PermissionSet, Window

PROVIDER = "azure"
_EXPORT = "az monitor activity-log list --subscription {sub} --offset 90d --max-events 100000 -o json"
_LIST = (
    "add the Activity Log of every subscription, and list the subscriptions in resources: az graph query "
    "-q \"resourcecontainers | where type =~ 'microsoft.resources/subscriptions'\""
)


class Observability:
    """Answers for each holding which of its permissions today's logs could not have shown."""

    def __init__(self, universe: Universe, logs: Logs, inventory: Inventory, data_logs: DataLogs) -> None:
        self._universe = universe
        self._logs = logs
        self._data_logs = data_logs
        self._control = universe.plane(Plane.CONTROL)
        self._unlogged = _unlogged(universe)
        self._listed = {
            subscription(identifier)
            for identifier, held in inventory.resources.items()
            if str(held.data.get("type", "")).lower() == "microsoft.resources/subscriptions"
        }
        self._blind: dict[tuple[str, PermissionSet], tuple[Blind, ...]] = {}

    def of(self, holding: Holding) -> tuple[Blind, ...]:
        """Return what cannot be seen of a holding, most specific reason first."""
        held = holding.given.granted | holding.given.conditional
        key = (holding.assignment.scope, held)
        found = self._blind.get(key)
        if found is None:
            found = self._blind[key] = tuple(self._reasons(holding.assignment.scope, held))
        return found

    def _reasons(self, scope: str, held: PermissionSet) -> list[Blind]:
        control = held & self._control
        found = [
            Blind(group.permissions & held, group.code, group.reason, group.fix)
            for group in self._unlogged
            if group.permissions & held
        ]
        patterns = held & self._universe.patterns
        if patterns:
            found.append(
                Blind(
                    patterns,
                    "wildcard-not-expanded",
                    "this pattern may give operations that the evidence does not list, so nobody can say "
                    "whether they were used",
                    "add the full catalogue: az provider operation list > operations.json, and name it as "
                    "provider_operations",
                )
            )
        found += self._data_logs.blind(scope, held)
        unseen = self._activity(scope)
        if control and unseen:
            code, reason, fix = unseen
            found.append(Blind(control, code, reason, fix))
        return found

    def _activity(self, scope: str) -> tuple[str, str, str] | None:
        """Return why Activity Log records of a scope are missing, or None when they are all there."""
        inside = subscription(scope)
        if inside:
            if inside in self._logs.activity:
                return None
            reason = f"no Activity Log record of subscription {inside} in the window is in the evidence"
            return "no-logs-for-account", reason, _EXPORT.format(sub=inside)
        if self._listed and self._listed <= set(self._logs.activity):
            return None
        reason = (
            f"the grant reaches every subscription below {scope}; the evidence does not show that it holds "
            "the Activity Logs of all of them"
        )
        return "subscriptions-not-listed", reason, _LIST


@dataclass(frozen=True, slots=True)
class _Unlogged:
    code: str
    reason: str
    fix: str
    permissions: PermissionSet


def _unlogged(universe: Universe) -> tuple[_Unlogged, ...]:
    """Return the operations that never make a record, by reason."""
    found = []
    for group in catalogue("unlogged")["group"]:
        mask = 0
        for pattern in group["operations"]:
            mask |= universe.listed(Plane(group["plane"]), pattern)
        found.append(_Unlogged(group["code"], group["reason"], group["fix"], mask))
    return tuple(found)


def merged(blinds: Iterable[Blind]) -> tuple[Blind, ...]:
    """Join the blind sets of an identity's holdings that share a reason, keeping their order."""
    found: dict[tuple[str, str, str], PermissionSet] = {}
    for blind in blinds:
        key = (blind.code, blind.reason, blind.fix)
        found[key] = found.get(key, 0) | blind.permissions
    ordered = sorted(found.items(), key=lambda item: _ORDER.get(item[0][0], len(_ORDER)))
    return tuple(Blind(mask, *key) for key, mask in ordered)


_ORDER = {
    code: rank
    for rank, code in enumerate(
        (
            "unmapped-operation",
            "caller-not-joined",
            "caller-not-named",
            "control-plane-reads-not-logged",
            "checked-inside-another-call",
            "not-through-resource-manager",
            "wildcard-not-expanded",
            "group-members-unknown",
            "caller-not-logged",
            "diagnostic-setting-off",
            "diagnostic-setting-unknown",
            "diagnostic-setting-new",
            "resource-logs-missing",
            "data-actions-not-logged",
            "no-logs-for-account",
            "subscriptions-not-listed",
        )
    )
}


def unmapped_blind(universe: Universe, unmapped: Iterable[tuple[str, str]]) -> list[Blind]:
    """Hide a provider's permissions from an identity whose calls to it could not be mapped."""
    by_provider: dict[str, list[str]] = {}
    for provider, operation in sorted(unmapped):
        by_provider.setdefault(provider, []).append(operation)
    found = []
    for provider, operations in by_provider.items():
        namespace = "microsoft.storage" if provider == "storage" else provider
        mask = 0
        for plane in Plane:
            mask |= universe.listed(plane, f"{namespace}/*")
        found.append(
            Blind(
                mask,
                "unmapped-operation",
                f"the log shows calls to {namespace} that entdrift cannot map to a permission "
                f"({', '.join(operations[:3])}{', …' if len(operations) > 3 else ''})",
                "look the operations up under unmapped_events before removing anything of this service",
            )
        )
    return found


def activity_coverage(logs: Logs, subscriptions: Iterable[str], window: Window) -> list[Coverage]:
    """Return for each subscription whether its Activity Log is in the evidence, and since when."""
    found = []
    for account in sorted({*subscriptions, *logs.activity}):
        span = logs.activity.get(account)
        if span is None:
            state, since, reason = (
                CoverageState.UNKNOWN,
                "",
                "no Activity Log record of it is in the evidence",
            )
        elif not reaches_back(span[0], window):
            state, since = CoverageState.PARTIAL, span[0]
            reason = f"the first record is of {span[0][:10]}, the window starts {window.start:%Y-%m-%d}"
        else:
            state, since, reason = CoverageState.ON, span[0], "records are in the evidence"
        fix = "" if state is CoverageState.ON else _EXPORT.format(sub=account)
        found.append(
            Coverage(
                PROVIDER, account, f"/subscriptions/{account}", ADMINISTRATIVE, state, since, reason, fix
            )
        )
    return found


def seen_coverage(logs: Logs, told: Iterable[Coverage]) -> list[Coverage]:
    """Return the other log classes that were seen: at least partly recorded where they occur.

    Places of which `told` already says whether their log was on are left out.
    """
    known = {(one.place, one.log_class) for one in told}
    return [
        Coverage(
            PROVIDER,
            account,
            kind or "(unknown resource)",
            log_class,
            CoverageState.PARTIAL,
            first,
            "events of this class are in the evidence",
            "",
        )
        for (account, log_class, kind), (first, _) in sorted(logs.classes.items())
        if log_class != ADMINISTRATIVE and (kind, log_class) not in known
    ]


def group_blind(held: PermissionSet) -> Blind:
    """Hide what only a group gives, from the group and from its members."""
    return Blind(
        held,
        "group-members-unknown",
        "it is held through a group: logs name the member who called, and the evidence need not list all "
        "members",
        "give the workload's own principal the assignment instead of the group",
    )
