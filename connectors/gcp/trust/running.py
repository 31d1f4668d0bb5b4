"""Tell which service accounts an identity becomes by running code under them: `actAs` and a place."""

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache

from connectors.facts import PermissionSet, Step
from connectors.gcp.catalog import table
from connectors.gcp.exports.shapes import CLOUD
from connectors.gcp.grants.denies import Denials
from connectors.gcp.grants.grants import Holding
from connectors.gcp.hierarchy import Hierarchy
from connectors.permissions import Permissions

Rules = Collection[tuple[str, PermissionSet, bool]]
"""Deny rules that apply to an identity, or may: place, permissions, whether it is sure."""
_MOST_NAMED = 3


class Running:
    """Decides where an identity may run code of its own."""

    def __init__(self, permissions: Permissions, denials: Denials, hierarchy: Hierarchy) -> None:
        data = table("impersonation")["becoming"]
        self._permissions = permissions
        self._denials = denials
        self._hierarchy = hierarchy
        self.acting = permissions.present(tuple(data["acting"]))
        ways = [(permissions.present(tuple(names)), len(names)) for names in data["code"]]
        self._ways = [mask for mask, length in ways if mask.bit_count() == length]
        self.code = 0
        for mask in self._ways:
            self.code |= mask
        making = (name for names in data["code"] for name in names if name.endswith(".create"))
        self._making = permissions.present(tuple(making))
        self._names = lru_cache(maxsize=None)(self._name)

    def steps(
        self,
        acting: Mapping[str, bool],
        projects: Mapping[str, str],
        held: Sequence[Holding],
        rules: Rules,
    ) -> dict[str, Step]:
        """Return the accounts among those it may act as under which it may run code; sure or not."""
        if not acting or not any(one.grant.permissions & self.code for one in held):
            return {}
        sure, perhaps = self._places(held, {projects[target] for target in acting}, rules)
        anywhere = 0
        for mask in (*sure.values(), *perhaps.values()):
            anywhere |= mask
        found = {}
        for target, certain in acting.items():
            here = sure.get(projects[target], 0)
            both = here | perhaps.get(projects[target], 0)
            for mask, decided in ((here, certain), (both, False), (anywhere, False)):
                if ways := tuple(way for way in self._ways if way & mask == way):
                    found[target] = Step(target, decided, how=self._names(ways))
                    break
        return found

    def _places(
        self, held: Sequence[Holding], wanted: Collection[str], rules: Rules
    ) -> tuple[dict[str, PermissionSet], dict[str, PermissionSet]]:
        """Return by project what code an identity may run there: for certain, and perhaps.

        Of a grant on one resource what changes that resource counts: nothing is made with it.
        """
        sure: dict[str, PermissionSet] = {}
        perhaps: dict[str, PermissionSet] = {}
        for holding in held:
            broad = holding.grant.source.startswith(CLOUD)
            code = self.code if broad else self.code & ~self._making
            if holding.holds is False or not holding.grant.permissions & code:
                continue
            below = set(self._hierarchy.projects_below(holding.node)) if holding.node else set()
            for project in sorted(below & set(wanted)) or sorted(below)[:1]:
                node = f"projects/{project}"
                one, other = left(holding, code, node, rules, self._denials, self._hierarchy)
                sure[project] = sure.get(project, 0) | one
                perhaps[project] = perhaps.get(project, 0) | other
        return sure, perhaps

    def _name(self, ways: tuple[PermissionSet, ...]) -> str:
        """Return the permissions in words: the first few ways."""
        shortest = sorted(ways, key=int.bit_count)
        told = [" + ".join(self._permissions.names(way)) for way in shortest[:_MOST_NAMED]]
        more = f", or {len(ways) - _MOST_NAMED} more ways" if len(ways) > _MOST_NAMED else ""
        return f"{', '.join(self._permissions.names(self.acting))} with {' or '.join(told)}{more}"


def left(
    holding: Holding,
    wanted: PermissionSet,
    node: str,
    rules: Rules,
    denials: Denials,
    hierarchy: Hierarchy,
) -> tuple[PermissionSet, PermissionSet]:
    """Return what deny policies leave of the wanted permissions at a place: for certain, and perhaps."""
    sure, perhaps = holding.sure & wanted, holding.open & wanted
    for place, refused, certain in rules:
        if hierarchy.within(node, place):
            perhaps = perhaps & ~refused if certain else perhaps | (sure & refused)
            sure &= ~refused
    if sure and denials.unread(node):
        return 0, sure | perhaps
    return sure, perhaps
