"""Give a permission only on the resources it was used on, where a policy can stand there."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from connectors.facts import PermissionSet, Usage
from connectors.gcp.exports.shapes import CLOUD
from connectors.gcp.names import project_of_email
from connectors.gcp.reduction.desk import Desk
from connectors.gcp.reduction.named import named
from connectors.gcp.reduction.places import narrowest, place_of
from connectors.reduction import Question

_MOST_PLACES = 5
_DATED = re.compile(r"\d{4}")
_MOST_PARTS = 5
"""Of one place; each part is a binding with a condition of its own."""


class Spot(NamedTuple):
    """A place where something was used, and the condition that keeps a binding to it; empty for none."""

    resource: str
    condition: str = ""


class Spots:
    """On which bindable resources an identity used each permission."""

    def __init__(self, question: Question, desk: Desk) -> None:
        self._desk = desk
        self._blind = question.blind | question.unseen
        self._member = desk.member_of(question.identity)
        self._used: dict[str, dict[Spot, tuple[str, str]]] = {}
        """By permission and place: when it was first used there, and as which resource."""
        for row in question.usage:
            if row.count > row.denied:
                found = Spot(self._place(row.permission, row.resource))
                for spot in self._narrower(found, row) if found.resource else (found,):
                    held = self._used.setdefault(row.permission, {}).get(spot)
                    first = min(held[0], row.first_seen) if held else row.first_seen
                    self._used[row.permission][spot] = (first, found.resource)

    def _narrower(self, found: Spot, row: Usage) -> tuple[Spot, ...]:
        """Return what a condition names within a place, or the place itself."""
        inner = named(row.permission, row.resource)
        if inner is None or self._desk.inventory.hierarchy.resource(inner.place) != found.resource:
            return (found,)
        return (Spot(found.resource, inner.condition),)

    def of(self, permission: str) -> frozenset[Spot] | None:
        """Return where a permission was used; None where a call may have been elsewhere."""
        number = self._desk.permissions.find(permission)
        places = self._used.get(permission)
        if places is None or Spot("") in places or number is None or self._blind >> number & 1:
            return None
        return frozenset(self._settled(places))

    def _settled(self, places: Mapping[Spot, tuple[str, str]]) -> Iterator[Spot]:
        """Yield the places; whole ones where some use in them names no part, or parts are still being added.

        A part, and a place that another one holds, counts as settled when it was in use in the first half of
        the window; tables of a day or a month never do.
        """
        whole = {
            where
            for spot, (first, where) in places.items()
            if not spot.condition or first >= self._desk.middle
        }
        crowded = Counter(spot.resource for spot in places if spot.condition)
        for spot, (first, _) in places.items():
            if not spot.condition:
                new = first >= self._desk.middle or _DATED.search(spot.resource.rpartition("/")[2])
                yield self.wider(spot) if new else spot
                continue
            stays = spot.condition and spot.resource not in whole and crowded[spot.resource] <= _MOST_PARTS
            yield spot if stays else Spot(spot.resource)

    def inside(self, resource: str, scope: str) -> bool | None:
        """Return whether a resource stands in a scope."""
        return self._desk.inside(resource, scope)

    def names(self, permissions: PermissionSet) -> list[str]:
        """Return the names of a set."""
        return self._desk.permissions.names(permissions)

    def mask(self, names: list[str]) -> PermissionSet:
        """Return the set of names."""
        return self._desk.permissions.mask(names)

    def wider(self, spot: Spot) -> Spot:
        """Return what holds a place and can carry the binding too; the place itself where nothing does."""
        place = place_of(spot.resource)
        return Spot(place.wider) if place is not None and place.wider else spot

    def _place(self, permission: str, logged: str) -> str:
        """Return the full name of the resource a call was on; empty when unknown, or without a binding."""
        found = full_name(permission, logged, self._desk)
        if not found and (inner := named(permission, logged)) is not None:
            resource = self._desk.inventory.hierarchy.resource(inner.place)
            found = resource if self._desk.node(resource).startswith("projects/") else ""
        place = place_of(found) if found else None
        return found if place is not None and place.takes(self._member) else ""


def full_name(permission: str, logged: str, desk: Desk) -> str:
    """Return the resource of a call that can carry a binding and has a known project; else empty."""
    account = logged.rpartition("serviceAccounts/")[2] if "serviceAccounts/" in logged else ""
    email = desk.emails.get(account, account)
    written = logged.replace(account, email) if account else logged
    found = narrowest(permission, written, project_of_email(email) if email else "")
    if not found or "/projects//" in found:
        return ""
    full = desk.inventory.hierarchy.resource(found)
    node = desk.node(full)
    return full if node.startswith("projects/") else ""


def narrowed(
    keep: PermissionSet, resource: str, spots: Spots
) -> tuple[PermissionSet, Mapping[tuple[Spot, ...], PermissionSet]]:
    """Return what stays on a resource, and by places in it what is given only there.

    What was used, with every call recorded, but never here, goes from here. On a project the rest of what was
    used goes to at most a few places; folders and organizations keep what they give.
    """
    if resource.startswith(CLOUD) and not resource.startswith(f"{CLOUD}projects/"):
        return keep, {}
    moved: dict[tuple[Spot, ...], list[str]] = {}
    for name in spots.names(keep):
        places = spots.of(name)
        if places is None:
            continue
        here = {place: spots.inside(place.resource, resource) for place in places}
        if None in here.values():
            continue
        below = sorted(place for place, inside in here.items() if inside)
        if len(below) > _MOST_PLACES:
            below = sorted({spots.wider(place) for place in below})
        if below == [Spot(resource)] or len(below) > _MOST_PLACES:
            continue
        moved.setdefault(tuple(below), []).append(name)
    narrow = {places: spots.mask(names) for places, names in moved.items()}
    gone = 0
    for permissions in narrow.values():
        gone |= permissions
    return keep & ~gone, {places: permissions for places, permissions in narrow.items() if places}
