"""Answer what a smaller access of each identity looks like, and check the claims about it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from connectors.facts import Facts, Window
from connectors.gcp.catalog import table
from connectors.gcp.reduction.basic_groups import doubt, left_behind
from connectors.gcp.reduction.claims import contained, given, limits, lost, replay, restored
from connectors.gcp.reduction.desk import Desk, open_desk
from connectors.gcp.reduction.plan import Plan, plan
from connectors.gcp.reduction.standing import Access, Kind, apply
from connectors.gcp.remediation.cli import level_and_id
from connectors.gcp.remediation.forms import artifacts, rollback
from connectors.interface import Evidence
from connectors.reduction import Claim, Document, Question, Reductions, Replacement, Standing, Stay
from connectors.stays import first_reasons

ALTERNATIVE = "alternative"


def reduce_all(
    evidence: Sequence[Evidence], facts: Facts, questions: Iterable[Question], window: Window
) -> Reductions:
    """Return a replacement for each identity of which something can be taken away."""
    desk = open_desk(evidence, facts, window)
    found: dict[str, Replacement] = {}
    failed: dict[str, str] = {}
    for question in sorted(questions, key=lambda one: one.identity):
        try:
            planned = plan(question, desk)
            if planned.changes or question.remove:
                found[question.identity] = replacement(planned, question, desk)
        except Exception as error:  # noqa: BLE001 one identity's odd policy must not cost the others theirs
            failed[question.identity] = f"{type(error).__name__}: {error}"
    return Reductions(able=True, found=_crowded(found, desk), failed=failed)


def _crowded(found: Mapping[str, Replacement], desk: Desk) -> dict[str, Replacement]:
    """Note where all reductions together would make more custom roles than a project may have."""
    most = table("custom_roles")["roles"]
    levels = {
        name: {level_and_id(c.target)[0] for c in one.changes if c.kind == Kind.CREATE_ROLE}
        for name, one in found.items()
    }
    full = {level for some in levels.values() for level in some if desk.roles_of(level) > most}
    notes = {
        name: tuple(
            f"With the other reductions {level} would have more than {most} custom roles: apply some of"
            " them, or delete roles that nobody holds any more."
            for level in sorted(some & full)
        )
        for name, some in levels.items()
    }
    return {name: replace(one, notes=(*one.notes, *notes[name])) for name, one in found.items()}


def replacement(planned: Plan, question: Question, desk: Desk) -> Replacement:
    """Return the planned changes with what was checked about them."""
    before, end = planned.access, _after(planned)
    after = replace(end, bounds=end.bounds - left_behind(end, desk))
    if not question.rebuild and not question.remove & ~given(after, desk) and _only_bindings(planned):
        # All that would go is given by what stays: a new role would change nothing.
        planned.changes.clear()
        planned.left_out, after, end = 0, before, before
    still = given(after, desk)
    gone = given(before, desk) & ~still & ~question.remove & ~planned.left_out
    return Replacement(
        identity=planned.identity,
        changes=tuple(planned.changes),
        removed=question.remove & ~still,
        left_out=planned.left_out & ~still,
        replay=lost(gone, desk)
        if gone and planned.alive and not question.rebuild
        else _doubted(
            replay(before, after, question.usage, desk, planned.above),
            doubt(before, after, question.usage, desk) if planned.alive else "",
        ),
        containment=contained(before, after, desk),
        limits=limits(before, planned.changes, after, desk),
        restore=restored(before, end, planned.changes),
        stays=_stays(planned.stays, question.remove & still),
        notes=tuple(planned.notes),
        artifacts=(*artifacts(planned.changes), *_alternatives(planned, desk)),
        rollback=rollback(planned.changes),
    )


def _doubted(claim: Claim, why: str) -> Claim:
    """Return a claim that is not proved any more where something else may be lost."""
    if not why or claim.standing is not Standing.PROVED:
        return claim
    return replace(claim, standing=Standing.UNDECIDED, reason="; ".join(filter(None, (why, claim.reason))))


def _after(planned: Plan) -> Access:
    access = planned.access
    for change in planned.changes:
        access = apply(access, change)
    return access


def _only_bindings(planned: Plan) -> bool:
    """Return whether a plan disables nothing: then it is all about permissions."""
    return planned.alive and not any(change.kind == Kind.DISABLE_KEY for change in planned.changes)


def _alternatives(planned: Plan, desk: Desk) -> list[Document]:
    """Return for each place the nearest cover by predefined roles, labelled with what it gives too much."""
    found = []
    for kept in planned.kept if planned.changes else ():
        cover = desk.ready.nearest(kept.wanted, kept.present, kept.roles)
        if cover is None or not cover.roles or not kept.present & ~kept.wanted & ~cover.excess:
            continue
        excess, new = cover.excess.bit_count(), cover.outside.bit_count()
        beyond = f"{excess:,} permissions too many, {new:,} of them new access"
        name = f"predefined roles instead, not proved: {beyond}"
        found.append(
            Document(ALTERNATIVE, name, desk.ready.described(cover, kept.wanted) + "\n", kept.resource)
        )
    return found


def _stays(stays: Iterable[Stay], left: int) -> tuple[Stay, ...]:
    """Return why each permission that was to go stays."""
    rest = Stay(left, "does-not-fit", "a binding that could not be written anew gives it")
    return first_reasons((*stays, rest), left)
