"""Decide one request of one identity from the gathered policies, and say what decided it."""

from collections.abc import Sequence

from connectors.aws.decide import Layer, LayerKind, Request, decide
from connectors.aws.holdings import policies_of_all
from connectors.aws.inventory import read_inventory
from connectors.aws.layers import limiting_layers, own_layers
from connectors.aws.organization import read_organization
from connectors.aws.principal import principal_context
from connectors.aws.resource_policies import read_resource_policies
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
    """Return what all policies in the evidence say to one request.

    Session policies and VPC endpoint policies are not in the evidence.
    """
    inventory = read_inventory(evidence)
    holder = inventory.users.get(identity) or inventory.roles.get(identity)
    if holder is None:
        return None
    theirs = read_resource_policies(evidence, inventory).at(resource)
    owner = (theirs.account if theirs is not None else "") or holder.account
    layers = [
        *own_layers(policies_of_all(inventory)[holder.arn]),
        *limiting_layers(holder, inventory, read_organization(evidence), owner),
    ]
    if theirs is not None and theirs.whole:
        layers.append(Layer(LayerKind.RESOURCE, f"the policy of {theirs.arn}", (theirs.document,)))
    found = decide(
        Request(
            permission,
            resource,
            principal_context(holder, window),
            other_account=theirs is not None and theirs.account not in ("", holder.account),
            caller_id=holder.immutable_id,
        ),
        layers,
    )
    return Ruling(
        _WORDS[found.answer.value],
        found.layer if found.layer != LayerKind.IDENTITY else "identity policies",
        found.statement,
        found.reason,
        tuple(layer.name for layer in layers if layer.kind is not LayerKind.IDENTITY),
    )
