"""Know which Data Access logs are switched on where, from the audit configurations in the evidence."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.gcp.catalog import services
from connectors.gcp.hierarchy import Hierarchy
from connectors.gcp.names import parse_member, same
from connectors.gcp.shapes import CLOUD, Policy

ALL = "allServices"
_NUMBERS = {1: "ADMIN_READ", 2: "DATA_WRITE", 3: "DATA_READ"}
"""google.iam.v1.AuditLogConfig.LogType, as exports with numbers for enums write it."""


@dataclass(frozen=True, slots=True, order=True)
class Switch:
    """One log type of one service, switched on."""

    service: str
    type: str
    exempted: tuple[str, ...]


@dataclass(frozen=True)
class View:
    """Everything that is switched on for one node, its own and inherited."""

    switches: tuple[Switch, ...]
    told: bool
    """Whether the policies of the node and of all above it are in the evidence."""
    on: frozenset[tuple[str, str]]
    """(service, type) pairs that are switched on."""
    exemptions: frozenset[tuple[str, str, str]]
    """(service, type, identity) for each exempted member; "" for one that may hold any identity."""

    def state(self, service: str, kind: str) -> bool | None:
        """Return whether a type is recorded for calls of a service (a permission prefix)."""
        if (ALL, kind) in self.on or all((one, kind) in self.on for one in services().audited(service)):
            return True
        return False if self.told else None

    def exempts(self, identity: str) -> frozenset[tuple[str, str]]:
        """Return the (service, type) pairs an identity is, or as a group's member may be, exempted from."""
        return frozenset(
            (service, kind)
            for service, kind, member in self.exemptions
            if not member or same(member, identity)
        )


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
        self._views: dict[str, View] = {}
        for policy in policies:
            if policy.audit_configs is None or not policy.resource.startswith(CLOUD):
                continue
            if policy.asset_type and not policy.asset_type.startswith("cloudresourcemanager."):
                continue
            node = hierarchy.node_of(policy.resource)
            self._told.add(node)
            for config in policy.audit_configs:
                self._switches.setdefault(node, []).extend(_switches(config))

    def view(self, node: str) -> View:
        """Return what is switched on for a node."""
        found = self._views.get(node)
        if found is None:
            found = self._views[node] = self._view(node)
        return found

    def _view(self, node: str) -> View:
        chain = [node, *sorted(self._hierarchy.above(node))]
        switches = tuple(sorted({switch for one in chain for switch in self._switches.get(one, ())}))
        known = self._hierarchy.knows_ancestors(node)
        return View(
            switches=switches,
            told=known and all(one in self._told for one in chain),
            on=frozenset((one.service, one.type) for one in switches),
            exemptions=frozenset(
                (one.service, one.type, member.id if member.kind in _NAMED else "")
                for one in switches
                for member in map(parse_member, one.exempted)
                if member.kind != "deleted"
            ),
        )


_NAMED = ("serviceAccount", "user", "principal", "kubernetes")


def _switches(config: Mapping[str, Any]) -> Iterable[Switch]:
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
        yield Switch(service, written, tuple(exempted))
