"""Read Activity Log records: who called which Resource Manager operation through which assignment.

One call writes a record when it begins, possibly one when it is accepted, and one when it ends. All
are kept apart by `detail`, and `usage` counts a call once. Source: learn,
azure-monitor/platform/activity-log-schema.
"""

import re
from typing import Any

import msgspec

from connectors.azure.callers import Caller, caller_of
from connectors.azure.ids import guid, last_segment, resource_id, resource_type, subscription
from connectors.azure.record import folded, opened, pick, word
from connectors.logs.rows import RowKey

ADMINISTRATIVE = "administrative"
STARTED, ACCEPTED = "started", "accepted"

_BEGUN = {
    "start": STARTED,
    "started": STARTED,
    "begin": STARTED,
    "accept": ACCEPTED,
    "accepted": ACCEPTED,
    "in progress": ACCEPTED,
    "inprogress": ACCEPTED,
}
_SUCCEEDED = {"", "success", "succeeded", "ok", "created", "updated", "resolved", "completed"}
_REFUSED = {"403", "forbidden", "authorizationfailed", "401", "unauthorized"}
_AUTHORISED = ("requestdisallowedbypolicy", "linkedauthorizationfailed", "linkedaccesscheckfailed")
"""403 answers given after the operation itself had been authorised: Azure Policy refused it, or another
resource that the request names was out of reach."""
_WORD = re.compile(r"[a-z]+|\d+")
_CODE = re.compile(r'"code"\s*:\s*"([^"]*)"')
_VERBS = {"write", "delete", "action"}
"""Categories of the Administrative events in exports of the first schema."""


def activity(record: Any) -> tuple[list[RowKey], tuple[str, str, str, str]] | str:
    """Return the rows and the place of an Activity Log record, or why it is none.

    Only the Administrative category records calls; the others (Policy, Alert, ServiceHealth, …) are
    read for coverage and give no row.
    """
    properties = folded(pick(record, "properties"))
    identity = folded(pick(record, "identity"))
    authorization = folded(opened(pick(record, "authorization")) or identity.get("authorization"))
    operation = word(pick(record, "operation")) or word(properties.get("operationname"))
    checked = word(authorization.get("action"))
    if "/" not in operation:
        operation = checked if "/" in checked else word(properties.get("message"))
    if "/" not in operation:
        return "no operation name"
    resource = (
        resource_id(pick(record, "resource"))
        or resource_id(authorization.get("scope"))
        or resource_id(properties.get("entity"))
    )
    account = subscription(resource) or guid(pick(record, "subscription"))
    category = word(pick(record, "category")).lower() or ADMINISTRATIVE
    category = ADMINISTRATIVE if category in _VERBS else category
    region = word(pick(record, "location")).lower()
    place = (account, region, category, resource_type(resource))
    if category != ADMINISTRATIVE:
        return [], place
    claims = folded(pick(record, "claims")) or folded(identity.get("claims") or identity.get("claim"))
    evidence = folded(authorization.get("evidence"))
    caller = caller_of(claims, caller=word(pick(record, "caller")), evidence=evidence)
    begun, outcome = _outcome(record, properties)
    return [_row(caller, (account, resource, region), (operation, checked), begun, outcome, evidence)], place


def _row(
    caller: Caller,
    where: tuple[str, str, str],
    names: tuple[str, str],
    begun: str,
    outcome: str,
    evidence: dict[str, Any],
) -> RowKey:
    account, resource, region = where
    operation, checked = names
    return RowKey(
        account=account,
        identity=caller.identity,
        identity_type=caller.kind,
        credential="",
        operation=operation.lower(),
        permission=_spelled(checked if "/" in checked else operation),
        resource=resource,
        region=region,
        via=caller.via,
        grant=last_segment(evidence.get("roleassignmentid")),
        outcome=outcome,
        workload=caller.workload,
        detail=begun,
    )


def _spelled(operation: str) -> str:
    """Return an operation as written, unless a diagnostic export wrote it in capitals."""
    return operation.lower() if operation.isupper() else operation


def _outcome(record: Any, properties: dict[str, Any]) -> tuple[str, str]:
    """Return which begin record this is ("" for the end) and how the call ended.

    Success is every 2xx, not only 200. 403 is a refusal, except where Azure Policy refused after the
    authorisation had passed. Anything else failed after it was authorised.
    """
    status = word(pick(record, "status")).lower()
    begun = _BEGUN.get(status, "")
    if begun:
        return begun, "error"
    if status in _SUCCEEDED:
        return "", "allowed"
    return "", "denied" if _refused(record, properties) else "error"


def _refused(record: Any, properties: dict[str, Any]) -> bool:
    """Return whether a failed call was refused authorisation.

    The HTTP status decides where it is written (`Forbidden (HTTP Status Code: 403)`, `Failed.Forbidden`);
    the error code of the message only where it is not, since a deployment that was authorised repeats the
    errors of its parts there.
    """
    message = properties.get("statusmessage") or ""
    written = message if isinstance(message, str) else msgspec.json.encode(message).decode()
    codes = [code.lower() for code in (word(properties.get("errorcode")), *_CODE.findall(written)) if code]
    if any(code.startswith(_AUTHORISED) for code in codes):
        return False
    said = " ".join(
        (
            word(pick(record, "substatus")),
            word(pick(record, "status_code")),
            word(properties.get("statuscode")),
        )
    ).lower()
    words = set(_WORD.findall(said)) - {"failed", "failure", "http", "status", "code"}
    return bool((words or set(codes[:1])) & _REFUSED)
