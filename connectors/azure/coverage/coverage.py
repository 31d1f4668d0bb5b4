"""Say which logs were on, and which permissions their absence or nature hides."""

from collections.abc import Collection, Iterable, Mapping

from connectors.azure.catalog.tables import catalogue
from connectors.azure.coverage.presence import Logs
from connectors.azure.grants.grants import Holding
from connectors.azure.policy.patterns import Plane, Universe
from connectors.azure.usage.activity import ADMINISTRATIVE
from connectors.facts import Blind, Coverage, CoverageState, PermissionSet, Usage

PROVIDER = "azure"
EXPORT = "az monitor activity-log list --subscription {sub} --offset 90d --max-events 100000 -o json"


_KEPT = "; a diagnostic setting of the subscription exports it"
_NOT_KEPT = "; no diagnostic setting exports it, so that Azure forgets it after 90 days"


def merged(blinds: Iterable[Blind]) -> tuple[Blind, ...]:
    """Join the blind sets of an identity's holdings that share a reason, keeping their order."""
    found: dict[tuple[str, str, str], PermissionSet] = {}
    for blind in blinds:
        key = (blind.code, blind.reason, blind.fix)
        found[key] = found.get(key, 0) | blind.permissions
    ordered = sorted(found.items(), key=lambda item: _ORDER.get(item[0][0], len(_ORDER)))
    return tuple(Blind(mask, *key) for key, mask in ordered)


_ORDER = {
    code: rank
    for rank, code in enumerate(
        (
            "unmapped-operation",
            "another-action-logged",
            "action-not-in-role",
            "checked-within",
            "caller-not-joined",
            "caller-not-named",
            "control-plane-reads-not-logged",
            "checked-inside-another-call",
            "not-through-resource-manager",
            "not-known-to-be-logged",
            "wildcard-not-expanded",
            "group-members-unknown",
            "caller-not-logged",
            "diagnostic-setting-off",
            "diagnostic-setting-unknown",
            "diagnostic-setting-new",
            "resource-logs-missing",
            "resource-logs-partial",
            "data-actions-not-logged",
            "above-subscriptions",
            "no-logs-for-account",
            "subscriptions-not-listed",
            "activity-log-partial",
            "log-files-unreadable",
        )
    )
}


def unmapped_blind(universe: Universe, unmapped: Iterable[tuple[str, str]]) -> list[Blind]:
    """Hide a provider's permissions from an identity whose calls to it could not be mapped."""
    by_provider: dict[str, list[str]] = {}
    for provider, operation in sorted(unmapped):
        by_provider.setdefault(provider, []).append(operation)
    found = []
    for provider, operations in by_provider.items():
        namespace = "microsoft.storage" if provider == "storage" else provider
        mask = universe.listed(Plane.CONTROL, f"{namespace}/*") | universe.listed(
            Plane.DATA, f"{namespace}/*"
        )
        found.append(
            Blind(
                mask,
                "unmapped-operation",
                f"the log shows calls to {namespace} that entdrift cannot map to a permission "
                f"({', '.join(operations[:3])}{', …' if len(operations) > 3 else ''})",
                "look the operations up under unmapped_events before removing anything of this service",
            )
        )
    return found


def alternative_blind(universe: Universe, actions: Iterable[str]) -> list[Blind]:
    """Hide actions that may have allowed a call of the identity whose record does not name the action."""
    mask = universe.listed_by(Plane.DATA, actions)
    reason = "the log shows a call that this or another action allows, and does not say which one was checked"
    fix = "keep it; where it is Storage, export its logs with AuthorizationDetails (identity.authorization)"
    return [Blind(mask, "another-action-logged", reason, fix)] if mask else []


def linked_blind(universe: Universe, used: Collection[str]) -> list[Blind]:
    """Hide actions that the identity's calls check on resources they refer to, without a record."""
    called = {name.lower(): name for name in used}
    found = []
    for row in catalogue("unlogged")["within"]:
        call = called.get(row["call"].lower())
        mask = universe.listed_by(Plane.CONTROL, row["operations"]) if call else 0
        if mask:
            reason = f"{call}, which it called, checks this on what it refers to and makes no record of it"
            fix = f"keep it while the identity calls {call}, or look at what its calls refer to"
            found.append(Blind(mask, "checked-within", reason, fix))
    return found


def mismatch_blind(universe: Universe, held: Iterable[Holding], usage: Iterable[Usage]) -> list[Blind]:
    """Hide what an assignment gives of a provider when a call went through it that its role does not name.

    Either the log calls an operation by another name than the role, or the role was changed since: in both
    cases something that the role does give was used under that name.
    """
    given = {holding.assignment.id: holding.given for holding in held}
    found = []
    for row in usage:
        through = given.get(row.grant)
        bit = universe.permissions.find(row.permission)
        if through is None or bit is None or row.count <= row.denied:
            continue
        gives = through.granted | through.conditional
        if gives and not gives >> bit & 1:
            provider = row.permission.partition("/")[0]
            mask = gives & (
                universe.listed(Plane.CONTROL, f"{provider}/*") | universe.listed(Plane.DATA, f"{provider}/*")
            )
            reason = (
                f"the log credits this role assignment with {row.permission}, which its role does not give: "
                "what it does give may be logged under another name, or the role was changed"
            )
            fix = "export role definitions again; if that changes nothing, keep the role as it is"
            found.append(Blind(mask, "action-not-in-role", reason, fix))
    return [blind for blind in found if blind.permissions]


def activity_coverage(
    logs: Logs, subscriptions: Iterable[str], exported: Mapping[str, Collection[str]]
) -> list[Coverage]:
    """Return for each subscription whether its Activity Log is in the evidence, and since when.

    `exported` are the categories that a subscription's diagnostic settings send somewhere; Azure itself
    keeps the log for 90 days.
    """
    found = []
    for account in sorted({*subscriptions, *logs.activity}):
        span = logs.activity.get(account)
        if span is None:
            state, since, reason = (
                CoverageState.UNKNOWN,
                "",
                "no Activity Log record of it is in the evidence",
            )
        else:
            gap = logs.gap(span)
            state = CoverageState.PARTIAL if gap else CoverageState.ON
            since, reason = span.first, gap or "records are in the evidence"
        kept = exported.get(f"/subscriptions/{account}")
        if kept is not None:
            reason += _KEPT if {"administrative", "alllogs"} & set(kept) else _NOT_KEPT
        fix = "" if state is CoverageState.ON else EXPORT.format(sub=account)
        found.append(
            Coverage(
                PROVIDER, account, f"/subscriptions/{account}", ADMINISTRATIVE, state, since, reason, fix
            )
        )
    return found


def seen_coverage(logs: Logs, told: Iterable[Coverage]) -> list[Coverage]:
    """Return the other log classes that were seen: at least partly recorded where they occur.

    Places of which `told` already says whether their log was on are left out.
    """
    known = {(one.place, one.log_class) for one in told}
    return [
        Coverage(
            PROVIDER,
            account,
            kind or "(unknown resource)",
            log_class,
            CoverageState.PARTIAL,
            span.first,
            "events of this class are in the evidence",
            "",
        )
        for (account, log_class, kind), span in sorted(logs.classes.items())
        if log_class != ADMINISTRATIVE and (kind, log_class) not in known
    ]


def group_blind(held: PermissionSet) -> Blind:
    """Hide what only a group gives, from the group and from its members."""
    return Blind(
        held,
        "group-members-unknown",
        "it is held through a group: logs name the member who called, and the evidence need not list all "
        "members",
        "give the workload's own principal the assignment instead of the group",
    )
