"""Know which Data Access logs are switched on where, from the audit configurations in the evidence."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from connectors.gcp.catalog import services
from connectors.gcp.exports.shapes import CLOUD, Policy
from connectors.gcp.hierarchy import Hierarchy
from connectors.gcp.names import parse_member, same
from connectors.gcp.usage.events import AUDIT_CHANGE
from connectors.interface import Evidence

ALL = "allServices"
_NUMBERS = {1: "ADMIN_READ", 2: "DATA_WRITE", 3: "DATA_READ"}
"""google.iam.v1.AuditLogConfig.LogType, as exports with numbers for enums write it."""


@dataclass(frozen=True, slots=True, order=True)
class Switch:
    """One log type of one service, switched on."""

    service: str
    type: str
    exempted: tuple[str, ...]


class Change(NamedTuple):
    """One change of an audit configuration, as the Admin Activity log records it."""

    node: str
    action: str
    """`ADD` or `REMOVE`."""
    service: str
    type: str
    exempted: str
    """The member whose exemption it is; empty where the type itself is switched."""
    time: str


def read_changes(evidence: Iterable[Evidence]) -> list[Change]:
    """Return the changes of audit configurations that the logs within the window hold."""
    found = []
    for source in evidence:
        for row in source.usage():
            if row.identity_type == AUDIT_CHANGE:
                action, service, kind, exempted = (*row.detail.split(" ", 3), "", "", "")[:4]
                found.append(Change(row.resource, action, service, kind, exempted, row.last))
    return sorted(found)


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
    since: frozenset[tuple[str, str, str]] = frozenset()
    """(service, type, time) of what was switched on within the window."""

    def state(self, service: str, kind: str) -> bool | None:
        """Return whether a type is recorded for calls of a service (a permission prefix)."""
        if (ALL, kind) in self.on or all((one, kind) in self.on for one in services().audited(service)):
            return True
        return False if self.told else None

    def switched_on(self, service: str, kind: str) -> str:
        """Return when a type was switched on for a service as written, if that was within the window."""
        return next((time for one, type_, time in self.since if (one, type_) == (service, kind)), "")

    def late(self, prefix: str, kind: str) -> bool:
        """Return whether calls of a service (a permission prefix) were not recorded in all of the window."""
        if (ALL, kind) in self.on and not self.switched_on(ALL, kind):
            return False
        named = services().audited(prefix)
        whole = all((one, kind) in self.on and not self.switched_on(one, kind) for one in named)
        return bool(self.since) and not whole

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

    def __init__(
        self, policies: Iterable[Policy], hierarchy: Hierarchy, changes: Iterable[Change] = ()
    ) -> None:
        self._hierarchy = hierarchy
        self._added: dict[tuple[str, str, str], str] = {}
        """(node, service, type) that were switched on within the window, with the last time."""
        self._spared: dict[str, list[Switch]] = {}
        """By node: exemptions that were taken back within the window: until then they held."""
        self._learn(changes)
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

    def _learn(self, changes: Iterable[Change]) -> None:
        for one in changes:
            node = self._hierarchy.node(one.node)
            if one.action == "REMOVE" and one.exempted:
                self._spared.setdefault(node, []).append(Switch(one.service, one.type, (one.exempted,)))
            elif one.action == "ADD" and not one.exempted:
                key = (node, one.service, one.type)
                self._added[key] = max(self._added.get(key, ""), one.time)

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
        spared = tuple(one for place in chain for one in self._spared.get(place, ()))
        return View(
            switches=switches,
            told=known and all(one in self._told for one in chain),
            on=frozenset((one.service, one.type) for one in switches),
            exemptions=frozenset(
                (one.service, one.type, member.id if member.kind in _NAMED else "")
                for one in (*switches, *spared)
                for member in map(parse_member, one.exempted)
                if member.kind != "deleted"
            ),
            since=self._since(chain),
        )

    def _since(self, chain: Iterable[str]) -> frozenset[tuple[str, str, str]]:
        """Return what was switched on within the window at every node that has it on."""
        times: dict[tuple[str, str], list[str]] = {}
        for node in chain:
            for switch in self._switches.get(node, ()):
                added = self._added.get((node, switch.service, switch.type), "")
                times.setdefault((switch.service, switch.type), []).append(added)
        return frozenset((*pair, min(found)) for pair, found in times.items() if all(found))


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
