"""Find who may act as a service account: by its own policy, or by a grant on its project or above."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from connectors.gcp.catalog import services, table
from connectors.gcp.grants import Binding
from connectors.gcp.hierarchy import Hierarchy
from connectors.gcp.inventory import Inventory
from connectors.gcp.names import SERVICE_ACCOUNT_DOMAIN, principal_id

_ACCOUNT = "/serviceAccounts/"


@dataclass(frozen=True, slots=True)
class Edge:
    """One member that may act as one service account; `own` when the account's own policy says so."""

    target: str
    member: str
    member_id: str
    resource: str
    own: bool


def edges(
    bindings: Iterable[Binding],
    inventory: Inventory,
    accounts: Mapping[str, str],
    emails: Mapping[str, str],
) -> list[Edge]:
    """Return every impersonation edge, sorted.

    A role counts by its permissions where its definition is in the evidence, by its name otherwise.
    """
    roles = _Powers(inventory)
    by_project = _by_project(accounts)
    found: set[tuple[str, str, str, str, bool]] = set()
    for binding in bindings:
        if binding.member.kind == "deleted" or not roles.impersonates(binding.role):
            continue
        own = _ACCOUNT in binding.resource
        for target in _targets(binding, inventory.hierarchy, by_project, emails):
            if target != binding.member.id:
                found.add((target, binding.member.written, binding.member.id, binding.resource, own))
    return [Edge(*one) for one in sorted(found)]


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


def _targets(
    binding: Binding,
    hierarchy: Hierarchy,
    by_project: Mapping[str, Sequence[str]],
    emails: Mapping[str, str],
) -> Iterable[str]:
    if _ACCOUNT in binding.resource:
        name = binding.resource.rpartition(_ACCOUNT)[2]
        return (principal_id(emails.get(name, name)),)
    if binding.narrow:
        return ()
    below = hierarchy.projects_below(binding.node)
    return [account for project in below for account in by_project.get(project, ())]
