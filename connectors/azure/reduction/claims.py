"""Check replay, containment and restore on what one identity holds before and after the steps."""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from connectors.azure.ids import ROOT, Level, holds, last_segment, level, resource_id, subscription
from connectors.azure.inventory import Definition
from connectors.azure.policy.globs import within
from connectors.azure.policy.patterns import Block, Plane, Universe
from connectors.azure.reduction.standing import UNDOABLE, Access, Right, rights, take_back
from connectors.facts import Usage, Window
from connectors.reduction import Change, Claim, Standing


@dataclass(frozen=True, slots=True)
class Ground:
    """What the claims are checked against: known roles, known operations, the window."""

    known: Mapping[str, Definition]
    universe: Universe
    window: Window
    holds: Callable[[str, str], bool | None] = holds
    proven: frozenset[tuple[str, str]] = frozenset()
    """(assignment id, subscription): a call through the assignment shows that it reaches the subscription."""

    def reaches(self, one: Right, scope: str) -> bool | None:
        """Return whether an assignment holds at a scope: by its path, or because a log shows that it does."""
        found = self.holds(one.scope, scope)
        if found is None and (one.assignment, subscription(scope)) in self.proven:
            return True
        return found

    def planes(self, operation: str) -> Plane | None:
        """Return the plane of an operation, None when it is in both or in none that is known."""
        found = [plane for plane in Plane if self.universe.listed(plane, operation)]
        return found[0] if len(found) == 1 else None


def replay(before: Sequence[Right], after: Sequence[Right], usage: Iterable[Usage], ground: Ground) -> Claim:
    """Return whether every recorded call that the identity's own assignments allow is allowed afterwards.

    A condition is one unknown truth: a call that it may have allowed is kept by the same condition, word for
    word. What groups give is in both and not counted. Calls that no own assignment allows are left out.
    """
    kept, left_out = 0, 0
    refused: list[str] = []
    unclear: list[str] = []
    for row in usage:
        if row.count <= row.denied:
            continue
        verdict = _still(row, before, after, ground)
        said = f"{row.permission} on {row.resource or 'an unnamed resource'}"
        if verdict is None:
            left_out += 1
        elif verdict is Standing.PROVED:
            kept += 1
        else:
            (refused if verdict is Standing.REFUTED else unclear).append(said)
    requests = kept + len(refused) + len(unclear)
    calls = counted(left_out, "recorded kind") + " of calls"
    aside = f"left out, because no assignment of its own allows them: {calls}" if left_out else ""
    if refused:
        return Claim(Standing.REFUTED, aside, requests=requests, refused=tuple(sorted(set(refused))))
    if unclear:
        named = sorted(set(unclear))
        reason = f"it is open whether these are still allowed: {', '.join(named[:3])}" + (
            f" and {len(named) - 3} more" if len(named) > 3 else ""
        )
        return Claim(Standing.UNDECIDED, "; ".join(filter(None, (reason, aside))), requests=requests)
    return Claim(Standing.PROVED, aside, requests=requests)


def _still(row: Usage, before: Sequence[Right], after: Sequence[Right], ground: Ground) -> Standing | None:
    """Return whether one recorded call is still allowed; None when nothing of before allows it."""
    was = _ways(row, before, ground)
    if not was:
        return None
    now = _ways(row, after, ground)
    if any(not condition and sure for condition, sure in now):
        return Standing.PROVED
    if row.resource:
        # The assignment that the log credits decided; its own conditions held.
        credited = [one for one in before if one.assignment == resource_id(row.grant)]
        exact = _ways(row, credited, ground) or was
        return Standing.PROVED if exact <= now else (Standing.UNDECIDED if now else Standing.REFUTED)
    return Standing.PROVED if was <= now else (Standing.UNDECIDED if now else Standing.REFUTED)


def _ways(row: Usage, held: Iterable[Right], ground: Ground) -> set[tuple[str, bool | str]]:
    """Return how a call may be allowed: (condition, certain), or the scope where no resource is known."""
    found: set[tuple[str, bool | str]] = set()
    plane = ground.planes(row.permission)
    for one in held:
        conditions = one.gives(row.permission, plane, ground.window)
        reaches = ground.reaches(one, row.resource) if row.resource else None
        if reaches is not False:
            found |= {(condition, True if reaches else one.scope) for condition in conditions}
    return found


