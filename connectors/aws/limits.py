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


def _gives(held: Held) -> bool:
    return held.clause.statement.effect is Effect.ALLOW


def _held(policy: OrganizationPolicy, binder: Binder, context: Context) -> list[Held]:
    return [hold(clause, context) for clause in binder.clauses(policy.document, limit=True)]
