"""Write how a workload does without its secrets: federation of its application, or a managed identity.

What the evidence cannot know (who issues the workload's tokens, where it runs) stands in capitals.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from connectors.azure.ids import principal
from connectors.azure.reduction.by_hand import KINDS, lasting
from connectors.azure.reduction.desk import Desk
from connectors.azure.reduction.plan import Plan
from connectors.azure.reduction.standing import Kind, simulate
from connectors.azure.remediation.cli import Words, create_assignment
from connectors.facts import Credential
from connectors.reduction import Document, Question
from connectors.shell import line

_NAME = "entdrift-workload"
_FILL_IN = (
    "ISSUER and SUBJECT of the workload's tokens; GROUP, IDENTITY_NAME and PRINCIPAL_ID of the new identity"
)
_AUDIENCE = "api://AzureADTokenExchange"


def keyless(planned: Plan, question: Question, desk: Desk) -> Iterator[Document]:
    """Yield one document with the steps of both ways and their way back; nothing where no secret stays."""
    stays = lasting(question, desk, planned.changes)
    held = desk.inventory.principals.get(question.identity)
    application = principal(held.data.get("appid")) if held else ""
    if not stays or not application:
        return
    body = {
        "fill_in": _FILL_IN,
        "federation": _federation(application, stays),
        "managed_identity": _managed(planned, application, stays),
    }
    title = "optional: do without secrets, by federation or by a managed identity"
    yield Document("json", title, json.dumps(body, indent=2) + "\n", planned.identity)


def _federation(application: str, stays: Sequence[Credential]) -> dict[str, Any]:
    """Return the steps for a workload outside Azure, or in a cluster, that gets tokens of its own."""
    trust = {"name": _NAME, "issuer": "ISSUER", "subject": "SUBJECT", "audiences": [_AUDIENCE]}
    base = ("az", "ad", "app", "federated-credential")
    steps = [(*base, "create", "--id", application, "--parameters", json.dumps(trust))]
    back = [(*base, "delete", "--id", application, "--federated-credential-id", _NAME)]
    return _way(steps, "the workload signs in by federation", application, stays, back)


def _managed(planned: Plan, application: str, stays: Sequence[Credential]) -> dict[str, Any]:
    """Return the steps for a workload on Azure: an identity of its own with just what stays of its access."""
    after = simulate(planned.access, planned.changes)
    held = after[-1][1].assignments if after else planned.access.assignments
    steps: list[Words] = [
        ("az", "identity", "create", "--resource-group", "GROUP", "--name", "IDENTITY_NAME")
    ]
    back: list[Words] = []
    for identifier, text in sorted(held.items()):
        made = json.loads(text)
        name = str(uuid5(NAMESPACE_URL, f"entdrift keyless {identifier}"))
        made["properties"] |= {"principalId": "PRINCIPAL_ID", "principalType": "ServicePrincipal"}
        made |= {"name": name, "id": f"{made['id'].rpartition('/')[0]}/{name}"}
        steps.append(create_assignment(json.dumps(made)))
        back.append(("az", "role", "assignment", "delete", "--ids", made["id"]))
    back.append(("az", "identity", "delete", "--resource-group", "GROUP", "--name", "IDENTITY_NAME"))
    then = "the identity is attached (az webapp, functionapp, containerapp or vm identity assign) and used"
    return _way(steps, then, application, stays, back)


def _way(
    steps: Sequence[Words], then: str, application: str, stays: Sequence[Credential], back: Sequence[Words]
) -> dict[str, Any]:
    gone = []
    for one in stays:
        words = ("az", "ad", "app", "credential", "delete", "--id", application, "--key-id", one.id)
        gone.append((*words, "--cert") if KINDS[one.kind] is Kind.REMOVE_CERTIFICATE else words)
    fresh = ("az", "ad", "app", "credential", "reset", "--id", application, "--append")
    return {
        "commands": _shown(steps),
        f"when {then}": _shown(gone),
        "rollback": _shown([fresh, *back]),
    }


def _shown(found: Sequence[Words]) -> list[str]:
    return [line(words) for words in found]
