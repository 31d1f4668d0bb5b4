"""What is read once for all reductions of an analysis: roles, assignments as written, operations, logs."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from connectors.azure.catalog.tables import catalogue
from connectors.azure.coverage.presence import Logs
from connectors.azure.coverage.settings import settings_changed
from connectors.azure.grants.grants import Roles
from connectors.azure.grants.operations import build_universe
from connectors.azure.ids import fields, guid, text
from connectors.azure.inventory import Assignment, Inventory, read_inventory
from connectors.azure.policy.patterns import Plane, Universe
from connectors.azure.reduction.claims import Ground, credited
from connectors.azure.reduction.quotas import Tenant
from connectors.azure.reduction.standing import Right, document, raw_assignments, right
from connectors.azure.reduction.trim import Trimmer
from connectors.facts import (
    Coverage,
    Credential,
    Effect,
    Facts,
    Grant,
    Identity,
    PermissionSet,
    Usage,
    Window,
)
from connectors.interface import Evidence, Status
from connectors.logs.rows import UsageRow


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything that reductions are worked out from."""

    inventory: Inventory
    universe: Universe
    roles: Roles
    trimmer: Trimmer
    logs: Logs
    window: Window
    raw: Mapping[str, str]
    spelling: "Spelling"
    tenant: Tenant
    built_in: frozenset[str]
    """GUIDs of the roles that Azure itself made."""
    identities: Mapping[str, Identity]
    credentials: Mapping[str, tuple[Credential, ...]]
    own: Mapping[str, tuple[Assignment, ...]]
    """By identity: the assignments written for itself, by id."""
    typed: Mapping[str, tuple[str, ...]]
    """By type in lower case: the ids of the resources, sorted."""
    through: Mapping[str, tuple[Assignment, ...]]
    """By identity: assignments of groups that it is known to be a member of."""
    beside: Mapping[str, tuple[Grant, ...]]
    """By identity: what it has by other means than role assignments."""
    scheduled: frozenset[str]
    """Role assignments that PIM made and will end."""
    coverage: tuple[Coverage, ...]
    keyed: tuple[tuple[str, str], ...]
    """(account, time) of calls that a key was used for."""
    fetched: tuple[tuple[str, str], ...]
    """(account, time) of calls that were answered with a key, whoever made them."""
    changed: Mapping[str, str]
    """When diagnostic settings of a resource were last changed in the window."""
    unread: frozenset[str]
    """Parts of the evidence that some source could not read, or not whole."""
    covers: dict[object, object] = field(default_factory=dict)

    def ground(self, usage: Iterable[Usage]) -> Ground:
        """Return what the claims about one identity are checked against."""
        return Ground(
            self.inventory.definitions,
            self.universe,
            self.window,
            self.inventory.holds,
            frozenset(credited(usage)),
        )

    def right(self, assignment: Assignment) -> Right:
        """Return an assignment of the evidence as text."""
        return right(assignment.id, self.document(assignment), {}, self.inventory.definitions)

    def document(self, assignment: Assignment) -> str:
        """Return an assignment as a document: as written, or what is known of one that has no id."""
        held = self.raw.get(assignment.id)
        if held is not None:
            return held
        properties = {
            "scope": assignment.scope,
            "roleDefinitionId": assignment.definition,
            "principalId": assignment.principal,
            "condition": assignment.condition,
        }
        return document({"id": assignment.id, "properties": properties})


