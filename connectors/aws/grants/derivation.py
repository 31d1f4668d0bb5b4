"""Decide one request of one identity from the gathered policies, and say what decided it."""

from collections.abc import Sequence
from dataclasses import replace

from connectors.aws.grants.decide import Layer, LayerKind, Request, decide
from connectors.aws.grants.holdings import policies_of_all
from connectors.aws.grants.layers import limiting_layers, own_layers
from connectors.aws.grants.organization import read_organization
from connectors.aws.grants.resource_policies import ResourcePolicies, ResourcePolicy
from connectors.aws.grants.resource_policy_reading import read_resource_policies
from connectors.aws.inventory import Holder
from connectors.aws.policy.document import ConditionTest, Document
from connectors.aws.trust.principal import principal_context
from connectors.aws.trust.standing_trust import read_standing
from connectors.facts import Effect, Window
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

    Session policies are asked where all sessions of a role have them; VPC endpoint policies are not.
    """
    inventory = read_standing(evidence).inventory
    holder = inventory.users.get(identity) or inventory.roles.get(identity)
    if holder is None:
        return None
    policies = read_resource_policies(evidence, inventory)
    theirs = policies.at(resource)
    owner = (theirs.account if theirs is not None else "") or holder.account
    layers = [
        *own_layers(policies_of_all(inventory)[holder.arn]),
        *limiting_layers(holder, inventory, read_organization(evidence), owner),
    ]
    if theirs is not None and theirs.whole:
        layers.append(_of_resource(policies, theirs, holder))
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


def _of_resource(policies: ResourcePolicies, policy: ResourcePolicy, holder: Holder) -> Layer:
    """Return the layer of a resource's policy, as far as a block of public access lets it count."""
    name, document = f"the policy of {policy.arn}", policy.document
    out = policies.keeps_others_out(policy, holder)
    if out:
        return Layer(LayerKind.RESOURCE, f"{name}, which is public and kept within its account", ())
    if out is None:
        open_test = ConditionTest("Null", "s3:RestrictPublicBuckets", ("true",))  # no context decides it
        document = Document(
            tuple(
                replace(one, conditions=(*one.conditions, open_test)) if one.effect is Effect.ALLOW else one
                for one in document.statements
            )
        )
    return Layer(LayerKind.RESOURCE, name, (document,))
