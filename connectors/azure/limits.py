"""Say what the analysis did not or could not interpret, and what that does to the result."""

from collections.abc import Iterable, Mapping, Sequence

from connectors.azure.grants import Holding
from connectors.azure.ids import holds, text
from connectors.azure.inventory import Inventory
from connectors.azure.policy import Plane, Universe
from connectors.azure.usage import Used
from connectors.facts import Caveat
from connectors.interface import Evidence, Status

_KEY_LISTING = (
    "*/listKeys/action",
    "*/listAdminKeys/action",
    "*/listAccountSas/action",
    "*/listServiceSas/action",
)
_SWITCHES = {
    "microsoft.cognitiveservices/accounts": "disablelocalauth",
    "microsoft.search/searchservices": "disablelocalauth",
    "microsoft.documentdb/databaseaccounts": "disablelocalauth",
    "microsoft.eventhub/namespaces": "disablelocalauth",
    "microsoft.servicebus/namespaces": "disablelocalauth",
}
_NEGATED = {"microsoft.storage/storageaccounts": "allowsharedkeyaccess"}
_MOST_NAMED = 5


def evidence_caveats(
    evidence: Sequence[Evidence],
    inventory: Inventory,
    universe: Universe,
    members: Mapping[str, Iterable[str]],
    held: Sequence[Holding],
) -> list[Caveat]:
    """Return the limits that come from what the evidence holds and what it lacks."""
    found = [
        Caveat(
            f"{outcome.part} could not be read" + (" whole" if outcome.status is Status.PARTIAL else ""),
            f"source {one.source}",
            f"{_EFFECTS.get(outcome.part, 'what it would have said is missing')} ({outcome.reason})",
        )
        for one in evidence
        for outcome in one.outcomes()
        if outcome.status in (Status.FAILED, Status.PARTIAL)
    ]
    if universe.patterns:
        found.append(_pattern_caveat(universe))
    groups = sorted({a.principal for a in inventory.assignments.values() if a.is_group})
    if groups:
        known = sum(bool(members.get(group)) for group in groups)
        found.append(
            Caveat(
                f"{len(groups)} groups hold role assignments and their members are not exported",
                f"members of {known} of them are partly known from logs or memberOf",
                "an identity may hold more through a group than is shown; what a group holds is never unused",
            )
        )
    if held:
        found.append(
            Caveat(
                "PIM schedules, Entra directory roles, Graph permissions, Key Vault access policies and "
                "Cosmos DB role assignments are not read",
                "Azure",
                "rights of those kinds are not listed and nothing is said about their use",
            )
        )
    return found


def _pattern_caveat(universe: Universe) -> Caveat:
    names = universe.permissions.names(universe.patterns)
    more = ", …" if len(names) > _MOST_NAMED else ""
    return Caveat(
        f"{len(names)} wildcard patterns could not be expanded in full "
        f"({', '.join(names[:_MOST_NAMED])}{more})",
        "role definitions",
        f"they were expanded over the {universe.size} operations that role definitions and logs name; counts "
        "of granted permissions are lower bounds, and each pattern is listed as unobservable. The setting "
        "provider_operations (az provider operation list) removes this limit",
    )


_EFFECTS = {
    "role_assignments": "identities may hold more than is shown; without assignments nothing is unused",
    "role_definitions": "roles without a definition give nothing that could be called unused",
    "deny_assignments": "permissions may be shown as held that a deny takes away",
    "service_principals": "names, credentials and application ids are missing",
    "resources": "workloads and their AI signals are missing",
    "diagnostic_settings": "data actions are unobservable",
    "activity_logs": "calls may be missing",
    "resource_logs": "data actions may be missing",
    "sign_in_logs": "the last use of credentials is not known",
}


def key_caveats(
    inventory: Inventory, universe: Universe, held: Sequence[Holding], used: Used
) -> list[Caveat]:
    """Say who can fetch account keys, which pass every role assignment by, and which keys were used."""
    mask = 0
    for pattern in _KEY_LISTING:
        mask |= universe.listed(Plane.CONTROL, pattern)
    listers = [holding for holding in held if (holding.given.granted | holding.given.conditional) & mask]
    found = []
    if listers:
        reached = sorted(
            identifier
            for identifier, one in inventory.resources.items()
            if _keys_enabled(text(one.data.get("type")).lower(), one.data)
            and any(holds(holding.assignment.scope, identifier) for holding in listers)
        )
        where = ", ".join(name.rsplit("/", 1)[-1] for name in reached[:_MOST_NAMED])
        more = ", …" if len(reached) > _MOST_NAMED else ""
        found.append(
            Caveat(
                f"{len({holding.identity for holding in listers})} identities can list account keys",
                f"{len(reached)} listed accounts accept keys: {where}{more}"
                if reached
                else "accounts not listed",
                "a key opens the whole account without any role assignment, and calls made with it name no "
                "caller: an unused data action may be used through a key",
            )
        )
    for key, (count, last) in sorted(used.keys.items()):
        found.append(
            Caveat(
                f"{key.rpartition('#')[2]} of an account was used {count} times, last {last}",
                key.rpartition("#")[0],
                "the caller is not in the log; the calls count for no identity",
            )
        )
    return found


def _keys_enabled(kind: str, data: Mapping[str, object]) -> bool:
    """Return whether an account accepts keys: yes unless its switch says otherwise (absent means on)."""
    if kind in _SWITCHES:
        return data.get(_SWITCHES[kind]) is not True
    return kind in _NEGATED and data.get(_NEGATED[kind]) is not False
