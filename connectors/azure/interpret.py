"""Turn the evidence of all Azure sources into facts: the order in which the rooms do their work."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from connectors.azure.catalog.tables import catalogue
from connectors.azure.coverage.coverage import activity_coverage, seen_coverage
from connectors.azure.coverage.observability import Observability, lost_logs
from connectors.azure.coverage.presence import Logs
from connectors.azure.coverage.settings import DataLogs, settings_on, tenant_coverage
from connectors.azure.grants.denies import Denies, deny_caveats
from connectors.azure.grants.directory import graph_roles, read_directory
from connectors.azure.grants.entitlement import Ground, left_by, refusals, visible, with_directory
from connectors.azure.grants.grants import Holding, Roles, grant_caveats, grants, holdings
from connectors.azure.grants.operations import build_universe
from connectors.azure.identities.credentials import credentials
from connectors.azure.identities.identities import Seen, identities
from connectors.azure.identities.signals import learned_signals
from connectors.azure.identities.workloads import tie
from connectors.azure.inventory import Inventory, read_inventory
from connectors.azure.limits import evidence_caveats, silent_caveats, unnamed_caveats
from connectors.azure.policy.patterns import Plane, Universe
from connectors.azure.trust.becoming import steps_of_all
from connectors.azure.trust.holders import memberships, short_groups
from connectors.azure.trust.keys import key_caveats, key_reach, keyless
from connectors.azure.usage.graph_use import GraphUse
from connectors.azure.usage.shown import shown
from connectors.azure.usage.usage import Callers, read_usage
from connectors.facts import Coverage, Entitlement, Facts, PermissionSet, Window
from connectors.interface import Evidence, Patterns, Status
from connectors.logs.rows import UsageRow
from connectors.logs.sums import added_up


def interpret(evidence: Sequence[Evidence], window: Window, patterns: Patterns) -> Facts:
    """Return the facts of one cloud from its evidence."""
    inventory = read_inventory(evidence)
    days: set[tuple[str, str]] = set()
    rows = [row for one in evidence for row in added_up(_noted(one.usage(), days))]
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
    refused = refusals(denies, held)
    data_logs = DataLogs(universe, inventory, logs, rows, listed_whole=not _unread(evidence, "resources"))
    sight = Observability(universe, logs, inventory, data_logs, _lost(evidence, inventory, logs))
    learned = learned_signals(held, inventory, used, rows, callers)
    if not _assignments_read(evidence):
        # Without role assignments the logs are all there is to know applications by.
        learned = {**{who: [] for who in _applications(rows, callers)}, **learned}
    known = identities(inventory, ties, learned, patterns, _seen(evidence, callers), logs.activity)
    short = short_groups(evidence, inventory)
    ground = Ground(inventory, universe, ties, callers, used, rows, sight, refused, short, directory.blind)
    entitlements: dict[str, Entitlement] = {}
    watched: dict[str, Window] = {}
    by_identity: dict[str, list[Holding]] = {}
    for holding in held:
        by_identity.setdefault(holding.identity, []).append(holding)
    for identity in known if _assignments_read(evidence) else ():
        mine = by_identity.get(identity.id, [])
        own = ground.entitlement(identity, mine)
        entitlements[identity.id] = with_directory(own, directory.held.get(identity.id, 0))
        span = sight.watched(mine, visible(own))
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
        activity=shown(rows, callers),
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
                    *silent_caveats(days, window),
                }
            )
        ),
        unattributed=used.unattributed,
        watched=watched,
        reach=_reach(universe, directory.reach, key_reach(inventory, universe)),
        steps=steps_of_all(
            inventory,
            left_by(refused, held),
            directory.held,
            written,
            universe.permissions,
        ),
    )


def _noted(rows: Iterable[UsageRow], days: set[tuple[str, str]]) -> Iterator[UsageRow]:
    """Yield rows and note the days with records of each account: rows are read once."""
    for row in rows:
        days.add((row.account, row.day))
        yield row


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


def _assignments_read(evidence: Iterable[Evidence]) -> bool:
    """Return whether at least one source's role assignments were read; else nobody's grants are known."""
    return any(
        outcome.part == "role_assignments" and outcome.status in (Status.OK, Status.PARTIAL)
        for one in evidence
        for outcome in one.outcomes()
    )


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
