"""Read resource logs of Key Vault, Cosmos DB, Azure OpenAI and other services that log their callers.

None of them names the RBAC action, so `permission` stays empty and `catalog/operations.toml` maps the
operation. Cosmos names the assignment of its own (not Azure's) RBAC.
"""

import re
from typing import Any
from urllib.parse import urlsplit

from connectors.azure.callers import NOBODY, Caller, caller_of
from connectors.azure.catalogue import catalogue
from connectors.azure.ids import last_segment, principal, resource_id, resource_type, subscription
from connectors.azure.record import folded, pick, word
from connectors.logs.rows import RowKey

_OBJECT = re.compile(r"/(secrets|keys|certificates)/([^/?#]+)")
_SILENT = {
    ("microsoft.cognitiveservices", "audit"),
    ("microsoft.cognitiveservices", "trace"),
    ("microsoft.cognitiveservices", "azureopenairequestusage"),
}
"""Log classes that repeat calls another class names with their caller: read for coverage only."""
_TABLES = {"cdbdataplanerequests": "dataplanerequests", "azkvauditlogs": "auditevent"}
"""Log Analytics tables whose rows leave their category out."""
_SUCCEEDED = {"", "success", "succeeded", "ok", "none", "accepted", "created", "nocontent", "started"}
_REFUSED = {"forbidden", "unauthorized", "accessdenied", "401", "403", "permissiondenied"}


def data_plane(record: Any) -> tuple[list[RowKey], tuple[str, str, str, str]] | str:
    """Return the row of a resource log record whose service has no reader of its own.

    The place names the resource, not its type: one resource's log says nothing about another's.
    """
    operation = word(pick(record, "operation"))
    if not operation:
        return "no operation name"
    properties = folded(pick(record, "properties"))
    resource = resource_id(pick(record, "resource")) or resource_id(properties.get("entity"))
    table = _TABLES.get(word(pick(record, "table")).lower(), "resource")
    category = word(pick(record, "category")).lower() or table
    kind = resource_type(resource)
    if not kind and category == "auditevent":
        kind = "microsoft.keyvault/vaults"
    provider = kind.split("/", 1)[0] or "unknown"
    account = subscription(resource)
    region = word(pick(record, "location")).lower() or word(properties.get("region")).lower()
    place = (account, region, category, resource or kind)
    if (provider, category) in _SILENT:
        return [], place
    caller = _caller(record, properties, category)
    row = RowKey(
        account=account,
        identity=caller.identity,
        identity_type=caller.kind if caller.identity else _unnamed(caller, provider, category, operation),
        credential=_key(record, properties, resource) if not caller.identity else "",
        operation=f"{provider}:{category}:{_operation(record, properties, operation.lower())}",
        permission="",
        resource=resource + _part(record, properties),
        region=region,
        via=caller.via,
        grant=last_segment(pick(record, "assignment"))
        or last_segment(properties.get("aadappliedroleassignmentid")),
        outcome=outcome_of(record, properties),
        workload=caller.workload,
        detail="",
    )
    return [row], place


def _operation(record: Any, properties: dict[str, Any], operation: str) -> str:
    """Return an operation; of Cosmos DB what reads no item is read as metadata.

    The log calls both `Read`, and they need different permissions.
    """
    kind = word(properties.get("requestresourcetype")) or word(pick(record, "request_type"))
    reads = operation.startswith(("read", "query", "head"))
    return "metadata" if reads and kind and kind.lower() not in _ITEMS else operation


_ITEMS = {"document", "2", "conflict", "storedprocedure"}


def _caller(record: Any, properties: dict[str, Any], category: str) -> Caller:
    """Return the caller: an object id column or property, else the claims of the token."""
    named = (
        principal(word(pick(record, "object_id")))
        or principal(word(properties.get("objectid")))
        or principal(word(properties.get("aadprincipalid")))
        or principal(word(properties.get("callerobjectid")))
    )
    identity = folded(pick(record, "identity"))
    claims = folded(identity.get("claim") or identity.get("claims")) or folded(pick(record, "claims"))
    if named and not _zero(named):
        found = caller_of(claims)
        return Caller(named, found.kind if found.kind != "unknown" else "app", found.via, found.workload)
    found = caller_of(claims, caller=word(pick(record, "caller")))
    if found.identity and not _zero(found.identity):
        return found
    application = principal(word(pick(record, "app_id")))
    if application and not _zero(application):
        return Caller(f"app:{application}", "app")
    return Caller("", "key", "", "") if _key_call(properties, category) else NOBODY


def _unnamed(caller: Caller, provider: str, category: str, operation: str) -> str:
    """Return what a call counts as that names nobody: where a log never names its callers, the log's kind.

    Of Azure OpenAI the log leaves out who called with a key; of what else it records in the same category
    nothing says that.
    """
    if operation.lower() in catalogue("operations").get(f"{provider}:{category}", ()):
        return caller.kind
    logs = catalogue("unattributed")["log"]
    kinds = (one["kind"] for one in logs if (one["provider"], one["category"]) == (provider, category))
    return next(kinds, caller.kind)


def _zero(identity: str) -> bool:
    return not identity.strip("0-")


def _key_call(properties: dict[str, Any], category: str) -> bool:
    """Return whether a call without a caller was made with a key: only Entra calls carry an object id."""
    return category in ("requestresponse", "dataplanerequests") or bool(properties.get("keytype"))


def _key(record: Any, properties: dict[str, Any], resource: str) -> str:
    """Return which of a resource's keys was used, where the log says it (Cosmos: PrimaryMasterKey …)."""
    used = word(properties.get("keytype")) or word(pick(record, "key_type"))
    return f"{resource}#{used.lower()}" if used else ""


def _part(record: Any, properties: dict[str, Any]) -> str:
    """Return the part of the resource a call was for: a secret, a container, a model deployment."""
    address = (
        word(properties.get("id")) or word(properties.get("requesturi")) or word(pick(record, "object_key"))
    )
    found = _OBJECT.search(urlsplit(address).path) if address.startswith("http") else None
    if found:
        return f"/{found[1]}/{found[2]}".lower()
    deployment = word(properties.get("modeldeploymentname"))
    if deployment:
        return f"/deployments/{deployment}".lower()
    database = word(properties.get("databasename")) or word(pick(record, "store"))
    collection = word(properties.get("collectionname")) or word(pick(record, "collection"))
    if database and collection:
        return f"/sqldatabases/{database}/containers/{collection}".lower()
    return ""


def outcome_of(record: Any, properties: dict[str, Any]) -> str:
    """Return how a call ended. Azure OpenAI answers a missing data action with 401, others with 403."""
    code = word(properties.get("httpstatuscode")) or word(pick(record, "status_code"))
    code = code or word(properties.get("statuscode"))
    said = [word(pick(record, "substatus")).lower(), word(pick(record, "status")).lower()]
    code = code if code.isdigit() else next((part for part in said if part.isdigit() and len(part) == 3), "")
    if code:
        if code in ("401", "403"):
            return "denied"
        return "allowed" if int(code) < 400 else "error"
    if any(part in _REFUSED for part in said):
        return "denied"
    return "allowed" if all(part in _SUCCEEDED for part in said) else "error"
