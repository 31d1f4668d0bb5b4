"""Give a permission only on the resources it was used on, where a policy can stand there."""

from collections.abc import Mapping

from connectors.facts import PermissionSet
from connectors.gcp.desk import Desk
from connectors.gcp.names import project_of_email
from connectors.gcp.places import narrowest
from connectors.gcp.shapes import CLOUD
from connectors.reduction import Question

_MOST_PLACES = 5


class Spots:
    """On which bindable resources an identity used each permission."""

    def __init__(self, question: Question, desk: Desk) -> None:
        self._desk = desk
        self._blind = question.blind | question.unseen
        self._used: dict[str, set[str]] = {}
        for row in question.usage:
            if row.count > row.denied:
                found = self._place(row.permission, row.resource)
                self._used.setdefault(row.permission, set()).add(found)

    def of(self, permission: str) -> frozenset[str] | None:
        """Return where a permission was used; None where a call may have been elsewhere."""
        number = self._desk.permissions.find(permission)
        places = self._used.get(permission)
        if places is None or "" in places or number is None or self._blind >> number & 1:
            return None
        return frozenset(places)

    def inside(self, resource: str, scope: str) -> bool | None:
        """Return whether a resource stands in a scope."""
        return self._desk.inside(resource, scope)

    def names(self, permissions: PermissionSet) -> list[str]:
        """Return the names of a set."""
        return self._desk.permissions.names(permissions)

    def mask(self, names: list[str]) -> PermissionSet:
        """Return the set of names."""
        return self._desk.permissions.mask(names)

    def _place(self, permission: str, logged: str) -> str:
        """Return the full name of the resource a call was on; empty when it is unknown."""
        return full_name(permission, logged, self._desk)


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
) -> tuple[PermissionSet, Mapping[tuple[str, ...], PermissionSet]]:
    """Return what stays on a resource, and by places below it what is given only there.

    What was used, with every call recorded, but never here, goes from here. On a project the rest of what was
    used goes to at most a few places; folders and organizations keep what they give.
    """
    if resource.startswith(CLOUD) and not resource.startswith(f"{CLOUD}projects/"):
        return keep, {}
    moved: dict[tuple[str, ...], list[str]] = {}
    for name in spots.names(keep):
        places = spots.of(name)
        if places is None:
            continue
        here = {place: spots.inside(place, resource) for place in places}
        if None in here.values():
            continue
        below = tuple(sorted(place for place, inside in here.items() if inside))
        if below == (resource,) or len(below) > _MOST_PLACES:
            continue
        moved.setdefault(below, []).append(name)
    narrow = {places: spots.mask(names) for places, names in moved.items()}
    gone = 0
    for permissions in narrow.values():
        gone |= permissions
    return keep & ~gone, {places: permissions for places, permissions in narrow.items() if places}
