"""Decide what may be taken away from each identity, and have its cloud write the replacement."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache

from connectors.facts import Dependent, Effect, Facts, PermissionSet, Window
from connectors.interface import Connector, Evidence
from connectors.reduction import Question, Reductions, Standing, Stay
from scanner.backtest import backtest, calls_since, cut_moment
from scanner.results import CloudResult, IdentityResult, ReductionResult
from scanner.rules.finding import Limits
from scanner.safety import Safety

_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class OptOut:
    """What is kept of one identity: the reason when the configuration keeps it all, else permissions."""

    whole: str = ""
    permissions: PermissionSet = 0
    earlier: PermissionSet = 0
    """What older scans saw in use, which this window did not."""
    unsettled: PermissionSet = 0
    """What too few scans in a row found unused."""
    unsettled_reason: str = ""


_NO_OPT_OUT = OptOut()


def reduce_cloud(
    wing: Connector,
    evidence: Sequence[Evidence],
    facts: Facts,
    cloud: CloudResult,
    *,
    window: Window,
    limits: Limits,
    safety: Safety,
) -> CloudResult:
    """Return the results of one cloud with a reduction for each identity."""
    earlier = safety.used_earlier(cloud) if safety.used_earlier else {}
    kept = safety.kept(facts.permissions)
    unsettled, why = safety.unsettled(cloud)
    asked = {
        entry.identity.id: question(
            entry,
            window,
            limits,
            OptOut(
                safety.keeper(entry.identity),
                kept,
                earlier.get(entry.identity.id, 0),
                unsettled.get(entry.identity.id, 0),
                why,
            ),
            facts.dependents,
        )
        for entry in cloud.identities
    }
    worth = [one for one, _ in asked.values() if one.remove or one.credentials or one.idle or one.trust]
    answers = wing.reduce(evidence, facts, worth, window) if worth else Reductions(able=True)
    calls: Counter[str] = Counter()
    for source in evidence:
        calls.update(calls_since(source.usage(), cut_moment(window)))
    found: dict[str, ReductionResult] = {}
    for entry in cloud.identities:
        name = entry.identity.id
        one, stays = asked[name]
        answer = answers.found.get(name)
        found[name] = ReductionResult(
            able=answers.able,
            removable=one.remove,
            credentials=one.credentials,
            stays=_disjoint([*stays, *(answer.stays if answer else _left(one, answers))]),
            replacement=answer,
            backtest=backtest(
                entry,
                facts.entitlements.get(name),
                facts.permissions,
                window=window,
                grace_days=limits.grace_days,
                requests=calls[name],
            ),
        )
    return replace(cloud, reductions=found)


def rebuild_one(
    wing: Connector,
    evidence: Sequence[Evidence],
    facts: Facts,
    entry: IdentityResult,
    *,
    window: Window,
    limits: Limits,
    kept: PermissionSet = 0,
) -> ReductionResult:
    """Return the reduction of one identity as fresh documents with narrowed resources.

    `kept` are unused permissions that stay all the same. The earlier cut is tested for permissions alone, so
    a rebuilt policy is never better than `review`.
    """
    asked, stays = question(entry, window, limits, OptOut(permissions=kept), facts.dependents)
    name = entry.identity.id
    entitlement = facts.entitlements.get(name)
    blind = 0
    for spot in entitlement.blind if entitlement else ():
        blind |= spot.permissions
    answers = wing.reduce(evidence, facts, [replace(asked, rebuild=True, idle=False, blind=blind)], window)
    answer = answers.found.get(name)
    requests = sum(calls_since(source.usage(), cut_moment(window)).get(name, 0) for source in evidence)
    past = backtest(
        entry,
        entitlement,
        facts.permissions,
        window=window,
        grace_days=limits.grace_days,
        requests=requests,
    )
    if past.standing is Standing.PROVED:
        reason = f"permissions hold, narrowed resources are not tested; {past.reason}"
        past = replace(past, standing=Standing.UNDECIDED, reason=reason)
    return ReductionResult(
        able=answers.able,
        removable=asked.remove,
        credentials=asked.credentials,
        stays=_disjoint([*stays, *(answer.stays if answer else _left(asked, answers))]),
        replacement=answer,
        backtest=past,
    )


def _left(asked: Question, answers: Reductions) -> tuple[Stay, ...]:
    """Return why everything stays where there is no replacement: it cannot be written, or that went wrong."""
    reason = answers.failed.get(asked.identity, "")
    if not reason:
        return answers.stays.get(asked.identity, ())
    text = f"writing its replacement failed ({reason}); please report this"
    return (Stay(asked.remove, "not-written", text),)


def question(
    entry: IdentityResult,
    window: Window,
    limits: Limits,
    opted: OptOut = _NO_OPT_OUT,
    dependents: Sequence[Dependent] = (),
) -> tuple[Question, tuple[Stay, ...]]:
    """Return what may go from one identity, and what is unused and stays all the same.

    Only permissions with the verdict `unused` may go. They stay where the configuration keeps them, where the
    provider manages the identity, where the identity or every grant that gives them is younger than the grace
    period, where others that stay may need them once in a while, and where the identity's grants are not in
    the evidence.
    """
    unused = entry.verdicts.unused
    if opted.whole:
        reason = f"the config keeps this identity as it is (keep_identities: {opted.whole})"
        return Question(entry.identity.id, 0, entry.usage), (Stay(unused, "opted-out", reason),)
    stays: list[Stay] = []
    if opted.permissions & unused:
        reason = "the config keeps it (keep_permissions)"
        stays.append(Stay(opted.permissions & unused, "opted-out", reason))
    if opted.earlier & unused:
        reason = "an earlier scan saw it in use, before this window (reductions.keep_used_days)"
        stays.append(Stay(opted.earlier & unused, "used-earlier", reason))
    if opted.unsettled & unused:
        stays.append(Stay(opted.unsettled & unused, "not-settled", opted.unsettled_reason))
    young = _only_young(entry, window, limits)
    if entry.identity.managed_by_provider:
        stays.append(Stay(unused, "managed-by-provider", "the provider manages this identity's grants"))
    elif entry.identity.managed_at:
        reason = (
            f"the {entry.identity.managed_at} gives it: take it out there, the identity is written from it"
        )
        stays.append(Stay(unused, "managed-elsewhere", reason))
    elif _is_young(entry.identity.created, window, limits):
        reason = f"the identity is younger than the grace period of {limits.grace_days} days"
        stays.append(Stay(unused, "grace-period", reason))
    elif young & unused:
        reason = f"only grants younger than the grace period of {limits.grace_days} days give it"
        stays.append(Stay(young & unused, "grace-period", reason))
    kept = 0
    for stay in stays:
        kept |= stay.permissions
    needed = entry.verdicts.granted & ~unused | kept
    for one in dependents:
        if needed & one.of and one.permissions & unused & ~kept:
            stays.append(Stay(one.permissions & unused & ~kept, "dependent", one.reason))
            kept |= one.permissions & unused
    remove = unused & ~kept
    return (
        Question(
            identity=entry.identity.id,
            remove=remove,
            usage=entry.usage,
            unseen=entry.verdicts.unobservable | entry.verdicts.conditional | kept,
            credentials=_credentials(entry, window, limits),
            trust=entry.observed is not None
            and not entry.identity.managed_by_provider
            and not entry.identity.managed_at
            and not _is_young(entry.identity.created, window, limits),
            idle=_is_idle(entry, window)
            and bool(remove)
            and not (opted.permissions | opted.earlier | opted.unsettled) & unused,
        ),
        tuple(stays),
    )


def _is_idle(entry: IdentityResult, window: Window) -> bool:
    """Tell whether nothing at all was seen of an identity that was watched, and no credential says else."""
    start = window.start.strftime(_TIME)
    used = any(row.uses or row.last_used >= start for row in entry.credentials)
    return entry.observed is not None and entry.readable and not entry.active and not used


def _credentials(entry: IdentityResult, window: Window, limits: Limits) -> tuple[str, ...]:
    """Return the active long-lived credentials of which it is known that they were not used."""
    if entry.identity.managed_by_provider:
        return ()
    start = window.start.strftime(_TIME)
    return tuple(
        sorted(
            row.credential.id
            for row in entry.credentials
            if row.credential.long_lived
            and row.credential.status == "active"
            and not row.uses
            and row.credential.last_used_known
            and row.last_used < start
            and not _is_young(row.credential.created, window, limits)
        )
    )


def _only_young(entry: IdentityResult, window: Window, limits: Limits) -> PermissionSet:
    """Return what only grants within the grace period give."""
    young = old = 0
    for row in entry.grants:
        if row.grant.effect is Effect.ALLOW:
            if _is_young(row.grant.created, window, limits):
                young |= row.grant.permissions
            else:
                old |= row.grant.permissions
    return young & ~old


def _is_young(created: str, window: Window, limits: Limits) -> bool:
    """Tell whether something is too young to be called unused; an unknown age is not young."""
    return created > _grace_begins(window.end, limits.grace_days)


@lru_cache(maxsize=64)
def _grace_begins(end: datetime, days: int) -> str:
    """Return the time after which something is young; every grant of every identity is held against it."""
    return (end - timedelta(days=days)).strftime(_TIME)


def _disjoint(stays: Iterable[Stay]) -> tuple[Stay, ...]:
    """Return each permission under the first reason that names it; equal reasons are merged."""
    found: dict[tuple[str, str], PermissionSet] = {}
    named = 0
    for stay in stays:
        here = stay.permissions & ~named
        if here:
            key = (stay.code, stay.reason)
            found[key] = found.get(key, 0) | here
            named |= here
    return tuple(Stay(permissions, *key) for key, permissions in sorted(found.items()))
