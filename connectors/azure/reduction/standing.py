"""What one identity holds, assignment by assignment as the evidence has it, and what a change does to that.

Changes are simulated here, and so is taking them back: the claims about a replacement are made about what
these steps really come to. A document is the JSON that Resource Manager reads and writes for one assignment
or one role definition.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any, TypeVar

from connectors.azure.ids import fields, guid, last_segment, principal, resource_id, text
from connectors.azure.inventory import Definition
from connectors.azure.policy.conditions import decide
from connectors.azure.policy.globs import gives
from connectors.azure.policy.patterns import Block, Plane, blocks
from connectors.facts import Window
from connectors.interface import Evidence
from connectors.reduction import Change

T = TypeVar("T")
ASSIGNMENT = "Microsoft.Authorization/roleAssignments"
DEFINITION = "Microsoft.Authorization/roleDefinitions"


class Kind(StrEnum):
    """The steps a reduction is made of."""

    CREATE_ROLE = "create-role-definition"
    CREATE_ASSIGNMENT = "create-role-assignment"
    DELETE_ASSIGNMENT = "delete-role-assignment"
    REMOVE_SECRET = "remove-secret"  # noqa: S105 a word, no secret
    REMOVE_CERTIFICATE = "remove-certificate"
    REMOVE_APP_ROLE = "remove-app-role"
    SWITCH_OFF_KEYS = "switch-off-keys"


UNDOABLE = frozenset(Kind) - {Kind.REMOVE_SECRET, Kind.REMOVE_CERTIFICATE}
"""Steps that can be taken back. A secret that was removed cannot be had again, only a new one."""


@dataclass(frozen=True, slots=True)
class Access:
    """The role assignments of one identity, and the roles that were made for it, by lower-case id."""

    assignments: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()
    """Ids of removed secrets, certificates and API permissions, and of accounts without keys."""


@dataclass(frozen=True, slots=True)
class Right:
    """One assignment as text: what it gives, where, and under which condition; None: the role is unknown."""

    assignment: str
    scope: str
    condition: str
    role: str
    blocks: tuple[Block, ...] | None

    def gives(self, operation: str, plane: Plane | None, window: Window) -> frozenset[str]:
        """Return under which undecided conditions an operation is given: "" for none; empty: not at all.

        Both planes are asked where the plane is not known.
        """
        found = set()
        outer = decide(self.condition, operation, window)
        if outer is False:
            return frozenset()
        own = [] if outer else [self.condition]
        for block in self.blocks or ():
            planes = tuple(Plane) if plane is None else (plane,)
            inner = decide(block.condition, operation, window)
            if inner is not False and any(gives(block, one, operation) for one in planes):
                found.add(" AND ".join([*own, *([] if inner else [block.condition])]))
        return frozenset(found)


def raw_assignments(evidence: Iterable[Evidence]) -> dict[str, str]:
    """Return each role assignment of the evidence as a document, by its id in lower case, ids as written.

    Of assignments given twice the first stays, as everywhere. Records without an id are left out: without it
    an assignment can neither be deleted nor made again as it was.
    """
    found: dict[str, str] = {}
    for one in evidence:
        for record in one.records("role_assignments"):
            data = fields(record)
            written = text(data.get("id")) or text(data.get("roleassignmentid"))
            key = resource_id(written)
            if key and guid(written) and key not in found:
                found[key] = document(_assignment(data, "/" + written.strip().strip("/")))
    return found


def _assignment(data: Mapping[str, Any], identifier: str) -> dict[str, Any]:
    scope = text(data.get("scope")) or identifier.partition("/providers/Microsoft.Authorization/")[0]
    properties = {
        "scope": "/" + scope.strip().strip("/"),
        "roleDefinitionId": _role_id(text(data.get("roledefinitionid")), identifier),
        "principalId": principal(data.get("principalid")) or principal(data.get("objectid")),
        "principalType": text(data.get("principaltype")) or text(data.get("objecttype")),
    }
    optional = {
        "condition": text(data.get("condition")),
        "conditionVersion": text(data.get("conditionversion")) if text(data.get("condition")) else "",
        "description": text(data.get("description")),
        "delegatedManagedIdentityResourceId": text(data.get("delegatedmanagedidentityresourceid")),
    }
    return {
        "id": identifier,
        "name": identifier.rpartition("/")[2],
        "type": ASSIGNMENT,
        "properties": properties | {key: value for key, value in optional.items() if value},
    }


def _role_id(written: str, identifier: str) -> str:
    """Return a role definition's full id; PowerShell writes its GUID alone."""
    if "/" in written:
        return written
    segments = identifier.strip("/").split("/")
    base = f"/{segments[0]}/{segments[1]}" if segments[0].lower() == "subscriptions" else ""
    return f"{base}/providers/{DEFINITION}/{written}"


