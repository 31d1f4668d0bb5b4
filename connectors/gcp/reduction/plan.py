"""Plan the steps from what one identity holds to what it needs, in an order that never cuts too early.

Roles are made and bound before what they replace is taken away. A binding that others hold with the identity
(a principal set, the editors of a project) is never edited for them.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from connectors.facts import PermissionSet
from connectors.gcp.exports.shapes import CLOUD
from connectors.gcp.identities.credentials import KEY
from connectors.gcp.reduction.basic_groups import left_behind
from connectors.gcp.reduction.custom_roles import chunks, definition
from connectors.gcp.reduction.desk import KEEP, Desk, Held
from connectors.gcp.reduction.narrow import Spot, Spots, narrowed
from connectors.gcp.reduction.places import place_of
from connectors.gcp.reduction.plan_notes import few, first_step, reviewer_notes
from connectors.gcp.reduction.standing import DISABLED, ENABLED, Access, Bound, Kind
from connectors.gcp.remediation.cli import writable
from connectors.reduction import Change, Question, Stay
from connectors.role_cover import Candidate

_KEY_NAME = re.compile(r"projects/[^/\s]+/serviceAccounts/[^/\s]+/keys/[^/\s]+")
_MOST_ROLES = 8
"""More custom roles than this in place of one binding are no smaller access that anybody can look after."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What one group of bindings keeps: an alternative by predefined roles is looked for each."""

    resource: str
    wanted: PermissionSet
    present: PermissionSet
    roles: frozenset[str]
    """The roles that are replaced."""


@dataclass
class Plan:
    """The steps for one identity, the reasons for what stays, and notes for people."""

    identity: str
    access: Access
    changes: list[Change] = field(default_factory=list)
    stays: list[Stay] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    above: tuple[str, ...] = ()
    """Folders and organizations whose bindings change: they hold for projects the evidence may not know."""
    left_out: PermissionSet = 0
    """What has no effect where it is bound, was never used, and goes with the bindings that are replaced."""
    alive: bool = True
    """False when the account is to be disabled."""


def plan(question: Question, desk: Desk) -> Plan:
    """Return the steps that take the removable permissions and keys from one identity."""
    found = Plan(question.identity, desk.access(question.identity))
    identity = desk.identities.get(question.identity)
    if identity is None or identity.managed_by_provider:
        return found
    if question.identity in desk.opted_out:
        found.stays.append(Stay(question.remove, "opted-out", f"its description says {KEEP}"))
        return found
    if _may_be_disabled(question, desk):
        _disable(found)
    elif question.remove or question.rebuild:
        _Planner(found, question, desk).bindings()
    _keys(found, question, desk)
    return found


def _may_be_disabled(question: Question, desk: Desk) -> bool:
    """Tell whether an account was seen to do nothing, nothing could hide use, and nothing runs as it."""
    identity = desk.identities[question.identity]
    account = identity.kind in ("service-account", "default-service-account")
    return question.idle and account and identity.enabled and not question.unseen and not identity.workloads


def _disable(found: Plan) -> None:
    found.alive = False
    found.changes.append(Change(Kind.DISABLE_ACCOUNT, found.identity, found.identity, ENABLED, DISABLED))
    found.notes.append(
        "Disabled, not deleted: when nobody has missed this account for a full business cycle, take its"
        " bindings away and delete it."
    )


def _keys(found: Plan, question: Question, desk: Desk) -> None:
    for name in question.credentials:
        if desk.kinds.get((found.identity, name)) == KEY and _KEY_NAME.fullmatch(name):
            found.changes.append(Change(Kind.DISABLE_KEY, found.identity, name, ENABLED, DISABLED))
        else:
            found.notes.append(f"Disable {name} by hand: this version writes no command for its kind.")