def contained(before: Sequence[Right], after: Sequence[Right], ground: Ground) -> Claim:
    """Return whether nothing is given anywhere that was not given there, under the same condition or none.

    Patterns are compared as sets of strings. Where one needs several of before to be covered, the known
    operations are compared one by one: a new one refutes, and without one the claim stays undecided.
    """
    undecided = ""
    for one in after:
        outer = [
            held
            for held in before
            if ground.reaches(held, one.scope) and held.condition in ("", one.condition)
        ]
        if any(held.blocks is None and held.role == one.role for held in outer):
            continue
        for block in one.blocks or ():
            for plane in Plane:
                witness, sure = _beyond(block, plane, outer, ground)
                if witness:
                    return Claim(
                        Standing.REFUTED,
                        "the replacement would allow something new",
                        f"{witness} on {one.scope}",
                    )
                if not sure:
                    undecided = (
                        f"{one.assignment} could not be compared as patterns, only over known operations"
                    )
        if one.blocks is None:
            undecided = f"the role of {one.assignment} is not in the evidence"
    return Claim(Standing.UNDECIDED, undecided) if undecided else Claim(Standing.PROVED)


def _beyond(block: Block, plane: Plane, outer: Sequence[Right], ground: Ground) -> tuple[str, bool]:
    """Return an operation that a block gives and none of `outer` does, and whether there surely is none."""
    if not block.allowed(plane):
        return "", True
    alike = [
        held_block
        for held in outer
        for held_block in held.blocks or ()
        if held_block.condition in ("", block.condition)
    ]
    parts = [_only(entry, block.subtracted(plane), plane) for entry in block.allowed(plane)]
    if all(any(within(part, held_block, plane) for held_block in alike) for part in parts):
        return "", True
    universe = ground.universe
    given = universe.block(plane, block)
    for held_block in alike:
        given &= ~universe.block(plane, held_block)
    known = universe.permissions.names(given & universe.plane(plane))
    return (known[0], False) if known else ("", False)


def _only(entry: str, subtracted: tuple[str, ...], plane: Plane) -> Block:
    """Return the part of a block that one of its entries makes."""
    if plane is Plane.CONTROL:
        return Block((entry,), subtracted, (), ())
    return Block((), (), (entry,), subtracted)


def restored(
    before: Access,
    after: Access,
    changes: Sequence[Change],
    ground: Ground,
    unused: Container[str] = frozenset(),
) -> Claim:
    """Return whether taking the steps back, last first, gives what stands now.

    A removed secret or certificate cannot come back. That is no loss for one of which it is proved that
    nobody used it (`unused`: their ids): a new one does the same.
    """
    access = after
    for change in reversed(changes):
        access = take_back(access, change)
    back = {change.target for change in changes if change.kind in UNDOABLE}
    if (access.assignments, access.roles) != (before.assignments, before.roles) or access.gone & back:
        old, new = rights(before, ground.known), rights(access, ground.known)
        lost = next((one for one in old if one not in new), None)
        witness = f"{lost.role} on {lost.scope}" if lost else ""
        return Claim(Standing.REFUTED, "the rollback does not give back the present access", witness)
    removed = [change for change in changes if change.kind not in UNDOABLE]
    lasting = [change for change in removed if change.target not in unused]
    if lasting:
        reason = (
            f"role assignments come back as they were; {counted(len(lasting), 'removed credential')} cannot: "
            "a new one would have to be made"
        )
        return Claim(Standing.UNDECIDED, reason)
    if removed:
        reason = (
            f"{counted(len(removed), 'unused credential')} removed: no sign-in of the whole window used it"
        )
        return Claim(Standing.PROVED, f"{reason}; it cannot be restored, create a new one")
    return Claim(Standing.PROVED)


def credited(usage: Iterable[Usage]) -> Iterator[tuple[str, str]]:
    """Yield (assignment id, subscription) of each call that a log credits to an assignment."""
    for row in usage:
        if row.grant and row.count > row.denied and subscription(row.resource):
            yield resource_id(row.grant), subscription(row.resource)


def short(scope: str) -> str:
    """Return a scope as people name it: its last segment, with a word for what is not told by its name."""
    words = {Level.SUBSCRIPTION: "subscription ", Level.MANAGEMENT_GROUP: "management group "}
    return words.get(level(scope), "") + last_segment(scope) if scope != ROOT else "the tenant root"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
