"""Read rights on APIs and on the directory itself: app roles, delegated consents, Entra directory roles.

They are permissions by a name of their own (`Microsoft.Graph/appRoles/Mail.Read`), in no plane of Resource
Manager, so that no role pattern ever expands to them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from connectors.azure.catalogue import catalogue
from connectors.azure.graph_activity import GRAPH_ACTIVITY, GRAPH_OPERATION
from connectors.azure.ids import fields, guid, last_segment, mappings, principal, text
from connectors.azure.presence import Logs
from connectors.azure.sign_ins import MANAGED_IDENTITY, SERVICE_PRINCIPAL, SIGN_IN
from connectors.azure.stock import Held, Inventory, utc
from connectors.azure.usage import Callers
from connectors.facts import Blind, Effect, Grant, PermissionSet
from connectors.logs.rows import UsageRow
from connectors.permissions import Permissions

GRAPH = "Microsoft.Graph"
_GRAPH_APPLICATION = "00000003-0000-0000-c000-000000000000"
APP_ROLE, CONSENT, DIRECTORY_ROLE = "app role assignment", "delegated permission", "Entra directory role"
_NO_SIGN_INS = "the evidence holds none of this kind of principal for the whole window"
_EXPORT_SIGN_INS = (
    "export ManagedIdentitySignInLogs and ServicePrincipalSignInLogs with a diagnostic setting of Entra, and "
    "name the files under sign_in_logs"
)
_DEFAULT_ROLE = "00000000-0000-0000-0000-000000000000"
"""Assigned for an API that has no roles: it may get tokens, and nothing more is said."""


@dataclass(frozen=True, slots=True)
class _Right:
    """One right as held by one principal."""

    identity: str
    id: str
    form: str
    api: str
    names: tuple[str, ...]
    scope: str
    condition: str = ""
    admin: str = ""
    created: str = ""
    shared: bool = False


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
    *,
    lost: bool,
) -> Directory:
    """Return the rights of all principals; members of groups hold what their group holds.

    `lost` says that some log file could not be read whole.
    """
    rights = [*_app_roles(inventory), *_consents(inventory), *_directory_roles(inventory)]
    permissions.load(sorted({name for right in rights for name in right.names}))
    seen = _SignIns(rows, callers, logs, lost=lost)
    found = Directory(reach=_reach(rights, permissions))
    for right in sorted(rights, key=lambda one: (one.identity, one.id)):
        mask = permissions.mask(right.names)
        found.grants.append(_grant(right, mask))
        found.held[right.identity] = found.held.get(right.identity, 0) | mask
        hidden = seen.blind(inventory, right)
        if hidden:
            found.blind.setdefault(right.identity, []).append(Blind(mask, *hidden))
    return found


def rights_of(inventory: Inventory, identity: str) -> list[tuple[str, tuple[str, ...]]]:
    """Return the rights of one principal: where each is written, and the permissions it gives."""
    return [
        (f"{right.form} {last_segment(right.id)}", right.names)
        for right in (*_app_roles(inventory), *_consents(inventory), *_directory_roles(inventory))
        if right.identity == identity
    ]


def _grant(right: _Right, mask: PermissionSet) -> Grant:
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


def _app_roles(inventory: Inventory) -> Iterator[_Right]:
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
            yield _Right(
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


def _consents(inventory: Inventory) -> Iterator[_Right]:
    for held in inventory.directory.get("delegated_grants", ()):
        data = held.data
        who = principal(data.get("clientid"))
        scopes = sorted({word for word in text(data.get("scope")).split() if word})
        if not who or not scopes:
            continue
        api, _ = _api(inventory, data)
        person = principal(data.get("principalid"))
        everyone = text(data.get("consenttype")).lower() == "allprincipals"
        yield _Right(
            identity=who,
            id=text(data.get("id")) or f"{who}/{principal(data.get('resourceid'))}/{person}",
            form=CONSENT,
            api=api,
            names=tuple(f"{api}/scopes/{scope}" for scope in scopes),
            scope=principal(data.get("resourceid")),
            condition="for everyone who signs in" if everyone else f"for user {person}",
        )


def _directory_roles(inventory: Inventory) -> Iterator[_Right]:
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
            yield _Right(
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
    if known is not None and guid(known.data.get("appid")) == _GRAPH_APPLICATION:
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


def _reach(rights: Iterable[_Right], permissions: Permissions) -> dict[str, PermissionSet]:
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


class _SignIns:
    """What sign-ins and Graph activity say of the use of APIs: who asked for tokens of which."""

    def __init__(self, rows: Iterable[UsageRow], callers: Callers, logs: Logs, *, lost: bool) -> None:
        self._asked: dict[str, set[str]] = {}
        self._called: set[str] = set()
        for row in rows:
            if row.operation == SIGN_IN:
                targets = self._asked.setdefault(callers.resolve(row.identity), set())
                targets |= {row.resource.lower(), row.workload.lower()} - {""}
            elif row.operation.startswith(GRAPH_OPERATION):
                self._called.add(callers.resolve(row.identity))
        self._whole = {
            kind: not lost
            and any(not logs.gap(span) for (_, seen, _), span in logs.classes.items() if seen == kind)
            for kind in (SERVICE_PRINCIPAL, MANAGED_IDENTITY, GRAPH_ACTIVITY)
        }

    def blind(self, inventory: Inventory, right: _Right) -> tuple[str, str, str] | None:
        """Return why use of a right could not have been seen; None when its absence is told for certain.

        Without a token for an API nothing can be called there: a principal that signed in to others only,
        or never, in a log that spans the window did not use its permissions.
        """
        if right.form == CONSENT:
            return (
                "delegated-permission",
                "it is used in the name of people: logs name them and not the application's own identity",
                "look at the application's users in the interactive sign-in logs before removing the consent",
            )
        if right.form == DIRECTORY_ROLE:
            return (
                "directory-role-use-not-read",
                "what a directory role is used for stands in Entra's audit log, which is not interpreted",
                "look at the audit log of the directory before removing it",
            )
        if right.shared:
            return (
                "group-members-unknown",
                "it is held through a group, and other members hold it by the same assignment",
                "give the workload's own principal the permission instead of the group",
            )
        known = inventory.principals.get(right.identity)
        managed = (
            known is not None and text(known.data.get("serviceprincipaltype")).lower() == "managedidentity"
        )
        kind = MANAGED_IDENTITY if managed else SERVICE_PRINCIPAL
        if right.identity in self._called or self._asked_for(right, inventory):
            return (
                "api-permission-not-told",
                f"it called {right.api} in the window, and the logs do not say by which of its permissions",
                "compare the calls of MicrosoftGraphActivityLogs with the permissions reference",
            )
        if not self._whole[kind]:
            return (
                "sign-ins-missing",
                f"only sign-in logs say whether it asked for tokens of {right.api}; {_NO_SIGN_INS}",
                _EXPORT_SIGN_INS,
            )
        return None

    def _asked_for(self, right: _Right, inventory: Inventory) -> bool:
        """Return whether a principal asked for tokens of an API, by whatever the log calls it."""
        api = inventory.principals.get(right.scope)
        names = {right.scope, right.api.removeprefix("api:").lower()}
        if api is not None:
            names |= {text(api.data.get("displayname")).lower(), principal(api.data.get("appid"))}
        if right.api == GRAPH:
            names |= {"microsoft graph", _GRAPH_APPLICATION}
        return bool(self._asked.get(right.identity, set()) & (names - {""}))
