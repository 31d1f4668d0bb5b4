"""Turn one cloud's evidence into facts: the order in which the wing's rooms are walked through."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from connectors.facts import Caveat, Entitlement, Facts, Grant, Signal, SignalKind, Window
from connectors.gcp.catalog import matcher, table
from connectors.gcp.coverage.auditing import Auditing, read_changes
from connectors.gcp.coverage.classes import classify, within
from connectors.gcp.coverage.coverage import Given, coverage_rows, gaps, read_given
from connectors.gcp.coverage.observability import Doubts, Observability
from connectors.gcp.coverage.watched import watched
from connectors.gcp.coverage.witnesses import Witnesses
from connectors.gcp.grants.boundaries import Boundaries
from connectors.gcp.grants.denies import Denials, read_denials, unread_denials, unread_places
from connectors.gcp.grants.grants import Binding, GrantBook, Holding, public_services, read_bindings
from connectors.gcp.grants.members import SINGLE, Aliases, Membership
from connectors.gcp.hierarchy import Hierarchy
from connectors.gcp.identities.credentials import Keys, api_keys
from connectors.gcp.identities.identities import PROVIDER, Register, is_ai_agent
from connectors.gcp.identities.workloads import Runtime, find_runtimes
from connectors.gcp.inventory import Inventory, alias_caveats, read_inventory
from connectors.gcp.limits import not_interpreted, stale_agents, unread
from connectors.gcp.names import agent
from connectors.gcp.trust.actors import with_actors
from connectors.gcp.trust.becoming import steps_of_all
from connectors.gcp.trust.impersonation import read_trust
from connectors.gcp.trust.pools import Pools
from connectors.gcp.usage.usage import read_calls
from connectors.interface import Evidence, Patterns
from connectors.permissions import Permissions


@dataclass(frozen=True, slots=True)
class Ground:
    """What is known before anything is judged: the records, who there is, and which logs were given."""

    inventory: Inventory
    bindings: list[Binding]
    given: Given
    aliases: Aliases
    register: Register
    pools: Pools
    caveats: list[Caveat]


def survey(evidence: Sequence[Evidence], window: Window) -> Ground:
    """Read the records of all sources, and every identity that they name."""
    inventory = read_inventory(evidence)
    caveats: list[Caveat] = []
    given = read_given(evidence, inventory, window)
    inventory.hierarchy.learn_projects(node.removeprefix("projects/") for node in given.first)
    bindings = read_bindings(inventory)
    seen = {binding.member.id for binding in bindings if binding.member.kind in SINGLE}
    callers = {one.source: {row.identity for row in one.usage() if row.identity} for one in evidence}
    seen |= set().union(*callers.values())
    runtimes = find_runtimes(inventory, caveats, seen)
    aliases = Aliases({*seen, *(runtime.identity for runtime in runtimes)}, inventory.hierarchy)
    register = _register(inventory, bindings, runtimes, callers, aliases)
    return Ground(inventory, bindings, given, aliases, register, Pools(inventory), caveats)


def interpret(evidence: Sequence[Evidence], window: Window, patterns: Patterns) -> Facts:
    """Return what the evidence of all Google Cloud sources says; pure, and the same for the same input."""
    ground = survey(evidence, window)
    inventory, bindings, given = ground.inventory, ground.bindings, ground.given
    aliases, register = ground.aliases, ground.register
    hierarchy, permissions = inventory.hierarchy, inventory.permissions
    caveats = [*ground.caveats, *unread(evidence), *unread_denials(inventory)]
    caveats += not_interpreted(inventory, evidence)
    witnesses = Witnesses(inventory, register.emails, aliases, window)
    keys = Keys(inventory, register.emails, window, witnesses.keys)
    calls = read_calls(evidence, aliases, keys, permissions, register.emails, inventory.aliases)
    # Without a policy the logs are all there is to know callers by.
    shown = calls.model_callers if inventory.policies else {**calls.callers, **calls.model_callers}
    for identity, source in sorted(shown.items()):
        register.add(identity, source)
    # Every name is interned before sets over all of them are made.
    permissions.mask([*(row.permission for row in calls.usage), *calls.nameless])

    book = GrantBook(inventory, window)
    membership = Membership(register.accounts(), bindings, aliases, hierarchy, ground.pools)
    boundaries = Boundaries(inventory, membership)
    holdings = {
        identity: [boundaries.bounded(identity, one) for one in held]
        for identity, held in _holdings(bindings, book, membership, register.accounts()).items()
    }
    denials = Denials(read_denials(inventory, window), membership, hierarchy, unread_places(inventory))
    auditing = Auditing((policy for _, policy in inventory.policies), hierarchy, read_changes(evidence))
    classes = classify(permissions, calls.types)
    witnesses.hear_logs(calls.usage)
    doubts = Doubts(
        calls.unmapped_services,
        calls.foreign,
        within(calls.usage, permissions),
        permissions.mask(calls.nameless),
        _by_node(calls.recorded, hierarchy),
        public_services(bindings),
        witnesses,
    )
    observability = Observability(classes, auditing, given, doubts, inventory)
    entitlements, grants = _entitlements(holdings, denials, observability, inventory)

    register.read_grants(one for held in holdings.values() for one in held)
    register.read_usage(calls.usage)
    trusted = _trusted(bindings, inventory, register, ground.pools)
    credentials = (*keys.credentials((*calls.usage, *calls.activity)), *api_keys(inventory, caveats))
    identities = with_actors(register.identities(patterns, trusted, ground.pools.gaps), calls.usage)
    steps = steps_of_all(identities, holdings, denials, permissions, register.emails, hierarchy)
    caveats += [*book.caveats(), *membership.caveats(), *denials.caveats(), *boundaries.caveats()]
    caveats += [*ground.pools.caveats(bindings), *alias_caveats(inventory)]
    caveats += stale_agents(inventory, holdings, {row.identity for row in calls.usage})
    caveats += [*calls.caveats, *observability.caveats(), *gaps(given, window)]
    return Facts(
        provider=PROVIDER,
        permissions=permissions,
        identities=identities,
        credentials=credentials,
        grants=tuple(sorted(grants, key=lambda grant: (grant.identity, grant.id))),
        entitlements=entitlements,
        usage=calls.usage,
        activity=calls.activity,
        coverage=tuple(coverage_rows(_covered(inventory, given), auditing, given)),
        unmapped=calls.unmapped,
        caveats=tuple(sorted(set(caveats))),
        unattributed=calls.unattributed,
        watched=watched(entitlements, holdings, classes, given, hierarchy, window),
        reach=reach_classes(permissions),
        steps=steps,
    )


def _by_node(recorded: Mapping[str, set[str]], hierarchy: Hierarchy) -> dict[str, set[str]]:
    """Return what records name by node: logs name projects by id or by number."""
    found: dict[str, set[str]] = {}
    for name, permissions in recorded.items():
        node = name if "/" in name else hierarchy.node(f"projects/{name}")
        found.setdefault(node, set()).update(permissions)
    return found


def _covered(inventory: Inventory, given: Given) -> list[str]:
    """Return the nodes whose logs matter: projects with policies on, in or above them, and all with logs."""
    hierarchy = inventory.hierarchy
    nodes = {hierarchy.node_of(policy.resource, policy.place) for _, policy in inventory.policies} - {""}
    projects = {project for node in nodes for project in hierarchy.projects_below(node)}
    return sorted({f"projects/{project}" for project in projects} | set(given.first))


def _register(
    inventory: Inventory,
    bindings: Iterable[Binding],
    runtimes: Iterable[Runtime],
    callers: Mapping[str, Iterable[str]],
    aliases: Aliases,
) -> Register:
    """Return every identity of the evidence.

    Of the callers that only logs name (by source), agents and federated identities are kept: a binding to a
    principal set names none of them. Callers of models are added once the calls are read.
    """
    register = Register(inventory)
    register.add_service_accounts()
    register.add_runtimes(runtimes, aliases)
    for binding in bindings:
        if binding.member.kind in SINGLE:
            register.add(aliases.of(binding.member.id), binding.source)
    pools = _pools_let_in(bindings)
    for source, named in callers.items():
        for identity in sorted({aliases.of(one) for one in named if agent(one)}):
            register.add(identity, source)
            register.signal(identity, Signal(SignalKind.LOG, "agent identity in the audit log", identity))
        for identity in sorted({aliases.of(one) for one in named if _pool(one) in pools}):
            register.add(identity, source)
    return register


def _pools_let_in(bindings: Iterable[Binding]) -> set[str]:
    """Return the workload identity pools of which some binding lets a set in.

    Whether the set holds a caller of the pool may not be in the evidence; that it called is.
    """
    sets = {_pool(one.member.written) for one in bindings if one.member.kind == "principalSet"}
    return sets - {""}


def _pool(principal: str) -> str:
    """Return the workload identity pool in the name of a principal or a set, by its short name."""
    return principal.partition("/workloadIdentityPools/")[2].partition("/")[0]


def _holdings(
    bindings: Iterable[Binding], book: GrantBook, membership: Membership, accounts: Iterable[str]
) -> dict[str, list[Holding]]:
    """Return what each identity holds by each binding."""
    holdings: dict[str, list[Holding]] = {identity: [] for identity in accounts}
    for binding in bindings:
        for held in membership.expand(binding):
            holding = book.holding(binding, held.identity, shared=held.shared)
            holdings.setdefault(held.identity, []).append(holding)
    return holdings


def _entitlements(
    holdings: Mapping[str, Sequence[Holding]],
    denials: Denials,
    observability: Observability,
    inventory: Inventory,
) -> tuple[dict[str, Entitlement], list[Grant]]:
    """Return what every identity effectively holds, and all its written grants and refusals.

    Without any policy in the evidence nothing is known of anyone, and nobody gets an entitlement.
    """
    if not inventory.policies:
        return {}, []
    entitlements: dict[str, Entitlement] = {}
    grants: list[Grant] = []
    for identity, held in sorted(holdings.items()):
        effective = denials.apply(identity, held)
        grants += [one.grant for one in held]
        grants += effective.refusals if held else ()
        entitlements[identity] = Entitlement(
            identity=identity,
            granted=effective.granted,
            conditional=effective.conditional,
            conditional_reason=_few(effective.reasons),
            blind=observability.blind(identity, [(one.node, one.grant.permissions) for one in held]),
        )
    return entitlements, grants


def _few(reasons: Sequence[str]) -> str:
    """Return the first few reasons and how many more there are."""
    more = f"; and {len(reasons) - 3} more conditions" if len(reasons) > 3 else ""
    return "; ".join(reasons[:3]) + more


def _trusted(
    bindings: Iterable[Binding], inventory: Inventory, register: Register, pools: Pools
) -> Mapping[str, tuple[str, ...]]:
    """Return who may act as each service account, and through which provider a federated identity comes.

    An AI service named in an account's own policy is a signal.
    """
    trust = read_trust(bindings, inventory, register.accounts(), register.emails)
    for edge in trust.own:
        if is_ai_agent(edge.member_id):
            register.signal(edge.target, Signal(SignalKind.TRUST, edge.member, edge.resource))
    found = dict(trust.members)
    for identity in register.accounts():
        entries = sorted(one.entry for one in pools.of(identity))
        if entries:
            found[identity] = tuple(entries)
    return found


def reach_classes(permissions: Permissions) -> dict[str, int]:
    """Return the reach classes over every permission known, from grants and logs alike."""
    names = permissions.names((1 << len(permissions)) - 1)
    tests = {name: matcher(patterns) for name, patterns in table("reach")["classes"].items()}
    return {name: permissions.mask(filter(test, names)) for name, test in tests.items()}
