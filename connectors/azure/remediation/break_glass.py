"""Write what was taken away as assignments that end by themselves, for the rare day it is needed.

PIM makes workloads active for a time; eligible it can make people only (learn: rbac/pim-integration). Request
body: azure-rest-api-specs, authorization 2020-10-01, RoleAssignmentScheduleRequests.
"""

import json
from collections.abc import Sequence
from uuid import NAMESPACE_URL, uuid5

from connectors.azure.reduction.standing import Kind
from connectors.azure.remediation.cli import address, compact
from connectors.reduction import Change, Document
from connectors.shell import line

VERSION = "2020-10-01"
_CLOSED = "1970-01-01T00:00:00Z"
"""Azure refuses an assignment that has ended before it begins."""


def break_glass(changes: Sequence[Change], until: str) -> tuple[Document, ...]:
    """Return one document with a request for each deleted assignment; nothing when none was deleted."""
    requests = []
    for change in changes:
        if change.kind != Kind.DELETE_ASSIGNMENT:
            continue
        held = json.loads(change.before)
        properties = held["properties"]
        name = uuid5(NAMESPACE_URL, f"entdrift break-glass {held['id'].lower()} {until}")
        scope = properties["scope"].rstrip("/")
        kind = "providers/Microsoft.Authorization/roleAssignmentScheduleRequests"
        url = address(f"{scope}/{kind}/{name}", VERSION)
        kept = {key: properties[key] for key in ("condition", "conditionVersion") if properties.get(key)}
        body = {
            "properties": {
                "principalId": properties["principalId"],
                "roleDefinitionId": properties["roleDefinitionId"],
                "requestType": "AdminAssign",
                "justification": "break-glass companion of an entdrift reduction",
                "scheduleInfo": {
                    "expiration": {"type": "AfterDateTime", "endDateTime": until or _CLOSED, "duration": None}
                },
                **kept,
            }
        }
        words = ("az", "rest", "--method", "put", "--url", url, "--body", compact(body))
        command = line(words)
        requests.append({"method": "PUT", "url": url, "body": body, "command": command})
    if not requests:
        return ()
    title = f"until {until}" if until else "closed: fill in the time it shall end"
    needs = (
        "Entra ID P2 or Entra ID Governance; the assignment is active at once and ends by itself, at the "
        "latest when the role's own PIM settings end active assignments"
    )
    text = json.dumps({"needs": needs, "requests": requests}, indent=2) + "\n"
    return (Document("break-glass", title, text, changes[0].holder),)
