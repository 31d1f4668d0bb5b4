"""Write changes as Terraform: custom roles and single members, never a whole binding or policy.

Resource types as the Google provider (6 and later) documents them. What goes is often not in Terraform's
state, and Terraform cannot take away what it does not own: those steps are gcloud commands in comments.
"""

import json
from collections.abc import Iterator, Mapping, Sequence

from connectors.gcp.reduction.places import place_of
from connectors.gcp.reduction.standing import Bound, Kind
from connectors.gcp.remediation.cli import commands, level_and_id
from connectors.hcl import Expression, Value, block, comment
from connectors.hcl_labels import Labels
from connectors.reduction import Change
from connectors.shell import line

_OWN = (Kind.CREATE_ROLE, Kind.ADD_BINDING)


def terraform(changes: Sequence[Change]) -> str:
    """Return the changes of one identity as a Terraform file."""
    return "\n\n".join(_Writer(changes).blocks()) + "\n"


class _Writer:
    def __init__(self, changes: Sequence[Change]) -> None:
        self._changes = changes
        self._label = Labels("member").label
        self._roles: dict[str, Expression] = {}

    def blocks(self) -> Iterator[str]:
        """Yield the blocks in the order of the steps, then what Terraform cannot do."""
        yield comment(f"Reduces {self._changes[0].holder}; Google provider 6 or later.")
        for change in self._changes:
            if change.kind == Kind.CREATE_ROLE:
                yield self._role(change)
            elif change.kind == Kind.ADD_BINDING:
                yield self._member(Bound.read(change.target, change.after))
        rest = [change for change in self._changes if change.kind not in _OWN]
        if rest:
            lines = [
                "When the above is applied and has taken effect (some minutes), take away what it replaces.",
                "Where Terraform owns it, delete its block; else run:",
                *(line(command) for command in commands(rest)),
            ]
            yield "\n".join(comment(line) for line in lines)

    def _role(self, change: Change) -> str:
        level, name = level_and_id(change.target)
        kind, _, place = level.partition("/")
        label = self._label(name)
        where = "project" if kind == "projects" else "organization"
        resource = f"google_{where}_iam_custom_role"
        self._roles[change.target] = Expression(f"{resource}.{label}.id")
        raw = json.loads(change.after)
        values: dict[str, Value] = {
            "project" if kind == "projects" else "org_id": place,
            "role_id": name,
            "title": raw["title"],
            "description": raw["description"],
            "stage": raw["stage"],
            "permissions": raw["includedPermissions"],
        }
        return block(["resource", resource, label], values)

    def _member(self, bound: Bound) -> str:
        place = place_of(bound.resource)
        if place is None:
            raise ValueError(f"no Terraform resource for the policy of {bound.resource}")
        last = bound.resource.rpartition("/")[2]
        label = self._label(f"{bound.role.rpartition('/')[2]}_{last}")
        values: dict[str, Value] = {
            **place.attributes,
            "role": self._roles.get(bound.role, bound.role),
            "member": bound.member,
        }
        inner = [_condition(json.loads(bound.condition))] if bound.condition else []
        return block(["resource", place.terraform, label], values, *inner)


def _condition(raw: Mapping[str, str]) -> str:
    keys = ("title", "description", "expression")
    return block(["condition"], {key: raw[key] for key in keys if raw.get(key)})
