"""Turn policies into grants (what is written) and entitlements (what it comes to) for each identity."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from connectors.aws.catalog.actions import Catalogue
from connectors.aws.grants.binder import Binder
from connectors.aws.grants.entitlement import Around, Effective, Layers, effective
from connectors.aws.grants.grant_caveats import GrantCaveats
from connectors.aws.grants.holdings import Written, policies_of_all
from connectors.aws.grants.limits import ceilings_of
from connectors.aws.grants.organization import Organization
from connectors.aws.grants.resource_policies import ResourcePolicies
from connectors.aws.grants.surroundings import OPENS_COLLECTIONS
from connectors.aws.inventory import Holder, Inventory
from connectors.aws.policy.conditions import Context
from connectors.aws.policy.document import Document, Statement
from connectors.aws.policy.globs import matches
from connectors.aws.policy.statements import Clause, Held, hold
from connectors.aws.trust.handovers import handovers_of
from connectors.aws.trust.principal import principal_context
from connectors.facts import Caveat, Effect, Entitlement, Grant, Handover, PermissionSet, Window

_LONGEST_SCOPE = 200
_MOST_REASONS = 4
_ADMIN_DOCUMENTS = {"AdministratorAccess", "IAMFullAccess"}
"""AWS managed policies known by name to give everything, or the power to give oneself everything."""


@dataclass
class Entitled:
    """Grants of everyone, entitlements by identity, and what could not be interpreted."""

    grants: list[Grant] = field(default_factory=list)
    entitlements: dict[str, Entitlement] = field(default_factory=dict)
    caveats: list[Caveat] = field(default_factory=list)
    clauses: dict[str, list[tuple[str, Clause]]] = field(default_factory=dict)
    """By identity: where each statement is written, and the statement."""
    places: dict[str, dict[str, PermissionSet]] = field(default_factory=dict)
    """By identity and resource pattern: what is held there at most. Only where all policies are readable."""
    attached: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """By identity: (name, ARN) of managed policies, readable or not."""


def read_grants(
    inventory: Inventory,
    organization: Organization,
    resources: ResourcePolicies,
    catalogue: Catalogue,
    window: Window,
) -> Entitled:
    """Return grants and entitlements of every user and role."""
    binder = Binder(catalogue)
    for document in _documents(inventory, organization, resources):
        binder.intern(document)
    resources.bind(catalogue)
    opening = catalogue.permissions.mask(OPENS_COLLECTIONS)
    about_iam = catalogue.expand("iam:*")
    result = Entitled()
    caveats = GrantCaveats(catalogue, resources)
    policies = policies_of_all(inventory)
    for holder in inventory.holders:
        ids = () if organization.foreign(holder.account) else organization.ids
        context = principal_context(holder, window, ids)
        held: list[Held] = []
        for written in policies[holder.arn]:
            clauses = binder.clauses(written.document) if written.document else ()
            bound = [hold(clause, context) for clause in clauses]
            held += bound
            stated = result.clauses.setdefault(holder.arn, [])
            stated += [(f"{written.source}, statement {c.statement.name}", c) for c in clauses]
            result.attached.setdefault(holder.arn, []).append((written.name, written.source))
            result.grants += _grants(holder, written, bound, context)
            caveats.policy(holder, written)
        ceilings = ceilings_of(holder, inventory, organization, binder, context)
        result.grants += _from_resources(holder, resources, context)
        layers = Layers(tuple(held), ceilings, context, Around(resources, holder))
        outcome = effective(layers)
        if all(one.document is not None and not one.document.problems for one in policies[holder.arn]):
            result.places[holder.arn] = outcome.places
        passed = handovers_of(layers, catalogue, holder.arn.split(":", 2)[1])
        entitlement = _entitlement(holder.arn, outcome, passed)
        result.entitlements[holder.arn] = replace(
            entitlement,
            only_on_itself=_only_on_itself(holder, result.places.get(holder.arn, {})),
            on_itself=0 if holder.boundary else _on_itself(holder, inventory, outcome, about_iam),
        )
        if opens := (outcome.granted | outcome.conditional) & opening:
            result.grants += resources.beside.grants(holder, opens)
            caveats.opens.setdefault(holder.account, []).append(holder.arn)
        caveats.outcome(holder, ceilings, outcome, result.clauses.get(holder.arn, ()))
    result.caveats = caveats.all(organization)
    return result


def _documents(
    inventory: Inventory, organization: Organization, resources: ResourcePolicies
) -> Iterator[Document]:
    yield from (policy.document for policy in resources.by_arn.values())
    for holder in (*inventory.holders, *inventory.groups.values()):
        yield from (inline.document for inline in holder.inline)
    yield from (policy.document for policy in inventory.policies.values() if policy.document)
    limits = (role.session_limit for role in inventory.roles.values())
    yield from (document for limit in limits if limit is not None for document in limit.documents)
    yield from (policy.document for policy in organization.policies.values())


_OF_RESOURCES = ("resource policy of ", "trust policy of ")


def given_by_resources(grants: Iterable[Grant]) -> dict[str, int]:
    """Return by identity what policies of resources give it, whatever its own policies say."""
    found: dict[str, int] = {}
    for grant in grants:
        if grant.name.startswith(_OF_RESOURCES) and grant.effect is Effect.ALLOW:
            found[grant.identity] = found.get(grant.identity, 0) | grant.permissions
    return found


def _from_resources(holder: Holder, resources: ResourcePolicies, context: Context) -> Iterator[Grant]:
    """Yield a grant per statement of a resource policy that names the identity, or everybody for certain."""
    for given in chain.from_iterable(resources.given(holder, context)):
        statement = given.held.clause.statement
        everybody = any(principal.value == "*" for principal in statement.principals)
        if everybody and given.held.applies is None:
            continue
        permissions = given.held.clause.permissions(context)
        if not permissions:
            continue
        kind = "trust policy" if given.policy.service == "sts" else "resource policy"
        yield Grant(
            id=f"{given.policy.arn}#{statement.name}-{statement.index}",
            identity=holder.arn,
            source=f"{given.policy.arn}: {kind}, statement {statement.name}",
            name=f"{kind} of {given.policy.arn}",
            effect=statement.effect,
            scope=_scope(statement),
            permissions=permissions,
            conditions=given.held.clause.conditions,
            undecided=given.held.applies is None,
            shared=everybody or len(statement.principals) > 1,
            to_everybody=everybody,
        )


def _grants(holder: Holder, written: Written, bound: Sequence[Held], context: Context) -> Iterator[Grant]:
    """Yield a grant per statement, and one without permissions for what could not be read."""
    if written.document is None:
        known = written.source.startswith("arn:aws") and ":iam::aws:policy/" in written.source
        admin = f"AWS managed policy {written.name}" if known and written.name in _ADMIN_DOCUMENTS else ""
        yield _unread(holder, written, f"{written.id}#unread", admin)
        return
    for number, _ in enumerate(written.document.problems):
        yield _unread(holder, written, f"{written.id}#unread-{number}", "")
    names = Counter(held.clause.statement.name for held in bound)
    for held in bound:
        statement = held.clause.statement
        repeated = names[statement.name] > 1
        permissions = held.clause.permissions(context)
        yield Grant(
            id=f"{written.id}#{statement.name}" + (f"-{statement.index}" if repeated else ""),
            identity=holder.arn,
            source=f"{written.source}, statement {statement.name}",
            document=written.source,
            name=written.name,
            effect=statement.effect,
            scope=_scope(statement),
            permissions=permissions,
            conditions=held.clause.conditions,
            undecided=held.applies is None,
            wide=held.clause.wide(context) if held.applies and statement.effect is Effect.ALLOW else 0,
            admin=_admin(held),
            created=written.created,
            shared=written.shared,
        )


def _unread(holder: Holder, written: Written, name: str, admin: str) -> Grant:
    return Grant(
        id=name,
        identity=holder.arn,
        source=written.source,
        name=written.name,
        effect=Effect.ALLOW,
        scope="unknown: the policy document is not readable",
        permissions=0,
        undecided=True,
        admin=admin,
        created=written.created,
        shared=written.shared,
    )


def _scope(statement: Statement) -> str:
    text = ", ".join(statement.resources) or "none"
    text = f"all but {text}" if statement.not_resources else text
    if len(text) <= _LONGEST_SCOPE:
        return text
    cut = text[:_LONGEST_SCOPE].rpartition(", ")[0] or text[:_LONGEST_SCOPE]
    return f"{cut}, … ({len(statement.resources)} in all)"


def _admin(held: Held) -> str:
    """Return why a statement is an administrator's, judged by what it names on every resource."""
    statement, catalogue = held.clause.statement, held.clause.catalogue
    everywhere = statement.not_resources or "*" in statement.resources
    if statement.effect is Effect.DENY or not everywhere or not held.applies:
        return ""
    named = held.clause.named
    every_iam = catalogue.expand("iam:*")
    if named & catalogue.known == catalogue.known:
        return "Action * on Resource *"
    if named & every_iam != every_iam:
        return ""
    if statement.not_actions:
        return f"every action but {', '.join(statement.actions)}, on Resource *"[:_LONGEST_SCOPE]
    return "Action iam:* on Resource *"


