"""Turn the evidence of all Azure sources into facts: the order in which the rooms do their work."""

from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import replace

from connectors.azure.catalogue import catalogue
from connectors.azure.coverage import (
    activity_coverage,
    alternative_blind,
    group_blind,
    linked_blind,
    merged,
    mismatch_blind,
    seen_coverage,
    unmapped_blind,
)
from connectors.azure.credentials import credentials
from connectors.azure.denies import Denies, Refused, after_denies, deny_caveats
from connectors.azure.directory import graph_roles, read_directory
from connectors.azure.grants import Holding, Roles, grant_caveats, grants, holdings
from connectors.azure.graph_activity import GRAPH_OPERATION
from connectors.azure.graph_use import GRAPH_ROLE, GraphUse
from connectors.azure.holders import memberships, short_groups
from connectors.azure.identities import Seen, identities
from connectors.azure.inventory import Inventory, read_inventory
from connectors.azure.keys import key_caveats, key_reach, keyless
from connectors.azure.limits import evidence_caveats, unnamed_caveats
from connectors.azure.observability import Observability, lost_logs
from connectors.azure.operations import build_universe
from connectors.azure.policy import Plane, Universe
from connectors.azure.presence import Logs
from connectors.azure.settings import DataLogs, settings_on, tenant_coverage
from connectors.azure.sign_ins import SIGN_IN
from connectors.azure.signals import learned_signals
from connectors.azure.usage import Callers, read_usage
from connectors.azure.workloads import Ties, tie
from connectors.facts import Blind, Coverage, Entitlement, Facts, Identity, PermissionSet, Usage, Window
from connectors.interface import Evidence, Patterns, Status
from connectors.logs.rows import UsageRow


def interpret(evidence: Sequence[Evidence], window: Window, patterns: Patterns) -> Facts:
    """Return the facts of one cloud from its evidence."""
    inventory = read_inventory(evidence)
    rows = [row for one in evidence for row in one.usage()]
    presence = [seen for one in evidence for seen in one.presence()]
    universe = build_universe(inventory, rows, evidence)
    ties = tie(inventory)
    callers = Callers(inventory, rows, ties)
    graph = GraphUse(graph_roles(inventory), rows, callers)
    used = read_usage(graph.rows(rows), callers, inventory, universe.permissions, keyless(inventory))
    members = memberships(inventory, rows, callers)
    logs = Logs.of(presence, window)
    files = [file for one in evidence for file in one.log_files()]
    lost = any(file.lost for file in files)
    directory = read_directory(inventory, universe.permissions, rows, callers, logs, graph, lost=lost)
    roles = Roles(inventory.definitions, universe, window)
    held = holdings(inventory, roles, members)
    denies = Denies(list(inventory.denies.values()), universe, roles, members, inventory)
    refused = {_key(holding): denies.on(holding) for holding in held}
    data_logs = DataLogs(universe, inventory, logs, rows, listed_whole=not _unread(evidence, "resources"))
    sight = Observability(universe, logs, inventory, data_logs, _lost(evidence, inventory, logs))
    learned = learned_signals(held, inventory, used, rows, callers)
    if not _assignments_read(evidence):
        # Without role assignments the logs are all there is to know applications by.
        learned = {**{who: [] for who in _applications(rows, callers)}, **learned}
    known = identities(inventory, ties, learned, patterns, _seen(evidence, callers), logs.activity)
    through: dict[str, list[Usage]] = {}
    allowed: dict[str, set[str]] = {}
    for usage in used.usage:
        if usage.count > usage.denied:
            allowed.setdefault(usage.identity, set()).add(usage.permission)
        if usage.grant:
            through.setdefault(usage.identity, []).append(usage)
    called = {callers.resolve(row.identity) for row in rows}
    silent = _active(rows, callers) - {
        usage.identity for usage in used.usage if not usage.permission.startswith(GRAPH_ROLE)
    }
    short = short_groups(evidence, inventory)
    entitlements: dict[str, Entitlement] = {}
    watched: dict[str, Window] = {}
    by_identity: dict[str, list[Holding]] = {}
    for holding in held:
        by_identity.setdefault(holding.identity, []).append(holding)
    if _assignments_read(evidence):
        for identity in known:
            mine = by_identity.get(identity.id, [])
            kinds = callers.may_be(identity.id, identity.kind)
            hidden = [
                *unmapped_blind(universe, used.unmapped_of(identity.id, kinds)),
                *alternative_blind(universe, used.alternatives.get(identity.id, ())),
                *linked_blind(universe, allowed.get(identity.id, ())),
                *mismatch_blind(universe, mine, through.get(identity.id, ())),
                *used.unnamed.blind(universe, kinds, _by_scope(mine)),
                *directory.blind.get(identity.id, ()),
            ]
            direct = _is_caller(identity.id, inventory, ties, called)
            own = _entitlement(identity, mine, refused, sight, hidden, short, direct=direct)
            own = _doubted(own, silent=identity.id in silent)
            entitlements[identity.id] = _with_directory(own, directory.held.get(identity.id, 0))
            span = sight.watched(mine, _visible(own))
            if span is not None:
                watched |= logs.within(identity.id, span)
    written = (*grants(held, universe), *denies.grants(held), *directory.grants)
    names = {identity.id for identity in known}
    return Facts(
        provider="azure",
        permissions=universe.permissions,
        identities=known,
        credentials=credentials(inventory, rows, presence, callers, window),
        grants=tuple(one for one in written if one.identity in names),
        entitlements=entitlements,
        usage=tuple(used.usage),
        coverage=_coverage(evidence, inventory, logs, data_logs, held),
        unmapped=tuple(used.unmapped),
        caveats=tuple(
            sorted(
                {
                    *grant_caveats(held, inventory),
                    *deny_caveats(denies, refused),
                    *evidence_caveats(evidence, inventory, universe, members, held, short, ties),
                    *key_caveats(inventory, roles, held, used),
                    *unnamed_caveats(used.unattributed),
                }
            )
        ),
        unattributed=used.unattributed,
        watched=watched,
        reach=_reach(universe, directory.reach, key_reach(inventory, universe)),
    )


