"""Write changes as Terraform: a resource per step, with import blocks for what already exists.

Resource types and import ids as the AWS provider (5.72 and later) documents them. What is detached or deleted
goes through the provider's exclusive resources, which depend on what takes its place.
"""

import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from connectors.aws.reduction.standing import Kind
from connectors.aws.remediation.cli import holder_of, policy_name
from connectors.hcl import Encoded, Expression, Value, block, comment
from connectors.hcl_labels import Labels
from connectors.reduction import Change

_OF_NEW_ROLE = ("assume_role_policy", "description", "max_session_duration", "tags", "tags_all")


def terraform(changes: Sequence[Change]) -> str:
    """Return the changes of one identity as a Terraform file."""
    writer = _Writer(changes)
    return "\n\n".join(writer.blocks()) + "\n"


class _Writer:
    def __init__(self, changes: Sequence[Change]) -> None:
        self._changes = changes
        self._kind, self._name = holder_of(changes[0].holder)
        self._label = Labels("policy").label
        self._before_detaching: list[str] = []

    def blocks(self) -> Iterator[str]:
        """Yield the blocks, those that take something away after what they depend on."""
        yield comment(f"Reduces {self._changes[0].holder}; AWS provider 5.72 or later.")
        for change in self._changes:
            yield from self._of(change)
        yield from self._left_groups()
        yield from self._exclusive()

    def _of(self, change: Change) -> Iterator[str]:
        match Kind(change.kind):
            case Kind.PUT_INLINE:
                yield from self._inline(change)
            case Kind.NEW_VERSION:
                yield from self._version(change)
            case Kind.ATTACH_NEW:
                yield from self._new(change)
            case Kind.ATTACH:
                yield from self._attach(change, change.target)
            case Kind.DETACH | Kind.DELETE_INLINE | Kind.LEAVE_GROUP:
                pass
            case Kind.SET_BOUNDARY:
                yield from self._holder({"permissions_boundary": change.after}, _OF_NEW_ROLE)
            case Kind.NARROW_TRUST:
                ignored = ("permissions_boundary", *_OF_NEW_ROLE[1:])
                yield from self._holder({"assume_role_policy": _document(change.after)}, ignored)
            case Kind.DEACTIVATE_KEY:
                yield from self._key(change)
            case Kind.DEACTIVATE_CREDENTIAL:
                yield from self._credential(change)

    def _imported(self, kind: str, label: str, name: str) -> str:
        return block(["import"], {"to": Expression(f"{kind}.{label}"), "id": name})

    def _inline(self, change: Change) -> Iterator[str]:
        kind, label = f"aws_iam_{self._kind}_policy", self._label(f"{self._name}_{change.target}")
        yield self._imported(kind, label, f"{self._name}:{change.target}")
        yield block(
            ["resource", kind, label],
            {"name": change.target, self._kind: self._name, "policy": _document(change.after)},
        )

    def _version(self, change: Change) -> Iterator[str]:
        label = self._label(policy_name(change.target))
        path = "/" + change.target.partition(":policy/")[2].rpartition("/")[0]
        yield self._imported("aws_iam_policy", label, change.target)
        yield block(
            ["resource", "aws_iam_policy", label],
            {
                "name": policy_name(change.target),
                "path": path if path == "/" else path + "/",
                "policy": _document(change.after),
            },
            _ignoring(("description", "tags", "tags_all")),
        )

    def _new(self, change: Change) -> Iterator[str]:
        label = self._label(policy_name(change.target))
        yield block(
            ["resource", "aws_iam_policy", label],
            {"name": policy_name(change.target), "policy": _document(change.after)},
        )
        yield from self._attach(change, Expression(f"aws_iam_policy.{label}.arn"))

    def _attach(self, change: Change, arn: str | Expression) -> Iterator[str]:
        kind = f"aws_iam_{self._kind}_policy_attachment"
        label = self._label(f"{self._name}_{policy_name(change.target)}")
        self._before_detaching.append(f"{kind}.{label}")
        yield block(["resource", kind, label], {self._kind: self._name, "policy_arn": arn})

    def _holder(self, values: dict[str, Value], ignored: Sequence[str]) -> Iterator[str]:
        """Yield the identity itself with one argument changed and everything else taken as it is."""
        kind, label = f"aws_iam_{self._kind}", self._label(self._name)
        present = f"data.{kind}.{label}"
        yield block(
            ["data", kind, label], {f"{self._kind}_name" if self._kind == "user" else "name": self._name}
        )
        yield self._imported(kind, label, self._name)
        held: dict[str, Value] = {"name": self._name, "path": Expression(f"{present}.path")}
        if self._kind == "role" and "assume_role_policy" not in values:
            held["assume_role_policy"] = Expression(f"{present}.assume_role_policy")
        wanted = ignored if self._kind == "role" else ("force_destroy", "tags", "tags_all")
        yield block(["resource", kind, label], {**held, **values}, _ignoring(wanted))

    def _key(self, change: Change) -> Iterator[str]:
        label = self._label(f"{self._name}_{change.target}")
        yield self._imported("aws_iam_access_key", label, change.target)
        yield block(["resource", "aws_iam_access_key", label], {"user": self._name, "status": "Inactive"})

    def _credential(self, change: Change) -> Iterator[str]:
        kind, label = "aws_iam_service_specific_credential", self._label(f"{self._name}_{change.target}")
        yield self._imported(kind, label, f"{change.note}:{self._name}:{change.target}")
        yield block(
            ["resource", kind, label],
            {"service_name": change.note, "user_name": self._name, "status": "Inactive"},
        )

    def _left_groups(self) -> Iterator[str]:
        """Yield memberships that are imported and then emptied; other groups of the user are not touched.

        The provider reads and changes only the groups that the import names (internal/service/iam,
        user_group_membership.go).
        """
        kind = "aws_iam_user_group_membership"
        for change in self._changes:
            if change.kind == Kind.LEAVE_GROUP:
                label = self._label(f"{self._name}_{change.target}")
                yield self._imported(kind, label, f"{self._name}/{change.target}")
                values: dict[str, Value] = {"user": self._name, "groups": []}
                if self._before_detaching:
                    values["depends_on"] = [Expression(name) for name in self._before_detaching]
                yield block(["resource", kind, label], values)

    def _exclusive(self) -> Iterator[str]:
        """Yield the resources that leave nothing attached or written but what is listed."""
        for step, kind, listed in (
            (Kind.DETACH, f"aws_iam_{self._kind}_policy_attachments_exclusive", "policy_arns"),
            (Kind.DELETE_INLINE, f"aws_iam_{self._kind}_policies_exclusive", "policy_names"),
        ):
            lists = [change.note for change in self._changes if change.kind == step]
            if not lists:
                continue
            values: dict[str, Value] = {f"{self._kind}_name": self._name, listed: json.loads(lists[-1])}
            if step is Kind.DETACH and self._before_detaching:
                values["depends_on"] = [Expression(name) for name in self._before_detaching]
            yield block(["resource", kind, self._label(self._name)], values)


def _ignoring(names: Sequence[str]) -> str:
    return block(["lifecycle"], {"ignore_changes": [Expression(name) for name in names]})


@lru_cache(maxsize=1024)
def _document(text: str) -> Encoded | str:
    try:
        value: Any = json.loads(text)
    except ValueError:
        return text
    return Encoded(value)
