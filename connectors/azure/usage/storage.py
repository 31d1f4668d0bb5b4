"""Read Storage resource logs: the one data-plane log that names the action and the assignment used.

With OAuth each request lists the actions checked, their result and the role assignment that decided
(`identity.authorization`, column `AuthorizationDetails`). With an account key or SAS only the key is
known (`tokenHash`: `key1(…)`), never the caller; a user delegation SAS names who made it in its address.
Source: learn, storage/blobs/monitor-blob-storage-reference.
"""

import re
from typing import Any

from connectors.azure.ids import last_segment, principal, resource_id, subscription
from connectors.azure.usage.noted import Fields, word
from connectors.logs.rows import RowKey

_KEY = re.compile(r"^(key\d+|system-\d+)\(", re.IGNORECASE)
_ACCOUNT = re.compile(r"^(/subscriptions/.+/microsoft\.storage/storageaccounts/[^/]+)")
_DELEGATOR = re.compile(r"[?&]skoid=([0-9a-f-]{36})(?:&|$)", re.IGNORECASE)
"""In the address of a request with a user delegation SAS: by whose role assignments it was checked."""
_PARENT = {"blob": "containers", "queue": "queues", "table": "tables", "file": "shares"}
_BY_ROLE = ("oauth", "kerberos", "delegation-sas")
_TABLE = re.compile("storage(blob|queue|table|file)logs")
_SERVICES = {f"{service}services": service for service in _PARENT}


def storage(record: Fields) -> tuple[list[RowKey], tuple[str, str, str, str]] | str:
    """Return the rows of a Storage record: one for each action that the request was checked for.

    The place names the resource, not its type: one account's log says nothing about another's.
    """
    operation = record.word("operation")
    if not operation:
        return "no operation name"
    properties = record.inside("properties")
    identity = record.inside("identity")
    resource, service = _resource(record, properties)
    account = subscription(resource)
    region = record.word("location").lower()
    kind, who, credential = _caller(record, identity, resource)
    outcome = _outcome(record, properties)
    checked = _checked(record) or _checked(identity)
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
    category = record.word("category").lower() or "storage"
    root = _ACCOUNT.match(resource)
    place = f"{root[1] if root else resource}/{service}services/default"
    return list(rows), (account, region, category, place)


def _checked(where: Fields) -> list[Fields]:
    """Return the checks of an authorization: one, or a list of them."""
    told = where.opened("authorization")
    return [check for check in (told if isinstance(told, list) else [told]) if isinstance(check, Fields)]


def _actions(checked: list[Fields], kind: str) -> list[tuple[str, str, str]]:
    """Return (action, assignment, result) for each check; one empty entry when none is listed."""
    found = [
        (
            entry.word("action"),
            last_segment(entry.get("roleassignmentid")),
            entry.word("result").lower(),
        )
        for entry in (checked if kind in _BY_ROLE else ())
        if entry.word("action")
    ]
    return found or [("", "", "")]


def _decided(result: str, outcome: str) -> str:
    """Return the outcome of one check: what the entry says, else what became of the request."""
    if result == "denied":
        return "denied"
    return "error" if result == "granted" and outcome == "denied" else outcome


def _caller(record: Fields, identity: Fields, resource: str) -> tuple[str, str, str]:
    """Return the kind of authentication, the identity it proves and the key that was used."""
    kind = word(record.get("authentication") or identity.get("type")).lower().replace(" ", "")
    requester = identity.inside("requester")
    who = principal(requester.word("objectid")) or principal(record.word("object_id"))
    if not who:
        application = principal(requester.word("appid")) or principal(record.word("app_id"))
        who = f"app:{application}" if application else ""
    if not who:
        name = requester.word("upn") or record.word("user_name")
        who = f"user:{name.lower()}" if "@" in name else ""
    if who:
        return ("kerberos" if kind == "kerberos" else "oauth"), who, ""
    key = _KEY.match(identity.word("tokenhash") or record.word("key_hash"))
    account = _ACCOUNT.match(resource)
    used = f"{account[1] if account else resource}#{key[1].lower()}" if key else ""
    delegator = record.brief("uri", _delegator) if not key else ""
    if delegator:
        return "delegation-sas", delegator, ""
    if kind.startswith("sas"):
        return "sas", "", used
    if kind.startswith("accountkey") or key:
        return "account-key", "", used
    return kind or "unknown", "", ""


def _resource(record: Fields, properties: Fields) -> tuple[str, str]:
    """Return the container, queue, table or share a request was for, and the service it belongs to.

    Single blobs are folded into their container: an account may hold millions.
    """
    base = resource_id(record.get("resource"))
    service = next((name for part, name in _SERVICES.items() if f"/{part}" in base), "")
    service = service or (properties.word("servicetype") or record.word("service")).lower()
    table = _TABLE.fullmatch(record.word("table").lower())
    service = service or (table[1] if table else "blob")
    account = _ACCOUNT.match(base)
    name = properties.word("accountname") or record.word("store")
    root = account[1] if account else name.lower()
    key = properties.brief("objectkey", _container) or record.brief("object_key", _container)
    if len(key) < 2 or service not in _PARENT:
        return root, service
    return f"{root}/{service}services/default/{_PARENT[service]}/{key[1]}", service


def _container(key: Any) -> tuple[str, ...]:
    """Return the account and the container in the key of an object; the account alone, or nothing, else."""
    written = word(key).lower()
    return tuple(written.strip("/").split("/", 2)[:2]) if written else ()


def _delegator(uri: Any) -> str:
    """Return who made the user delegation SAS in the address of a request."""
    found = _DELEGATOR.search(word(uri))
    return principal(found[1]) if found else ""


def _outcome(record: Fields, properties: Fields) -> str:
    """Return whether the request was authorised: by status code, else by the status text."""
    code = record.word("status_code") or properties.word("statuscode")
    said = (record.word("status_text") or properties.word("metricresponsetype")).lower()
    if code.isdigit():
        if code in ("401", "403"):
            return "denied"
        return "allowed" if int(code) < 400 else "error"
    if "authorization" in said or "authentication" in said:
        return "denied"
    return "allowed" if not said or "success" in said else "error"
