"""Apply principal access boundaries: they say which resources a principal may reach at all.

A boundary takes away no permission by name. Outside of its resources it blocks those that its enforcement
version lists (`boundary_versions.py`): these are not held there, and others are untouched. Where the version,
the rules or whom it is bound to is not certain, what may be blocked is conditional.
Source: docs.cloud.google.com/iam/docs/principal-access-boundary-policies.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from connectors.facts import Caveat
from connectors.gcp.exports.shapes import CLOUD
from connectors.gcp.grants.boundary_versions import Blocked, Versions, together
from connectors.gcp.grants.grants import Holding
from connectors.gcp.grants.members import Membership
from connectors.gcp.hierarchy import Hierarchy
from connectors.gcp.inventory import Inventory
from connectors.gcp.names import SERVICE_ACCOUNT_DOMAIN, agent

_KIND = "PRINCIPAL_ACCESS_BOUNDARY"
_SIMPLE = re.compile(r"""\s*principal\.(?P<what>type|subject)\s*==\s*(["'])(?P<text>[^"'\\]*)\2\s*""")
_POOLS = re.compile(r"^//iam\.googleapis\.com/(?P<pool>.+/(?:workload|workforce)[^/]*Pools/[^/]+)$")


@dataclass(frozen=True, slots=True)
class _Bound:
    """One boundary bound to one set of principals."""

    policy: str
    target: str
    nodes: tuple[str, ...]
    """What it makes eligible; empty where its rules are not in the evidence."""
    known: bool
    condition: str
    blocked: Blocked


class Boundaries:
    """Which boundaries apply to an identity, and what they leave it."""

    def __init__(self, inventory: Inventory, membership: Membership) -> None:
        self._hierarchy = inventory.hierarchy
        self._membership = membership
        records = [found.data for found in inventory.beside.get("access_boundaries", ())]
        self._bounds = _read(records, inventory)
        self._open: set[str] = set()

    def blocked(self, identity: str, node: str) -> tuple[Blocked, str]:
        """Return what boundaries take from an identity in a node, for certain and perhaps, and which do."""
        certain: list[_Bound] = []
        doubtful: list[_Bound] = []
        for bound in self._bounds:
            applies = self._applies(bound, identity)
            if applies is True:
                certain.append(bound)
            elif applies is None:
                doubtful.append(bound)
        # Several boundaries add up: what any of them makes eligible is.
        if certain and self._inside(node, certain):
            return Blocked(), ""
        in_the_way = certain or [one for one in doubtful if not self._inside(node, [one])]
        if not in_the_way:
            return Blocked(), ""
        found = together([one.blocked for one in in_the_way])
        # One that may apply may make the place eligible too; and a place nobody knows may be eligible.
        if not certain or not node or any(self._inside(node, [one]) for one in doubtful):
            found = Blocked(0, found.certain | found.perhaps)
        names = sorted({one.policy.rpartition("/")[2] or one.policy for one in in_the_way})
        self._open.update(one.policy for one in in_the_way if found.perhaps)
        return found, f"principal access boundary {', '.join(names)} does not make {node or 'it'} eligible"

    def bounded(self, identity: str, holding: Holding) -> Holding:
        """Return what is held after boundaries: what they block is gone, what they may block is open."""
        if not self._bounds or holding.holds is False:
            return holding
        blocked, why = self.blocked(identity, holding.node)
        touched = (blocked.certain | blocked.perhaps) & holding.grant.permissions
        if not touched:
            return holding
        return replace(
            holding,
            grant=replace(holding.grant, undecided=True),
            sure=holding.sure & ~touched,
            open=(holding.open | holding.sure & blocked.perhaps) & ~blocked.certain,
            doubt=f"{holding.grant.name}: {why}",
        )

    def _inside(self, node: str, bounds: Iterable[_Bound]) -> bool:
        return any(
            node and self._hierarchy.within(node, outer)
            for bound in bounds
            if bound.known
            for outer in bound.nodes
        )

    def _applies(self, bound: _Bound, identity: str) -> bool | None:
        """Return whether a boundary is bound to an identity; None where the evidence does not tell."""
        held = self._holds(bound.target, identity)
        if held is False:
            return False
        met = _met(bound.condition, identity)
        if met is False:
            return False
        return None if None in (held, met) else True

    def _holds(self, target: str, identity: str) -> bool | None:
        if match := _POOLS.match(target):
            return self._membership.holds(identity, f"principalSet://iam.googleapis.com/{match['pool']}/*")
        if target.startswith(CLOUD):
            node = target.removeprefix(CLOUD)
            return self._membership.holds(
                identity, f"principalSet://cloudresourcemanager.googleapis.com/{node}"
            )
        if "workspace" in target or "locations/global/workspace" in target:
            # A Workspace domain holds people, never accounts of projects.
            return False if identity.endswith(SERVICE_ACCOUNT_DOMAIN) or agent(identity) else None
        return None

    def names(self) -> list[str]:
        """Return the boundaries that are asked."""
        return sorted({f"principal access boundary {one.policy}" for one in self._bounds})

    def caveats(self) -> Iterator[Caveat]:
        """Say what boundaries leave open."""
        for policy in sorted(self._open):
            yield Caveat(
                "a principal access boundary that may block access",
                policy,
                "its rules, its version or whom it is bound to is not certain: what it may block is"
                " shown as conditional",
            )


def _read(records: Sequence[Mapping[str, Any]], inventory: Inventory) -> list[_Bound]:
    policies = {
        _name(record): record
        for record in records
        if "/principalAccessBoundaryPolicies/" in str(record.get("name") or "")
    }
    if not records:
        return []
    versions = Versions(inventory.permissions)
    found = []
    for record in records:
        if "/policyBindings/" not in str(record.get("name") or ""):
            continue
        if str(_get(record, "policyKind") or _KIND) != _KIND and _get(record, "policyKind") != 1:
            continue
        target = _get(record, "target")
        held = _get(target, "principalSet") if isinstance(target, Mapping) else target
        name = str(_get(record, "policy") or "")
        policy = policies.get(name)
        condition = record.get("condition")
        text = str(condition.get("expression") or "") if isinstance(condition, Mapping) else ""
        found.append(
            _Bound(
                name,
                str(held or ""),
                tuple(_eligible(policy, inventory.hierarchy)) if policy is not None else (),
                policy is not None,
                text,
                _blocked(policy, versions),
            )
        )
    return sorted(found, key=lambda one: (one.policy, one.target, one.condition))


def _blocked(policy: Mapping[str, Any] | None, versions: Versions) -> Blocked:
    """Return what a policy blocks; perhaps everything, where it is not in the evidence."""
    if policy is None:
        return versions.anything()
    details = policy.get("details")
    return versions.blocked(_get(details, "enforcementVersion") if isinstance(details, Mapping) else "")


def _name(record: Mapping[str, Any]) -> str:
    return str(record.get("name") or "")


def _eligible(policy: Mapping[str, Any], hierarchy: Hierarchy) -> Iterator[str]:
    details = policy.get("details")
    rules = details.get("rules") if isinstance(details, Mapping) else None
    for rule in rules if isinstance(rules, list) else ():
        resources = rule.get("resources") if isinstance(rule, Mapping) else None
        for one in resources if isinstance(resources, list) else ():
            if isinstance(one, str):
                yield hierarchy.node(one.removeprefix(CLOUD))


def _met(condition: str, identity: str) -> bool | None:
    """Decide `principal.type == '…'` and `principal.subject == '…'`; anything else is not read."""
    if not condition:
        return True
    match = _SIMPLE.fullmatch(condition)
    if match is None:
        return None
    if match["what"] == "subject":
        # Accounts and persons are written by their address; how others are written is not documented.
        address = "@" in identity and "://" not in identity
        return match["text"] == identity if address else False if "@" in match["text"] else None
    kind = match["text"].rpartition("/")[2]
    if identity.endswith(SERVICE_ACCOUNT_DOMAIN):
        return kind == "ServiceAccount"
    return kind == "AgentPoolIdentity" if agent(identity) else None


def _get(record: Mapping[str, Any], key: str) -> Any:
    snake = re.sub(r"([A-Z])", r"_\1", key).lower()
    return record.get(key, record.get(snake))
