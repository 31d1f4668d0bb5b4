"""Read what a proposed role definition, role assignment or Terraform plan would give to whom."""

from collections.abc import Iterator, Mapping
from typing import Any

from connectors.azure.ids import fields, principal, resource_id, text
from connectors.azure.inventory import Inventory
from connectors.azure.policy.patterns import Block, blocks
from connectors.baselines import Allowance, Holding
from connectors.proposed import Proposed
from connectors.terraform_plan import Planned, is_plan, planned, referred

_PASSWORDS = {
    "azuread_application_password": "a new client secret",
    "azuread_application_certificate": "a new certificate",
    "azuread_service_principal_password": "a new client secret",
    "azuread_service_principal_certificate": "a new certificate",
}


def read_proposals(document: Mapping[str, Any], inventory: Inventory, scope: str) -> list[Holding] | None:
    """Return the holdings a document proposes; None when it is no text of Azure.

    A role definition says what it gives, not where: then `scope` does, or permissions alone are compared.
    """
    if is_plan(document):
        return _Plan(planned(document), inventory).holdings()
    data = fields(document)
    if data.get("principalid") and data.get("roledefinitionid"):
        return [_assignment(data, inventory)]
    written = blocks(data)
    if not written or not ("actions" in data or "permissions" in data):
        return None
    places = (resource_id(scope),) if scope else ()
    name = text(data.get("rolename")) or text(data.get("name")) or "the proposed role"
    return [Holding("", "", tuple(of_blocks(written, places, "", name)))]


def of_blocks(
    written: tuple[Block, ...], scopes: tuple[str, ...], condition: str, source: str
) -> Iterator[Allowance]:
    """Yield the allowances of permission blocks, plane by plane."""
    for block in written:
        conditions = [one for one in (condition, block.condition) if one]
        joined = conditions[0] if len(conditions) == 1 else " AND ".join(f"({one})" for one in conditions)
        for plane, allowed, taken in (
            ("", block.actions, block.not_actions),
            ("data", block.data_actions, block.not_data_actions),
        ):
            if allowed:
                yield Allowance(
                    tuple(sorted(set(allowed))),
                    scopes,
                    joined,
                    plane,
                    tuple(sorted(set(taken))),
                    source=source,
                )


def _assignment(data: Mapping[str, Any], inventory: Inventory) -> Holding:
    who = principal(data["principalid"])
    role = text(data["roledefinitionid"]).rstrip("/").rpartition("/")[2].lower()
    scope = resource_id(data.get("scope"))
    definition = inventory.definitions.get(role)
    if definition is None:
        return Holding(who, who, (), (f"what role definition {role} gives is not in the evidence",))
    own = of_blocks(
        definition.blocks, (scope,) if scope else (), text(data.get("condition")), definition.name
    )
    return Holding(who, text(data.get("principalname")) or who, tuple(own))


class _Plan:
    """Follows the role assignments that a plan changes to their roles and principals."""

    def __init__(self, resources: list[Planned], inventory: Inventory) -> None:
        self._resources = resources
        self._inventory = inventory
        self._found: dict[str, Proposed] = {}

    def holdings(self) -> list[Holding]:
        """Return what the plan gives, by principal."""
        for one in self._resources:
            if one.type == "azurerm_role_assignment":
                self._assigned(one)
            elif one.type == "azurerm_user_assigned_identity" and one.created:
                self._of(f"{one.text('name') or one.address}").new = True
            elif one.type in _PASSWORDS and one.created:
                key = one.text("application_id") or one.text("service_principal_id") or f"({one.address})"
                self._of(key).credentials.append(f"{one.address}: {_PASSWORDS[one.type]}")
        return [found.holding(name) for name, found in sorted(self._found.items())]

    def _of(self, name: str, identity: str = "") -> Proposed:
        return self._found.setdefault(name, Proposed(identity))

    def _assigned(self, one: Planned) -> None:
        role = self._own_role(one)
        if not (one.changed or (role is not None and role.changed)):
            return
        found = self._principal(one)
        scope = resource_id(one.text("scope"))
        if not scope:
            found.undecided.append(f"{one.address}: scope is not known before the plan is applied")
            return
        condition = one.text("condition").strip()
        if role is not None:
            own = of_blocks(_blocks_of(role), (scope,), condition, f"{one.address}: {role.text('name')}")
            found.allowances += own
            if role.is_unknown("permissions"):
                found.undecided.append(
                    f"{role.address}: permissions are not known before the plan is applied"
                )
            return
        named = one.text("role_definition_name") or one.text("role_definition_id")
        definition = self._inventory.definitions.get(
            one.text("role_definition_id").rpartition("/")[2].lower()
        ) or next((d for d in self._inventory.definitions.values() if d.name and d.name == named), None)
        if definition is None:
            what = (
                f"what {named} gives is not in the evidence"
                if named
                else "its role is not known before the plan is applied"
            )
            found.undecided.append(f"{one.address}: {what}")
            return
        found.allowances += of_blocks(
            definition.blocks, (scope,), condition, f"{one.address}: {definition.name}"
        )

    def _own_role(self, one: Planned) -> Planned | None:
        """Return the role definition of the plan that an assignment names."""
        referenced = [
            other
            for key in ("role_definition_id", "role_definition_name")
            for other in referred(one, key, self._resources)
            if other.type == "azurerm_role_definition"
        ]
        named = [
            other
            for other in self._resources
            if other.type == "azurerm_role_definition"
            and other.text("name")
            and other.text("name") == one.text("role_definition_name")
        ]
        return next(iter([*referenced, *named]), None)

    def _principal(self, one: Planned) -> Proposed:
        who = principal(one.text("principal_id"))
        if who:
            return self._of(who, who)
        others = referred(one, "principal_id", self._resources)
        if len(others) == 1:
            return self._of(others[0].text("name") or others[0].address)
        found = self._of(f"({one.address})")
        found.undecided.append(f"{one.address}: principal_id is not known before the plan is applied")
        return found


def _blocks_of(role: Planned) -> tuple[Block, ...]:
    """Return the permission blocks of an `azurerm_role_definition`."""
    return blocks(
        fields(
            {
                "permissions": [
                    fields(one) for one in role.values.get("permissions") or () if isinstance(one, Mapping)
                ]
            }
        )
    )
