"""Read role definitions, service accounts and their keys, API keys, and workload identity pools."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.gcp.live.calls import Calls
from connectors.gcp.live.gathering import Finds
from connectors.gcp.live.scope import Scope
from connectors.live.failures import CallError

_PAGE = 1000
_ACCOUNT_PAGE = 100
_FULL = "FULL"
Finding = Mapping[str, Any] | CallError


def roles(calls: Calls, scope: Scope) -> Finds:
    """Yield all predefined roles with their permissions, and every bound role that is not among them.

    All predefined ones, because a smaller one may be offered in place of a wide one.
    """
    seen: set[str] = set()
    try:
        for page in _iam(calls, "iam.roles.list", {"view": _FULL, "page_size": _PAGE}, scope.node):
            for role in page.get("roles") or ():
                seen.add(str(role.get("name")))
                # An empty list is left out of the answer: here it means that the role holds nothing.
                yield {"includedPermissions": [], **role}
    except CallError as error:
        yield error
    missing = sorted(one for one in scope.roles - seen if _readable(one))
    for found in calls.each(_role(calls, scope), missing):
        yield from found


def _readable(role: str) -> bool:
    return role.startswith("roles/") or "/roles/" in role


def _role(calls: Calls, scope: Scope) -> Any:
    def read(name: str) -> Sequence[Finding]:
        owner = name.partition("/roles/")[0] if "/roles/" in name else scope.node
        try:
            return [{"includedPermissions": [], **next(_iam(calls, "iam.roles.get", {"name": name}, owner))}]
        except CallError as error:
            return [] if error.kind == "absent" else [error]

    return read


def _iam(calls: Calls, name: str, request: Mapping[str, Any], scope: str) -> Iterator[dict[str, Any]]:
    """Yield the pages of a call of the IAM service, which can be asked over gRPC and over REST."""
    if calls.session.typed(name):
        if name.endswith(".get"):
            yield calls.one(name, request, scope)
        else:
            yield from calls.pages(name, request, scope)
        return
    path = f"v1/{request['name']}" if "name" in request else "v1/roles"
    collection = {"iam.serviceAccounts.list": "/serviceAccounts", "iam.serviceAccountKeys.list": "/keys"}
    query = {
        "pageSize": request.get("page_size"),
        "view": request.get("view"),
        "keyTypes": request.get("key_types"),
    }
    written = {key: value for key, value in query.items() if value}
    yield from calls.listed(name, path + collection.get(name, ""), written, scope)


def service_accounts(calls: Calls, scope: Scope, found: list[str]) -> Finds:
    """Yield the service accounts of every project; their names are put into `found`."""
    for project in _projects(calls, scope):
        request = {"name": f"projects/{project}", "page_size": _ACCOUNT_PAGE}
        try:
            for page in _iam(calls, "iam.serviceAccounts.list", request, f"projects/{project}"):
                for account in page.get("accounts") or ():
                    found.append(str(account.get("name")))
                    yield account
        except CallError as error:
            yield error


def service_account_keys(calls: Calls, accounts: Sequence[str]) -> Finds:
    """Yield the keys that people made for service accounts; Google's own are never held by anyone."""

    def read(account: str) -> Sequence[Finding]:
        request = {"name": account, "key_types": ["USER_MANAGED"]}
        owner = account.partition("/serviceAccounts/")[0]
        try:
            if calls.session.typed("iam.serviceAccountKeys.list"):
                answers = [calls.one("iam.serviceAccountKeys.list", request, owner)]
            else:
                answers = list(_iam(calls, "iam.serviceAccountKeys.list", request, owner))
        except CallError as error:
            return [] if error.kind == "absent" else [error]
        return [key for answer in answers for key in answer.get("keys") or ()]

    for found in calls.each(read, accounts):
        yield from found


def api_keys(calls: Calls, scope: Scope) -> Finds:
    """Yield the API keys of every project, without the keys themselves."""
    for project in _projects(calls, scope):
        path = f"v2/projects/{project}/locations/global/keys"
        yield from _each(calls, "apikeys.keys.list", path, {"pageSize": 300}, f"projects/{project}", "keys")


def workload_identity(calls: Calls, scope: Scope) -> Finds:
    """Yield the workload identity pools of every project, and their providers."""
    for project in _projects(calls, scope):
        node = f"projects/{project}"
        path = f"v1/{node}/locations/global/workloadIdentityPools"
        pools: list[str] = []
        for pool in _each(
            calls, "iam.workloadIdentityPools.list", path, {"pageSize": 1000}, node, "workloadIdentityPools"
        ):
            if not isinstance(pool, CallError):
                pools.append(str(pool.get("name") or ""))
            yield pool
        for owner in pools:
            yield from _each(
                calls,
                "iam.workloadIdentityPoolProviders.list",
                f"v1/{owner}/providers",
                {"pageSize": 100},
                node,
                "workloadIdentityPoolProviders",
            )


def _each(calls: Calls, name: str, path: str, query: Mapping[str, Any], scope: str, items: str) -> Finds:
    """Yield the items of a REST list, and the error that ended it."""
    try:
        for page in calls.listed(name, path, query, scope):
            yield from page.get(items) or ()
    except CallError as error:
        yield error


def _projects(calls: Calls, scope: Scope) -> list[str]:
    return scope.names()[:1] if calls.sample else scope.names()