def _only_on_itself(holder: Holder, places: Mapping[str, PermissionSet]) -> PermissionSet:
    """Return what a user or role holds on itself and nowhere else (`user/${aws:username}`, filled in).

    Names are unique in an account whatever the path, and nobody administers IAM of another account.
    """
    itself = elsewhere = 0
    for pattern, held in places.items():
        kind, _, name = pattern.rpartition(":")[2].partition("/")
        if kind == holder.kind and name.rpartition("/")[2] == holder.name and ":iam:" in pattern:
            itself |= held
        else:
            elsewhere |= held
    return itself & ~elsewhere


def _on_itself(
    holder: Holder, inventory: Inventory, outcome: Effective, about_iam: PermissionSet
) -> PermissionSet:
    """Return what a user or role holds on itself, its groups, or the policies of the customer that it has."""
    names = set(holder.groups)
    groups = [one for one in inventory.groups.values() if names and _is_in(holder, one)]
    own = {holder.arn, *(group.arn for group in groups)}
    own |= {policy.arn for one in (holder, *groups) for policy in one.attached}
    own = {arn for arn in own if ":iam::aws:" not in arn}
    found = 0
    for pattern, held in outcome.places.items():
        if held & about_iam and any(matches(pattern, arn) for arn in own):
            found |= held
    return found & outcome.granted & about_iam


def _is_in(holder: Holder, group: Holder) -> bool:
    return group.account == holder.account and group.name in holder.groups


def _entitlement(identity: str, outcome: Effective, handovers: tuple[Handover, ...]) -> Entitlement:
    reasons = sorted(outcome.reasons)
    text = "; ".join(reasons[:_MOST_REASONS])
    if len(reasons) > _MOST_REASONS:
        text += f"; and {len(reasons) - _MOST_REASONS} more"
    return Entitlement(
        identity=identity,
        granted=outcome.granted,
        conditional=outcome.conditional,
        conditional_reason=f"the evidence does not decide: {text}" if text else "",
        handovers=handovers,
    )
