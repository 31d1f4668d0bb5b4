"""Answer what a smaller access of each identity looks like, and check the claims about it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from connectors.azure.reduction.alternative import alternatives
from connectors.azure.reduction.claims import contained, replay, restored
from connectors.azure.reduction.desk import Desk, open_desk, permissions_of
from connectors.azure.reduction.keyless import keyless
from connectors.azure.reduction.local_auth import key_doubt
from connectors.azure.reduction.plan import Plan, plan
from connectors.azure.reduction.quotas import check_limits
from connectors.azure.reduction.rehearsal import rehearsal
from connectors.azure.reduction.replaced import proven_unused
from connectors.azure.reduction.standing import Kind, rights, simulate
from connectors.azure.remediation.forms import artifacts, rollback
from connectors.facts import Facts, PermissionSet, Window
from connectors.interface import Evidence
from connectors.reduction import Claim, Question, Reductions, Replacement, Standing, Stay
from connectors.stays import first_reasons


def reduce_all(
    evidence: Sequence[Evidence], facts: Facts, questions: Iterable[Question], window: Window
) -> Reductions:
    """Return a replacement for each identity of which something may go; without steps where all stays."""
    desk = open_desk(evidence, facts, window)
    found: dict[str, Replacement] = {}
    failed: dict[str, str] = {}
    for question in sorted(questions, key=lambda one: one.identity):
        entitlement = facts.entitlements.get(question.identity)
        if entitlement is None:
            continue
        blind = question.blind
        for spot in entitlement.blind:
            blind |= spot.permissions
        try:
            planned = plan(question, desk, blind)
            if planned.changes or question.remove:
                found[question.identity] = replacement(planned, question, desk)
        except Exception as error:  # noqa: BLE001 one identity's odd role must not cost the others theirs
            failed[question.identity] = f"{type(error).__name__}: {error}"
    return Reductions(able=True, found=found, failed=failed)


def replacement(planned: Plan, question: Question, desk: Desk) -> Replacement:
    """Return the planned changes with what was checked about them."""
    before = planned.access
    steps = simulate(before, planned.changes)
    after = steps[-1][1] if steps else before
    known = desk.inventory.definitions
    old, new = rights(before, known), rights(after, known)
    ground = desk.ground(question.usage)
    given = 0
    for one in new:
        given |= permissions_of(desk.universe, one)
    groups = _groups(question, desk)
    beside = 0
    gone = {change.target for change in planned.changes if change.kind == Kind.REMOVE_APP_ROLE}
    for grant in desk.beside.get(question.identity, ()):
        beside |= grant.permissions if grant.id not in gone else 0
    original = {
        action
        for one in old
        for block in one.blocks or ()
        for action in (*block.actions, *block.not_actions, *block.data_actions, *block.not_data_actions)
    }
    return Replacement(
        identity=planned.identity,
        changes=tuple(planned.changes),
        removed=question.remove & ~given & ~groups & ~beside if steps else 0,
        replay=_doubted(replay(old, new, question.usage, ground), key_doubt(planned.changes, desk)),
        containment=contained(old, new, ground),
        limits=check_limits(steps, desk.tenant, desk.universe, original),
        restore=restored(before, after, planned.changes, ground, proven_unused(question, desk)),
        stays=_stays(planned.stays, question.remove & (given | groups | beside), groups, beside),
        notes=tuple(planned.notes),
        artifacts=(
            *artifacts(planned.changes),
            *alternatives(planned, desk),
            *rehearsal(planned, question, desk),
            *keyless(planned, question, desk),
        ),
        rollback=rollback(planned.changes),
    )


def _doubted(claim: Claim, doubt: str) -> Claim:
    """Return a claim with what may happen to others than the identity: proved it is not then."""
    if not doubt or claim.standing is Standing.REFUTED:
        return claim
    return replace(claim, standing=Standing.UNDECIDED, reason="; ".join(filter(None, (claim.reason, doubt))))


def _groups(question: Question, desk: Desk) -> PermissionSet:
    """Return what groups give an identity: it keeps that whatever becomes of its own assignments."""
    found = 0
    for assignment in desk.through.get(question.identity, ()):
        given = desk.roles.given(assignment)
        found |= given.granted | given.conditional
    return found


def _stays(
    stays: Iterable[Stay], left: PermissionSet, groups: PermissionSet, beside: PermissionSet
) -> tuple[Stay, ...]:
    """Return why each permission that was to go stays."""
    through = Stay(groups, "through-group", "a group gives it, whose assignments other members hold too")
    other = Stay(beside, "held-otherwise", "an access policy or another kind of grant gives it too")
    reason = (
        "a role without it would need more action strings than we write: a wildcard whose operations are not "
        "all known can only be subtracted from; with provider_operations it becomes a list"
    )
    rest = Stay(left, "does-not-fit", reason)
    return first_reasons((*stays, through, other, rest), left)
