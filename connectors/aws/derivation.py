"""Decide one request of one identity from the gathered policies, and say what decided it."""

from collections.abc import Iterator, Sequence

from connectors.aws.decide import Layer, LayerKind, Request, decide
from connectors.aws.holdings import policies_of_all
from connectors.aws.inventory import Holder, Inventory, read_inventory
from connectors.aws.organization import read_organization
from connectors.aws.principal import principal_context
from connectors.facts import Window
from connectors.interface import Evidence
from connectors.reduction import Ruling

_WORDS = {
    "allowed": "allowed",
    "explicitly-denied": "denied by a Deny statement",
    "implicitly-denied": "not allowed by any statement",
    "undecided": "undecided",
}


def rule(
    evidence: Sequence[Evidence], identity: str, permission: str, resource: str, window: Window
) -> Ruling | None:
    """Return what identity policies, boundary and service control policies say to one request.

    Resource policies, resource control policies and session policies are not in the evidence.
    """
    inventory = read_inventory(evidence)
    holder = inventory.users.get(identity) or inventory.roles.get(identity)
    if holder is None:
        return None
    layers = [*_own(holder, inventory), *_limits(holder, inventory, evidence)]
    found = decide(Request(permission, resource, principal_context(holder, window)), layers)
    return Ruling(
        _WORDS[found.answer.value],
        found.layer if found.layer != LayerKind.IDENTITY else "identity policies",
        found.statement,
        found.reason,
        tuple(layer.name for layer in layers if layer.kind in (LayerKind.BOUNDARY, LayerKind.SCP)),
    )


def _own(holder: Holder, inventory: Inventory) -> Iterator[Layer]:
    for written in policies_of_all(inventory)[holder.arn]:
        if written.document is not None:
            group = f" (through group {written.group})" if written.group else ""
            yield Layer(LayerKind.IDENTITY, written.source + group, (written.document,))


def _limits(holder: Holder, inventory: Inventory, evidence: Sequence[Evidence]) -> Iterator[Layer]:
    boundary = inventory.policies.get(holder.boundary)
    if boundary is not None and boundary.document is not None:
        yield Layer(LayerKind.BOUNDARY, f"permissions boundary {holder.boundary}", (boundary.document,))
    if not holder.path.startswith("/aws-service-role/"):
        for level in read_organization(evidence).levels(holder.account):
            documents = tuple(policy.document for policy in level.policies)
            yield Layer(LayerKind.SCP, f"service control policies on {level.target}", documents)
