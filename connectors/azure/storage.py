"""Read Storage resource logs: the one data-plane log that names the action and the assignment used.

With OAuth each request lists the actions checked, their result and the role assignment that decided
(`identity.authorization`, column `AuthorizationDetails`). With an account key or SAS only the key is
known (`tokenHash`: `key1(…)`), never the caller; a user delegation SAS names who made it in its address.
Source: learn, storage/blobs/monitor-blob-storage-reference.
"""

import re
from typing import Any

from connectors.azure.ids import last_segment, mappings, principal, resource_id, subscription
from connectors.azure.record import folded, opened, pick, word
from connectors.logs.rows import RowKey

_KEY = re.compile(r"^(key\d+|system-\d+)\(", re.IGNORECASE)
_ACCOUNT = re.compile(r"^(/subscriptions/.+/microsoft\.storage/storageaccounts/[^/]+)")
_DELEGATOR = re.compile(r"[?&]skoid=([0-9a-f-]{36})(?:&|$)", re.IGNORECASE)
"""In the address of a request with a user delegation SAS: by whose role assignments it was checked."""
_PARENT = {"blob": "containers", "queue": "queues", "table": "tables", "file": "shares"}
_BY_ROLE = ("oauth", "kerberos", "delegation-sas")
_TABLE = re.compile("storage(blob|queue|table|file)logs")
_SERVICES = {f"{service}services": service for service in _PARENT}


def storage(record: Any) -> tuple[list[RowKey], tuple[str, str, str, str]] | str:
    """Return the rows of a Storage record: one for each action that the request was checked for.

    The place names the resource, not its type: one account's log says nothing about another's.
    """
    operation = word(pick(record, "operation"))
    if not operation:
        return "no operation name"
    properties = folded(pick(record, "properties"))
    identity = folded(pick(record, "identity"))
    resource, service = _resource(record, properties)
    account = subscription(resource)
    region = word(pick(record, "location")).lower()
    kind, who, credential = _caller(record, identity, resource)
    outcome = _outcome(record, properties)
    checked = mappings(opened(pick(record, "authorization"))) or mappings(
        opened(identity.get("authorization"))
    )
    rows = {
        RowKey(
            account=account,
            identity=who,
            identity_type=kind,
            credential=credential,
            operation=f"storage:{service}:{operation.lower()}",
            permission=action,
            resource=resource,
            region=region,
            via="",
            grant=grant,
            outcome=_decided(result, outcome),
            workload=resource_id(identity.get("delegatedresource")),
            detail="",
        ): None
        for action, grant, result in _actions(checked, kind)
    }
    category = word(pick(record, "category")).lower() or "storage"
    root = _ACCOUNT.match(resource)
    place = f"{root[1] if root else resource}/{service}services/default"
    return list(rows), (account, region, category, place)


def _actions(checked: list[Any], kind: str) -> list[tuple[str, str, str]]:
    """Return (action, assignment, result) for each check; one empty entry when none is listed."""
    entries = [folded(entry) for entry in checked] if kind in _BY_ROLE else []
    found = [
        (
            word(entry.get("action")),
            last_segment(entry.get("roleassignmentid")),
            word(entry.get("result")).lower(),
        )
        for entry in entries
        if word(entry.get("action"))
    ]
    return found or [("", "", "")]


def _decided(result: str, outcome: str) -> str:
    """Return the outcome of one check: what the entry says, else what became of the request."""
    if result == "denied":
        return "denied"
    return "error" if result == "granted" and outcome == "denied" else outcome


def _caller(record: Any, identity: dict[str, Any], resource: str) -> tuple[str, str, str]:
    """Return the kind of authentication, the identity it proves and the key that was used."""
    kind = word(pick(record, "authentication") or identity.get("type")).lower().replace(" ", "")
    requester = folded(identity.get("requester"))
    who = principal(word(requester.get("objectid"))) or principal(word(pick(record, "object_id")))
    if not who:
        application = principal(word(requester.get("appid"))) or principal(word(pick(record, "app_id")))
        who = f"app:{application}" if application else ""
    if not who:
        name = word(requester.get("upn")) or word(pick(record, "user_name"))
        who = f"user:{name.lower()}" if "@" in name else ""
    if who:
        return ("kerberos" if kind == "kerberos" else "oauth"), who, ""
    key = _KEY.match(word(identity.get("tokenhash")) or word(pick(record, "key_hash")))
    account = _ACCOUNT.match(resource)
    used = f"{account[1] if account else resource}#{key[1].lower()}" if key else ""
    delegator = _DELEGATOR.search(word(pick(record, "uri"))) if not key else None
    if delegator:
        return "delegation-sas", principal(delegator[1]), ""
    if kind.startswith("sas"):
        return "sas", "", used
    if kind.startswith("accountkey") or key:
        return "account-key", "", used
    return kind or "unknown", "", ""


def _resource(record: Any, properties: dict[str, Any]) -> tuple[str, str]:
    """Return the container, queue, table or share a request was for, and the service it belongs to.

    Single blobs are folded into their container: an account may hold millions.
    """
    base = resource_id(pick(record, "resource"))
    service = next((name for part, name in _SERVICES.items() if f"/{part}" in base), "")
    service = service or (word(properties.get("servicetype")) or word(pick(record, "service"))).lower()
    table = _TABLE.fullmatch(word(pick(record, "table")).lower())
    service = service or (table[1] if table else "blob")
    account = _ACCOUNT.match(base)
    name = word(properties.get("accountname")) or word(pick(record, "store"))
    root = account[1] if account else name.lower()
    key = word(properties.get("objectkey")) or word(pick(record, "object_key"))
    parts = key.strip("/").split("/")
    if len(parts) < 2 or service not in _PARENT:
        return root, service
    return f"{root}/{service}services/default/{_PARENT[service]}/{parts[1].lower()}", service


def _outcome(record: Any, properties: dict[str, Any]) -> str:
    """Return whether the request was authorised: by status code, else by the status text."""
    code = word(pick(record, "status_code")) or word(properties.get("statuscode"))
    said = (word(pick(record, "status_text")) or word(properties.get("metricresponsetype"))).lower()
    if code.isdigit():
        if code in ("401", "403"):
            return "denied"
        return "allowed" if int(code) < 400 else "error"
    if "authorization" in said or "authentication" in said:
        return "denied"
    return "allowed" if not said or "success" in said else "error"
