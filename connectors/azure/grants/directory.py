"""Read rights on APIs and on the directory itself: app roles, delegated consents, Entra directory roles.

They are permissions by a name of their own (`Microsoft.Graph/appRoles/Mail.Read`), in no plane of Resource
Manager, so that no role pattern ever expands to them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from connectors.azure.catalog.tables import catalogue
from connectors.azure.coverage.presence import Logs
from connectors.azure.grants.inherited import inherited
from connectors.azure.ids import fields, guid, last_segment, mappings, principal, text
from connectors.azure.stock import Held, Inventory, utc
from connectors.azure.usage.api_use import (
    APP_ROLE,
    CONSENT,
    DIRECTORY_ROLE,
    GRAPH,
    GRAPH_APPLICATION,
    ApiUse,
    Right,
)
from connectors.azure.usage.graph_use import GRAPH_ROLE, GraphUse
from connectors.azure.usage.usage import Callers
from connectors.facts import Blind, Effect, Grant, PermissionSet
from connectors.logs.rows import UsageRow
from connectors.permissions import Permissions

_DEFAULT_ROLE = "00000000-0000-0000-0000-000000000000"
"""Assigned for an API that has no roles: it may get tokens, and nothing more is said."""


@dataclass(slots=True)
class Directory:
    """All rights of the directory, with what of their use the logs given could have shown."""

    grants: list[Grant] = field(default_factory=list)
    held: dict[str, PermissionSet] = field(default_factory=dict)
    blind: dict[str, list[Blind]] = field(default_factory=dict)
    reach: dict[str, PermissionSet] = field(default_factory=dict)


def read_directory(
    inventory: Inventory,
    permissions: Permissions,
    rows: Sequence[UsageRow],
    callers: Callers,
    logs: Logs,
    graph: GraphUse,
    *,
    lost: bool,
) -> Directory:
    """Return the rights of all principals; members of groups hold what their group holds.

    `graph` is what the logged calls of Graph say; `lost` that some log file could not be read whole.
    """
    rights = _rights(inventory)
    permissions.load(sorted({name for right in rights for name in right.names}))
    seen = ApiUse(rows, callers, logs, graph, lost=lost)
    found = Directory(reach=_reach(rights, permissions))
    for right in sorted(rights, key=lambda one: (one.identity, one.id)):
        mask = permissions.mask(right.names)
        found.grants.append(_grant(right, mask))
        found.held[right.identity] = found.held.get(right.identity, 0) | mask
        hidden = seen.blind(inventory, right)
        if hidden:
            found.blind.setdefault(right.identity, []).append(Blind(mask, *hidden))
    return found


def graph_roles(inventory: Inventory) -> dict[str, dict[str, str]]:
    """Return the app roles for Microsoft Graph by principal: the id of the grant by the role's value."""
    found: dict[str, dict[str, str]] = {}
    for right in _rights(inventory):
        for name in right.names:
            if name.startswith(GRAPH_ROLE):
                found.setdefault(right.identity, {})[name.removeprefix(GRAPH_ROLE)] = right.id
    return found


def rights_of(inventory: Inventory, identity: str) -> list[tuple[str, tuple[str, ...]]]:
    """Return the rights of one principal: where each is written, and the permissions it gives."""
    return [
        (f"{right.form} {last_segment(right.id)}", right.names)
        for right in _rights(inventory)
        if right.identity == identity
    ]


def _rights(inventory: Inventory) -> list[Right]:
    """Return the rights of all principals, those that agents inherit from their blueprint included."""
    own = [*_app_roles(inventory), *_consents(inventory), *_directory_roles(inventory)]
    return [*own, *inherited(inventory, own)]


def _grant(right: Right, mask: PermissionSet) -> Grant:
    return Grant(
        id=right.id,
        identity=right.identity,
        source=f"{right.form} {last_segment(right.id)}",
        name=f"{right.api}: {', '.join(name.rsplit('/', 1)[-1] for name in right.names)}",
        effect=Effect.ALLOW,
        scope=right.scope,
        permissions=mask,
        conditions=right.condition,
        wide=mask,
        admin=right.admin,
        created=right.created,
        shared=right.shared,
    )


def _holders(inventory: Inventory, identity: str) -> list[tuple[str, bool]]:
    """Return who holds a principal's right: itself, and the members where it is a group."""
    return [
        (identity, identity in inventory.members),
        *((one, True) for one in sorted(inventory.members.get(identity, ()))),
    ]


