"""Choose among Google's predefined roles: exact ones, small ones within what is held, the nearest cover."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from connectors.facts import PermissionSet
from connectors.gcp.catalog import matcher, table
from connectors.gcp.grants.roles import is_custom
from connectors.gcp.inventory import Inventory, service_of
from connectors.permissions import Permissions
from connectors.role_cover import Candidate, Cover, Pricing, excess_cost, least_excess

MOST_WANTED = 60
"""Longer lists have no cover worth reading, and take long to cover."""
_MOST_NAMED = 100
_SURPRISE = 3
_MOST_COMPACT = 6
_WORTH_A_ROLE = 100
"""What a predefined role must take off a list that is too long, to be one more thing to look after."""


class ReadyMade:
    """The predefined roles whose definition the evidence holds, without those nobody should be given."""

    def __init__(self, inventory: Inventory, reach: Mapping[str, PermissionSet]) -> None:
        settings = table("custom_roles")["ready_made"]
        excluded, surprising = matcher(settings["excluded"]), matcher(settings["surprising"])
        self._permissions = inventory.permissions
        homes = _homes(inventory.permissions)
        self._candidates = [
            Candidate(
                role.name,
                role.permissions,
                homes.get(_service(role.name), 0),
                _SURPRISE if surprising(role.name) else 0,
            )
            for role in inventory.roles
            if not is_custom(role.name) and not role.deleted and role.permissions and not excluded(role.name)
        ]
        self._exact = {one.permissions: one.name for one in reversed(self._candidates)}
        self._by_name = {one.name: one.permissions for one in self._candidates}
        self._pricing = Pricing(
            risks=tuple((reach.get(name, 0), cost) for name, cost in settings["risk"].items())
        )
        self._covers: dict[tuple[PermissionSet, PermissionSet, frozenset[str]], Cover] = {}

    def __len__(self) -> int:
        return len(self._candidates)

    def exact(self, permissions: PermissionSet) -> str:
        """Return the role that holds just these permissions; empty when there is none."""
        return self._exact.get(permissions, "")

    def permissions(self, name: str) -> PermissionSet:
        """Return what a role that was chosen here holds."""
        return self._by_name[name]

    def within(self, wanted: PermissionSet, kept: PermissionSet, allowed: PermissionSet) -> Cover:
        """Return the nearest cover by roles that give less than allowed; what is kept is no excess."""
        free = kept & ~wanted
        fitting = (
            replace(one, permissions=one.permissions & ~free)
            for one in self._candidates
            if not one.permissions & ~allowed and one.permissions != allowed
        )
        return least_excess(wanted, allowed, fitting, self._pricing)

    def compact(self, kept: PermissionSet) -> list[str]:
        """Return a few roles that give much of what is kept and nothing else."""
        fitting = [one for one in self._candidates if not one.permissions & ~kept]
        found: list[str] = []
        while fitting and len(found) < _MOST_COMPACT:
            left = kept
            best = max(fitting, key=lambda one: ((one.permissions & left).bit_count(), one.name))
            if (best.permissions & kept).bit_count() < _WORTH_A_ROLE:
                break
            found.append(best.name)
            kept &= ~best.permissions
            fitting.remove(best)
        return sorted(found)

    def nearest(
        self, wanted: PermissionSet, allowed: PermissionSet, replaced: frozenset[str]
    ) -> Cover | None:
        """Return the nearest cover by roles other than those replaced.

        None where the list is too long, and where what is held today is nearer.
        """
        if not self._candidates or not 0 < wanted.bit_count() <= MOST_WANTED:
            return None
        key = (wanted, allowed, replaced)
        if key not in self._covers:
            self._covers[key] = least_excess(
                wanted, allowed, self._candidates, self._pricing, excluded=replaced
            )
        cover = self._covers[key]
        return cover if cover.cost < excess_cost(allowed, wanted, allowed, self._pricing) else None

    def described(self, cover: Cover, wanted: PermissionSet) -> str:
        """Return a cover as JSON: each role with what it is for, and everything it gives beyond that."""
        names = self._permissions.names
        return json.dumps(
            {
                "roles": [
                    {
                        "role": one.name,
                        "for": names(one.permissions & wanted),
                        "excess": (one.permissions & ~wanted).bit_count(),
                    }
                    for one in cover.roles
                ],
                "excess": cover.excess.bit_count(),
                "excess_permissions": _some(names(cover.excess & ~cover.outside)),
                "new_access": names(cover.outside),
                "not_covered": names(cover.missing),
                "least_excess_proved": cover.exact,
            },
            indent=1,
        )


def _some(names: Sequence[str]) -> list[str]:
    more = [f"and {len(names) - _MOST_NAMED:,} more"] if len(names) > _MOST_NAMED else []
    return [*names[:_MOST_NAMED], *more]


def _service(role: str) -> str:
    return role.removeprefix("roles/").partition(".")[0]


def _homes(permissions: Permissions) -> dict[str, PermissionSet]:
    """Return the known permissions of each service."""
    found: dict[str, list[str]] = {}
    for name in permissions.names(permissions.known):
        found.setdefault(service_of(name), []).append(name)
    return {service: permissions.mask(names) for service, names in found.items()}
