"""Know which Data Access logs are switched on where, from the audit configurations in the evidence."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.gcp.catalog import services
from connectors.gcp.hierarchy import Hierarchy
from connectors.gcp.names import parse_member
from connectors.gcp.shapes import CLOUD, Policy

ALL = "allServices"
_NUMBERS = {1: "ADMIN_READ", 2: "DATA_WRITE", 3: "DATA_READ"}
"""google.iam.v1.AuditLogConfig.LogType, as exports with numbers for enums write it."""


@dataclass(frozen=True, slots=True)
class Switch:
    """One log type of one service, switched on at one node."""

    node: str
    service: str
    type: str
    exempted: tuple[str, ...]


class Auditing:
    """The audit configuration of every project, with what it inherits.

    A configuration can only be added to below; so a type is on where any ancestor names it, off where the
    policies of the project and of all its ancestors are in the evidence and none names it, and unknown
    otherwise. Source: docs.cloud.google.com/logging/docs/audit/configure-data-access.
    """

    def __init__(self, policies: Iterable[Policy], hierarchy: Hierarchy) -> None:
        self._hierarchy = hierarchy
        self._told: set[str] = set()
        self._switches: dict[str, list[Switch]] = {}
        self._chains: dict[str, list[str]] = {}
        for policy in policies:
            if policy.audit_configs is None or not policy.resource.startswith(CLOUD):
                continue
            if policy.asset_type and not policy.asset_type.startswith("cloudresourcemanager."):
                continue
            node = hierarchy.node_of(policy.resource)
            self._told.add(node)
            for config in policy.audit_configs:
                self._switches.setdefault(node, []).extend(_switches(node, config))

    def state(self, node: str, service: str, kind: str) -> bool | None:
        """Return whether a type is recorded for calls of a service (a permission prefix) at a node."""
        named = services().audited(service)
        if all(self._on(node, one, kind) for one in named):
            return True
        return False if self._all_told(node) else None

    def exempted(self, node: str, service: str, kind: str, identity: str) -> bool:
        """Return whether an identity is, or as a group's member may be, exempted from a type of log."""
        named = (ALL, *services().audited(service))
        for switch in self._inherited(node):
            if switch.type == kind and switch.service in named:
                for written in switch.exempted:
                    member = parse_member(written)
                    if member.kind not in _NAMED or member.id == identity:
                        return True
        return False

    def exempts(self, node: str) -> bool:
        """Return whether any identity is exempted at a node, so that identities differ there."""
        return any(switch.exempted for switch in self._inherited(node))

    def switches(self, node: str) -> list[Switch]:
        """Return everything switched on for a node, sorted."""
        return sorted(self._inherited(node), key=lambda one: (one.service, one.type, one.node))

    def knows(self, node: str) -> bool:
        """Return whether the audit configuration of a node is known, with all it inherits."""
        return self._all_told(node)

    def _on(self, node: str, service: str, kind: str) -> bool:
        return any(one.type == kind and one.service in (ALL, service) for one in self._inherited(node))

    def _inherited(self, node: str) -> Sequence[Switch]:
        return [switch for one in self._chain(node) for switch in self._switches.get(one, ())]

    def _chain(self, node: str) -> list[str]:
        chain = self._chains.get(node)
        if chain is None:
            chain = self._chains[node] = [node, *sorted(self._hierarchy.above(node))]
        return chain

    def _all_told(self, node: str) -> bool:
        known = self._hierarchy.knows_ancestors(node) or node.startswith("organizations/")
        return known and all(one in self._told for one in self._chain(node))


_NAMED = ("serviceAccount", "user", "principal", "kubernetes")


def _switches(node: str, config: Mapping[str, Any]) -> Iterable[Switch]:
    service = config.get("service")
    entries = config.get("auditLogConfigs", config.get("audit_log_configs"))
    if not isinstance(service, str) or not isinstance(entries, list):
        return
    for entry in entries:
        if not isinstance(entry, Mapping):
            continue
        kind = entry.get("logType", entry.get("log_type"))
        members = entry.get("exemptedMembers", entry.get("exempted_members"))
        exempted = [one for one in members if isinstance(one, str)] if isinstance(members, list) else []
        written = _NUMBERS.get(kind, "") if isinstance(kind, int) else str(kind or "")
        yield Switch(node, service, written, tuple(exempted))
