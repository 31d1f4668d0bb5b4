"""Put together what limits an identity: its boundary, and the control policies above its account."""

from collections.abc import Iterator
from dataclasses import replace

from connectors.aws.coverage.observability import union
from connectors.aws.grants.binder import Binder
from connectors.aws.grants.entitlement import Ceiling
from connectors.aws.grants.organization import RCP, Organization, OrganizationPolicy
from connectors.aws.inventory import Holder, Inventory
from connectors.aws.policy.conditions import Context
from connectors.aws.policy.statements import Held, hold
from connectors.facts import Effect


def ceilings_of(
    holder: Holder, inventory: Inventory, organization: Organization, binder: Binder, context: Context
) -> tuple[Ceiling, ...]:
    """Return the limiting layers of one identity; service-linked roles stand under no SCP.

    A level whose known policies allow nothing is taken to have FullAWSAccess besides, which exports of
    customer policies leave out: an account that nothing is allowed in would hold no identity in use.
    """
    found = []
    if holder.boundary:
        boundary = inventory.policies.get(holder.boundary)
        name = f"the permissions boundary {holder.boundary}"
        if boundary is None or boundary.document is None:
            found.append(Ceiling(name, readable=False, boundary=True))
        else:
            clauses = binder.clauses(boundary.document, limit=True)
            found.append(Ceiling(name, tuple(hold(clause, context) for clause in clauses), boundary=True))
    if limit := holder.session_limit:
        clauses = tuple(one for document in limit.documents for one in binder.clauses(document, limit=True))
        bound = tuple(hold(clause, context) for clause in clauses)
        found.append(Ceiling(limit.name, bound, readable=limit.readable, boundary=True))
    if holder.path.startswith("/aws-service-role/"):
        return tuple(found)
    found += _resource_control(holder.account, organization, binder, context)
    for level in organization.levels(holder.account):
        held = [one for policy in level.policies for one in _held(policy, binder, context)]
        gives = any(map(_gives, held))
        name = f"the service control policies on {level.target}"
        found.append(Ceiling(name, tuple(held), only_denies=not gives))
    for level in organization.doubtful(holder.account):
        held = [one for policy in level.policies for one in _held(policy, binder, context)]
        unsure = [
            one if _gives(one) else replace(one, applies=None) for one in held if one.applies is not False
        ]
        name = f"{', '.join(sorted(p.id for p in level.policies))} on {level.target}"
        if len(level.policies) == 1 and level.policies[0].id == level.target:
            name = level.target
        name = f"the service control policies {name}, which may not apply to this account"
        gives = any(map(_gives, held))
        found.append(Ceiling(name, tuple(unsure), only_denies=not gives, optional=True))
    return tuple(found)


def _resource_control(
    account: str, organization: Organization, binder: Binder, context: Context
) -> Iterator[Ceiling]:
    """Yield the RCPs above an account: Deny statements about the resources in it, of services that take them.

    Resources are taken to be of the identity's own account. RCPFullAWSAccess stands on every level and
    cannot be detached, so what other RCPs do not allow stays allowed (Organizations user guide, "RCP
    evaluation"). The management account's resources are exempt, and so are service-linked roles.
    """
    catalogue = binder.catalogue
    supported = union(catalogue.expand(f"{name}:*") for name in sorted(catalogue.rcp_services))
    for levels, sure in (
        (organization.levels(account, RCP), True),
        (organization.doubtful(account, RCP), False),
    ):
        for level in levels:
            held = [
                bound if sure else replace(bound, applies=None)
                for policy in level.policies
                for clause in binder.clauses(policy.document, limit=True, within=supported)
                if (bound := hold(clause, context)).applies is not False and not _gives(bound)
            ]
            if held:
                name = f"the resource control policies on {level.target}"
                name += "" if sure else ", which may not apply to this account"
                yield Ceiling(name, tuple(held), only_denies=True, optional=not sure)


def _gives(held: Held) -> bool:
    return held.clause.statement.effect is Effect.ALLOW


def _held(policy: OrganizationPolicy, binder: Binder, context: Context) -> list[Held]:
    return [hold(clause, context) for clause in binder.clauses(policy.document, limit=True)]
