"""Put together the layers that limit an identity: its permissions boundary and the SCPs above its account."""

from dataclasses import replace

from connectors.aws.binder import Binder
from connectors.aws.conditions import Context
from connectors.aws.entitlement import Ceiling
from connectors.aws.inventory import Holder, Inventory
from connectors.aws.organization import Organization, OrganizationPolicy
from connectors.aws.policy import Held, hold
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
            found.append(Ceiling(name, readable=False))
        else:
            clauses = binder.clauses(boundary.document, limit=True)
            found.append(Ceiling(name, tuple(hold(clause, context) for clause in clauses)))
    if holder.path.startswith("/aws-service-role/"):
        return tuple(found)
    for level in organization.levels(holder.account):
        held = [one for policy in level.policies for one in _held(policy, binder, context)]
        gives = any(one.clause.statement.effect is Effect.ALLOW for one in held)
        name = f"the service control policies on {level.target}"
        found.append(Ceiling(name, tuple(held), only_denies=not gives))
    for policy in organization.doubtful(holder.account):
        denies = [
            replace(one, applies=None)
            for one in _held(policy, binder, context)
            if one.applies and one.clause.statement.effect is Effect.DENY
        ]
        name = f"the service control policy {policy.id}, which may not apply to this account"
        found.append(Ceiling(name, tuple(denies), only_denies=True))
    return tuple(found)


def _held(policy: OrganizationPolicy, binder: Binder, context: Context) -> list[Held]:
    return [hold(clause, context) for clause in binder.clauses(policy.document, limit=True)]
