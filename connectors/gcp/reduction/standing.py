"""What one identity holds, binding by binding as the policies have it, and what a change does to that.

Changes are simulated here, and so is taking them back: the claims about a replacement are made about what
these steps really come to.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from connectors.gcp.inventory import Inventory
from connectors.reduction import Change

ENABLED, DISABLED = "enabled", "disabled"


class Kind(StrEnum):
    """The steps a reduction is made of; each has one inverse."""

    CREATE_ROLE = "create-role"
    ADD_BINDING = "add-binding"
    REMOVE_BINDING = "remove-binding"
    DISABLE_ACCOUNT = "disable-account"
    DISABLE_KEY = "disable-key"


@dataclass(frozen=True, slots=True, order=True)
class Bound:
    """One role given to one member on one resource, verbatim."""

    resource: str
    """Full name, the project by its id."""
    role: str
    member: str
    condition: str = ""
    """The whole condition as JSON text (title, description, expression); empty for none."""

    @property
    def text(self) -> str:
        """The binding as JSON, as an allow policy writes it."""
        found: dict[str, Any] = {"role": self.role, "members": [self.member]}
        if self.condition:
            found["condition"] = json.loads(self.condition)
        return json.dumps(found, indent=2)

    @staticmethod
    def read(resource: str, text: str) -> "Bound":
        """Return the binding that a change's text writes."""
        raw = json.loads(text)
        return Bound(resource, raw["role"], raw["members"][0], condition_text(raw.get("condition")))


def condition_text(condition: Any) -> str:
    """Return a condition in one spelling; empty when there is none."""
    return json.dumps(condition, sort_keys=True) if isinstance(condition, Mapping) and condition else ""


def expression(condition: str) -> str:
    """Return the expression of a condition's text."""
    return str(json.loads(condition).get("expression") or "") if condition else ""


@dataclass(frozen=True, slots=True)
class Access:
    """The bindings of one identity, the custom roles that were made for it, and what is switched off."""

    bounds: frozenset[Bound] = frozenset()
    roles: Mapping[str, str] = field(default_factory=dict)
    """Custom roles that the steps make: full name to definition."""
    inactive: frozenset[str] = frozenset()
    """Keys that are disabled."""
    disabled: bool = False
    """Whether the account itself is disabled: then no binding gives anything."""


def apply(access: Access, change: Change) -> Access:
    """Return the access after one step."""
    match Kind(change.kind):
        case Kind.CREATE_ROLE:
            return replace(access, roles={**access.roles, change.target: change.after})
        case Kind.ADD_BINDING:
            return replace(access, bounds=access.bounds | {Bound.read(change.target, change.after)})
        case Kind.REMOVE_BINDING:
            return replace(access, bounds=access.bounds - {Bound.read(change.target, change.before)})
        case Kind.DISABLE_ACCOUNT:
            return replace(access, disabled=change.after == DISABLED)
        case Kind.DISABLE_KEY:
            return replace(access, inactive=access.inactive | {change.target})


def take_back(access: Access, change: Change) -> Access:
    """Return the access after one step was undone, with what the rollback documents hold."""
    match Kind(change.kind):
        case Kind.CREATE_ROLE:
            return replace(access, roles={k: v for k, v in access.roles.items() if k != change.target})
        case Kind.ADD_BINDING:
            return replace(access, bounds=access.bounds - {Bound.read(change.target, change.after)})
        case Kind.REMOVE_BINDING:
            return replace(access, bounds=access.bounds | {Bound.read(change.target, change.before)})
        case Kind.DISABLE_ACCOUNT:
            return replace(access, disabled=change.before == DISABLED)
        case Kind.DISABLE_KEY:
            return replace(access, inactive=access.inactive - {change.target})


Written = Mapping[tuple[str, str, str], tuple[str, ...]]
"""(resource, role, member) to the conditions they are bound under, each as its JSON text."""


def read_written(inventory: Inventory) -> Written:
    """Return every binding of every allow policy with its whole condition, which has more than is judged."""
    found: dict[tuple[str, str, str], set[str]] = {}
    for _, policy in inventory.policies:
        resource = inventory.hierarchy.resource(policy.resource)
        for binding in policy.bindings:
            role, condition = str(binding.get("role") or ""), condition_text(binding.get("condition"))
            members = binding.get("members")
            for member in members if isinstance(members, list) else ():
                if isinstance(member, str):
                    found.setdefault((resource, role, member), set()).add(condition)
    return {key: tuple(sorted(conditions)) for key, conditions in found.items()}
