"""Decide one request of one identity from the gathered assignments and denies, and say what decided it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from connectors.azure.grants.denies import applies
from connectors.azure.grants.directory import rights_of
from connectors.azure.grants.grants import BY_ROLE, role_blind_vaults
from connectors.azure.grants.operations import build_universe
from connectors.azure.identities.workloads import tie
from connectors.azure.ids import holds, resource_id
from connectors.azure.inventory import Inventory, read_inventory
from connectors.azure.policy.conditions import decide, decide_within
from connectors.azure.policy.patterns import Block, Plane, matches
from connectors.azure.stock import Assignment
from connectors.azure.trust.holders import memberships, short_groups
from connectors.azure.usage.usage import Callers
from connectors.facts import Window
from connectors.interface import Evidence
from connectors.reduction import Ruling

_DENY = "deny assignments"
_ALLOWED, _DENIED, _NOT, _OPEN = (
    "allowed",
    "denied by a deny assignment",
    "not allowed by any assignment",
    "undecided",
)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What one assignment or deny says to a request: True, or None with the reason why it is open."""

    sure: bool
    layer: str
    statement: str
    reason: str


@dataclass(frozen=True, slots=True)
class Request:
    """One request: who asks for which operation on what."""

    identity: str
    action: str
    resource: str
    """Canonical id; "" when no resource is named: then any scope at which it is given counts."""
    window: Window
    planes: tuple[Plane, ...]
    """The planes in which the evidence knows the operation; both where it knows it in none."""


def rule(
    evidence: Sequence[Evidence], identity: str, permission: str, resource: str, window: Window
) -> Ruling | None:
    """Return what assignments and denies say to one request; None for an identity that nothing names.

    Locks, Azure Policy and the keys of accounts, which pass all this by, are not asked.
    """
    inventory = read_inventory(evidence)
    rows = [row for one in evidence for row in one.usage()]
    callers = Callers(inventory, rows, tie(inventory))
    members = memberships(inventory, rows, callers)
    whole = set(inventory.members) - short_groups(evidence, inventory)
    held = [
        one
        for one in inventory.rights
        if one.principal == identity or (one.is_group and identity in members.get(one.principal, ()))
    ]
    directory = rights_of(inventory, identity)
    if not held and not directory and identity not in inventory.principals:
        return None
    universe = build_universe(inventory, rows, evidence)
    planes = tuple(plane for plane in Plane if universe.listed(plane, permission)) or tuple(Plane)
    request = Request(identity, permission, resource_id(resource), window, planes)
    if any(permission.lower() == name.lower() for _, names in directory for name in names):
        statement = next(source for source, names in directory if permission.lower() in map(str.lower, names))
        return Ruling(_ALLOWED, "directory", statement, "it is given for the whole API")
    return _decided(
        list(_allowing(request, held, inventory)),
        list(_denying(request, inventory, members, whole)),
        len(inventory.denies),
    )


def _decided(allowing: Sequence[_Answer], denying: Sequence[_Answer], asked: int) -> Ruling:
    limits = (f"{asked} {_DENY}",) if asked else ()
    refusing = next((one for one in denying if one.sure), None)
    if refusing is not None:
        return Ruling(_DENIED, refusing.layer, refusing.statement, refusing.reason, limits)
    perhaps = next(iter(denying), None)
    granting = next((one for one in allowing if one.sure), None)
    if granting is not None and perhaps is None:
        return Ruling(_ALLOWED, granting.layer, granting.statement, granting.reason, limits)
    if granting is not None and perhaps is not None:
        return Ruling(_OPEN, perhaps.layer, perhaps.statement, perhaps.reason, limits)
    open_ = next(iter(allowing), None)
    if open_ is not None:
        return Ruling(_OPEN, open_.layer, open_.statement, open_.reason, limits)
    return Ruling(
        _NOT, "", "", "no assignment of it, or of a group it is known to be in, gives this there", limits
    )


def _allowing(request: Request, held: Iterable[Assignment], inventory: Inventory) -> Iterator[_Answer]:
    """Yield what the assignments say that may allow the request, narrowest scope first."""
    off = role_blind_vaults(inventory)
    for one in sorted(held, key=lambda each: (-each.scope.count("/"), each.id)):
        where = inventory.holds(one.scope, request.resource) if request.resource else True
        if where is False:
            continue
        definition = inventory.definitions.get(one.definition)
        group = f" (through group {one.principal})" if one.principal != request.identity else ""
        role = definition.name if definition else one.role or one.definition
        statement = f"{one.form} {one.guid}: {role} on {one.scope}{group}"
        if definition is None:
            yield _Answer(False, one.form, statement, "its role definition is not in the evidence")
            continue
        verdict, reason = _gives(request, one, definition.blocks, off)
        if verdict is False:
            continue
        if where is None:
            reason = f"the evidence does not say whether {one.scope} holds {request.resource}"
        yield _Answer(verdict is True and where is True, one.form, statement, reason)


def _gives(
    request: Request, one: Assignment, blocks: Iterable[Block], off: Iterable[str]
) -> tuple[bool | None, str]:
    """Return whether a role gives the operation there: block by block, each under its own condition."""
    place = request.resource or one.scope
    vault = one.form in BY_ROLE and any(holds(name, place) for name in off)
    open_condition = ""
    for block in blocks:
        for plane in request.planes:
            ignored = vault and plane is Plane.DATA
            if ignored or not _names(block.allowed(plane), request.action):
                continue
            if _names(block.subtracted(plane), request.action):
                continue
            decided = decide if request.resource else decide_within
            verdicts = [
                decided(condition, request.action, request.window, place)
                for condition in (one.condition, block.condition)
            ]
            if all(verdict is True for verdict in verdicts):
                return True, "its role gives it" + (" under conditions that hold" if one.condition else "")
            if False not in verdicts:
                open_condition = one.condition if verdicts[0] is None else block.condition
    if open_condition:
        return None, f"its condition could not be decided: {open_condition}"
    return False, ""


def _names(patterns: Iterable[str], action: str) -> bool:
    return any(matches(pattern, action) for pattern in patterns)


def _denying(
    request: Request, inventory: Inventory, members: Mapping[str, set[str]], whole: set[str]
) -> Iterator[_Answer]:
    """Yield the denies that reach the request, or may; one that only audits refuses nothing."""
    for _, deny in sorted(inventory.denies.items()):
        if not deny.enforced:
            continue
        named = applies(deny, request.identity, members, whole)
        here = inventory.holds(deny.scope, request.resource) if request.resource else None
        if not deny.children and request.resource:
            here = deny.scope == request.resource
        verdicts = [
            decide(condition, request.action, request.window, request.resource)
            for block in deny.blocks
            for plane in request.planes
            if _names(block.allowed(plane), request.action)
            and not _names(block.subtracted(plane), request.action)
            for condition in (deny.condition or block.condition,)
        ]
        if named is False or here is False or not any(verdict is not False for verdict in verdicts):
            continue
        sure = named is True and here is True and True in verdicts
        reason = (
            "it names the identity and the operation"
            if sure
            else "whom it hits, where, or under which condition is open"
        )
        yield _Answer(sure, _DENY, f"deny assignment {deny.name} on {deny.scope}", reason)
