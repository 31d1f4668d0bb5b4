"""Read resource logs of Azure Machine Learning: who read or changed assets, and who called an endpoint.

Their operations are actions of the provider, in capitals; `catalog/machine_learning.toml` says for each log
where the caller stands. What they leave out proves nothing: no list says which calls they record.
"""

import re
from collections import ChainMap
from functools import lru_cache
from typing import Any

from connectors.azure.catalog.tables import catalogue
from connectors.azure.ids import principal, resource_id, subscription
from connectors.azure.usage.callers import NOBODY, Caller, caller_of
from connectors.azure.usage.data_plane import outcome_of
from connectors.azure.usage.noted import Fields
from connectors.logs.rows import RowKey

PROVIDER = "microsoft.machinelearningservices"
KIND = "machine-learning"
"""What a call in these logs counts as that names nobody."""
_ACTION = re.compile(rf"{PROVIDER}/(?:workspaces|registries)/(?:[\w-]+/)*(?:read|write|delete|action)")
_OBJECT, _APPLICATION, _NAME = (
    ("userobjectid", "objectid", "oid", "principalid"),
    ("applicationid", "appid", "clientid"),
    ("username", "upn", "userprincipalname"),
)


def log_of(record: Fields, category: str) -> dict[str, Any] | None:
    """Return the table's row for the log that a record is of; None for what is no log of this service."""
    return _logs().get(category) or _logs().get(record.word("table").lower())


@lru_cache(maxsize=1)
def _logs() -> dict[str, dict[str, Any]]:
    return {name: row for row in catalogue("machine_learning")["log"] for name in row["names"]}


def machine_learning(record: Fields, log: dict[str, Any]) -> tuple[list[RowKey], tuple[str, str, str, str]]:
    """Return the row of a record, none for a log without calls, and the place of its log."""
    properties = record.inside("properties")
    resource = resource_id(record.get("resource")) or resource_id(_told(record, properties, "registry"))
    category = record.word("category").lower() or record.word("table").lower()
    account, region = subscription(resource), record.word("location").lower()
    place = (account, region, category, resource or PROVIDER)
    if not log.get("call", True):
        return [], place
    operation = record.word("operation").lower() or category
    caller = _caller(record, properties, log["caller"])
    code = _told(record, properties, "endpoint_code")
    row = RowKey(
        account=account,
        identity=caller.identity,
        identity_type=caller.kind if caller.identity or caller.kind == "key" else KIND,
        credential=f"{resource}#key" if caller.kind == "key" else "",
        operation=f"{PROVIDER}:{category}:{operation}",
        permission=log.get("permission", "") or _permission(operation),
        resource=resource,
        region=region,
        via=caller.via,
        grant="",
        outcome=outcome_of(record, properties, code),
        workload=caller.workload,
        detail="",
    )
    return [row], place


def _permission(operation: str) -> str:
    """Return the action that an operation is, with the provider as Azure spells it; "" for any other text."""
    if not _ACTION.fullmatch(operation):
        return ""
    return "Microsoft.MachineLearningServices" + operation[len(PROVIDER) :]


def _caller(record: Fields, properties: Fields, where: str) -> Caller:
    match where:
        case "endpoint":
            return _of_token(
                _told(record, properties, "identity_data"), _told(record, properties, "auth_type")
            )
        case "registry":
            named = principal(_told(record, properties, "user_object_id"))
            return Caller(named, "unknown") if named.strip("0-") else NOBODY
        case "identity":
            return _of_bag(record if record.get("identity") else properties)
        case _:
            return NOBODY


def _of_token(identity: str, kind: str) -> Caller:
    """Return who called an endpoint; a key, or a token that the workspace itself made, names nobody."""
    named = principal(identity)
    if named.strip("0-"):
        return Caller(named, "unknown")
    return Caller("", "key") if kind.lower() == "key" else NOBODY


def _of_bag(where: Fields) -> Caller:
    """Return the caller that an `Identity` names: a bag of fields, or an id or a user name alone."""
    held = where.inside("identity")
    if not held:
        return caller_of({}, caller=where.word("identity"))
    name = next((held.word(key) for key in _NAME if held.get(key)), "")
    ids = {
        "oid": next((held.word(key) for key in _OBJECT if held.word(key).strip("0-")), ""),
        "appid": next((held.word(key) for key in _APPLICATION if held.get(key)), ""),
    }
    claims: Any = (ids, held)  # of the first that has one, a claim is told
    return caller_of(ChainMap(*claims), caller=name)


def _told(record: Fields, properties: Fields, name: str) -> str:
    """Return a field that stands in the properties of an exported record and in a column of a table's row."""
    return properties.word(_IN_PROPERTIES[name]) or record.word(name)


_IN_PROPERTIES = {
    "registry": "registryresourceid",
    "user_object_id": "userobjectid",
    "identity_data": "identitydata",
    "auth_type": "authtype",
    "endpoint_code": "responsecode",
}
