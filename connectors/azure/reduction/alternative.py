"""Offer built-in roles in place of a custom one, with exactly what they give beside what is needed."""

import json
import re
from collections.abc import Iterator, Sequence
from functools import cache

from connectors.azure.catalog.tables import catalogue
from connectors.azure.inventory import Assignment
from connectors.azure.policy.patterns import Plane
from connectors.azure.reduction.claims import Ground, contained, short
from connectors.azure.reduction.desk import Desk, permissions_of
from connectors.azure.reduction.plan import Plan, Region
from connectors.azure.reduction.standing import Right
from connectors.facts import PermissionSet
from connectors.reduction import Document, Standing
from connectors.role_cover import Candidate, Cover, Pricing, least_excess

_EFFORT = 20_000
MOST_WANTED = 200
"""Longer lists have no cover worth reading, and take long to cover."""


def alternatives(planned: Plan, desk: Desk) -> Iterator[Document]:
    """Yield for each custom role the built-in roles that would do, where some do within the present grant."""
    for assignment, region in planned.made:
        cover = cover_of(assignment, region, desk)
        if cover is not None:
            yield _document(planned.identity, assignment, region, cover, desk)


def cover_of(assignment: Assignment, region: Region, desk: Desk) -> Cover | None:
    """Return the cheapest built-in roles for a region that give nothing the present role does not."""
    wanted = region.permissions
    if wanted & desk.universe.patterns or assignment.condition or wanted.bit_count() > MOST_WANTED:
        return None
    key = (assignment.definition, wanted)
    cover = desk.covers.get(key)
    if not isinstance(cover, Cover):
        candidates = _candidates(assignment, desk)
        # All of them stay within the present role, as patterns: what a pattern stands for is held too.
        allowed = 0
        for one in candidates:
            allowed |= one.permissions
        cover = desk.covers[key] = least_excess(wanted, allowed, candidates, _pricing(desk), effort=_EFFORT)
    if cover.missing or not cover.roles:
        return None
    present = any(_guid(one) == assignment.definition for one in cover.roles)
    return None if present else cover


def _pricing(desk: Desk) -> Pricing:
    key = "pricing"
    found = desk.covers.get(key)
    if not isinstance(found, Pricing):
        costs = catalogue("cover")["costs"]
        risks = []
        for name, cost in sorted(costs.items()):
            table = catalogue("reach")[name]
            mask = desk.universe.listed_by(Plane.CONTROL, table["control"])
            risks.append((mask | desk.universe.listed_by(Plane.DATA, table["data"]), cost))
        found = desk.covers[key] = Pricing(risks=tuple(risks))
    return found


def _candidates(assignment: Assignment, desk: Desk) -> Sequence[Candidate]:
    """Return the built-in roles that give, for all strings, nothing that the assignment's role does not."""
    found = desk.covers.get(assignment.definition)
    if not isinstance(found, tuple):
        held = desk.right(assignment)
        ground = desk.ground(())
        found = desk.covers[assignment.definition] = tuple(
            Candidate(f"{definition.name}\n{key}", given, _home(given, desk))
            for key, definition in sorted(desk.inventory.definitions.items())
            if key in desk.built_in and not _never(definition.name)
            for one in [Right("", held.scope, "", key, definition.blocks)]
            if not any(block.condition for block in definition.blocks) and _fits(held, one, ground)
            for given in [permissions_of(desk.universe, one)]
        )
    return found


def _home(given: PermissionSet, desk: Desk) -> PermissionSet:
    """Return all permissions of the provider that most of a role is about."""
    common = catalogue("cover")["common"]
    services = {
        name: len(held)
        for name, held in desk.universe.permissions.by_service(given).items()
        if name not in common
    }
    if not services:
        return 0
    home = max(sorted(services), key=lambda name: services[name])
    return desk.universe.reaching(Plane.CONTROL, [f"{home}/*"]) | desk.universe.reaching(
        Plane.DATA, [f"{home}/*"]
    )


def _fits(held: Right, one: Right, ground: Ground) -> bool:
    return contained([held], [one], ground).standing is Standing.PROVED


def _never(name: str) -> bool:
    return any(pattern.fullmatch(name) for pattern in _patterns())


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    return tuple(
        re.compile(re.escape(one).replace(r"\*", ".*"), re.IGNORECASE) for one in catalogue("cover")["never"]
    )


def _document(identity: str, assignment: Assignment, region: Region, cover: Cover, desk: Desk) -> Document:
    permissions = desk.universe.permissions
    names = permissions.names(cover.excess)
    body = {
        "instead_of": f"the custom role for what is needed of {assignment.id}",
        "scopes": [desk.spelling.of(scope) for scope in region.scopes],
        "roles": [
            {
                "role": _name(one),
                "id": _guid(one),
                "for": permissions.names(one.permissions & region.permissions),
                "excess": (one.permissions & ~region.permissions).bit_count(),
            }
            for one in cover.roles
        ],
        "excess": len(names),
        "excess_is_lower_bound": bool(cover.excess & desk.universe.patterns),
        "excess_permissions": names,
        "new_access": [],
        "least_excess_proved": cover.exact,
    }
    listed = ", ".join(map(_name, cover.roles))
    title = (
        f"built-in roles on {short(region.scopes[0])}: {listed}, {len(names)} permissions more than needed"
    )
    return Document("alternative", title, json.dumps(body, indent=2) + "\n", identity)


def _name(role: Candidate) -> str:
    return role.name.partition("\n")[0]


def _guid(role: Candidate) -> str:
    return role.name.partition("\n")[2]
