"""Compare what an identity holds with what it did: one verdict per permission and per grant."""

from collections.abc import Iterable, Sequence

from connectors.facts import Effect, Entitlement, Grant, PermissionSet, Usage
from connectors.permissions import Permissions
from scanner.results import GrantResult, GrantVerdict, Reason, Verdict, Verdicts


def judge(entitlement: Entitlement | None, usage: Iterable[Usage], permissions: Permissions) -> Verdicts:
    """Return one verdict for each permission that is held or was called.

    An allowed call is proof of use, whatever else is known. Only refused calls: `denied`. What is held
    and was not called is `unused` only where the logs would have shown a call; where they would not, it
    is `unobservable` with the first (most specific) reason that names it. What is held only under an
    undecided condition is `conditional`. Without an entitlement nothing is ever `unused`.
    """
    allowed: dict[str, None] = {}
    refused: dict[str, None] = {}
    for row in usage:
        (allowed if row.count > row.denied else refused)[row.permission] = None
    used = permissions.mask(allowed)
    denied = permissions.mask(refused) & ~used
    if entitlement is None:
        return Verdicts(used=used, denied=denied, not_granted=used | denied, reasons=_seen(used, denied))
    called = used | denied
    rest = entitlement.granted & ~called
    conditional = entitlement.conditional & ~entitlement.granted & ~called
    blind = _blind(entitlement, rest)
    unobservable = 0
    for reason in blind:
        unobservable |= reason.permissions
    unused = rest & ~unobservable
    granted = entitlement.granted | entitlement.conditional
    return Verdicts(
        granted=granted,
        used=used,
        denied=denied,
        unused=unused,
        unobservable=unobservable,
        conditional=conditional,
        not_granted=called & ~granted,
        reasons=(
            *_seen(used, denied),
            *_reason(Verdict.UNUSED, "would-be-logged", "a call would have been logged and none was", unused),
            *blind,
            *_reason(
                Verdict.CONDITIONAL,
                "condition-undecided",
                entitlement.conditional_reason or "held only under a condition the evidence cannot decide",
                conditional,
            ),
        ),
    )


def _seen(used: PermissionSet, denied: PermissionSet) -> tuple[Reason, ...]:
    return (
        *_reason(Verdict.USED, "call-logged", "an authorised call is in the log", used),
        *_reason(Verdict.DENIED, "only-refused-calls", "calls are in the log and each was refused", denied),
    )


def _reason(verdict: Verdict, code: str, text: str, permissions: PermissionSet) -> tuple[Reason, ...]:
    return (Reason(verdict, code, text, "", permissions),) if permissions else ()


def _blind(entitlement: Entitlement, rest: PermissionSet) -> tuple[Reason, ...]:
    """Split what cannot be seen by reason; each permission goes to the first reason that names it."""
    reasons: dict[tuple[str, str, str], PermissionSet] = {}
    for blind in entitlement.blind:
        hidden = blind.permissions & rest
        if hidden:
            key = (blind.code, blind.reason, blind.fix)
            reasons[key] = reasons.get(key, 0) | hidden
            rest &= ~hidden
    return tuple(
        Reason(Verdict.UNOBSERVABLE, code, text, fix, hidden) for (code, text, fix), hidden in reasons.items()
    )


def judge_grants(
    grants: Sequence[Grant], verdicts: Verdicts, usage: Sequence[Usage], permissions: Permissions
) -> tuple[GrantResult, ...]:
    """Return for each written grant whether it was used, sorted by grant id.

    Where the log names the grant a call went through (Azure), only that grant is credited; otherwise
    every grant that holds the called permission is, since either may be the one in use.
    """
    ids = {grant.id for grant in grants}
    credited: dict[str, list[tuple[PermissionSet, str]]] = {}
    for row in usage:
        if row.count > row.denied:
            name = row.grant if row.grant in ids else ""
            bit = 1 << permissions.index(row.permission)
            credited.setdefault(name, []).append((bit, row.last_allowed or row.last_seen))
    results = []
    for grant in sorted(grants, key=lambda grant: grant.id):
        named = [last for _, last in credited.get(grant.id, ())]
        shared = [last for bit, last in credited.get("", ()) if bit & grant.permissions]
        last_used = max((*named, *shared), default="")
        results.append(GrantResult(grant, _judge_grant(grant, verdicts, last_used), last_used))
    return tuple(results)


def _judge_grant(grant: Grant, verdicts: Verdicts, last_used: str) -> GrantVerdict:
    if grant.effect is Effect.DENY:
        return GrantVerdict.NOT_APPLICABLE
    if last_used:
        return GrantVerdict.USED
    if grant.undecided:
        return GrantVerdict.CONDITIONAL
    if not grant.permissions & verdicts.granted:
        return GrantVerdict.NOT_APPLICABLE
    if grant.permissions & (verdicts.unobservable | verdicts.conditional):
        return GrantVerdict.UNOBSERVABLE
    return GrantVerdict.UNUSED
