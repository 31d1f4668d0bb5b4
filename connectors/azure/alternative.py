"""Offer built-in roles in place of a custom one, with exactly what they give beside what is needed."""

import json
import re
from collections.abc import Iterator, Sequence
from functools import cache

from connectors.azure.catalogue import catalogue
from connectors.azure.claims import Ground, contained, short
from connectors.azure.desk import Desk, permissions_of
from connectors.azure.inventory import Assignment
from connectors.azure.plan import Plan, Region
from connectors.azure.policy import Plane
from connectors.azure.standing import Right
from connectors.facts import PermissionSet
from connectors.reduction import Document, Standing
from connectors.role_cover import Candidate, Cover, Pricing, least_excess

_MOST_NAMED = 50
_LONG = 200


def alternatives(planned: Plan, desk: Desk) -> Iterator[Document]:
    """Yield for each custom role the built-in roles that would do, where some do within the present grant."""
    for assignment, region in planned.made:
        cover = cover_of(assignment, region, desk)
        if cover is not None:
            yield _document(planned.identity, assignment, region, cover, desk)


def cover_of(assignment: Assignment, region: Region, desk: Desk) -> Cover | None:
    """Return the cheapest built-in roles for a region that give nothing the present role does not."""
    wanted = region.permissions
    if wanted & desk.universe.patterns or assignment.condition:
        return None
    candidates = _candidates(assignment, desk)
    allowed = permissions_of(desk.universe, desk.right(assignment))
    cover = least_excess(wanted, allowed, candidates, _pricing(desk))
    if cover.missing or not cover.roles:
        return None
    present = [one for one in cover.roles if one.name.endswith(f"\n{assignment.definition}")]
    return None if present and region.scopes == (assignment.scope,) else cover


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
            Candidate(f"{definition.name}\n{key}", permissions_of(desk.universe, one))
            for key, definition in sorted(desk.inventory.definitions.items())
            if key in desk.built_in and not _never(definition.name)
            for one in [Right("", held.scope, "", key, definition.blocks)]
            if not any(block.condition for block in definition.blocks) and _fits(held, one, ground)
        )
    return found


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
    names = desk.universe.permissions.names(cover.excess)
    excess: PermissionSet = cover.excess & desk.universe.patterns
    body = {
        "instead_of": "the custom role for what is needed of this assignment",
        "assignment": assignment.id,
        "scopes": [desk.spelling.of(scope) for scope in region.scopes],
        "roles": [
            {"roleName": name, "roleDefinitionId": key}
            for name, _, key in (one.name.partition("\n") for one in cover.roles)
        ],
        "needed": region.permissions.bit_count(),
        "excess": len(names),
        "excess_is_lower_bound": bool(excess),
        "excess_permissions": names[:_LONG],
        "least_possible": cover.exact,
    }
    listed = ", ".join(one.name.partition("\n")[0] for one in cover.roles[:_MOST_NAMED])
    title = f"alternative on {short(region.scopes[0])}: {listed}, {len(names)} permissions more than needed"
    return Document("json", title, json.dumps(body, indent=2) + "\n", identity)