def open_desk(evidence: Sequence[Evidence], facts: Facts, window: Window) -> Desk:
    """Read everything once."""
    inventory = read_inventory(evidence)
    rows = [row for one in evidence for row in one.usage()]
    universe = build_universe(inventory, rows, evidence, facts.permissions)
    roles = Roles(inventory.definitions, universe, window)
    own: dict[str, list[Assignment]] = {}
    for _, assignment in sorted(inventory.assignments.items()):
        roles.given(assignment)
        own.setdefault(assignment.principal, []).append(assignment)
    typed: dict[str, list[str]] = {}
    for identifier, resource in sorted(inventory.resources.items()):
        typed.setdefault(text(resource.data.get("type")).lower(), []).append(identifier)
    raw = raw_assignments(evidence)
    through: dict[str, list[Assignment]] = {}
    beside: dict[str, list[Grant]] = {}
    for grant in facts.grants:
        held = inventory.assignments.get(grant.id)
        if held is None and grant.effect is Effect.ALLOW:
            beside.setdefault(grant.identity, []).append(grant)
        if held is not None and held.principal != grant.identity:
            through.setdefault(grant.identity, []).append(held)
    credentials: dict[str, list[Credential]] = {}
    for credential in facts.credentials:
        credentials.setdefault(credential.identity, []).append(credential)
    built_in, custom = _kinds(evidence)
    parts = [outcome for one in evidence for outcome in one.outcomes()]
    return Desk(
        inventory=inventory,
        universe=universe,
        roles=roles,
        trimmer=Trimmer(universe),
        logs=Logs.of([seen for one in evidence for seen in one.presence()], window),
        window=window,
        raw=raw,
        spelling=Spelling(raw.values(), evidence),
        tenant=Tenant.of(inventory, custom),
        built_in=built_in,
        identities={one.id: one for one in facts.identities},
        credentials={name: tuple(held) for name, held in credentials.items()},
        own={name: tuple(held) for name, held in own.items()},
        typed={name: tuple(held) for name, held in typed.items()},
        through={name: tuple(held) for name, held in through.items()},
        beside={name: tuple(held) for name, held in beside.items()},
        scheduled=frozenset(one.origin for one in inventory.schedules.values()) - {""},
        coverage=facts.coverage,
        keyed=tuple(
            sorted(
                {(row.resource, row.last) for row in rows if not row.identity and row.identity_type in _KEYED}
            )
        ),
        fetched=tuple(sorted({(row.resource, row.last) for row in rows if _hands_out(row)})),
        changed=settings_changed(rows),
        unread=frozenset(one.part for one in parts if one.status in (Status.FAILED, Status.PARTIAL)),
    )


def _hands_out(row: UsageRow) -> bool:
    return row.permission.lower() in _key_operations() and row.outcome == "allowed"


@cache
def _key_operations() -> frozenset[str]:
    accounts = catalogue("keys")["account"]
    return frozenset(name.lower() for one in accounts for name in (one["operation"], *one.get("more", ())))


_KEYED = ("account-key", "sas", "key", "foundry")
"""Callers that used a key, or of whom no log says that they did not."""


def _kinds(evidence: Iterable[Evidence]) -> tuple[frozenset[str], int]:
    """Return the built-in roles of the evidence by GUID, and how many custom ones it holds."""
    built_in, custom = set(), set()
    for one in evidence:
        for record in one.records("role_definitions"):
            data = fields(record)
            key = guid(data.get("id")) or guid(data.get("name"))
            kind = (text(data.get("roletype")) or text(data.get("type"))).lower()
            if kind == "customrole" or data.get("iscustom") is True:
                custom.add(key)
            elif kind == "builtinrole" or data.get("iscustom") is False:
                built_in.add(key)
    return frozenset(built_in - custom - {""}), len(custom)


class Spelling:
    """Writes scopes as the evidence spells them: logs fold them to lower case, people compare them by eye."""

    def __init__(self, assignments: Iterable[str], evidence: Iterable[Evidence]) -> None:
        self._known: dict[str, str] = {}
        for held in assignments:
            self._add(json.loads(held)["properties"]["scope"])
        for one in evidence:
            for record in one.records("resources"):
                self._add(text(fields(record).get("id")))

    def _add(self, written: str) -> None:
        path = ""
        for segment in written.strip("/").split("/"):
            path += "/" + segment
            self._known.setdefault(path.lower(), segment)

    def of(self, scope: str) -> str:
        """Return a scope in the spelling of the first record that names it or what it lies in."""
        path, found = "", ""
        for segment in scope.strip("/").split("/"):
            path += "/" + segment
            found += "/" + self._known.get(path, _COMMON.get(segment, segment))
        return found


_COMMON = {"resourcegroups": "resourceGroups", "blobservices": "blobServices"}


def permissions_of(universe: Universe, held: Right) -> PermissionSet:
    """Return everything that an assignment's role may give, whatever its conditions."""
    found = 0
    for block in held.blocks or ():
        for plane in Plane:
            found |= universe.block(plane, block)
    return found
