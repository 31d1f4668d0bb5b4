"""Read the tenant from Microsoft Graph: principals, agents, credentials, consents, roles, members."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from connectors.azure.identities.identities import MICROSOFT_TENANTS
from connectors.azure.ids import guid, principal, text
from connectors.azure.live.calls import Calls
from connectors.azure.live.gathering import Finds
from connectors.live.failures import CallError

_PRINCIPAL_FIELDS = (
    "id,appId,displayName,servicePrincipalType,accountEnabled,appOwnerOrganizationId,alternativeNames,tags,"
    "createdDateTime,servicePrincipalNames,passwordCredentials,keyCredentials"
)
_APPLICATION_FIELDS = (
    "id,appId,displayName,createdDateTime,tags,publisherDomain,passwordCredentials,keyCredentials,"
    "requiredResourceAccess"
)
_API_FIELDS = "id,appId,displayName,appRoles,oauth2PermissionScopes"
_PERSON_FIELDS = "id,displayName,userPrincipalName,mail"
_PAGE = "999"
_AGENTS = (
    ("agentIdentities.list", "#microsoft.graph.agentIdentity"),
    ("agentBlueprintPrincipals.list", "#microsoft.graph.agentIdentityBlueprintPrincipal"),
    ("agentBlueprints.list", "#microsoft.graph.agentIdentityBlueprint"),
)

Records = list[Mapping[str, Any] | CallError]


def service_principals(calls: Calls) -> Finds:
    """Yield all service principals of the tenant."""
    yield from calls.values(
        "servicePrincipals.list",
        calls.path("servicePrincipals.list"),
        query={"$select": _PRINCIPAL_FIELDS, "$top": _PAGE},
    )


def agents(calls: Calls) -> Finds:
    """Yield agent identities, blueprints and blueprint principals by their own type.

    Readers of the whole directory may be refused these lists, and so are tokens of the Azure CLI. A blueprint
    comes with the permissions that it passes on.
    """
    for name, kind in _AGENTS:
        try:
            found = list(calls.values(name, calls.path(name)))
        except CallError as error:
            yield error
            continue
        for record in found:
            yield from _with_inheritable(calls, {"@odata.type": kind, **record})


def _with_inheritable(calls: Calls, record: Mapping[str, Any]) -> Records:
    """Return a record, of a blueprint with what its agent identities inherit, and what went wrong."""
    if not text(record["@odata.type"]).endswith("Blueprint"):
        return [record]
    path = calls.path("agentBlueprints.inheritable", id=text(record.get("id")))
    held, problems = _beside(calls, "agentBlueprints.inheritable", path)
    return [{**record, **({} if held is None else {"inheritablePermissions": held})}, *problems]


def applications(calls: Calls) -> Finds:
    """Yield the applications of the tenant with their federated credentials and owners."""
    found: list[Mapping[str, Any]] = []
    error = None
    try:
        found += calls.values(
            "applications.list",
            calls.path("applications.list"),
            query={"$select": _APPLICATION_FIELDS, "$top": _PAGE},
        )
    except CallError as failed:
        error = failed

    def read(application: Mapping[str, Any]) -> Records:
        identifier = text(application.get("id"))
        federated, problems = _beside(
            calls, "applications.federations", calls.path("applications.federations", id=identifier)
        )
        owners, more = _beside(calls, "applications.owners", calls.path("applications.owners", id=identifier))
        record = {**application, "federatedIdentityCredentials": federated, "owners": owners}
        return [*problems, *more, {key: value for key, value in record.items() if value is not None}]

    for finds in calls.each(read, found):
        yield from finds
    if error is not None:
        yield error


def _beside(calls: Calls, name: str, path: str) -> tuple[list[Mapping[str, Any]] | None, list[CallError]]:
    """Return what a list beside a record holds; None when it could not be read whole."""
    try:
        return list(calls.values(name, path)), []
    except CallError as error:
        return None, [] if error.kind == "absent" else [error]


def owned(
    principals: Iterable[Mapping[str, Any]], holders: Iterable[str], resources: Iterable[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """Return the service principals that are the tenant's own business.

    Of Microsoft's first-party applications, which are hundreds in every tenant, only those that hold a role
    assignment or that a resource runs as.
    """
    named = {*holders, *_principals_in(resources)}
    return [
        one
        for one in principals
        if guid(one.get("appOwnerOrganizationId")) not in MICROSOFT_TENANTS
        or principal(one.get("id")) in named
    ]


def _principals_in(resources: Iterable[Mapping[str, Any]]) -> set[str]:
    found = set()
    for record in resources:
        identity = record.get("identity")
        if isinstance(identity, Mapping):
            found.add(principal(identity.get("principalId")))
    return found - {""}


def owners_of(calls: Calls, principals: Sequence[Mapping[str, Any]]) -> Finds:
    """Yield service principals again with their owners, where they have any."""

    def read(one: Mapping[str, Any]) -> Records:
        identifier = text(one.get("id"))
        held, problems = _beside(
            calls, "servicePrincipals.owners", calls.path("servicePrincipals.owners", id=identifier)
        )
        return [*problems, *([{"id": identifier, "appId": one.get("appId"), "owners": held}] if held else [])]

    for finds in calls.each(read, principals):
        yield from finds


def app_role_assignments(calls: Calls, principals: Sequence[Mapping[str, Any]]) -> Finds:
    """Yield the permissions that service principals hold for APIs, with no person signed in."""

    def read(one: Mapping[str, Any]) -> Records:
        path = calls.path("appRoleAssignments.list", id=text(one.get("id")))
        try:
            return list(calls.values("appRoleAssignments.list", path))
        except CallError as error:
            return [] if error.kind == "absent" else [error]

    for finds in calls.each(read, principals):
        yield from finds


def apis(calls: Calls, assignments: Iterable[Mapping[str, Any]]) -> Finds:
    """Yield the APIs that permissions are for, with the names of their roles and scopes."""
    wanted = sorted({principal(one.get("resourceId")) for one in assignments} - {""})

    def read(identifier: str) -> Records:
        path = calls.path("servicePrincipals.get", id=identifier)
        try:
            return list(calls.pages("servicePrincipals.get", path, query={"$select": _API_FIELDS}))
        except CallError as error:
            return [error]

    for finds in calls.each(read, wanted):
        yield from finds


def delegated_grants(calls: Calls) -> Finds:
    """Yield the consents by which applications act for people."""
    yield from calls.values(
        "oauth2PermissionGrants.list", calls.path("oauth2PermissionGrants.list"), query={"$top": _PAGE}
    )


def directory_roles(calls: Calls) -> Finds:
    """Yield the definitions and assignments of Entra directory roles."""
    for name in ("directoryRoleDefinitions.list", "directoryRoleAssignments.list"):
        try:
            yield from calls.values(name, calls.path(name))
        except CallError as error:
            yield error


def group_members(calls: Calls, groups: Sequence[str]) -> Finds:
    """Yield the groups that hold something with all their members, those of nested groups included.

    A group that could not be read whole yields the members that were read and says so.
    """

    def read(group: str) -> Records:
        path = calls.path("groups.transitiveMembers", id=group)
        members: list[Mapping[str, Any]] = []
        query = {"$select": _PERSON_FIELDS, "$top": _PAGE}
        try:
            members += calls.values("groups.transitiveMembers", path, query=query)
        except CallError as error:
            return [error, {"id": group, "transitiveMembers": members, "partial": True}]
        return [{"id": group, "transitiveMembers": members}]

    for finds in calls.each(read, groups):
        yield from finds


def credential_activity(calls: Calls) -> Finds:
    """Yield when Entra itself last saw each secret, certificate and federation used (a beta report)."""
    yield from calls.values("credentialActivity.list", calls.path("credentialActivity.list"))
