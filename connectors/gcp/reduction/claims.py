"""Check what is claimed about a replacement, on the bindings that its steps really come to."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from connectors.facts import PermissionSet, Usage
from connectors.gcp.catalog import table
from connectors.gcp.exports.shapes import CLOUD
from connectors.gcp.names import project_in
from connectors.gcp.policy.conditions import About, decide
from connectors.gcp.reduction.custom_roles import permissions_of, size
from connectors.gcp.reduction.desk import Desk
from connectors.gcp.reduction.named import checked_name
from connectors.gcp.reduction.narrow import full_name
from connectors.gcp.reduction.standing import Access, Kind, expression, take_back
from connectors.reduction import Change, Claim, Standing

_MOST_SHOWN = 20


def given(access: Access, desk: Desk) -> PermissionSet:
    """Return everything that some binding gives, wherever and under whatever condition."""
    if access.disabled:
        return 0
    found = 0
    for bound in access.bounds - desk.void:
        found |= desk.given(access, bound.role) or 0
    return found


def contained(before: Access, after: Access, desk: Desk) -> Claim:
    """Return whether each new binding gives only what one at or above its place gave under its condition.

    A finite check: permissions are compared one by one, places by what stands above them, conditions
    verbatim. A binding without a condition covers one with.
    """
    if after.disabled:
        return Claim(Standing.PROVED)
    undecided = ""
    for bound in sorted(after.bounds - before.bounds):
        wanted = desk.given(after, bound.role)
        if wanted is None:
            return Claim(Standing.UNDECIDED, f"{bound.role} has no definition in the evidence")
        certain = perhaps = 0
        for old in before.bounds:
            if old.condition not in ("", bound.condition):
                continue
            inside = desk.inside(bound.resource, old.resource)
            held = desk.given(before, old.role) or 0
            certain |= held if inside else 0
            perhaps |= held if inside is None else 0
        missing = wanted & ~certain
        if missing & ~perhaps:
            name = desk.permissions.names(missing & ~perhaps)[0]
            return Claim(
                Standing.REFUTED, "the replacement would allow something new", f"{name} on {bound.resource}"
            )
        if missing:
            undecided = f"the project of {bound.resource} is not in the evidence"
    return Claim(Standing.UNDECIDED, undecided) if undecided else Claim(Standing.PROVED)


def lost(permissions: PermissionSet, desk: Desk) -> Claim:
    """Refute a replacement that takes away what nobody showed to be unused: a fault of the plan."""
    names = desk.permissions.names(permissions)[:_MOST_SHOWN]
    return Claim(
        Standing.REFUTED, "", "", refused=tuple(f"{name}, which may be in use unseen" for name in names)
    )


def replay(
    before: Access, after: Access, usage: Sequence[Usage], desk: Desk, above: Iterable[str] = ()
) -> Claim:
    """Return whether every recorded, allowed class of request is still allowed.

    Where a permission is given in the same places under the same conditions as before, that holds whatever
    the log left out. Otherwise the recorded resource decides.
    """
    old, new = _Carriers(before, desk), _Carriers(after, desk)
    requests = left_out = 0
    refused: list[str] = []
    doubtful: list[str] = []
    for row in sorted(usage, key=lambda one: (one.permission, one.resource)):
        if row.count <= row.denied:
            continue
        carriers = old.of(row.permission)
        if not carriers:
            left_out += 1
            continue
        requests += 1
        answer = True if carriers <= new.of(row.permission) else _still(row, carriers, new, desk)
        if answer is not True:
            named = f"{row.permission} on {row.resource or 'an unnamed resource'}"
            (doubtful if answer is None else refused).append(named)
    said = [f"{left_out} that no known binding allows were left out"] if left_out else []
    if refused:
        return Claim(
            Standing.REFUTED, "; ".join(said), "", requests, tuple(dict.fromkeys(refused))[:_MOST_SHOWN]
        )
    if doubtful:
        said.insert(0, f"the log does not say enough to decide {len(doubtful)}, the first: {doubtful[0]}")
        return Claim(Standing.UNDECIDED, "; ".join(said), "", requests)
    places = ", ".join(above)
    if places:
        said.insert(0, f"bindings on {places} also hold in projects whose logs may not be in the evidence")
        return Claim(Standing.UNDECIDED, "; ".join(said), "", requests)
    return Claim(Standing.PROVED, "; ".join(said), "", requests)


class _Carriers:
    """Where and under which condition each permission is given."""

    def __init__(self, access: Access, desk: Desk) -> None:
        self._desk = desk
        self._held = (
            []
            if access.disabled
            else [
                (bound, found)
                for bound in access.bounds
                if (found := desk.given(access, bound.role)) is not None
            ]
        )
        self._known: dict[str, frozenset[tuple[str, str]]] = {}

    def of(self, permission: str) -> frozenset[tuple[str, str]]:
        """Return (resource, condition) of every binding that gives a permission."""
        if permission not in self._known:
            number = self._desk.permissions.find(permission)
            found = {
                (bound.resource, bound.condition)
                for bound, held in self._held
                if number is not None and held >> number & 1
            }
            # What holds anyway on a resource holds there under every condition.
            self._known[permission] = frozenset(
                (scope, condition) for scope, condition in found if not condition or (scope, "") not in found
            )
        return self._known[permission]


def _still(row: Usage, carriers: frozenset[tuple[str, str]], new: _Carriers, desk: Desk) -> bool | None:
    """Return whether a call is allowed by the new bindings, given where the old ones stood."""
    found = {scope: covers(row, scope, desk) for scope, _ in carriers | new.of(row.permission)}
    if any(found[scope] for scope, condition in new.of(row.permission) if (scope, condition) in carriers):
        return True
    if any(found[scope] for scope, condition in new.of(row.permission) if not condition):
        return True
    named = [
        _met(row, condition) if found[scope] else None
        for scope, condition in new.of(row.permission)
        if condition and found[scope] is not False
    ]
    if True in named:
        return True
    plain = (found[scope] for scope, condition in new.of(row.permission) if not condition)
    if None in named or any(one is not False for one in plain):
        return None
    # Refused for certain only where an old binding was sure to cover it.
    return False if any(found[scope] for scope, _ in carriers) else None


def _met(row: Usage, condition: str) -> bool | None:
    """Return whether a recorded call meets a condition that this replacement wrote."""
    name = checked_name(row.permission, row.resource)
    about = About(datetime.max.replace(tzinfo=UTC), (name,), "", "", narrow=True)
    return decide(expression(condition), about)


def covers(row: Usage, scope: str, desk: Desk) -> bool | None:
    """Return whether a recorded call was on a scope or below it; None when nobody can tell."""
    full = full_name(row.permission, row.resource, desk)
    if full:
        return desk.inside(full, scope)
    if not scope.startswith(CLOUD):
        return None
    project = project_in(row.resource)
    if not project or project == "-":
        return None
    return desk.inside(f"{CLOUD}{desk.inventory.hierarchy.node(f'projects/{project}')}", scope)


def limits(access: Access, changes: Sequence[Change], after: Access, desk: Desk) -> Claim:
    """Return whether the new roles and bindings keep Google's limits and hold what they may."""
    settings = table("custom_roles")
    broken: list[str] = []
    unknown: set[str] = set()
    made: Counter[str] = Counter()
    for change in changes:
        if change.kind != Kind.CREATE_ROLE:
            continue
        level = change.target.partition("/roles/")[0]
        names = permissions_of(change.after)
        made[level] += 1
        if len(names) > settings["permissions"] or size(change.after) > settings["size_bytes"]:
            broken.append(f"{change.target} is larger than a role may be")
        answers = {name: desk.support.allows(name, level) for name in names}
        broken += [f"{change.target} may not hold {name}" for name, ok in answers.items() if ok is False][:1]
        unknown |= {name for name, ok in answers.items() if ok is None}
    for level, count in sorted(made.items()):
        if len(desk.support.taken(level)) + count > settings["roles"]:
            broken.append(f"{level} would have more than {settings['roles']} custom roles")
    broken += _crowded(access, after, desk, settings["members"], settings["same_role_and_member"])
    if broken:
        return Claim(Standing.REFUTED, "; ".join(broken[:3]))
    if unknown:
        shown = ", ".join(sorted(unknown)[:3])
        return Claim(
            Standing.UNDECIDED,
            f"whether custom roles may hold {len(unknown):,} of the permissions ({shown}) is not in the"
            " evidence: gcloud iam list-testable-permissions tells, as testable_permissions",
        )
    return Claim(Standing.PROVED)


def _crowded(before: Access, after: Access, desk: Desk, most: int, same: int) -> list[str]:
    """Return which policies would name too many members once everything new stands beside the old."""
    new: Counter[str] = Counter(bound.resource for bound in after.bounds - before.bounds)
    found = [
        f"the policy of {resource} would name more than {most:,} members"
        for resource, count in sorted(new.items())
        if desk.members.get(resource, 0) + count > most
    ]
    twice = Counter((bound.resource, bound.role) for bound in after.bounds if bound.condition)
    return found + [
        f"{role} would be bound more than {same} times" for (_, role), n in twice.items() if n > same
    ]


def restored(before: Access, after: Access, changes: Sequence[Change]) -> Claim:
    """Return whether taking the steps back, last first, gives the present bindings."""
    access = after
    for change in reversed(changes):
        access = take_back(access, change)
    if access == before:
        return Claim(Standing.PROVED)
    differing = sorted(access.bounds ^ before.bounds)
    witness = f"{differing[0].role} on {differing[0].resource}" if differing else "the account's state"
    return Claim(Standing.REFUTED, "the rollback does not give back the present access", witness)
