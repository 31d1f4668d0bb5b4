"""Decide one request of one identity from the gathered policies, and say what decided it."""

from collections.abc import Iterator, Sequence

from connectors.aws.decide import Layer, LayerKind, Request, decide
from connectors.aws.holdings import policies_of_all
from connectors.aws.inventory import Holder, Inventory, read_inventory
from connectors.aws.organization import RCP, SCP, read_organization
from connectors.aws.policy_document import parse_document
from connectors.aws.principal import principal_context
from connectors.aws.resource_policies import ResourcePolicy, read_resource_policies
from connectors.facts import Effect, Window
from connectors.interface import Evidence
from connectors.reduction import Ruling

_WORDS = {
    "allowed": "allowed",
    "explicitly-denied": "denied by a Deny statement",
    "implicitly-denied": "not allowed by any statement",
    "undecided": "undecided",
}


_FULL_ACCESS = parse_document({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
"""What stands on a level besides policies that only refuse: exports leave FullAWSAccess out."""


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
    layers = [*_own(holder, inventory), *_limits(holder, inventory, evidence, theirs)]
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


def _own(holder: Holder, inventory: Inventory) -> Iterator[Layer]:
    for written in policies_of_all(inventory)[holder.arn]:
        if written.document is not None:
            group = f" (through group {written.group})" if written.group else ""
            yield Layer(LayerKind.IDENTITY, written.source + group, (written.document,))


def _limits(
    holder: Holder, inventory: Inventory, evidence: Sequence[Evidence], theirs: ResourcePolicy | None
) -> Iterator[Layer]:
    boundary = inventory.policies.get(holder.boundary)
    if boundary is not None and boundary.document is not None:
        yield Layer(LayerKind.BOUNDARY, f"permissions boundary {holder.boundary}", (boundary.document,))
    if not holder.path.startswith("/aws-service-role/"):
        organization = read_organization(evidence)
        owner = (theirs.account if theirs is not None else "") or holder.account
        for account, kind, layer, name in (
            (holder.account, SCP, LayerKind.SCP, "service"),
            (owner, RCP, LayerKind.RCP, "resource"),
        ):
            for level in organization.levels(account, kind):
                documents = tuple(policy.document for policy in level.policies)
                if not any(one.effect is Effect.ALLOW for found in documents for one in found.statements):
                    documents = (*documents, _FULL_ACCESS)
                yield Layer(layer, f"{name} control policies on {level.target}", documents)