def _app_roles(inventory: Inventory) -> Iterator[Right]:
    for held in inventory.directory.get("app_role_assignments", ()):
        data = held.data
        who, role = principal(data.get("principalid")), guid(data.get("approleid"))
        if not who:
            inventory.unreadable.append(("app_role_assignments", "a record names no principal"))
            continue
        api, known = _api(inventory, data)
        value = _value(known, "approles", role) or (role if role != _DEFAULT_ROLE else "default access")
        tier_zero = api == GRAPH and _fits(value, catalogue("directory")["administrators"]["app_roles"])
        for identity, shared in _holders(inventory, who):
            yield Right(
                identity=identity,
                id=text(data.get("id")) or f"{who}/{role}",
                form=APP_ROLE,
                api=api,
                names=(f"{api}/appRoles/{value}",),
                scope=principal(data.get("resourceid")),
                admin=f"{value} lets its holder make itself administrator of the tenant" if tier_zero else "",
                created=utc(data.get("createddatetime")),
                shared=shared,
            )


def _consents(inventory: Inventory) -> Iterator[Right]:
    for held in inventory.directory.get("delegated_grants", ()):
        data = held.data
        who = principal(data.get("clientid"))
        scopes = sorted({word for word in text(data.get("scope")).split() if word})
        if not who or not scopes:
            continue
        api, _ = _api(inventory, data)
        person = principal(data.get("principalid"))
        everyone = text(data.get("consenttype")).lower() == "allprincipals"
        yield Right(
            identity=who,
            id=text(data.get("id")) or f"{who}/{principal(data.get('resourceid'))}/{person}",
            form=CONSENT,
            api=api,
            names=tuple(f"{api}/scopes/{scope}" for scope in scopes),
            scope=principal(data.get("resourceid")),
            condition="for everyone who signs in" if everyone else f"for user {person}",
        )


def _directory_roles(inventory: Inventory) -> Iterator[Right]:
    records = inventory.directory.get("directory_roles", [])
    names = {
        guid(key): text(held.data.get("displayname"))
        for held in records
        for key in (held.data.get("id"), held.data.get("templateid"))
        if "principalid" not in held.data and text(held.data.get("displayname"))
    }
    admins = catalogue("directory")["administrators"]["directory_roles"]
    for held in records:
        data = held.data
        who, role = principal(data.get("principalid")), guid(data.get("roledefinitionid"))
        if not who:
            continue
        expanded = data.get("roledefinition")
        shown = text(fields(expanded).get("displayname")) if isinstance(expanded, Mapping) else ""
        name = names.get(role) or shown or role
        scope = text(data.get("directoryscopeid")) or text(data.get("appscopeid")) or "/"
        for identity, shared in _holders(inventory, who):
            yield Right(
                identity=identity,
                id=text(data.get("id")) or f"{who}/{role}",
                form=DIRECTORY_ROLE,
                api="Entra",
                names=(f"Microsoft.Entra/directoryRoles/{name}",),
                scope=f"directory {scope}",
                admin=f"{name} on the tenant" if scope == "/" and _fits(name, admins) else "",
                shared=shared,
            )


def _api(inventory: Inventory, data: Mapping[str, object]) -> tuple[str, Held | None]:
    """Return what an API is called, and its service principal; only Graph's own id makes it Graph."""
    identifier = principal(data.get("resourceid"))
    known = inventory.principals.get(identifier)
    if known is not None and guid(known.data.get("appid")) == GRAPH_APPLICATION:
        return GRAPH, known
    shown = text(known.data.get("displayname")) if known else ""
    name = (shown or text(data.get("resourcedisplayname")) or identifier).replace("/", "-")
    return f"api:{name}", known


def _value(api: Held | None, part: str, role: str) -> str:
    for raw in mappings(api.data.get(part)) if api else ():
        one = fields(raw)
        if guid(one.get("id")) == role:
            return text(one.get("value"))
    return ""


def _fits(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns)


def _reach(rights: Iterable[Right], permissions: Permissions) -> dict[str, PermissionSet]:
    found: dict[str, PermissionSet] = {}
    names = {name for right in rights for name in right.names}
    for kind, table in catalogue("directory")["reach"].items():
        inside = [
            name
            for name in names
            if _fits(
                name.split("/", 2)[-1],
                table["directory_roles" if name.startswith("Microsoft.Entra/") else "permissions"],
            )
        ]
        found[kind] = permissions.mask(sorted(inside))
    return found