def _coverage(
    evidence: Sequence[Evidence],
    inventory: Inventory,
    logs: Logs,
    data_logs: DataLogs,
    held: Iterable[Holding],
) -> tuple[Coverage, ...]:
    """Return the coverage of every subscription, of the data logs that matter, and of what else was seen."""
    given = 0
    for holding in held:
        given |= holding.given.granted | holding.given.conditional
    told = data_logs.coverage(given)
    activity = activity_coverage(logs, inventory.subscriptions, settings_on(inventory))
    return tuple(sorted([*activity, *told, *seen_coverage(logs, told), *tenant_coverage(evidence)]))


def _unread(evidence: Iterable[Evidence], part: str) -> bool:
    """Return whether any source's file of a part could not be read, or not whole."""
    return any(
        outcome.part == part and outcome.status in (Status.FAILED, Status.PARTIAL)
        for one in evidence
        for outcome in one.outcomes()
    )


def _lost(evidence: Iterable[Evidence], inventory: Inventory, logs: Logs) -> dict[str, str]:
    """Return the subscriptions whose logs lost calls, each with the file that did."""
    found: dict[str, str] = {}
    for one in evidence:
        found |= lost_logs(one.log_files(), {*inventory.subscriptions, *logs.activity})
    return found


def _applications(rows: Iterable[UsageRow], callers: Callers) -> set[str]:
    """Return every application and managed identity that the logs name as a caller."""
    return {callers.resolve(row.identity) for row in rows if row.identity and row.identity_type == "app"}


def _seen(evidence: Sequence[Evidence], callers: Callers) -> dict[str, Seen]:
    """Return where logs first named each caller."""
    found: dict[str, Seen] = {}
    for one in evidence:
        for row in one.usage():
            found.setdefault(callers.resolve(row.identity), Seen(one.source, row.account))
    return found


def _key(holding: Holding) -> str:
    return f"{holding.identity} {holding.assignment.id}"


def _assignments_read(evidence: Iterable[Evidence]) -> bool:
    """Return whether at least one source's role assignments were read; else nobody's grants are known."""
    return any(
        outcome.part == "role_assignments" and outcome.status in (Status.OK, Status.PARTIAL)
        for one in evidence
        for outcome in one.outcomes()
    )