class _Planner:
    """Works through the bindings of one identity, place by place."""

    def __init__(self, found: Plan, question: Question, desk: Desk) -> None:
        self._found, self._question, self._desk = found, question, desk
        self._name = desk.identities[found.identity].name
        self._spots = Spots(question, desk)
        self._used = {row.permission for row in question.usage if row.count > row.denied}
        self._idle: dict[str, None] = {}
        self._first: list[Change] = []
        self._bound: list[Bound] = []
        self._gone: list[Bound] = []

    def bindings(self) -> None:
        """Plan what replaces each group of bindings on one resource under one condition."""
        groups: dict[tuple[str, str], list[Held]] = {}
        for held in self._desk.held(self._found.identity):
            if not (held.permissions and self._wanted(held)) or self._stands(held):
                continue
            for bound in held.bounds:
                groups.setdefault((bound.resource, bound.condition), []).append(held)
        for (resource, condition), members in sorted(groups.items()):
            self._group(resource, condition, members)
        self._by_name()
        self._write()

    def _by_name(self) -> None:
        """Bind by name what is kept where only a group of a basic role that goes lets the identity in.

        What cannot be written refutes the replacement: the claims are about what is left without the group.
        """
        member = self._desk.member_of(self._found.identity)
        access = self._found.access
        rest = replace(access, bounds=access.bounds - set(self._gone) | set(self._bound))
        lost: dict[tuple[str, str], list[Held]] = {}
        for bound in sorted(left_behind(rest, self._desk)):
            for held in self._desk.held(self._found.identity):
                if bound in held.bounds and not held.grant.undecided:
                    lost.setdefault((bound.resource, bound.condition), []).append(held)
        for (resource, condition), members in lost.items():
            place = place_of(resource)
            present = _together(members)
            roles, problem = sorted({held.binding.role for held in members}), None
            if present & self._question.remove:
                roles, problem = self._roles(present & ~self._question.remove, resource, present)
            takes = place is not None and place.takes(member)
            if problem is None and takes and (not condition or (place is not None and place.conditions)):
                new = [Bound(resource, role, member, condition) for role in roles]
                self._bound += [one for one in new if one not in self._bound]

    def _wanted(self, held: Held) -> bool:
        """Tell whether there is anything to do about a binding: a rebuild looks at all of them."""
        return self._question.rebuild or bool(held.permissions & self._question.remove)

    def _stands(self, held: Held) -> bool:
        """Tell whether a binding is left as it is, and say why of what it gives and should go."""
        found = self._untouchable(held)
        if found is None:
            return False
        goes = held.permissions & self._question.remove
        if goes:
            self._found.stays.append(Stay(goes, *found))
        return True

    def _untouchable(self, held: Held) -> tuple[str, str] | None:
        grant, binding = held.grant, held.binding
        if grant.shared:
            reason = (
                f"given through {binding.member.written}, which others hold too: it is not changed for them"
            )
            return "shared-grant", reason
        if grant.undecided:
            return "condition-undecided", (
                f"a condition that the evidence does not decide: {grant.conditions}"
                if grant.conditions
                else "a principal access boundary blocks it where this is given, or may"
            )
        if binding.title.lower().startswith(KEEP):
            return "opted-out", f"the condition of its binding is titled {KEEP}"
        place = place_of(binding.resource)
        conditions = [bound.condition for bound in held.bounds if bound.condition]
        written = all(place is not None and place.conditions and writable(one) for one in conditions)
        takes = place is not None and place.takes(binding.member.written)
        if place is None or not written or not takes or not held.bounds:
            return "no-command", f"this version writes no command for the policy of {binding.resource}"
        return None

    def _group(self, resource: str, condition: str, members: Sequence[Held]) -> None:
        """Replace bindings by what is kept of them; one that cannot be written anew stays."""
        left = list(members)
        while left:
            present = _together(left)
            others = self._beside(resource, condition, left)
            keep = self._keep(resource, condition, present)
            roles, problem = self._roles(keep.broad & ~others, resource, present)
            if problem is None:
                self._replace(resource, condition, left, roles, keep.narrow)
                return
            stuck = min(
                (one for one in left if problem.permissions & one.permissions),
                key=lambda one: (one.permissions.bit_count(), one.grant.id),
                default=left[0],
            )
            left.remove(stuck)
            stays = stuck.permissions & self._question.remove
            if stays:
                self._found.stays.append(Stay(stays, problem.code, problem.reason))

    def _beside(self, resource: str, condition: str, replaced: Sequence[Held]) -> PermissionSet:
        """Return what other bindings on the same resource, which do not change, give as surely."""
        found = 0
        for held in self._desk.held(self._found.identity):
            stays = held not in replaced and not held.grant.shared and not held.grant.undecided
            if stays and not (held.permissions & self._question.remove) and not self._question.rebuild:
                same = (
                    bound.resource == resource and bound.condition in ("", condition) for bound in held.bounds
                )
                found |= held.permissions if any(same) else 0
        return found

    def _keep(self, resource: str, condition: str, present: PermissionSet) -> "_Keep":
        keep = present & ~self._question.remove
        if not self._question.rebuild or condition:
            return _Keep(keep, {})
        broad, narrow = narrowed(keep, resource, self._spots)
        return _Keep(broad, narrow)

    def _roles(
        self, keep: PermissionSet, resource: str, present: PermissionSet
    ) -> tuple[list[str], Stay | None]:
        """Return roles that together give what is kept, predefined or custom; or why there are none."""
        if not keep:
            return [], None
        exact = self._desk.ready.exact(keep)
        if exact:
            return [exact], None
        level = self._desk.level(resource)
        if not level or level.removeprefix("projects/").isdigit():
            reason = f"{resource} stands in a project or organization that the evidence does not name"
            return [], Stay(keep, "place-unknown", reason)
        return self._written(self._effective(keep, level), resource, level, present)

    def _written(
        self, keep: PermissionSet, resource: str, level: str, present: PermissionSet
    ) -> tuple[list[str], Stay | None]:
        """Return custom roles with what is kept; or why there are none.

        What custom roles may not hold comes from predefined roles that give nothing beyond what is present.
        """
        desk, names = self._desk, self._desk.permissions.names
        refused = desk.permissions.mask(
            one for one in names(keep) if desk.support.allows(one, level) is False
        )
        cover = desk.ready.within(refused, keep, present)
        if cover.missing:
            shown = few(names(cover.missing))
            reason = f"no custom role of {level} may hold {shown}, and no smaller predefined role does"
            return [], Stay(cover.missing, "not-in-custom-roles", reason)
        self._say_excess(cover.roles, refused, level)
        chosen = [one.name for one in cover.roles]
        rest = keep & ~_given(chosen, desk)
        if len(list(chunks(names(rest), desk.support))) > 1:
            chosen += desk.ready.compact(rest)
            rest = keep & ~_given(chosen, desk)
        parts = list(chunks(names(rest), desk.support))
        if len(parts) > _MOST_ROLES:
            reason = f"what was used and what logs cannot show fills {len(parts)} custom roles"
            step = first_step(self._found.identity, rest, desk)
            return [], Stay(keep, "does-not-fit", "; ".join(filter(None, (reason, step))))
        if not self._question.rebuild and not present & self._question.remove & ~_given(chosen, desk):
            # All that should go is given by what has to stay: a new role would change nothing.
            return [], Stay(present & self._question.remove, "not-in-custom-roles", "")
        made = [self._made(part, level, resource, number) for number, part in enumerate(parts)]
        return [*chosen, *made], None

    def _effective(self, keep: PermissionSet, level: str) -> PermissionSet:
        """Return what is kept without what has no effect on a project and was never used, and say so."""
        desk = self._desk
        found = [one for one in desk.permissions.names(keep) if desk.support.idle(one, level)]
        idle = [one for one in found if one not in self._used]
        if idle:
            note = f"Left out, because a binding on a project gives no effect to them: {few(idle, 10)}."
            self._idle[note] = None
        self._found.left_out |= desk.permissions.mask(idle)
        return keep & ~desk.permissions.mask(idle)

    def _say_excess(self, roles: Iterable[Candidate], refused: PermissionSet, level: str) -> None:
        """Say why predefined roles stay that give more than what they are needed for."""
        for role in roles:
            excess = role.permissions & self._question.remove
            if excess:
                needed = ", ".join(self._desk.permissions.names(role.permissions & refused)[:3])
                reason = (
                    f"{role.name} gives it and is kept for {needed}, which no custom role of {level} may hold"
                )
                self._found.stays.append(Stay(excess, "not-in-custom-roles", reason))

    def _made(self, names: Sequence[str], level: str, resource: str, number: int) -> str:
        text = definition(self._name, names, self._desk.support)
        for change in self._first:
            if change.after == text and change.target.startswith(f"{level}/roles/"):
                return change.target
        key = f"{self._found.identity}|{resource}|{number}|{text}"
        role = self._desk.new_role(level, self._name, key)
        self._first.append(Change(Kind.CREATE_ROLE, self._found.identity, role, "", text))
        return role

    def _replace(
        self,
        resource: str,
        condition: str,
        replaced: Sequence[Held],
        roles: Iterable[str],
        narrow: Mapping[tuple[Spot, ...], PermissionSet],
    ) -> None:
        """Plan the new bindings of one group, there and on narrower places, and the end of the old."""
        member = replaced[0].binding.member.written
        new = [Bound(resource, role, member, condition) for role in roles]
        for places, permissions in sorted(narrow.items()):
            found, problem = self._roles(permissions, resource, _together(replaced))
            if problem is None:
                new += [Bound(one.resource, role, member, one.condition) for one in places for role in found]
            else:
                # What cannot be written for the narrow places stays where it was given.
                held = (one.binding.role for one in replaced if one.permissions & permissions)
                new += [Bound(resource, role, member) for role in held]
        self._bound += [one for one in new if one not in self._bound]
        old = {bound for held in replaced for bound in held.bounds if bound.resource == resource}
        self._gone += sorted(one for one in old if one.condition == condition and one not in new)
        present = _together(replaced)
        roles = frozenset(held.binding.role for held in replaced)
        self._found.kept.append(Kept(resource, present & ~self._question.remove, present, roles))

    def _write(self) -> None:
        found = self._found
        present = found.access.bounds
        added = [one for one in self._bound if one not in present]
        gone = [one for one in dict.fromkeys(self._gone) if one not in self._bound]
        bound = {one.role for one in added}
        found.changes += [one for one in self._first if one.target in bound]
        found.changes += [Change(Kind.ADD_BINDING, found.identity, b.resource, "", b.text) for b in added]
        found.changes += [Change(Kind.REMOVE_BINDING, found.identity, b.resource, b.text) for b in gone]
        above = {one.resource.removeprefix(CLOUD) for one in gone if _is_above(one.resource)}
        found.above = tuple(sorted(above))
        if found.changes:
            found.notes += [*self._idle, *reviewer_notes(found.identity, found.changes, self._desk)]


@dataclass(frozen=True, slots=True)
class _Keep:
    """What is kept of a group: on its own resource, and on narrower ones."""

    broad: PermissionSet
    narrow: Mapping[tuple[Spot, ...], PermissionSet]


def _together(held: Iterable[Held]) -> PermissionSet:
    found = 0
    for one in held:
        found |= one.permissions
    return found


def _given(roles: Iterable[str], desk: Desk) -> PermissionSet:
    found = 0
    for role in roles:
        found |= desk.ready.permissions(role)
    return found


def _is_above(resource: str) -> bool:
    return resource.startswith(CLOUD) and not resource.startswith(f"{CLOUD}projects/")
