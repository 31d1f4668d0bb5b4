"""Read Activity Log records: who called which Resource Manager operation through which assignment.

One call writes a record when it begins, possibly one when it is accepted, and one when it ends. All
are kept apart by `detail`, and `usage` counts a call once. Source: learn,
azure-monitor/platform/activity-log-schema.
"""

import json
import re
from typing import Any

from connectors.azure.ids import guid, last_segment, resource_id, resource_type, subscription
from connectors.azure.usage.callers import Caller, caller_of
from connectors.azure.usage.noted import NO_FIELDS, Fields
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


def activity(record: Fields) -> tuple[list[RowKey], tuple[str, str, str, str]] | str:
    """Return the rows and the place of an Activity Log record, or why it is none.

    Only the Administrative category records calls; the others (Policy, Alert, ServiceHealth, …) are
    read for coverage and give no row.
    """
    properties = record.inside("properties")
    identity = record.inside("identity")
    told = record.opened("authorization") or identity.opened("authorization")
    authorization = told if isinstance(told, Fields) else NO_FIELDS
    operation = record.word("operation") or properties.word("operationname")
    checked = authorization.word("action")
    if "/" not in operation:
        operation = checked if "/" in checked else properties.word("message")
    if "/" not in operation:
        return "no operation name"
    resource = (
        resource_id(record.get("resource"))
        or resource_id(authorization.get("scope"))
        or resource_id(properties.get("entity"))
    )
    account = subscription(resource) or guid(record.get("subscription"))
    category = record.word("category").lower() or ADMINISTRATIVE
    category = ADMINISTRATIVE if category in _VERBS else category
    region = record.word("location").lower()
    place = (account, region, category, resource_type(resource))
    if category != ADMINISTRATIVE:
        return [], place
    claims = record.inside("claims") or identity.inside("claims", "claim")
    evidence = authorization.inside("evidence")
    caller = caller_of(claims, caller=record.word("caller"), evidence=evidence)
    begun, outcome = _outcome(record, properties)
    return [_row(caller, (account, resource, region), (operation, checked), begun, outcome, evidence)], place


def _row(
    caller: Caller,
    where: tuple[str, str, str],
    names: tuple[str, str],
    begun: str,
    outcome: str,
    evidence: Fields,
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


def _outcome(record: Fields, properties: Fields) -> tuple[str, str]:
    """Return which begin record this is ("" for the end) and how the call ended.

    Success is every 2xx, not only 200. 403 is a refusal, except where Azure Policy refused after the
    authorisation had passed. Anything else failed after it was authorised.
    """
    status = record.word("status").lower()
    begun = _BEGUN.get(status, "")
    if begun:
        return begun, "error"
    if status in _SUCCEEDED:
        return "", "allowed"
    return "", "denied" if _refused(record, properties) else "error"


def _refused(record: Fields, properties: Fields) -> bool:
    """Return whether a failed call was refused authorisation.

    The HTTP status decides where it is written (`Forbidden (HTTP Status Code: 403)`, `Failed.Forbidden`);
    the error code of the message only where it is not, since a deployment that was authorised repeats the
    errors of its parts there.
    """
    codes = [properties.word("errorcode").lower(), *properties.brief("statusmessage", _codes)]
    codes = [code for code in codes if code]
    if any(code.startswith(_AUTHORISED) for code in codes):
        return False
    said = " ".join(
        (
            record.word("substatus"),
            record.word("status_code"),
            properties.word("statuscode"),
        )
    ).lower()
    words = set(_WORD.findall(said)) - {"failed", "failure", "http", "status", "code"}
    return bool((words or set(codes[:1])) & _REFUSED)


def _codes(message: Any) -> tuple[str, ...]:
    """Return the error codes that stand in a message, which is JSON text or an object."""
    written = message if isinstance(message, str) else json.dumps(message)
    return tuple([code.lower() for code in _CODE.findall(written)])
