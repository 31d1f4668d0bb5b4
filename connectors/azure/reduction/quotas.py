"""Check that every document and every step stays within what Azure accepts, and names only what exists."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.azure.catalog.tables import catalogue
from connectors.azure.ids import Level, level, resource_id, subscription
from connectors.azure.inventory import Inventory
from connectors.azure.policy.patterns import Plane, Universe
from connectors.azure.reduction.standing import Access, Kind
from connectors.reduction import Change, Claim, Standing


@dataclass(frozen=True, slots=True)
class Tenant:
    """What stands in the tenant as far as the evidence shows: it counts against the limits."""

    custom_roles: int = 0
    assignments: Mapping[str, int] = field(default_factory=dict)
    """By subscription or management group."""

    @classmethod
    def of(cls, inventory: Inventory, custom_roles: int) -> "Tenant":
        """Count the assignments of an inventory by where they count."""
        found: dict[str, int] = {}
        for one in inventory.assignments.values():
            place = _counted(one.scope)
            found[place] = found.get(place, 0) + 1
        return cls(custom_roles, found)


def _counted(scope: str) -> str:
    return subscription(scope) or (scope if level(scope) is Level.MANAGEMENT_GROUP else "")


def check_limits(
    steps: Sequence[tuple[Change, Access]], tenant: Tenant, universe: Universe, original: Iterable[str]
) -> Claim:
    """Return whether the steps stay within Azure's limits, at every moment.

    `original` are the action strings of the roles that stood: those Azure has accepted once.
    """
    known = {one.lower() for one in original}
    problems = [*_counts(steps, tenant)]
    for change, _ in steps:
        if change.kind == Kind.CREATE_ROLE:
            problems += _role(json.loads(change.after), universe, known)
        elif change.kind == Kind.CREATE_ASSIGNMENT:
            problems += _assignment(json.loads(change.after))
    if problems:
        return Claim(Standing.REFUTED, "; ".join(dict.fromkeys(problems)))
    return Claim(Standing.PROVED)


def _limit(name: str) -> int:
    found: int = catalogue("quotas")["limits"][name]
    return found


def _counts(steps: Sequence[tuple[Change, Access]], tenant: Tenant) -> Iterator[str]:
    """Yield where more stands at some moment than Azure accepts: new stands beside old for a while."""
    here = dict(tenant.assignments)
    roles = tenant.custom_roles
    for change, _ in steps:
        kind = Kind(change.kind)
        if kind is Kind.CREATE_ROLE:
            roles += 1
        elif kind in (Kind.CREATE_ASSIGNMENT, Kind.DELETE_ASSIGNMENT):
            data = json.loads(change.after or change.before)
            place = _counted(resource_id(data["properties"]["scope"]) or "/")
            here[place] = here.get(place, 0) + (1 if kind is Kind.CREATE_ASSIGNMENT else -1)
            group = place.startswith("/")
            name = "assignments_per_management_group" if group else "assignments_per_subscription"
            if kind is Kind.CREATE_ASSIGNMENT and place and here[place] > _limit(name):
                yield f"{here[place]} role assignments would stand in {place}, Azure accepts {_limit(name)}"
    most = _limit("custom_roles_per_tenant")
    if roles > most:
        yield f"{roles} custom roles would stand in the tenant, Azure accepts {most}"


def _role(document: Mapping[str, Any], universe: Universe, known: set[str]) -> Iterator[str]:
    held = document["properties"]
    scopes = held["assignableScopes"]
    levels = [level(resource_id(scope) or "/") for scope in scopes]
    groups = levels.count(Level.MANAGEMENT_GROUP)
    data = [action for block in held["permissions"] for action in block["dataActions"]]
    yield from _longer(
        ("the role's name", len(held["roleName"]), "role_name_characters"),
        ("the role's description", len(held["description"]), "role_description_characters"),
        ("the list of assignable scopes", len(scopes), "assignable_scopes"),
        ("the management groups among them", groups, "management_groups_in_assignable_scopes"),
        ("the role as an argument", len(json.dumps(document)), "argument_bytes"),
    )
    if Level.ROOT in levels:
        yield "a custom role cannot be assignable at the tenant root"
    if groups and data:
        yield "a custom role with data actions cannot be assigned at a management group"
    if not scopes:
        yield "a custom role needs an assignable scope"
    for block in held["permissions"]:
        for key, plane in (("actions", Plane.CONTROL), ("dataActions", Plane.DATA)):
            for name in (*block[key], *block["not" + key[0].upper() + key[1:]]):
                if name.lower() not in known and not universe.listed(plane, name):
                    yield f"{name} is no known operation"


def _assignment(document: Mapping[str, Any]) -> Iterator[str]:
    held = document["properties"]
    yield from _longer(
        ("the condition", len(held.get("condition", "").encode()), "condition_bytes"),
        (
            "the assignment's description",
            len(held.get("description", "")),
            "assignment_description_characters",
        ),
    )


def _longer(*measured: tuple[str, int, str]) -> Iterator[str]:
    for what, size, name in measured:
        if size > _limit(name):
            yield f"{what} has {size:,}, Azure accepts {_limit(name):,}"
