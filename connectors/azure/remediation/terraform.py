"""Write changes as Terraform for the azurerm provider: new roles and assignments, and the old ones to let go.

Terraform deletes only what it manages. The assignments that go are therefore imported first, beside the new
ones, and deleted by a second apply with the variable turned: nothing is cut before its replacement is known
everywhere. Import blocks with `for_each` need Terraform 1.7. `role_definition_resource_id` because the `id`
of a role definition makes assignments be replaced on every apply (terraform-provider-azurerm #4847, #7549).
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from connectors.azure.reduction.standing import Kind
from connectors.azure.remediation.cli import removal
from connectors.hcl import Expression, Value, block, comment
from connectors.hcl_labels import Labels
from connectors.reduction import Change
from connectors.shell import line

_KEEP = "keep_old_assignments"
_IMPORTED = {Kind.DELETE_ASSIGNMENT, Kind.REMOVE_APP_ROLE}


def terraform(changes: Sequence[Change]) -> str:
    """Return the changes of one identity as a Terraform file."""
    return "\n\n".join(_Writer(changes).blocks()) + "\n"


class _Writer:
    def __init__(self, changes: Sequence[Change]) -> None:
        self._changes = changes
        self._label = Labels("role").label
        self._roles: dict[str, str] = {}

    def blocks(self) -> Iterator[str]:
        """Yield the blocks: what is new, then what goes."""
        yield comment(f"Reduces {self._changes[0].holder}; Terraform 1.7 or later, azurerm 4 or later.")
        old = [change for change in self._changes if change.kind in _IMPORTED]
        if old:
            yield comment(
                f"Apply once; ten minutes later apply with -var {_KEEP}=false, which deletes the old ones."
            )
            text = "false deletes the assignments that the new ones replace"
            values: dict[str, Value] = {"description": text, "type": Expression("bool"), "default": True}
            yield block(["variable", _KEEP], values)
        for change in self._changes:
            yield from self._of(change)

    def _of(self, change: Change) -> Iterator[str]:
        match Kind(change.kind):
            case Kind.CREATE_ROLE:
                yield self._role(json.loads(change.after))
            case Kind.CREATE_ASSIGNMENT:
                yield self._assignment(json.loads(change.after))
            case Kind.DELETE_ASSIGNMENT:
                yield from self._old(json.loads(change.before))
            case Kind.REMOVE_APP_ROLE:
                yield from self._old_app_role(json.loads(change.before))
            case Kind.SWITCH_OFF_KEYS:
                yield self._switch(json.loads(change.after), change.note)
            case Kind.REMOVE_SECRET | Kind.REMOVE_CERTIFICATE:
                what = "secret" if change.kind == Kind.REMOVE_SECRET else "certificate"
                command = line(removal(change))
                yield comment(
                    f"azuread cannot import a {what}: take the block that made {change.target} out of its "
                    f"own configuration, or run: {command}"
                )

    def _switch(self, held: dict[str, Any], version: str) -> str:
        """Return the block that sets one property of an account: azurerm knows only whole resources."""
        values: dict[str, Value] = {
            "type": f"{held['type']}@{version}",
            "resource_id": held["id"],
            "body": {"properties": held["properties"]},
        }
        label = self._label(f"keys_of_{held['name']}")
        return (
            comment("Needs the azapi provider (Azure/azapi, 2 or later).")
            + "\n"
            + block(["resource", "azapi_update_resource", label], values)
        )

    def _role(self, held: dict[str, dict[str, list[dict[str, list[str]]]]]) -> str:
        properties: dict[str, Value] = dict(held["properties"])
        label = self._label(str(properties["roleName"]))
        self._roles[str(held["id"]).lower()] = label
        permissions = [
            block(
                ["permissions"],
                {
                    "actions": lists["actions"],
                    "not_actions": lists["notActions"],
                    "data_actions": lists["dataActions"],
                    "not_data_actions": lists["notDataActions"],
                },
            )
            for lists in held["properties"]["permissions"]
        ]
        scope = str(held["id"]).partition("/providers/Microsoft.Authorization/")[0]
        values: dict[str, Value] = {
            "role_definition_id": str(held["name"]),
            "name": properties["roleName"],
            "scope": scope,
            "description": properties["description"],
            "assignable_scopes": properties["assignableScopes"],
        }
        return block(["resource", "azurerm_role_definition", label], values, *permissions)

    def _values(self, held: dict[str, dict[str, str]]) -> dict[str, Value]:
        properties = held["properties"]
        role = self._roles.get(properties["roleDefinitionId"].lower())
        values: dict[str, Value] = {
            "name": str(held["name"]),
            "scope": properties["scope"],
            "role_definition_id": Expression(f"azurerm_role_definition.{role}.role_definition_resource_id")
            if role
            else properties["roleDefinitionId"],
            "principal_id": properties["principalId"],
        }
        if properties.get("principalType"):
            values["principal_type"] = properties["principalType"]
        for key, name in (
            ("condition", "condition"),
            ("conditionVersion", "condition_version"),
            ("description", "description"),
        ):
            if properties.get(key):
                values[name] = properties[key]
        return values

    def _assignment(self, held: dict[str, dict[str, str]]) -> str:
        values = self._values(held)
        if held["properties"]["principalType"] == "ServicePrincipal":
            values["skip_service_principal_aad_check"] = True
        label = self._label(f"new_{held['name']}"[:16])
        return block(["resource", "azurerm_role_assignment", label], values)

    def _old_app_role(self, held: dict[str, Any]) -> Iterator[str]:
        """Yield the blocks that import a permission for an API and let it go; the azuread provider's."""
        properties = held["properties"]
        label = self._label(f"old_app_role_{held['id']}"[:24])
        kept = Expression(f'var.{_KEEP} ? toset(["old"]) : toset([])')
        place = f"/servicePrincipals/{properties['resourceId']}/appRoleAssignedTo/{held['id']}"
        to = Expression(f"azuread_app_role_assignment.{label}[each.key]")
        yield comment("Needs the azuread provider (hashicorp/azuread, 3 or later).")
        yield block(["import"], {"for_each": kept, "to": to, "id": place})
        yield block(
            ["resource", "azuread_app_role_assignment", label],
            {
                "for_each": kept,
                "app_role_id": properties["appRoleId"],
                "principal_object_id": properties["principalId"],
                "resource_object_id": properties["resourceId"],
            },
        )

    def _old(self, held: dict[str, dict[str, str]]) -> Iterator[str]:
        label = self._label(f"old_{held['name']}"[:16])
        kept = Expression(f'var.{_KEEP} ? toset(["old"]) : toset([])')
        yield block(
            ["import"],
            {
                "for_each": kept,
                "to": Expression(f"azurerm_role_assignment.{label}[each.key]"),
                "id": str(held["id"]),
            },
        )
        lifecycle = block(["lifecycle"], {"ignore_changes": Expression("all")})
        yield block(
            ["resource", "azurerm_role_assignment", label],
            {"for_each": kept, **self._values(held)},
            lifecycle,
        )