def document(value: Mapping[str, Any]) -> str:
    """Return a document as JSON text; characters that a reader could not see or tell apart are escaped."""
    return json.dumps(value, indent=2)


@lru_cache(maxsize=4096)
def _parsed(text_: str) -> tuple[str, str, str, tuple[Block, ...], str]:
    """Return scope, role GUID, condition, blocks and id of a document."""
    data = fields(json.loads(text_))
    return (
        resource_id(data.get("scope")) or "/",
        last_segment(data.get("roledefinitionid")),
        text(data.get("condition")).strip(),
        blocks(data),
        text(data.get("id")),
    )


def right(identifier: str, text_: str, roles: Mapping[str, str], known: Mapping[str, Definition]) -> Right:
    """Return an assignment's document as text to decide on."""
    scope, role, condition, _, _ = _parsed(text_)
    made = next((held for name, held in roles.items() if last_segment(name) == role), None)
    if made is not None:
        return Right(identifier, scope, condition, role, _parsed(made)[3])
    definition = known.get(role)
    return Right(identifier, scope, condition, role, definition.blocks if definition else None)


def rights(access: Access, known: Mapping[str, Definition]) -> list[Right]:
    """Return everything an identity holds by assignments of its own, in a stable order."""
    return [right(name, held, access.roles, known) for name, held in sorted(access.assignments.items())]


def apply(access: Access, change: Change) -> Access:
    """Return the access after one step."""
    key = resource_id(change.target)
    match Kind(change.kind):
        case Kind.CREATE_ROLE:
            return replace(access, roles={**access.roles, key: change.after})
        case Kind.CREATE_ASSIGNMENT:
            return replace(access, assignments={**access.assignments, key: change.after})
        case Kind.DELETE_ASSIGNMENT:
            return replace(access, assignments=_without(access.assignments, key))
        case _:
            return replace(access, gone=access.gone | {change.target})


def take_back(access: Access, change: Change) -> Access:
    """Return the access after one step was undone, as far as it can be, with what the rollback holds."""
    key = resource_id(change.target)
    match Kind(change.kind):
        case Kind.CREATE_ROLE:
            return replace(access, roles=_without(access.roles, key))
        case Kind.CREATE_ASSIGNMENT:
            return replace(access, assignments=_without(access.assignments, key))
        case Kind.DELETE_ASSIGNMENT:
            return replace(access, assignments={**access.assignments, key: change.before})
        case Kind.REMOVE_SECRET | Kind.REMOVE_CERTIFICATE:
            return access
        case Kind.REMOVE_APP_ROLE | Kind.SWITCH_OFF_KEYS:
            return replace(access, gone=access.gone - {change.target})


def simulate(access: Access, changes: Iterable[Change]) -> list[tuple[Change, Access]]:
    """Return each change with the access after it."""
    steps = []
    for change in changes:
        access = apply(access, change)
        steps.append((change, access))
    return steps


def _without(held: Mapping[str, T], key: str) -> dict[str, T]:
    return {name: value for name, value in held.items() if name != key}
