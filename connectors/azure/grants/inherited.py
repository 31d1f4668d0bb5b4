"""Read what agent identities inherit: permissions granted to their blueprint that it declares inheritable.

A token for an agent identity carries them beside its own. Both have to be there: the declaration for the API
(`inheritablePermissions` of the blueprint) and the grant to the blueprint's principal. Source: learn,
entra/agent-id, inheritable permissions; Graph `inheritablePermission`; read 2026-11.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from connectors.azure.ids import fields, guid, mappings, principal, strings, text
from connectors.azure.stock import Held, Inventory
from connectors.azure.usage.api_use import APP_ROLE, CONSENT, Right
from connectors.facts import Caveat

_PARTS = {APP_ROLE: "inheritableroles", CONSENT: "inheritablescopes"}


def inherited(inventory: Inventory, rights: Iterable[Right]) -> Iterator[Right]:
    """Yield the rights of blueprints again, for each agent identity that inherits them."""
    agents = _agents(inventory)
    for right in rights:
        declared = _declared(inventory, right) if right.identity in agents else None
        names = tuple(
            name
            for name in right.names
            if declared is not None and _passes(declared, name, inventory.principals.get(right.scope))
        )
        for agent in agents.get(right.identity, ()) if names else ():
            said = f"inherited from agent identity blueprint {right.identity}"
            condition = f"{right.condition}; {said}" if right.condition else said
            yield replace(
                right,
                identity=agent,
                names=names,
                condition=condition,
                shared=True,
                blueprint=right.identity,
            )


def blueprint_caveats(inventory: Inventory) -> list[Caveat]:
    """Return the blueprints of which the evidence does not say what their agents inherit."""
    unread = [
        who
        for who in sorted(_agents(inventory))
        if "inheritablepermissions" not in _blueprint(inventory, who)
    ]
    if not unread:
        return []
    return [
        Caveat(
            f"what agents inherit from {len(unread)} blueprints is not evaluated",
            ", ".join(unread[:5]) + (", …" if len(unread) > 5 else ""),
            "their agent identities may hold more for Microsoft Graph and other APIs than is shown; give the "
            "blueprints' inheritablePermissions with the applications",
        )
    ]


def _agents(inventory: Inventory) -> dict[str, list[str]]:
    """Return the agent identities by the object id of their blueprint's principal."""
    objects = {principal(held.data.get("appid")): who for who, held in inventory.principals.items()}
    found: dict[str, list[str]] = {}
    for who, held in sorted(inventory.principals.items()):
        made_of = principal(held.data.get("agentidentityblueprintid")) or principal(
            held.data.get("agentappid")
        )
        if made_of and objects.get(made_of, made_of) != who:
            found.setdefault(objects.get(made_of, made_of), []).append(who)
    return found


def _blueprint(inventory: Inventory, who: str) -> Mapping[str, object]:
    """Return the application record of a blueprint by its principal; {} where the evidence lacks it."""
    held = inventory.principals.get(who)
    application = principal(held.data.get("appid")) if held else who
    kept = inventory.applications.get(application)
    return kept.data if kept else {}


def _declared(inventory: Inventory, right: Right) -> Mapping[str, object] | None:
    """Return what the blueprint declares of one kind of permission of one API, None for nothing."""
    api = inventory.principals.get(right.scope)
    application = guid(api.data.get("appid")) if api else ""
    for raw in mappings(_blueprint(inventory, right.identity).get("inheritablepermissions")):
        one = fields(raw)
        part = one.get(_PARTS.get(right.form, ""))
        if isinstance(part, Mapping) and application and guid(one.get("resourceappid")) == application:
            return fields(part)
    return None


def _passes(declared: Mapping[str, object], name: str, api: Held | None) -> bool:
    """Return whether a declaration lets one permission through: all of them, those it lists, or none.

    Roles may be listed by id.
    """
    kind = f"{text(declared.get('@odata.type'))} {text(declared.get('kind'))}".lower()
    if "allallowed" in kind:
        return True
    listed = [*strings(declared.get("scopes") or []), *strings(declared.get("roles") or [])]
    roles = [fields(raw) for raw in mappings(api.data.get("approles"))] if api else []
    listed += [text(role.get("value")) for role in roles if text(role.get("id")) in listed]
    return name.rsplit("/", 1)[-1].lower() in {one.lower() for one in listed}
