"""Write the cut as a deny assignment that only audits: a rehearsal in Azure itself, which refuses nothing.

Deny assignments with an effect came with API version 2024-07-01-preview (azure-rest-api-specs).
"""

import json
from collections.abc import Iterator
from uuid import NAMESPACE_URL, uuid5

from connectors.azure.policy.patterns import Plane
from connectors.azure.reduction.desk import Desk
from connectors.azure.reduction.plan import Plan
from connectors.azure.reduction.standing import Kind
from connectors.azure.remediation.cli import address, compact
from connectors.facts import PermissionSet
from connectors.reduction import Document, Question
from connectors.shell import line

VERSION = "2024-07-01-preview"
MOST_NAMES = 1000


def rehearsal(planned: Plan, question: Question, desk: Desk) -> Iterator[Document]:
    """Yield one document that denies, for this identity alone and in audit only, what would go."""
    requests = []
    for change in planned.changes:
        if change.kind != Kind.DELETE_ASSIGNMENT:
            continue
        held = json.loads(change.before)
        assignment = desk.inventory.assignments[held["id"].lower()]
        given = desk.roles.given(assignment)
        permissions = _permissions((given.granted | given.conditional) & question.remove, desk)
        if permissions is None:
            continue
        name = uuid5(NAMESPACE_URL, f"entdrift rehearsal {held['id'].lower()}")
        scope = held["properties"]["scope"].rstrip("/")
        url = address(f"{scope}/providers/Microsoft.Authorization/denyAssignments/{name}", VERSION)
        body = {
            "properties": {
                "denyAssignmentName": f"entdrift rehearsal {str(name)[:8]}",
                "description": "Audits what a reduction would take away. Refuses nothing.",
                "denyAssignmentEffect": "audit",
                "permissions": [permissions],
                "doNotApplyToChildScopes": False,
                "principals": [{"id": held["properties"]["principalId"], "type": "ServicePrincipal"}],
                "excludePrincipals": [],
            }
        }
        put = ("az", "rest", "--method", "put", "--url", url, "--body", compact(body))
        undo = ("az", "rest", "--method", "delete", "--url", url)
        requests.append(
            {
                "method": "PUT",
                "url": url,
                "body": body,
                "command": line(put),
                "rollback": line(undo),
            }
        )
    if requests:
        text = json.dumps({"requests": requests}, indent=2) + "\n"
        title = "optional rehearsal (preview): a deny assignment that only audits what would go"
        yield Document("json", title, text, planned.identity)


def _permissions(gone: PermissionSet, desk: Desk) -> dict[str, list[str]] | None:
    """Return a deny block that names what goes, by plane; None for nothing or for more than a block holds."""
    if not gone or gone.bit_count() > MOST_NAMES:
        return None
    control = desk.universe.plane(Plane.CONTROL)
    names = desk.universe.permissions.names
    return {
        "actions": names(gone & control),
        "notActions": [],
        "dataActions": names(gone & ~control),
        "notDataActions": [],
    }
