"""What gives rights on Azure resources beside role assignments, read into the same shape.

PIM schedule instances, classic administrators, Key Vault access policies, Cosmos DB's own roles. Each becomes
an assignment of a form of its own with a role definition, so that everything else treats it alike.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from connectors.azure.catalog.tables import catalogue
from connectors.azure.ids import ROOT, fields, last_segment, mappings, principal, resource_id, strings, text
from connectors.azure.policy.patterns import Block, blocks
from connectors.azure.stock import Assignment, Definition, Form, Held, Inventory, utc

_AUTHORIZATION = "/providers/microsoft.authorization/"
_VAULTS = "microsoft.keyvault/vaults"
CLASSIC = "classic-administrator"
_ELIGIBLE = "eligible through PIM: held only after it is activated"
_COMPOUND = "only when called through the application named in the access policy"


def schedule(inventory: Inventory, held: Held, *, eligible: bool) -> None:
    """Keep a PIM schedule instance: an assignment that ends, or a right to activate one."""
    data = held.data
    who = principal(data.get("principalid"))
    definition = last_segment(data.get("roledefinitionid"))
    identifier = resource_id(data.get("id"))
    if not (who and definition):
        part = "role_eligibility_schedules" if eligible else "role_assignment_schedules"
        inventory.unreadable.append((part, f"{identifier or '(no id)'}: no principal or role"))
        return
    expanded = data.get("expandedproperties")
    named = fields(expanded) if isinstance(expanded, Mapping) else {}
    until = utc(data.get("enddatetime"))
    condition = text(data.get("condition")).strip()
    inventory.schedules[identifier or f"{who}#{definition}"] = Assignment(
        id=identifier or f"{who}#{definition}",
        principal=who,
        kind=text(data.get("principaltype")).lower(),
        name=_displayed(named.get("principal")),
        definition=definition,
        role=_displayed(named.get("roledefinition")),
        scope=resource_id(data.get("scope")) or identifier.split(_AUTHORIZATION)[0] or ROOT,
        condition=_and(condition, _ELIGIBLE) if eligible else condition,
        created=utc(data.get("createdon")),
        source=held.source,
        form=Form.PIM_ELIGIBLE if eligible else Form.PIM_ACTIVE,
        until=until,
        origin=resource_id(data.get("originroleassignmentid")),
    )


def _displayed(value: object) -> str:
    return text(value.get("displayName")) if isinstance(value, Mapping) else ""


def _and(first: str, second: str) -> str:
    return f"({first}) AND ({second})" if first else second


def classic(inventory: Inventory, held: Held) -> None:
    """Keep a classic administrator, who may do everything in the subscription; known by mail address only."""
    data = held.data
    mail = text(data.get("emailaddress")).strip().lower()
    scope = resource_id(data.get("id")).split(_AUTHORIZATION)[0]
    if not mail or not scope:
        inventory.unreadable.append(("classic_administrators", "a record without a mail address"))
        return
    inventory.definitions.setdefault(
        CLASSIC, Definition(CLASSIC, "Classic administrator", (Block(("*",), (), (), ()),))
    )
    found = Assignment(
        id=f"{scope}{_AUTHORIZATION}classicadministrators/{mail}",
        principal=f"user:{mail}",
        kind="user",
        name=mail,
        definition=CLASSIC,
        role=text(data.get("role")),
        scope=scope,
        condition="",
        created="",
        source=held.source,
        form=Form.CLASSIC,
    )
    inventory.others.setdefault(found.id, found)


def cosmos_definition(inventory: Inventory, held: Held) -> None:
    """Keep a role of a Cosmos DB account; its id is unique only with the account's."""
    key = resource_id(held.data.get("id"))
    name = text(held.data.get("rolename")) or last_segment(key)
    if key:
        inventory.definitions.setdefault(key, Definition(key, name, blocks(held.data)))


