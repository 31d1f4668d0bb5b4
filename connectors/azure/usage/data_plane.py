"""Read resource logs of Key Vault, Cosmos DB, Azure OpenAI and other services that log their callers.

None of them names the RBAC action, so `permission` stays empty and `catalog/operations.toml` maps the
operation. Cosmos names the assignment of its own (not Azure's) RBAC.
"""

import re
from typing import Any
from urllib.parse import urlsplit

from connectors.azure.catalog.tables import catalogue
from connectors.azure.ids import last_segment, principal, resource_id, resource_type, subscription
from connectors.azure.usage.callers import NOBODY, Caller, caller_of
from connectors.azure.usage.noted import Fields, word
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


def data_plane(record: Fields) -> tuple[list[RowKey], tuple[str, str, str, str]] | str:
    """Return the row of a resource log record whose service has no reader of its own.

    The place names the resource, not its type: one resource's log says nothing about another's.
    """
    operation = record.word("operation")
    if not operation:
        return "no operation name"
    properties = record.inside("properties")
    resource = resource_id(record.get("resource")) or resource_id(properties.get("entity"))
    table = _TABLES.get(record.word("table").lower(), "resource")
    category = record.word("category").lower() or table
    kind = resource_type(resource)
    if not kind and category == "auditevent":
        kind = "microsoft.keyvault/vaults"
    provider = kind.split("/", 1)[0] or "unknown"
    account = subscription(resource)
    region = record.word("location").lower() or properties.word("region").lower()
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
        grant=last_segment(record.get("assignment"))
        or last_segment(properties.get("aadappliedroleassignmentid")),
        outcome=outcome_of(record, properties),
        workload=caller.workload,
        detail="",
    )
    return [row], place


def _operation(record: Fields, properties: Fields, operation: str) -> str:
    """Return an operation; of Cosmos DB what reads no item is read as metadata.

    The log calls both `Read`, and they need different permissions.
    """
    kind = properties.word("requestresourcetype") or record.word("request_type")
    reads = operation.startswith(("read", "query", "head"))
    return "metadata" if reads and kind and kind.lower() not in _ITEMS else operation


_ITEMS = {"document", "2", "conflict", "storedprocedure"}


def _caller(record: Fields, properties: Fields, category: str) -> Caller:
    """Return the caller: an object id column or property, else the claims of the token."""
    named = (
        principal(record.word("object_id"))
        or principal(properties.word("objectid"))
        or principal(properties.word("aadprincipalid"))
        or principal(properties.word("callerobjectid"))
    )
    identity = record.inside("identity")
    claims = identity.inside("claim", "claims") or record.inside("claims")
    if named and not _zero(named):
        found = caller_of(claims)
        return Caller(named, found.kind if found.kind != "unknown" else "app", found.via, found.workload)
    found = caller_of(claims, caller=record.word("caller"))
    if found.identity and not _zero(found.identity):
        return found
    application = principal(record.word("app_id"))
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


def _key_call(properties: Fields, category: str) -> bool:
    """Return whether a call without a caller was made with a key: only Entra calls carry an object id."""
    return category in ("requestresponse", "dataplanerequests") or bool(properties.get("keytype"))


def _key(record: Fields, properties: Fields, resource: str) -> str:
    """Return which of a resource's keys was used, where the log says it (Cosmos: PrimaryMasterKey …)."""
    used = properties.word("keytype") or record.word("key_type")
    return f"{resource}#{used.lower()}" if used else ""


def _part(record: Fields, properties: Fields) -> str:
    """Return the part of the resource a call was for: a secret, a container, a model deployment."""
    addressed: tuple[str, ...] = (
        properties.brief("id", _object)
        or properties.brief("requesturi", _object)
        or record.brief("object_key", _object)
    )
    if any(addressed):
        return addressed[0]
    deployment = properties.word("modeldeploymentname")
    if deployment:
        return f"/deployments/{deployment}".lower()
    database = properties.word("databasename") or record.word("store")
    collection = properties.word("collectionname") or record.word("collection")
    if database and collection:
        return f"/sqldatabases/{database}/containers/{collection}".lower()
    return ""


def _object(address: Any) -> tuple[str, ...]:
    """Return the secret, key or certificate that an address names, "" for none; () without an address."""
    written = word(address)
    found = _OBJECT.search(urlsplit(written).path) if written.startswith("http") else None
    return (f"/{found[1]}/{found[2]}".lower() if found else "",) if written else ()


def outcome_of(record: Fields, properties: Fields, answer: str = "") -> str:
    """Return how a call ended. Azure OpenAI answers a missing data action with 401, others with 403."""
    code = properties.word("httpstatuscode") or record.word("status_code")
    code = code or answer or properties.word("statuscode")
    said = [record.word("substatus").lower(), record.word("status").lower()]
    code = code if code.isdigit() else next((part for part in said if part.isdigit() and len(part) == 3), "")
    if code:
        if code in ("401", "403"):
            return "denied"
        return "allowed" if int(code) < 400 else "error"
    if any(part in _REFUSED for part in said):
        return "denied"
    return "allowed" if all(part in _SUCCEEDED for part in said) else "error"
