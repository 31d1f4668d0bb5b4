"""Answer what a smaller access of each identity looks like, and check the claims about it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from connectors.aws.catalog.actions import Catalogue
from connectors.aws.grants.grants import given_by_resources
from connectors.aws.inventory import read_inventory
from connectors.aws.policy.conditions import Context
from connectors.aws.policy.containment import Answer, contains
from connectors.aws.policy.statements import hold
from connectors.aws.reduction.desk import Desk
from connectors.aws.reduction.plan import Plan, plan
from connectors.aws.reduction.quotas import check_limits
from connectors.aws.reduction.replay import Compiled, replay
from connectors.aws.reduction.standing import Access, apply, read_originals, take_back
from connectors.aws.reduction.trust import assumed_by, check_trust
from connectors.aws.remediation.forms import artifacts, rollback
from connectors.facts import Effect, Facts, Window
from connectors.forked import in_halves
from connectors.interface import Evidence
from connectors.reduction import (
    Change,
    Claim,
    Question,
    Reductions,
    Replacement,
    Standing,
    Stay,
)
from connectors.stays import first_reasons

_SHOWN = 5
_WORTH_HALVING = 100
"""Identities from which on a second process saves more than it costs: one takes about four milliseconds."""


def reduce_all(
    evidence: Sequence[Evidence], facts: Facts, questions: Iterable[Question], window: Window
) -> Reductions:
    """Return a replacement for each identity of which something can be taken away."""
    catalogue = Catalogue()
    # Sets of permissions mean what they mean in the facts, names that only they know included.
    catalogue.permissions = facts.permissions
    kinds = {(one.identity, one.id): one.kind for one in facts.credentials}
    inventory, originals = read_inventory(evidence), read_originals(evidence)
    outside = given_by_resources(facts.grants)
    taken = assumed_by(evidence, inventory, window)

    def desk() -> Desk:
        return Desk(catalogue, inventory, originals, window, kinds, taken)

    asked, names = sorted(questions, key=lambda one: one.identity), len(catalogue.permissions)
    parts = in_halves(asked, lambda some: _reduce(some, desk(), outside), from_items=_WORTH_HALVING)
    if len(parts) > 1 and not _agree(parts, names):
        parts = (_reduce(asked, desk(), outside),)
    return Reductions(
        able=True,
        found={name: one for part in parts for name, one in part.found.items()},
        failed={name: text for part in parts for name, text in part.failed.items()},
        stays={name: stays for part in parts for name, stays in part.stays.items()},
    )


@dataclass
class _Part:
    """What some questions came to; `made` are new policies, `names` how many permissions have a number."""

    found: dict[str, Replacement] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    stays: dict[str, tuple[Stay, ...]] = field(default_factory=dict)
    made: frozenset[str] = frozenset()
    names: int = 0


def _agree(parts: Sequence[_Part], names: int) -> bool:
    """Tell whether parts that were worked out apart, when so many permissions had a number, stand together.

    No two new policies have one name, and no part gave a number that means something else in the other.
    """
    made = [name for part in parts for name in part.made]
    return len(made) == len(set(made)) and all(part.names == names for part in parts)


def _reduce(questions: Iterable[Question], desk: Desk, outside: Mapping[str, int]) -> _Part:
    """Answer some questions."""
    part = _Part()
    holders = {**desk.inventory.users, **desk.inventory.roles}
    for question in questions:
        holder = holders.get(question.identity)
        if holder is None:
            continue
        try:
            planned = plan(holder, question, desk)
            theirs = outside.get(question.identity, 0)
            if not planned.changes:
                part.stays[question.identity] = _stays(
                    [_given_by(question, theirs), *planned.stays], question.remove
                )
            else:
                part.found[question.identity] = replacement(planned, question, desk, theirs)
        except Exception as error:  # noqa: BLE001 one identity's odd policy must not cost the others theirs
            part.failed[question.identity] = f"{type(error).__name__}: {error}"
    part.made, part.names = desk.made(), len(desk.catalogue.permissions)
    return part


def replacement(planned: Plan, question: Question, desk: Desk, outside: int = 0) -> Replacement:
    """Return the planned changes with what was checked about them.

    `outside` is what policies of resources give the identity besides: it stays, whatever its own say.
    """
    before = planned.access
    steps = simulate(before, planned.changes)
    after = steps[-1][1]
    old, new = before.statements(), after.statements()
    context = planned.context
    given, wide = _given(after, context, desk)
    removed = question.remove & ~given & ~outside
    theirs = _given_by(question, outside)
    replayed = replay(Compiled(old, context), Compiled(new, context), question.usage)
    contained = _contained(before, after)
    if after.trust != before.trust:
        taken = desk.taken.get(planned.holder.arn, set())
        still, nobody_new = check_trust(before.trust, after.trust, taken)
        replayed = _both(replayed, still)
        contained = _both(contained, nobody_new)
    return Replacement(
        identity=planned.holder.arn,
        changes=tuple(planned.changes),
        removed=removed,
        replay=replayed,
        containment=contained,
        limits=check_limits(planned.holder.kind, before, steps, desk.catalogue),
        restore=_restored(before, after, planned.changes),
        stays=_stays([theirs, *planned.stays], question.remove & (given | outside)),
        notes=(*planned.notes, *_wide_note(wide & given, desk)),
        artifacts=artifacts(planned.changes),
        rollback=rollback(planned.changes),
    )


def _given_by(question: Question, outside: int) -> Stay:
    """Return what policies of resources give of that which was to go."""
    reason = "the policy of a resource gives it too: change it there (the grants name the resource)"
    return Stay(question.remove & outside, "given-by-resource", reason)


def simulate(access: Access, changes: Iterable[Change]) -> list[tuple[Change, Access]]:
    """Return each change with the access after it."""
    steps = []
    for change in changes:
        access = apply(access, change)
        steps.append((change, access))
    return steps


def _given(access: Access, context: Context, desk: Desk) -> tuple[int, int]:
    """Return what some Allow statement still gives, under any condition, and what of it on every resource.

    The second holds only actions for which a narrower resource could be named.
    """
    found = wide = 0
    if not access.statements():
        return found, wide
    for document in access.documents():
        for clause in desk.binder.clauses(document):
            if clause.statement.effect is Effect.ALLOW and hold(clause, context).applies is not False:
                found |= clause.permissions(context)
                wide |= clause.wide(context)
    return found, wide


def _wide_note(wide: int, desk: Desk) -> tuple[str, ...]:
    """Return what a reviewer should know of actions that keep every resource: trimming narrows none."""
    if not wide:
        return ()
    names = desk.catalogue.permissions.names(wide)
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    note = (
        f"Still on every resource though narrower ones can be named: {', '.join(names[:_SHOWN])}{more}. "
        f"`entdrift reduce --rebuild` limits them to the resources on record where that is safe."
    )
    return (note,)


def _contained(before: Access, after: Access) -> Claim:
    """Return whether the new statements allow nothing that the present ones do not."""
    found = contains(before.statements(), after.statements())
    match found.answer:
        case Answer.YES:
            return Claim(Standing.PROVED)
        case Answer.NO:
            return Claim(Standing.REFUTED, "the replacement would allow something new", found.witness)
        case Answer.UNKNOWN:
            return Claim(Standing.UNDECIDED, found.reason)


def _both(policies: Claim, trust: Claim) -> Claim:
    """Return the claim about the policies and the trust together: the worse of the two, with all refusals."""
    order = (Standing.REFUTED, Standing.UNDECIDED, Standing.PROVED)
    worse = min(policies, trust, key=lambda claim: order.index(claim.standing))
    refused = (*policies.refused, *trust.refused)
    return replace(worse, requests=policies.requests, refused=refused)


def _restored(before: Access, after: Access, changes: Sequence[Change]) -> Claim:
    """Return whether taking the steps back, last first, gives what stands now."""
    access = after
    for change in reversed(changes):
        access = take_back(access, change, before)
    if access == before:
        return Claim(Standing.PROVED)
    old, new = before.statements(), access.statements()
    for outer, inner in ((old, new), (new, old)):
        found = contains(outer, inner)
        if found.answer is Answer.NO:
            return Claim(
                Standing.REFUTED, "the rollback does not give back the present access", found.witness
            )
        if found.answer is Answer.UNKNOWN:
            return Claim(Standing.UNDECIDED, found.reason)
    return Claim(Standing.PROVED)


def _stays(stays: Iterable[Stay], left: int) -> tuple[Stay, ...]:
    """Return why each permission that was to go stays."""
    reason = (
        "a list without it would not fit the policy size limit, or its policy cannot be changed for this "
        "identity alone"
    )
    return first_reasons((*stays, Stay(left, "does-not-fit", reason)), left)
