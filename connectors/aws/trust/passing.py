"""Tell whom identities may hand over to services: roles that trust them, and administrators among these.

A role is handed over within its account only, and only to a service that it trusts (IAM user guide, "Grant a
user permissions to pass a role to an AWS service").
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from connectors.aws.arns import plain_service
from connectors.aws.catalog.actions import Catalogue
from connectors.aws.catalog.tables import table
from connectors.aws.grants.decide import Answer, Layer, Request, decide
from connectors.aws.grants.holdings import policies_of_all
from connectors.aws.grants.layers import limiting_layers, own_layers
from connectors.aws.grants.organization import Organization
from connectors.aws.inventory import Holder, Inventory
from connectors.aws.policy.conditions import Context
from connectors.aws.policy.globs import matches
from connectors.aws.trust.principal import principal_context
from connectors.facts import Effect, Entitlement, Grant, Handover, PermissionSet, Window

_MOST = 10
"""So many administrators are named for each service."""


def with_targets(
    entitlements: Mapping[str, Entitlement],
    grants: Iterable[Grant],
    places: Mapping[str, Mapping[str, PermissionSet]],
    passing: "Passing",
) -> dict[str, Entitlement]:
    """Return the entitlements with what is known of the roles that each may hand over.

    Where an identity may hand over certain roles by name, and all of them are in the evidence, it hands over
    nothing to a service that none of them trusts. `places` are the resource patterns on which each holds
    permissions at most, where all its policies are readable.
    """
    wide: set[str] = set()
    admins: set[str] = set()
    half = passing.catalogue.known.bit_count() // 2
    for grant in grants:
        if grant.wide & passing.bit:
            wide.add(grant.identity)
        held = entitlements.get(grant.identity)
        if grant.admin and not grant.undecided and held and held.granted.bit_count() > half:
            admins.add(grant.identity)
    found = dict(entitlements)
    for identity, one in entitlements.items():
        if (one.granted | one.conditional) & passing.bit and identity not in admins:
            patterns = [pattern for pattern, held in places.get(identity, {}).items() if held & passing.bit]
            if not patterns:
                continue
            handovers = passing.of(identity, one, patterns, admins, wide=identity in wide)
            found[identity] = replace(one, handovers=tuple(handovers))
    return found


@dataclass
class Passing:
    """What deciding who may be handed over takes."""

    inventory: Inventory
    organization: Organization
    catalogue: Catalogue
    window: Window
    _trusting: dict[tuple[str, str], list[Holder]] = field(default_factory=dict)
    _holders: dict[str, Holder] = field(default_factory=dict)
    _asked: dict[str, tuple[Context, tuple[Layer, ...]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        data = table("handovers")
        self.permission, self._key = str(data["permission"]), str(data["key"]).lower()
        self.services: tuple[str, ...] = tuple(data["services"])
        self.bit = self.catalogue.permissions.mask([self.permission])
        self._policies = policies_of_all(self.inventory)
        self._holders = {holder.arn: holder for holder in self.inventory.holders}
        for _, role in sorted(self.inventory.roles.items()):
            for service in self._trusted_by(role):
                self._trusting.setdefault((role.account, service), []).append(role)

    def _trusted_by(self, role: Holder) -> Iterator[str]:
        """Yield those of the services that a role trusts, without regions and endings of other partitions.

        Identity pools stand among the federated providers, though a role is passed to them.
        """
        named: set[str] = set()
        for statement in role.trust.statements:
            if statement.effect is Effect.ALLOW:
                named |= {plain_service(one.value) for one in statement.principals}
                named |= {"*"} if statement.not_principals else set()
        yield from (service for service in self.services if named & {service, "*"})

    def of(
        self, identity: str, one: Entitlement, patterns: Sequence[str], admins: set[str], *, wide: bool
    ) -> Iterator[Handover]:
        """Yield for each service that can be told apart whether a role may be handed over to it, and whom."""
        holder = self._holders[identity]
        known = {handover.service: handover for handover in one.handovers}
        named = self._named(holder, patterns)
        held = True if one.granted & self.bit else None
        for service in self.services:
            trusting = self._trusting.get((holder.account, service), ())
            if named is not None and not any(role.arn in named for role in trusting):
                yield Handover(self.permission, service, held=False, wide=False)
                continue
            strong = [role.arn for role in trusting if role.arn in admins and _fits(patterns, role.arn)]
            sure = tuple(arn for arn in strong[:_MOST] if self._lets(holder, arn, service))
            if service in known:
                yield replace(known[service], administrators=sure)
            elif named is not None or sure:
                yield Handover(self.permission, service, held, wide, sure)

    def _lets(self, holder: Holder, role: str, service: str) -> bool:
        """Tell whether an identity may hand over one role to one service for certain."""
        if holder.arn not in self._asked:
            ids = () if self.organization.foreign(holder.account) else self.organization.ids
            limits = limiting_layers(holder, self.inventory, self.organization, holder.account)
            layers = (*own_layers(self._policies[holder.arn]), *limits)
            self._asked[holder.arn] = principal_context(holder, self.window, ids), layers
        context, layers = self._asked[holder.arn]
        request = Request(self.permission, role, context.with_value(self._key, (service,)))
        return decide(request, layers).answer is Answer.ALLOWED

    def _named(self, holder: Holder, patterns: Sequence[str]) -> frozenset[str] | None:
        """Return the roles of its account that an identity may hand over by name; None where others may be.

        A role that the evidence does not hold may trust anything.
        """
        own = [one for one in patterns if not _is_name(one) or f":iam::{holder.account}:" in one]
        return frozenset(own) if all(pattern in self.inventory.roles for pattern in own) else None


def _fits(patterns: Iterable[str], arn: str) -> bool:
    return any(matches(pattern, arn) for pattern in patterns)


def _is_name(pattern: str) -> bool:
    return not set("*?") & set(pattern)
