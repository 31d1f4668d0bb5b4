"""Find the smaller scopes that permissions were really used in, from the resources that logs name."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from connectors.azure.ids import Level, level, subscription
from connectors.azure.reduction.claims import Ground
from connectors.azure.reduction.standing import Right
from connectors.facts import Usage, Window

MOST_SCOPES = 5
"""More scopes than this below one parent become the parent."""
EARLIER = timedelta(days=30)
"""Use must have settled in its scopes this long before the window's end, after a log of as long."""
_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class Places:
    """Where one permission was used: scope to the time of its first use there."""

    first: Mapping[str, str]
    needed: frozenset[str]
    """Those that no other assignment already covers."""


def group_of(resource: str) -> str:
    """Return the resource group a resource lies in, the subscription where it lies in none.

    Whoever creates or deletes a resource group needs the right one level above it.
    """
    segments = resource.strip("/").split("/")
    if len(segments) > 4 and segments[2] == "resourcegroups":
        return "/" + "/".join(segments[:4])
    return "/" + "/".join(segments[:2])


def place_of(permission: str, resource: str, *, finest: bool) -> str:
    """Return the scope that one recorded call needs.

    The resource group, so that a new resource beside the old one still works; with `finest` the resource
    itself, unless the call may have created or deleted it.
    """
    if not finest or permission.lower().rpartition("/")[2] in ("write", "delete"):
        return group_of(resource)
    return resource


def settled(window: Window, since: str) -> str | None:
    """Return the time before which use must have begun, None where the log is too short to tell.

    `since` is when the evidence begins to speak: of the log, the identity or the assignment the latest.
    """
    cut = window.end - EARLIER
    start = max(window.start.strftime(_TIME), since)
    return cut.strftime(_TIME) if start <= (cut - EARLIER).strftime(_TIME) else None


def places(
    rows: Iterable[Usage], right: Right, others: Sequence[Right], ground: Ground, *, finest: bool
) -> Places | None:
    """Return where calls of one permission need an assignment; None where that cannot be said.

    Calls outside its scope are another's. Calls do not need this one where another assignment allows them
    without a condition in all of the scope: a right on the one resource beside it leaves the next one out.
    """
    first: dict[str, str] = {}
    needed = set()
    for row in rows:
        if row.count <= row.denied:
            continue
        reaches = ground.reaches(right, row.resource) if subscription(row.resource) else None
        if reaches is None:
            return None
        if not reaches:
            continue
        scope = place_of(row.permission, row.resource, finest=finest)
        if not ground.reaches(right, scope):
            scope = right.scope
        first[scope] = min(first.get(scope, row.first_seen), row.first_seen)
        plane = ground.planes(row.permission)
        if not any(
            ground.reaches(other, scope) and "" in other.gives(row.permission, plane, ground.window)
            for other in others
        ):
            needed.add(scope)
    return Places(first, frozenset(needed)) if first else None


def gathered(scopes: Iterable[str], top: str) -> frozenset[str]:
    """Return scopes with those that lie below another left out, and many siblings as their parent."""
    found = set(scopes)
    while True:
        below = {one for one in found if any(one.startswith(other + "/") for other in found)}
        found -= below
        parents: dict[str, set[str]] = {}
        for one in found:
            parents.setdefault(_parent(one, top), set()).add(one)
        crowded = [(parent, held) for parent, held in parents.items() if len(held) > MOST_SCOPES]
        if not crowded:
            return frozenset(found)
        for parent, held in crowded:
            found = (found - held) | {parent}


def _parent(scope: str, top: str) -> str:
    """Return the next wider scope: resource, resource group, subscription, and then the assignment's own."""
    if scope == top:
        return top
    match level(scope):
        case Level.RESOURCE:
            wider = group_of(scope)
            return wider if wider != scope else top
        case Level.RESOURCE_GROUP:
            return "/" + "/".join(scope.strip("/").split("/")[:2])
        case _:
            return top
