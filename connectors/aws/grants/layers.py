"""Put together the policy layers that decide a request of one user or role, as `decide` wants them."""

from collections.abc import Iterable, Iterator

from connectors.aws.grants.decide import Layer, LayerKind
from connectors.aws.grants.holdings import Written
from connectors.aws.grants.organization import RCP, SCP, Organization
from connectors.aws.inventory import Holder, Inventory
from connectors.aws.policy.document import parse_document
from connectors.facts import Effect

_FULL_ACCESS = parse_document({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
"""What stands on a level besides policies that only refuse: exports leave FullAWSAccess out."""


def own_layers(policies: Iterable[Written]) -> Iterator[Layer]:
    """Yield the identity policies of a user or role, one layer for each; unreadable ones are left out."""
    for written in policies:
        if written.document is not None:
            group = f" (through group {written.group})" if written.group else ""
            yield Layer(LayerKind.IDENTITY, written.source + group, (written.document,))


def limiting_layers(
    holder: Holder, inventory: Inventory, organization: Organization, owner: str
) -> Iterator[Layer]:
    """Yield what limits a user or role on resources of an account: boundary, session policies, SCPs, RCPs.

    `owner` is the account of the resources.
    """
    boundary = inventory.policies.get(holder.boundary)
    if boundary is not None and boundary.document is not None:
        yield Layer(LayerKind.BOUNDARY, f"permissions boundary {holder.boundary}", (boundary.document,))
    if holder.session_limit is not None and holder.session_limit.readable:
        yield Layer(LayerKind.SESSION, holder.session_limit.name, holder.session_limit.documents)
    if holder.path.startswith("/aws-service-role/"):
        return
    for account, kind, layer, name in (
        (holder.account, SCP, LayerKind.SCP, "service"),
        (owner, RCP, LayerKind.RCP, "resource"),
    ):
        for level in organization.levels(account, kind):
            documents = tuple(policy.document for policy in level.policies)
            if not any(one.effect is Effect.ALLOW for found in documents for one in found.statements):
                documents = (*documents, _FULL_ACCESS)
            yield Layer(layer, f"{name} control policies on {level.target}", documents)
