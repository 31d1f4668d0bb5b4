"""Read what is in a subscription: resources, Foundry, Azure ML, Cosmos DB roles, diagnostic settings."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from connectors.azure.coverage.services import services
from connectors.azure.ids import resource_id, text
from connectors.azure.live.calls import Calls
from connectors.azure.live.gathering import Finds
from connectors.live.failures import CallError

_PAGE = 1000
_SAMPLED = 40
"""So many resources `doctor` asks whether their data log is on."""
_TYPED = (
    ("cognitiveAccounts.list", "microsoft.cognitiveservices/accounts"),
    ("machineLearningWorkspaces.list", "microsoft.machinelearningservices/workspaces"),
    ("searchServices.list", "microsoft.search/searchservices"),
    ("botServices.list", "microsoft.botservice/botservices"),
    ("storageAccounts.list", "microsoft.storage/storageaccounts"),
    ("vaults.list", "microsoft.keyvault/vaults"),
    ("cosmosAccounts.list", "microsoft.documentdb/databaseaccounts"),
    ("userAssignedIdentities.list", "microsoft.managedidentity/userassignedidentities"),
)
"""Lists that are authoritative for the switches and identities of their type; Resource Graph may lag."""
_FULL = (
    *(kind for _, kind in _TYPED),
    "microsoft.cognitiveservices/accounts/projects",
    "microsoft.eventhub/namespaces",
    "microsoft.servicebus/namespaces",
    "microsoft.appconfiguration/configurationstores",
    "microsoft.app/containerapps",
    "microsoft.app/jobs",
    "microsoft.containerservice/managedclusters",
    "microsoft.web/sites",
)
"""Types whose properties are kept; of others only what says that they are there and as whom they run."""
_QUERY = (
    "resources | where isnotempty(identity) or type in~ ({types}) "
    "| extend properties = iff(type in~ ({types}), properties, dynamic(null)) "
    "| project id, name, type, kind, location, tags, identity, properties"
)
_CHILDREN = {
    "microsoft.cognitiveservices/accounts": (
        ("foundryProjects.list", "projects"),
        ("foundryAccountConnections.list", "connections"),
    ),
    "microsoft.cognitiveservices/accounts/projects": (
        ("foundryApplications.list", "applications"),
        ("foundryProjectConnections.list", "connections"),
    ),
    "microsoft.cognitiveservices/accounts/projects/applications": (
        ("foundryAgentDeployments.list", "agentDeployments"),
    ),
    "microsoft.machinelearningservices/workspaces": (
        ("machineLearningComputes.list", "computes"),
        ("machineLearningOnlineEndpoints.list", "onlineEndpoints"),
        ("machineLearningBatchEndpoints.list", "batchEndpoints"),
        ("machineLearningConnections.list", "connections"),
    ),
    "microsoft.managedidentity/userassignedidentities": (
        ("managedIdentityFederations.list", "federatedIdentityCredentials"),
    ),
}
_LINKED = ("microsoft.web/sites", "microsoft.app/containerapps")
"""Types whose connections to other services Service Connector keeps, with their target and no value."""
_SETTING = "/providers/Microsoft.Insights/diagnosticSettings"
COSMOS = "microsoft.documentdb/databaseaccounts"


def resources(calls: Calls, subscriptions: Sequence[str]) -> Finds:
    """Yield the resources of the subscriptions: Resource Graph, the typed lists, and what stands in them.

    Where Resource Graph does not answer, Resource Manager's own lists name the resources.
    """
    found: dict[str, str] = {}
    for record in _listed(calls, subscriptions):
        if not isinstance(record, CallError):
            found.setdefault(text(record.get("id")), text(record.get("type")).lower())
        yield record
    level = found
    while level:
        below: dict[str, str] = {}
        for record in _children(calls, level):
            if not isinstance(record, CallError):
                below.setdefault(text(record.get("id")), text(record.get("type")).lower())
            yield record
        level = {one: kind for one, kind in below.items() if kind in _CHILDREN and not _known(one, found)}
        found |= level


def _known(identifier: str, found: Mapping[str, str]) -> bool:
    return resource_id(identifier) in {resource_id(one) for one in found}


def _listed(calls: Calls, subscriptions: Sequence[str]) -> Finds:
    try:
        yield from _graph(calls, subscriptions)
    except CallError as error:
        yield error
        for one in subscriptions:
            yield from _safe(calls.values("resources.list", calls.path("resources.list", subscription=one)))
    wanted = [(name, kind, one) for one in subscriptions for name, kind in _TYPED]

    def read(task: tuple[str, str, str]) -> list[Mapping[str, Any] | CallError]:
        name, kind, one = task
        records = calls.values(name, calls.path(name, subscription=one))
        return [_with_type(found, kind) for found in _safe(records)]

    # Each list is tried once even by `doctor`: what works in one says nothing of the others.
    for name, kind in _TYPED if calls.sample else ():
        yield from (found for one in subscriptions[:1] for found in read((name, kind, one)))
    for finds in [] if calls.sample else calls.each(read, wanted):
        yield from finds


def _graph(calls: Calls, subscriptions: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """Yield the answers of Resource Graph page by page; a short answer without a next page is an error."""
    types = ", ".join(f"'{kind}'" for kind in _FULL)
    query = _QUERY.format(types=types)
    options: dict[str, Any] = {"resultFormat": "objectArray", "$top": _PAGE}
    read = 0
    been: set[str] = set()
    while True:
        answer = calls.ask(
            "resourceGraph.query", {"subscriptions": list(subscriptions), "query": query, "options": options}
        )
        rows = answer.get("data")
        if not isinstance(rows, list):
            raise CallError("Resource Graph: the answer holds no rows", "other", "resourceGraph.query")
        read += len(rows)
        yield from (row for row in rows if isinstance(row, dict))
        token = answer.get("$skipToken") or answer.get("skipToken")
        if calls.sample:
            return
        if not isinstance(token, str) or not token or token in been:
            total = answer.get("totalRecords")
            short = answer.get("resultTruncated") in ("true", True) or token
            if short or (isinstance(total, int) and read < total):
                raise CallError(
                    f"Resource Graph returned {read} of {total} resources", "other", "resourceGraph.query"
                )
            return
        been.add(token)
        options = {**options, "$skipToken": token}


def _children(calls: Calls, parents: Mapping[str, str]) -> Finds:
    tasks = [
        (name, f"{parent.rstrip('/')}/{child}")
        for parent, kind in sorted(parents.items())
        for name, child in _CHILDREN.get(kind, ())
    ]
    tasks += [
        ("serviceLinkers.list", f"{parent.rstrip('/')}/providers/Microsoft.ServiceLinker/linkers")
        for parent, kind in sorted(parents.items())
        if kind in _LINKED
    ]
    if calls.sample:
        tasks = list({name: (name, path) for name, path in reversed(tasks)}.values())

    def read(task: tuple[str, str]) -> list[Mapping[str, Any] | CallError]:
        return [
            _with_type(found, _type_below(task[1]))
            for found in _safe(calls.values(task[0], task[1]), absent_is_none=True)
        ]

    for finds in [read(task) for task in tasks] if calls.sample else calls.each(read, tasks):
        yield from finds


def _type_below(path: str) -> str:
    segments = path.lower().strip("/").split("/")
    at = len(segments) - 1 - segments[::-1].index("providers")
    return "/".join([segments[at + 1], *segments[at + 2 :: 2]])


def _with_type(found: Mapping[str, Any] | CallError, kind: str) -> Mapping[str, Any] | CallError:
    """Return a record with its type, which some lists leave out."""
    return found if isinstance(found, CallError) or found.get("type") else {**found, "type": kind}


def _safe(records: Iterable[Mapping[str, Any]], *, absent_is_none: bool = False) -> Finds:
    """Yield records until a call fails, and then its error; a list that does not exist there is empty."""
    try:
        yield from records
    except CallError as error:
        if not (absent_is_none and error.kind in ("absent", "version")):
            yield error


def of_type(found: Iterable[Mapping[str, Any]], kind: str) -> list[str]:
    """Return the ids of the records of a type, one spelling each."""
    ids: dict[str, str] = {}
    for record in found:
        if text(record.get("type")).lower() == kind:
            ids.setdefault(resource_id(record.get("id")), text(record.get("id")))
    return [ids[key] for key in sorted(ids)]


def cosmos_roles(calls: Calls, found: Sequence[Mapping[str, Any]]) -> dict[str, Finds]:
    """Return Cosmos DB's own role definitions and assignments of every account, by part."""
    accounts = of_type(found, COSMOS)

    def part(name: str, child: str) -> Finds:
        def read(account: str) -> list[Mapping[str, Any] | CallError]:
            return list(_safe(calls.values(name, f"{account}/{child}"), absent_is_none=True))

        for finds in calls.each(read, accounts):
            yield from finds

    return {
        "cosmos_role_definitions": part("cosmosRoleDefinitions.list", "sqlRoleDefinitions"),
        "cosmos_role_assignments": part("cosmosRoleAssignments.list", "sqlRoleAssignments"),
    }


