"""The raw inventory records of all sources, read once into the few shapes the rooms work with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from connectors.azure.catalog.tables import catalogue
from connectors.azure.grants.assigned import classic, cosmos_assignment, cosmos_definition, schedule, settle
from connectors.azure.ids import (
    ROOT,
    fields,
    guid,
    last_segment,
    principal,
    resource_id,
    text,
)
from connectors.azure.policy.patterns import Block, blocks
from connectors.azure.stock import Assignment, Definition, Deny, Held, Inventory, utc
from connectors.azure.trust.members import group, group_tree, members
from connectors.interface import Evidence

__all__ = ["Assignment", "Definition", "Deny", "Held", "Inventory", "read_inventory", "utc"]

_NOT_EXPORTED = (
    "!(ActionMatches{'Microsoft.Authorization/roleAssignments/*'}) OR @Resource[condition] NotExported true"
)


def read_inventory(evidence: Sequence[Evidence]) -> Inventory:
    """Return the inventory of all sources; of most records given twice the first stays."""
    inventory = Inventory()
    for one in evidence:
        for part, add in _PARTS.items():
            for record in one.records(part):
                add(inventory, Held(one.source, fields(record)))
    group_tree(inventory)
    members(inventory)
    settle(inventory)
    return inventory


def _assignment(inventory: Inventory, held: Held) -> None:
    data = held.data
    definition = last_segment(data.get("roledefinitionid"))
    who = principal(data.get("principalid") or data.get("objectid"))
    identifier = resource_id(data.get("id") or data.get("roleassignmentid"))
    scope = (
        resource_id(data.get("scope")) or identifier.split("/providers/microsoft.authorization/")[0] or ROOT
    )
    if not (definition and who):
        inventory.unreadable.append(("role_assignments", f"{identifier or '(no id)'}: no principal or role"))
        return
    found = Assignment(
        id=identifier or f"{scope}#{who}#{definition}",
        principal=who,
        kind=(text(data.get("principaltype")) or text(data.get("objecttype"))).lower(),
        name=text(data.get("principalname")) or text(data.get("displayname")) or text(data.get("signinname")),
        definition=definition,
        role=text(data.get("roledefinitionname")),
        scope=scope,
        condition=text(data.get("condition")).strip(),
        created=utc(data.get("createdon")),
        source=held.source,
    )
    inventory.assignments.setdefault(found.id, found)


def _definition(inventory: Inventory, held: Held) -> None:
    data = held.data
    key = guid(data.get("id")) or guid(data.get("name")) or last_segment(data.get("id") or data.get("name"))
    name = text(data.get("rolename")) or ("" if guid(data.get("name")) else text(data.get("name")))
    if not key:
        return
    held_blocks, guarded = _with_conditions(key, blocks(data))
    found = Definition(key, name or key, held_blocks, guarded, utc(data.get("updatedon")))
    known = inventory.definitions.setdefault(key, found)
    if set(known.blocks) != set(found.blocks):
        if known.guarded == found.guarded:
            inventory.contradictory.add(known.name)
        if (known.guarded, found.updated) > (found.guarded, known.updated):
            inventory.definitions[key] = found


def _with_conditions(key: str, exported: tuple[Block, ...]) -> tuple[tuple[Block, ...], bool]:
    """Return a role's blocks, guarded where a condition we know of is missing from the export.

    API version 2022-04-01 drops the conditions of role definitions. A built-in role known to have one may
    then not be taken for a free right to assign roles: that right becomes undecided.
    """
    known = key in catalogue("conditional_roles")["roles"]
    if not known or any(block.condition for block in exported):
        return exported, False
    return tuple(replace(block, condition=_NOT_EXPORTED) for block in exported), True


def _deny(inventory: Inventory, held: Held) -> None:
    data = held.data
    identifier = resource_id(data.get("id")) or resource_id(data.get("denyassignmentname"))
    scope = (
        resource_id(data.get("scope")) or identifier.split("/providers/microsoft.authorization/")[0] or ROOT
    )
    found = Deny(
        id=identifier,
        name=text(data.get("denyassignmentname")) or last_segment(identifier),
        scope=scope,
        children=data.get("donotapplytochildscopes") is not True,
        principals=_named(data.get("principals")),
        excluded=_named(data.get("excludeprincipals")),
        blocks=blocks(data),
        condition=text(data.get("condition")).strip(),
        enforced=text(data.get("denyassignmenteffect")).lower() != "audit",
        source=held.source,
    )
    inventory.denies.setdefault(identifier or f"{scope}#{len(inventory.denies)}", found)


def _named(value: object) -> tuple[tuple[str, str], ...]:
    found = []
    for item in value if isinstance(value, list) else []:
        data = fields(item) if isinstance(item, Mapping) else {"id": item}
        found.append(
            (
                principal(data.get("id") or data.get("objectid")),
                (text(data.get("type")) or text(data.get("objecttype"))).lower(),
            )
        )
    return tuple(found)


def _principal(inventory: Inventory, held: Held) -> None:
    """Tell applications from service principals: one file may hold both exports."""
    data = held.data
    if "appid" not in data and "applicationid" in data:  # PowerShell before Az 7
        data = {**data, "appid": data["applicationid"]}
        held = Held(held.source, data)
    kind = text(data.get("@odata.type")).lower()
    is_application = not {"serviceprincipaltype", "serviceprincipalnames"} & set(data) and (
        {"publisherdomain", "identifieruris", "requiredresourceaccess"} & set(data)
        or kind.endswith((".application", "blueprint"))
    )
    if is_application:
        _application(inventory, held)
        return
    key = principal(data.get("id") or data.get("objectid"))
    known = inventory.principals.get(key)
    if known is not None:  # its owners, or an API's roles, may have been asked for apart
        inventory.principals[key] = Held(known.source, {**data, **known.data})
    elif key:
        inventory.principals[key] = held


def _application(inventory: Inventory, held: Held) -> None:
    if "serviceprincipaltype" in held.data:
        _principal(inventory, held)
        return
    key = principal(held.data.get("appid") or held.data.get("applicationid"))
    known = inventory.applications.get(key)
    if known is not None:  # a blueprint stands in the list of its type and in that of all applications
        inventory.applications[key] = Held(known.source, {**held.data, **known.data})
    elif key:
        inventory.applications[key] = held


def _resource(inventory: Inventory, held: Held) -> None:
    key = resource_id(held.data.get("id"))
    known = inventory.resources.get(key)
    if known is None:
        inventory.resources[key] = held
    else:  # a short listing (`az resource list`) and a full one of the same resource complete each other
        inventory.resources[key] = Held(known.source, {**held.data, **known.data})


def _setting(inventory: Inventory, held: Held) -> None:
    inventory.settings.setdefault(resource_id(held.data.get("id")), held)


def _operations(inventory: Inventory, held: Held) -> None:
    inventory.operations.append(held)


def _kept(part: str) -> Callable[[Inventory, Held], None]:
    """Return what keeps the records of a part as they are."""
    return lambda inventory, held: inventory.directory.setdefault(part, []).append(held)


_PARTS: Mapping[str, Callable[[Inventory, Held], None]] = {
    "role_assignments": _assignment,
    "role_definitions": _definition,
    "deny_assignments": _deny,
    "service_principals": _principal,
    "applications": _application,
    "resources": _resource,
    "diagnostic_settings": _setting,
    "provider_operations": _operations,
    "role_assignment_schedules": lambda inventory, held: schedule(inventory, held, eligible=False),
    "role_eligibility_schedules": lambda inventory, held: schedule(inventory, held, eligible=True),
    "classic_administrators": classic,
    "cosmos_role_definitions": cosmos_definition,
    "cosmos_role_assignments": cosmos_assignment,
    "management_groups": group,
    "group_members": _kept("group_members"),
    "app_role_assignments": _kept("app_role_assignments"),
    "delegated_grants": _kept("delegated_grants"),
    "directory_roles": _kept("directory_roles"),
    "credential_activity": _kept("credential_activity"),
}
