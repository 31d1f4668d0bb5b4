"""Plan the steps from what one identity holds to what it needs, in an order that never cuts too early.

What is new is created before what it replaces is deleted. Roles and group assignments that others hold too
are never edited: the identity gets a role of its own.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from connectors.azure.grants.grants import WIDE
from connectors.azure.ids import level
from connectors.azure.inventory import Assignment
from connectors.azure.policy.patterns import Block
from connectors.azure.reduction.app_roles import app_role_steps
from connectors.azure.reduction.by_hand import credential_steps, notes
from connectors.azure.reduction.claims import contained, counted, short
from connectors.azure.reduction.desk import Desk, permissions_of
from connectors.azure.reduction.local_auth import local_auth_steps
from connectors.azure.reduction.narrow import gathered, places, settled
from connectors.azure.reduction.new_grants import ImpossibleError, new_assignment, new_role, role_name
from connectors.azure.reduction.replaced import replaced_steps
from connectors.azure.reduction.standing import (
    Access,
    Kind,
    Right,
    right,
)
from connectors.facts import PermissionSet, Usage
from connectors.reduction import Change, Question, Standing, Stay

_MOST_REGIONS = 4
"""More custom roles than this in the place of one assignment are more than anybody reads."""


@dataclass(frozen=True, slots=True)
class Region:
    """Permissions of one assignment that are to be given at the same scopes."""

    permissions: PermissionSet
    scopes: tuple[str, ...]


@dataclass
class Plan:
    """The steps for one identity, the reasons for what stays, and notes for people."""

    identity: str
    access: Access
    changes: list[Change] = field(default_factory=list)
    stays: list[Stay] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    made: list[tuple[Assignment, Region]] = field(default_factory=list)
    """What custom roles were made for: built-in roles may do instead."""


def plan(question: Question, desk: Desk, blind: PermissionSet) -> Plan:
    """Return the steps that take the removable permissions and credentials from one identity.

    `blind` are the permissions of which a call may have left no record: those are neither taken nor moved.
    """
    own = desk.own.get(question.identity, ())
    access = Access(assignments={one.id: desk.document(one) for one in own})
    found = Plan(question.identity, access)
    planner = _Planner(found, question, desk, blind)
    planner.work(own)
    found.changes += app_role_steps(question, desk)
    for work in (local_auth_steps, credential_steps, replaced_steps):
        steps, said = work(question, desk)
        found.changes += steps
        found.notes += said
    found.notes += notes(question, desk, found.changes)
    return found


class _Planner:
    """Works through the assignments of one identity, each seen beside what the others have become."""

    def __init__(self, found: Plan, question: Question, desk: Desk, blind: PermissionSet) -> None:
        self._found, self._question, self._desk, self._blind = found, question, desk, blind
        self._ground = desk.ground(question.usage)
        self._current: dict[str, list[Right]] = {}
        self._first: list[Change] = []
        self._then: list[Change] = []
        self._calls: dict[str, list[Usage]] = {}
        for row in question.usage:
            self._calls.setdefault(desk.universe.permissions.spelling(row.permission), []).append(row)
        self._credited = {row.grant for row in question.usage if row.grant and row.count > row.denied}

    def work(self, own: Sequence[Assignment]) -> None:
        """Plan all: what no call was credited to first and the widest first, so that it leans on the rest."""
        self._current = {one.id: [self._desk.right(one)] for one in own}
        order = sorted(own, key=lambda one: (one.id in self._credited, one.scope.count("/"), one.id))
        for assignment in order:
            try:
                self._assignment(assignment)
            except ImpossibleError as why:
                held = permissions_of(self._desk.universe, self._desk.right(assignment))
                self._found.stays.append(Stay(held & self._question.remove, why.code, why.reason))
        self._found.changes += [*self._first, *self._then]

    def _assignment(self, assignment: Assignment) -> None:
        held = self._desk.right(assignment)
        if held.blocks is None:
            return
        if self._role(assignment) in self._desk.inventory.contradictory:
            reason = f"{self._role(assignment)} is given twice with different permissions: export roles again"
            raise ImpossibleError("not-understood", reason)
        given = self._desk.roles.given(assignment)
        keep = (given.granted | given.conditional) & ~self._question.remove
        if not keep:
            if given.granted & self._question.remove:
                self._deletable(assignment)
                self._delete(assignment)
            return
        if self._is_redundant(assignment, held):
            self._deletable(assignment)
            self._delete(assignment)
            where = short(assignment.scope)
            self._found.notes.append(
                f"Deleted without a replacement: {self._role(assignment)} on {where}. No call went through "
                f"it, and what it gives the identity also has by another assignment."
            )
            return
        regions = self._regions(assignment, given.granted, keep)
        if regions == [Region(keep, (assignment.scope,))] and not self._takes(held.blocks, keep):
            return
        self._replace(assignment, held, regions)

    def _takes(self, blocks: Iterable[Block], keep: PermissionSet) -> bool:
        """Return whether some block, written for `keep`, differs from the one that stands."""
        return any(self._desk.trimmer.trim(block, keep) != block for block in blocks)

    def _deletable(self, assignment: Assignment) -> None:
        """Raise when an assignment cannot be deleted and made again exactly as it was."""
        written = self._desk.raw.get(assignment.id)
        if written is None:
            raise ImpossibleError(
                "no-id", "the export gives its role assignment no id: use az role assignment list"
            )
        if assignment.until or assignment.id in self._desk.scheduled:
            reason = "PIM made its role assignment for a time: end it there, or let it end"
            raise ImpossibleError("managed-elsewhere", reason)
        if "delegatedManagedIdentityResourceId" in json.loads(written)["properties"]:
            reason = "its role assignment is delegated from another tenant, which manages it"
            raise ImpossibleError("managed-elsewhere", reason)

    def _is_redundant(self, assignment: Assignment, held: Right) -> bool:
        """Return whether logs credit others with the use, and those give all that this one does."""
        if assignment.id in self._credited:
            return False
        others = [
            one
            for name in self._credited & set(self._current) - {assignment.id}
            for one in self._current[name]
            if one.blocks is not None
        ]
        if not others or any(block.condition for block in held.blocks or ()):
            return False
        return contained(others, [held], self._ground).standing is Standing.PROVED

    def _regions(self, assignment: Assignment, granted: PermissionSet, keep: PermissionSet) -> list[Region]:
        """Return what stays at the assignment's scope, and what is needed in smaller scopes only."""
        moved = self._moves(assignment, granted & keep & ~self._blind)
        regions: dict[tuple[str, ...], PermissionSet] = {}
        gone = 0
        for permission, scopes in moved.items():
            bit = self._desk.universe.permissions.mask([permission])
            gone |= bit
            if scopes:
                key = tuple(sorted(scopes))
                regions[key] = regions.get(key, 0) | bit
        rest = keep & ~gone
        found = [Region(rest, (assignment.scope,))] if rest else []
        return [*found, *(Region(mask, scopes) for scopes, mask in sorted(regions.items()))]

    def _moves(self, assignment: Assignment, movable: PermissionSet) -> dict[str, frozenset[str]]:
        """Return the permissions that are needed in smaller scopes than the assignment's, with these.

        A trim moves what was used to the resource groups, where use settled there long enough ago that the
        same move made earlier would have refused nothing. A rebuild moves to resources, without that test.
        """
        finest = self._question.rebuild
        if assignment.condition or not (finest or level(assignment.scope) in WIDE):
            return {}
        if self._desk.raw.get(assignment.id) is None:
            return {}
        deadline = "" if finest else self._deadline(assignment)
        if deadline is None:
            return {}
        held = self._desk.right(assignment)
        others = [
            one
            for name, rights in self._current.items()
            if name != assignment.id
            for one in rights
            if not one.condition
        ]
        found: dict[str, frozenset[str]] = {}
        for permission, rows in sorted(self._calls.items()):
            if not movable >> self._desk.universe.permissions.index(permission) & 1:
                continue
            where = places(rows, held, others, self._ground, finest=finest)
            if where is None or (deadline and max(where.first.values()) >= deadline):
                continue
            found[permission] = where.needed
        found = {name: gathered(scopes, assignment.scope) for name, scopes in found.items()}
        if len({scopes for scopes in found.values() if scopes}) > _MOST_REGIONS:
            union = gathered({scope for scopes in found.values() for scope in scopes}, assignment.scope)
            found = {name: union if scopes else scopes for name, scopes in found.items()}
        return {name: scopes for name, scopes in found.items() if assignment.scope not in scopes}

    def _deadline(self, assignment: Assignment) -> str | None:
        identity = self._desk.identities.get(self._question.identity)
        observed = self._desk.logs.observed.get(identity.account) if identity else None
        if identity is None or observed is None:
            return None
        return settled(self._desk.window, max(observed.first, identity.created, assignment.created))

    def _replace(self, assignment: Assignment, held: Right, regions: Sequence[Region]) -> None:
        self._deletable(assignment)
        blocks = self._own_blocks(assignment, held.blocks or ())
        made: list[tuple[Change | None, str, tuple[str, ...]]] = []
        for region in regions:
            trimmed = [self._desk.trimmer.trim(block, region.permissions) for block in blocks]
            if len(blocks) == len(held.blocks or ()) and trimmed == list(blocks):
                if region.scopes == (assignment.scope,):
                    return
                made.append((None, self._role_id(assignment), region.scopes))
                continue
            for block in filter(None, trimmed):
                role = new_role(self._question.identity, assignment, block, region.scopes, self._desk)
                made.append((role, role.target, region.scopes))
        current = []
        roles: dict[str, str] = {}
        for new, role_id, scopes in made:
            if new is not None:
                self._first.append(new)
                roles[new.target.lower()] = new.after
            for scope in scopes:
                change = new_assignment(self._question.identity, assignment, role_id, scope, self._desk)
                self._first.append(change)
                current.append(
                    right(change.target.lower(), change.after, roles, self._desk.inventory.definitions)
                )
        self._found.made += [(assignment, region) for region in regions]
        self._delete(assignment)
        self._current[assignment.id] = current
        self._say_moves(assignment, regions)

    def _own_blocks(self, assignment: Assignment, blocks: Sequence[Block]) -> list[Block]:
        """Return the blocks that a custom role can carry; they must give what is to stay."""
        free = [block for block in blocks if not block.condition]
        have = needed = 0
        for block in blocks:
            if block.condition:
                needed |= self._desk.trimmer.whole(block)
            else:
                have |= self._desk.trimmer.whole(block)
        if needed & ~have & ~self._question.remove:
            role = self._role(assignment)
            reason = f"{role} gives it under a condition of its own, which a custom role cannot carry"
            raise ImpossibleError("condition-undecided", reason)
        return free

    def _delete(self, assignment: Assignment) -> None:
        written = self._desk.document(assignment)
        target = json.loads(written)["id"]
        self._then.append(Change(Kind.DELETE_ASSIGNMENT, self._question.identity, target, written))
        self._current[assignment.id] = []

    def _say_moves(self, assignment: Assignment, regions: Sequence[Region]) -> None:
        for region in regions:
            if region.scopes == (assignment.scope,):
                continue
            count, role = counted(region.permissions.bit_count(), "permission"), self._role(assignment)
            places_ = ", ".join(short(scope) for scope in region.scopes)
            self._found.notes.append(
                f"{count} of {role} will hold only in {places_}, where the use was, "
                f"and no longer in the rest of {short(assignment.scope)}."
            )

    def _role(self, assignment: Assignment) -> str:
        return role_name(assignment, self._desk)

    def _role_id(self, assignment: Assignment) -> str:
        found: str = json.loads(self._desk.document(assignment))["properties"]["roleDefinitionId"]
        return found