def cosmos_assignment(inventory: Inventory, held: Held) -> None:
    """Keep an assignment of a Cosmos DB account's role; its scope may be a database or a container."""
    data = held.data
    identifier = resource_id(data.get("id"))
    who, role = principal(data.get("principalid")), resource_id(data.get("roledefinitionid"))
    account = identifier.split("/sqlroleassignments/")[0]
    if not (who and role and account):
        inventory.unreadable.append(("cosmos_role_assignments", f"{identifier}: no principal or role"))
        return
    scope = resource_id(data.get("scope")) or account
    scope = scope.replace("/dbs/", "/sqldatabases/").replace("/colls/", "/containers/")
    found = Assignment(
        id=identifier,
        principal=who,
        kind="",
        name="",
        definition=role,
        role="",
        scope=scope,
        condition="",
        created="",
        source=held.source,
        form=Form.COSMOS,
    )
    inventory.others.setdefault(found.id, found)


def settle(inventory: Inventory) -> None:
    """Join what only all records together tell: PIM with its assignments, mail addresses with users."""
    _schedules(inventory)
    _classic(inventory)
    for found, definition in _access_policies(inventory):
        inventory.definitions.setdefault(definition.guid, definition)
        inventory.others.setdefault(found.id, found)
    built_in = catalogue("cosmos_roles")["roles"]
    for one in [*inventory.others.values()]:
        known = built_in.get(last_segment(one.definition)) if one.form is Form.COSMOS else None
        if known and one.definition not in inventory.definitions:
            block = Block((), (), tuple(known["actions"]), ())
            inventory.definitions[one.definition] = Definition(one.definition, known["name"], (block,))
        if one.principal in inventory.members and not one.kind:
            inventory.others[one.id] = replace(one, kind="group")


def _schedules(inventory: Inventory) -> None:
    """Give the role assignment that an active instance made its end; keep what made none by itself."""
    alike = {(a.principal, a.definition, a.scope): a.id for a in inventory.assignments.values()}
    for one in inventory.schedules.values():
        if one.form is Form.PIM_ELIGIBLE:
            inventory.others.setdefault(one.id, one)
            continue
        made = (
            one.origin
            if one.origin in inventory.assignments
            else alike.get((one.principal, one.definition, one.scope), "")
        )
        if made:
            inventory.assignments[made] = replace(inventory.assignments[made], until=one.until)
        else:
            condition = _and(one.condition, one.ends) if one.ends else one.condition
            inventory.others.setdefault(one.id, replace(one, condition=condition))


def _classic(inventory: Inventory) -> None:
    names = {a.name.lower(): a.principal for a in inventory.assignments.values() if a.kind == "user"}
    for one in [*inventory.others.values()]:
        if one.form is Form.CLASSIC and one.name in names:
            inventory.others[one.id] = replace(one, principal=names[one.name])


def _access_policies(inventory: Inventory) -> Iterator[tuple[Assignment, Definition]]:
    """Yield what the access policies of vaults give; a vault that uses role assignments ignores them."""
    for identifier, held in sorted(inventory.resources.items()):
        if text(held.data.get("type")).lower() != _VAULTS or held.data.get("enablerbacauthorization") is True:
            continue
        for number, raw in enumerate(mappings(held.data.get("accesspolicies"))):
            policy = fields(raw)
            who, through = principal(policy.get("objectid")), principal(policy.get("applicationid"))
            actions, words = _actions(policy.get("permissions"))
            if not who or not actions:
                continue
            key = f"{identifier}/accesspolicies/{who}{f'.{number}' if through else ''}"
            yield (
                Assignment(
                    id=key,
                    principal=who,
                    kind="",
                    name="",
                    definition=key,
                    role="",
                    scope=identifier,
                    condition=_COMPOUND if through else "",
                    created="",
                    source=held.source,
                    form=Form.ACCESS_POLICY,
                ),
                Definition(key, f"Key Vault access policy: {words}", (Block((), (), actions, ()),)),
            )


def _actions(value: object) -> tuple[tuple[str, ...], str]:
    """Return the data actions of a policy's words, and the words."""
    permissions: Mapping[str, Any] = fields(value) if isinstance(value, Mapping) else {}
    table = catalogue("vault_policies")
    found: set[str] = set()
    written = []
    for kind in ("keys", "secrets", "certificates"):
        words = sorted({word.lower() for word in strings(permissions.get(kind))})
        every = sorted(table[kind]) if "all" in words else words
        found |= {action for word in every for action in table[kind].get(word, ())}
        written += [f"{kind} {', '.join(words)}"] if words else []
    return tuple(sorted(found)), "; ".join(written)
