"""Say what the analysis did not or could not interpret, and what that does to the result."""

from collections.abc import Container, Iterable, Mapping, Sequence

from connectors.azure.catalog.tables import catalogue
from connectors.azure.grants.grants import Holding
from connectors.azure.grants.inherited import blueprint_caveats
from connectors.azure.ids import principal, subscription
from connectors.azure.inventory import Inventory
from connectors.azure.policy.patterns import Universe
from connectors.facts import Caveat, Window
from connectors.interface import Evidence, Status
from connectors.logs.spans import silence

_MOST_NAMED = 5


def evidence_caveats(
    evidence: Sequence[Evidence],
    inventory: Inventory,
    universe: Universe,
    members: Mapping[str, Iterable[str]],
    held: Sequence[Holding],
    short: Container[str],
    ties: Container[str],
) -> list[Caveat]:
    """Return the limits that come from what the evidence holds and what it lacks."""
    found = [*_unread(evidence), *_short_lists(inventory), *blueprint_caveats(inventory)]
    found += _unknown_principals(evidence, inventory, ties)
    if universe.patterns:
        found.append(_pattern_caveat(universe))
    found += [*_orphans(inventory), *_partly_known_groups(inventory, members, short)]
    return [*found, *(_not_evaluated(evidence) if held else [])]


def _unread(evidence: Sequence[Evidence]) -> list[Caveat]:
    """Return the parts of the evidence that could not be read whole, or were never asked for."""
    found = [
        Caveat(
            f"{outcome.part} could not be read" + (" whole" if outcome.status is Status.PARTIAL else ""),
            f"source {one.source}",
            f"{'not evaluated: ' if outcome.status is Status.FAILED else ''}"
            f"{_EFFECTS.get(outcome.part, 'what it would have said is missing')} ({outcome.reason})",
        )
        for one in evidence
        for outcome in one.outcomes()
        if outcome.status in (Status.FAILED, Status.PARTIAL)
    ]
    if not any(outcome.part == "role_assignments" for one in evidence for outcome in one.outcomes()):
        found.append(
            Caveat(
                "no role assignments are in the evidence",
                "Azure",
                "what identities may do is unknown: their calls are listed, and nothing is called unused",
            )
        )
    return found


def _partly_known_groups(
    inventory: Inventory, members: Mapping[str, Iterable[str]], short: Container[str]
) -> list[Caveat]:
    """Return that there are groups with role assignments of which not all members are known."""
    groups = sorted({a.principal for a in inventory.rights if a.is_group and a.principal in short})
    if not groups:
        return []
    known = sum(bool(members.get(group)) for group in groups)
    return [
        Caveat(
            f"{len(groups)} groups hold role assignments and their members are not all exported",
            f"members of {known} of them are partly known from logs or memberOf",
            "an identity may hold more through a group than is shown; what is held only through a group "
            "is never called unused, neither for the group nor for its members",
        )
    ]


def silent_caveats(seen: Iterable[tuple[str, str]], window: Window) -> list[Caveat]:
    """Say on which days no log of a subscription has a record, in the midst of days that have some.

    `seen` are (subscription, day) of the records.
    """
    start, end = window.start.strftime("%Y-%m-%d"), window.end.strftime("%Y-%m-%d")
    days: dict[str, set[str]] = {}
    for account, day in seen:
        if account and start <= day <= end:
            days.setdefault(account, set()).add(day)
    return [
        Caveat(
            "days without any log record between days with records",
            f"subscription {account}: {when}",
            "if the logs of these days were not exported, calls made then are missing: export them again",
        )
        for account, found in sorted(days.items())
        if (when := silence(found))
    ]


def unnamed_caveats(unattributed: Mapping[str, int]) -> list[Caveat]:
    """Return the logs that name no caller and have calls in the window, each with how many."""
    return [
        Caveat(
            f"{unattributed[log['kind']]} calls in the logs of {log['name']} name no caller",
            "resource logs",
            "their use cannot be attributed to an identity: what identities may do there is unobservable, "
            "and is never called unused",
        )
        for log in catalogue("unattributed")["log"]
        if unattributed.get(log["kind"])
    ]


def _short_lists(inventory: Inventory) -> list[Caveat]:
    """Return the subscriptions whose list of role assignments was read from below.

    Every subscription has an owner, assigned to it or above: a list without any such assignment was read by
    somebody with rights in parts of it, or exported for a resource group.
    """
    below: dict[str, set[str]] = {}
    above = False
    for one in inventory.assignments.values():
        inside = subscription(one.scope)
        above = above or not inside
        if inside:
            below.setdefault(inside, set()).add(one.scope)
    short = sorted(name for name, scopes in below.items() if f"/subscriptions/{name}" not in scopes)
    if above or not short:
        return []
    named = ", ".join(short[:_MOST_NAMED]) + (f" and {len(short) - _MOST_NAMED} more" if short[5:] else "")
    return [
        Caveat(
            "role assignments were read at a narrower scope: none on a subscription or above is among them",
            f"subscriptions {named}",
            "identities may hold more by assignments that whoever read the list may not see; read it with "
            "Reader on the subscription: az role assignment list --all",
        )
    ]


