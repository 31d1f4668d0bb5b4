"""Say who holds what through which group, as far as directory exports and logs name the members."""

from collections.abc import Iterable

from connectors.azure.ids import fields, mappings, principal, text
from connectors.azure.stock import Inventory
from connectors.azure.usage.usage import Callers
from connectors.interface import Evidence, Status
from connectors.logs.rows import UsageRow


def memberships(inventory: Inventory, rows: Iterable[UsageRow], callers: Callers) -> dict[str, set[str]]:
    """Return the members of groups as far as the evidence names them.

    A call that went through a group's assignment shows its caller to be a member; a service principal's
    export may list its groups (`memberOf`, `transitiveMemberOf`); an export of members lists all.
    """
    found: dict[str, set[str]] = {group: set(names) for group, names in inventory.members.items()}
    groups = {a.guid: a.principal for a in inventory.rights if a.is_group}
    for row in rows:
        caller = callers.resolve(row.identity) if row.grant in groups else ""
        if caller and caller != groups[row.grant]:
            found.setdefault(groups[row.grant], set()).add(caller)
    for identity, one in inventory.principals.items():
        for part in ("memberof", "transitivememberof"):
            for raw in mappings(one.data.get(part)):
                group = principal(fields(raw).get("id"))
                if group and "role" not in text(raw.get("@odata.type")).lower():
                    found.setdefault(group, set()).add(identity)
    return found


def short_groups(evidence: Iterable[Evidence], inventory: Inventory) -> set[str]:
    """Return the groups whose members are not all known for certain."""
    groups = {one.principal for one in inventory.rights if one.is_group}
    unread = any(
        outcome.part == "group_members" and outcome.status in (Status.FAILED, Status.PARTIAL)
        for one in evidence
        for outcome in one.outcomes()
    )
    return groups if unread else groups - set(inventory.members) | inventory.members_short