def diagnostic_settings(
    calls: Calls, subscriptions: Sequence[str], found: Sequence[Mapping[str, Any]]
) -> Finds:
    """Yield the settings of each subscription and of each resource whose data log we can read.

    A resource without any setting is told by its empty list: that is what "off" is read from.
    """
    for one in subscriptions[:1] if calls.sample else subscriptions:
        yield from _safe(
            calls.values(
                "diagnosticSettings.subscription",
                calls.path("diagnosticSettings.subscription", subscription=one),
            )
        )
    targets = sorted(
        {
            f"{resource}{service.setting_on}"
            for service in services()
            for resource in of_type(found, service.resource_type)
        }
    )

    def read(target: str) -> list[Mapping[str, Any] | CallError]:
        finds = list(_safe(calls.values("diagnosticSettings.resource", f"{target}{_SETTING}")))
        absent = [one for one in finds if isinstance(one, CallError) and one.kind == "absent"]
        return (
            [{"id": f"{target}{_SETTING}", "value": []}]
            if not finds
            else [o for o in finds if o not in absent]
        )

    for finds in calls.each(read, targets, sampled=_SAMPLED):
        yield from finds


def tenant_settings(calls: Calls) -> Finds:
    """Yield the diagnostic settings of the tenant: which sign-ins and Graph calls are exported."""
    yield from calls.values("diagnosticSettings.tenant", calls.path("diagnosticSettings.tenant"))