def _by_scope(held: Iterable[Holding]) -> dict[str, PermissionSet]:
    found: dict[str, PermissionSet] = {}
    for holding in held:
        scope = holding.assignment.scope
        found[scope] = found.get(scope, 0) | holding.given.granted
    return found


def _is_caller(
    identity: str, inventory: Inventory, ties: Mapping[str, Ties], called: Collection[str]
) -> bool:
    """Return whether the evidence shows that a principal calls by itself and is no group.

    Assignments of old API versions do not say what kind of principal they are for.
    """
    return identity in inventory.principals or identity in ties or identity in called


def _entitlement(
    identity: Identity,
    held: Sequence[Holding],
    refused: Mapping[str, Sequence[Refused]],
    sight: Observability,
    hidden: Sequence[Blind],
    short: Container[str],
    *,
    direct: bool,
) -> Entitlement:
    """Return what an identity holds by all its holdings; `hidden` is what unclear log records leave open.

    What only a group gives is not called unused where its members (`short`: not all known) may be others than
    the evidence names, and never for the group itself: a member's call may have gone through it.
    """
    granted = conditional = own = 0
    blind: list[Blind] = []
    reasons = set()
    for holding in held:
        given = after_denies(holding, refused[_key(holding)])
        granted |= given.granted
        conditional |= given.conditional
        if holding.assignment.is_group:
            group = holding.assignment.principal
            own |= given.granted if group != identity.id and group not in short else 0
        elif direct or holding.assignment.kind:
            own |= given.granted
        blind += sight.of(holding, identity.account)
        if given.conditional:
            reasons.add(f"{holding.role}: {holding.conditions or 'an undecided deny assignment'}")
    conditional &= ~granted
    if granted & ~own:
        blind.append(group_blind(granted & ~own))
    return Entitlement(
        identity=identity.id,
        granted=granted,
        conditional=conditional,
        conditional_reason="; ".join(sorted(reasons)) if conditional else "",
        blind=merged([*hidden, *blind]),
    )


def _visible(entitlement: Entitlement) -> PermissionSet:
    """Return what is held of which some log would have shown the use."""
    seen = entitlement.granted
    for blind in entitlement.blind:
        seen &= ~blind.permissions
    return seen


def _with_directory(entitlement: Entitlement, held: PermissionSet) -> Entitlement:
    """Return an entitlement with what the directory gives beside it."""
    return replace(entitlement, granted=entitlement.granted | held) if held else entitlement


def _doubted(entitlement: Entitlement, *, silent: bool) -> Entitlement:
    """Hide everything of a principal whose calls cannot be those that logs show, or are in no log given."""
    reason = _SILENT if silent else _BY_MAIL if entitlement.identity.startswith("user:") else None
    if reason is None or not entitlement.granted:
        return entitlement
    return replace(entitlement, blind=(*entitlement.blind, Blind(entitlement.granted, *reason)))


_SILENT = (
    "active-without-a-call",
    "it signed in or called Microsoft Graph in the window, and no other call of it is in the logs given",
    "add the logs of what it calls: its sign-ins name the services",
)
_BY_MAIL = (
    "caller-not-joined",
    "it is known by its mail address only, and logs name callers by object id",
    "remove classic administrators: Azure retired them in 2024; use role assignments",
)


def _active(rows: Iterable[UsageRow], callers: Callers) -> set[str]:
    """Return who signed in, or called Graph, whatever else the logs say of them."""
    return {
        callers.resolve(row.identity)
        for row in rows
        if row.identity
        and row.outcome == "allowed"
        and (row.operation == SIGN_IN or row.operation.startswith(GRAPH_OPERATION))
    }


def _reach(universe: Universe, *more: Mapping[str, PermissionSet]) -> dict[str, PermissionSet]:
    found: dict[str, PermissionSet] = {}
    for classes in more:
        for name, mask in classes.items():
            found[name] = found.get(name, 0) | mask
    for name, table in sorted(catalogue("reach").items()):
        if not isinstance(table, dict):
            continue
        found[name] = found.get(name, 0) | universe.reaching(Plane.CONTROL, table["control"])
        found[name] |= universe.reaching(Plane.DATA, table["data"])
    return found