def _unknown_principals(
    evidence: Sequence[Evidence], inventory: Inventory, ties: Container[str]
) -> list[Caveat]:
    """Return the applications that hold role assignments and that neither a list nor a resource names.

    A deleted principal leaves its assignments behind. One of another tenant is in no list either. `ties` are
    the principals that resources run as.
    """
    whole = any(
        outcome.part == "service_principals" and outcome.status is Status.OK
        for one in evidence
        for outcome in one.outcomes()
    )
    held: dict[str, int] = {}
    for one in inventory.assignments.values():
        if (
            one.kind == "serviceprincipal"
            and one.principal not in inventory.principals
            and one.principal not in ties
        ):
            held[one.principal] = held.get(one.principal, 0) + 1
    if not whole or not held:
        return []
    named = ", ".join(sorted(held)[:_MOST_NAMED]) + (", …" if len(held) > _MOST_NAMED else "")
    return [
        Caveat(
            f"{sum(held.values())} role assignments are for {len(held)} principals that no list names",
            named,
            "they were deleted, are of another tenant, or the list was exported without --all; an assignment "
            "of a deleted principal gives nothing and can be deleted",
        )
    ]


_PLANES = (
    ("role_assignment_schedules", "PIM assignments"),
    ("role_eligibility_schedules", "PIM eligibilities"),
    ("classic_administrators", "classic administrators"),
    ("directory_roles", "Entra directory roles"),
    ("app_role_assignments", "permissions for Microsoft Graph and other APIs"),
    ("delegated_grants", "delegated permissions"),
    ("resources", "Key Vault access policies and local authentication"),
    ("cosmos_role_assignments", "Cosmos DB role assignments"),
)
"""Parts of the evidence that give rights beside role assignments, in words."""


def _not_evaluated(evidence: Iterable[Evidence]) -> list[Caveat]:
    """Return the planes that no source could read: never asked for, or refused."""
    read = {
        outcome.part
        for one in evidence
        for outcome in one.outcomes()
        if outcome.status in (Status.OK, Status.PARTIAL)
    }
    missing = [words for part, words in _PLANES if part not in read]
    if not missing:
        return []
    return [
        Caveat(
            f"not evaluated: {', '.join(missing)}",
            "Azure",
            "rights of those kinds are not listed, which does not mean that there are none; "
            "docs/azure.md says which export or permission each needs",
        )
    ]


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
    "activity_logs": "calls in the unread part are not counted: what is called unused may be used there",
    "resource_logs": "calls in the unread part are not counted: what is called unused may be used there",
    "sign_in_logs": "the last use of credentials is not known",
    "role_assignment_schedules": "when PIM assignments end is unknown",
    "role_eligibility_schedules": "rights that may be activated through PIM are not listed",
    "classic_administrators": "classic administrators are not listed",
    "management_groups": "which subscriptions stand below a management group is unknown",
    "cosmos_role_definitions": "what Cosmos DB's own roles give is unknown",
    "cosmos_role_assignments": "who holds Cosmos DB's own roles is unknown",
    "group_members": "what is held through groups is known only where logs show it, and never called unused",
    "app_role_assignments": "permissions for Microsoft Graph and other APIs are not listed",
    "delegated_grants": "delegated permissions are not listed",
    "directory_roles": "Entra directory roles are not listed",
    "agent_identities": "agents are recognised in the plain list of service principals only",
    "tenant_diagnostic_settings": "whether sign-ins are exported is unknown",
    "credential_activity": "the last use of credentials is known from sign-in logs only",
}


def _orphans(inventory: Inventory) -> list[Caveat]:
    """Return that applications have credentials and no service principal of the evidence belongs to them."""
    joined = {principal(held.data.get("appid")) for held in inventory.principals.values()}
    orphans = sum(
        application not in joined
        and bool(held.data.get("passwordcredentials") or held.data.get("keycredentials"))
        for application, held in inventory.applications.items()
    )
    if not orphans:
        return []
    return [
        Caveat(
            f"{orphans} applications have credentials, but their service principal is not exported",
            "applications",
            "their secrets and certificates are not listed; add az ad sp list --all",
        )
    ]
