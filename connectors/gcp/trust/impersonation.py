"""Find who may act as a service account: by its own policy, or by a grant on its project or above."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from connectors.gcp.catalog import services, table
from connectors.gcp.grants.grants import Binding
from connectors.gcp.hierarchy import Hierarchy
from connectors.gcp.inventory import Inventory
from connectors.gcp.names import SERVICE_ACCOUNT_DOMAIN, principal_id

_ACCOUNT = "/serviceAccounts/"
_MOST_SINGLES = 100


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """One member that may act as one service account by the account's own policy."""

    target: str
    member: str
    member_id: str
    resource: str


@dataclass(frozen=True, slots=True)
class Trust:
    """Who may act as which service account."""

    own: tuple[Edge, ...]
    """By the account's own policy, sorted."""
    members: Mapping[str, tuple[str, ...]]
    """By account: every such member as written, also those of its project and of all above it."""


def read_trust(
    bindings: Iterable[Binding],
    inventory: Inventory,
    accounts: Mapping[str, str],
    emails: Mapping[str, str],
) -> Trust:
    """Return who may act as each service account.

    A role counts by its permissions where its definition is in the evidence, by its name otherwise.
    """
    roles = _Powers(inventory)
    own: set[Edge] = set()
    above: dict[str, set[tuple[str, str]]] = {}
    for binding in bindings:
        member = binding.member
        if member.kind == "deleted" or not roles.impersonates(binding.role):
            continue
        if _ACCOUNT in binding.resource:
            name = binding.resource.rpartition(_ACCOUNT)[2]
            own.add(Edge(principal_id(emails.get(name, name)), member.written, member.id, binding.resource))
        elif not binding.narrow:
            above.setdefault(binding.node, set()).add((member.written, member.id))
    found = _below(above, accounts, inventory.hierarchy)
    for edge in own:
        if edge.target != edge.member_id:
            found[edge.target] = tuple(sorted({*found.get(edge.target, ()), edge.member}))
    return Trust(tuple(sorted(own)), found)


def _below(
    above: Mapping[str, set[tuple[str, str]]], accounts: Mapping[str, str], hierarchy: Hierarchy
) -> dict[str, tuple[str, ...]]:
    """Return by account who may act as every account of its project; nobody is his own actor."""
    members: dict[str, set[tuple[str, str]]] = {}
    for node, held in above.items():
        for project in hierarchy.projects_below(node):
            members.setdefault(project, set()).update(held)
    found: dict[str, tuple[str, ...]] = {}
    for project, targets in _by_project(accounts).items():
        held = members.get(project, set())
        everyone, actors = _folded(sorted(written for written, _ in held), project), {one for _, one in held}
        for target in targets if held else ():
            # One tuple for all of a project: an organization may have millions of such pairs.
            others = everyone
            if target in actors:
                others = _folded(sorted(written for written, one in held if one != target), project)
            if others:
                found[target] = others
    return found


def _folded(members: Sequence[str], project: str) -> tuple[str, ...]:
    """Return the members as written; of very many the sets, the first singles, and how many more there are.

    An organization may have thousands of editors, and each of its accounts would list them all.
    """
    if len(members) <= _MOST_SINGLES:
        return tuple(members)
    singles = [one for one in members if one.startswith(("user:", "serviceAccount:"))]
    left = singles[_MOST_SINGLES:]
    if not left:
        return tuple(members)
    gone = set(left)
    more = f"{len(left)} more users and service accounts by roles on projects/{project} or above it"
    return (*(one for one in members if one not in gone), more)


class _Powers:
    """Which roles let their holder act as a service account."""

    def __init__(self, inventory: Inventory) -> None:
        data = table("impersonation")
        self._roles = frozenset(data["roles"])
        self._inventory = inventory
        self._mask = inventory.permissions.mask(
            name for name in data["permissions"] if inventory.permissions.find(name) is not None
        )

    def impersonates(self, role: str) -> bool:
        known = self._inventory.roles.find(role)
        if known is None:
            return role in self._roles
        return bool(known.permissions & self._mask)


def _by_project(accounts: Mapping[str, str]) -> Mapping[str, Sequence[str]]:
    """Return the service accounts of every project; Google's own agents live in Google's projects."""
    found: dict[str, list[str]] = {}
    for identity, project in accounts.items():
        domain = identity.partition("@")[2]
        if identity.endswith(SERVICE_ACCOUNT_DOMAIN) and not services().is_agent_domain(domain):
            found.setdefault(project, []).append(identity)
    return found
