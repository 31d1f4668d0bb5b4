"""Write the custom roles and role assignments that take the place of one assignment."""

import json
import re
from uuid import NAMESPACE_DNS, UUID, uuid5

from connectors.azure.ids import Level, level, subscription
from connectors.azure.inventory import Assignment
from connectors.azure.policy.patterns import Block
from connectors.azure.reduction.claims import short
from connectors.azure.reduction.desk import Desk
from connectors.azure.reduction.standing import ASSIGNMENT, DEFINITION, Kind, document
from connectors.reduction import Change

_NAMESPACE = uuid5(NAMESPACE_DNS, "entdrift")
_NOT_IN_NAMES = re.compile(r"[^\w .()-]", re.ASCII)
_LONGEST_PART = 60


class ImpossibleError(Exception):
    """An assignment cannot be replaced; code and reason say why."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


def role_name(assignment: Assignment, desk: Desk) -> str:
    """Return what the role of an assignment is called."""
    definition = desk.roles.definition(assignment)
    return definition.name if definition else assignment.role or assignment.definition


def new_role(
    identity: str, assignment: Assignment, block: Block, scopes: tuple[str, ...], desk: Desk
) -> Change:
    """Return the step that makes a custom role; ImpossibleError where none can be assigned at the scopes."""
    homes = {_home(block, scope) for scope in scopes}
    lists = {
        "actions": list(block.actions),
        "notActions": list(block.not_actions),
        "dataActions": list(block.data_actions),
        "notDataActions": list(block.not_data_actions),
    }
    name = _guid(identity, "role", assignment.id, json.dumps([lists, *scopes]))
    home = min(homes)
    base = desk.spelling.of(home if level(home) is Level.MANAGEMENT_GROUP else _subscription(home))
    identifier = f"{base}/providers/{DEFINITION}/{name}"
    held = document(
        {
            "id": identifier,
            "name": str(name),
            "type": DEFINITION,
            "properties": {
                "roleName": _title(identity, assignment, name, desk),
                "description": f"Made by entdrift: what one identity needs of {role_name(assignment, desk)}.",
                "type": "CustomRole",
                "permissions": [lists],
                "assignableScopes": [desk.spelling.of(one) for one in sorted(homes)],
            },
        }
    )
    return Change(Kind.CREATE_ROLE, identity, identifier, "", held)


def new_assignment(identity: str, assignment: Assignment, role_id: str, scope: str, desk: Desk) -> Change:
    """Return the step that assigns a role at a scope, under the condition of the old assignment."""
    old = json.loads(desk.document(assignment))["properties"]
    written = old["scope"] if scope == assignment.scope else desk.spelling.of(scope)
    name = _guid(identity, "assignment", assignment.id, role_id, scope)
    identifier = f"{written.rstrip('/')}/providers/{ASSIGNMENT}/{name}"
    kept = {key: old[key] for key in ("condition", "conditionVersion") if old.get(key)}
    properties = {
        "scope": written,
        "roleDefinitionId": role_id,
        "principalId": old["principalId"],
        "principalType": old["principalType"] or _kind(identity, desk),
    }
    held = {"id": identifier, "name": str(name), "type": ASSIGNMENT, "properties": properties | kept}
    return Change(Kind.CREATE_ASSIGNMENT, identity, identifier, "", document(held))


def _guid(identity: str, *parts: str) -> UUID:
    return uuid5(_NAMESPACE, "\n".join((identity, *parts)))


def _kind(identity: str, desk: Desk) -> str:
    """Return what kind of principal the identity is, where old exports leave it out."""
    known = desk.identities.get(identity)
    return "User" if known and known.kind == "user" else "ServicePrincipal"


def _title(identity: str, assignment: Assignment, name: UUID, desk: Desk) -> str:
    """Return a role name that is unique in the tenant and safe everywhere."""
    known = desk.identities.get(identity)
    parts = [known.name if known and known.name else identity, role_name(assignment, desk)]
    words = [_NOT_IN_NAMES.sub("-", part).strip()[:_LONGEST_PART] for part in parts]
    return f"entdrift {' '.join(words)} {str(name)[:8]}"


def _home(block: Block, scope: str) -> str:
    """Return the scope that makes a custom role assignable at `scope`."""
    match level(scope):
        case Level.SUBSCRIPTION | Level.RESOURCE_GROUP:
            return scope
        case Level.MANAGEMENT_GROUP if not block.data_actions:
            return scope
        case Level.MANAGEMENT_GROUP:
            reason = f"a custom role with data actions cannot stand on the management group {short(scope)}"
            raise ImpossibleError("management-group", reason)
        case Level.RESOURCE if subscription(scope):
            segments = scope.strip("/").split("/")
            depth = 4 if segments[2] == "resourcegroups" else 2
            return "/" + "/".join(segments[:depth])
        case _:
            reason = f"a custom role cannot stand on {short(scope)}"
            raise ImpossibleError("tenant-root", reason)


def _subscription(scope: str) -> str:
    return "/" + "/".join(scope.strip("/").split("/")[:2])
