"""Read what a proposed IAM policy or a Terraform plan would give to whom."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.aws.inventory import Inventory, read_inventory
from connectors.aws.policy.allowances import allowance
from connectors.aws.policy.document import Document, parse_document
from connectors.baselines import Allowance, Holding
from connectors.interface import Evidence
from connectors.proposed import Proposed
from connectors.terraform_plan import Planned, is_plan, planned, referred

_INLINE = {
    "aws_iam_role_policy": "role",
    "aws_iam_user_policy": "user",
    "aws_iam_group_policy": "group",
}
_ATTACHMENT = {
    "aws_iam_role_policy_attachment": "role",
    "aws_iam_user_policy_attachment": "user",
    "aws_iam_group_policy_attachment": "group",
}
_HOLDERS = {"aws_iam_role": "role", "aws_iam_user": "user", "aws_iam_group": "group"}
_EXCLUSIVE = {"aws_iam_policy_attachment": (("roles", "role"), ("users", "user"), ("groups", "group"))}
_KEYS = {
    "aws_iam_access_key": "a new long-lived access key",
    "aws_iam_service_specific_credential": "a new long-lived service credential",
    "aws_iam_user_login_profile": "a new console password",
}


def read_proposals(document: Mapping[str, Any], evidence: Sequence[Evidence]) -> list[Holding] | None:
    """Return the holdings that a policy document or plan proposes; None when it is neither for AWS."""
    if is_plan(document):
        return _Plan(planned(document), read_inventory(evidence)).holdings()
    inner = document.get("PolicyDocument", document.get("Policy"))
    if "Statement" not in document and isinstance(inner, Mapping | str):
        document = {"Statement": None} | dict(_parsed(inner))
    if "Statement" not in document:
        return None
    parsed = parse_document(document)
    return [Holding("", "", *_read(parsed, "the proposed policy"))]


def _parsed(inner: Mapping[str, Any] | str) -> Mapping[str, Any]:
    if isinstance(inner, Mapping):
        return inner
    try:
        value = json.loads(inner)
    except ValueError:
        return {}
    return value if isinstance(value, Mapping) else {}


def _read(parsed: Document, source: str) -> tuple[tuple[Allowance, ...], tuple[str, ...]]:
    own = tuple(allowance(one, f"{source}, statement {one.name}") for one in parsed.statements)
    return own, tuple(f"{source}: {problem}" for problem in parsed.problems)


class _Plan:
    """Follows a plan's policies to the roles, users and groups that hold them.

    Only what the plan changes is looked at: a policy that changes for everyone who holds it, an attachment
    that is made, a document that is written. Values that are not known before the plan is applied are named.
    """

    def __init__(self, resources: list[Planned], inventory: Inventory) -> None:
        self._resources = resources
        self._inventory = inventory
        self._found: dict[str, Proposed] = {}

    def holdings(self) -> list[Holding]:
        """Return what the plan gives, by the holder's name."""
        for one in self._resources:
            if one.type in _HOLDERS and one.changed:
                self._holder(one)
            elif one.type in _INLINE and one.changed:
                for name in self._names(one, _INLINE[one.type]):
                    self._text(name, one, "policy")
            elif one.type in _ATTACHMENT:
                for name in self._names(one, _ATTACHMENT[one.type]):
                    self._attached(name, one)
            elif one.type in _EXCLUSIVE:
                for key, kind in _EXCLUSIVE[one.type]:
                    for name in self._listed(one, key, kind):
                        self._attached(name, one)
            elif one.type in _KEYS and one.changed:
                for name in self._names(one, "user"):
                    self._of(name).credentials.append(f"{one.address}: {_KEYS[one.type]}")
        return [found.holding(name) for name, found in sorted(self._found.items())]

    def _of(self, name: str) -> Proposed:
        return self._found.setdefault(name, Proposed())

    def _holder(self, one: Planned) -> None:
        name = _name(one)
        found = self._of(name)
        found.new |= one.created
        for inline in one.values.get("inline_policy") or ():
            if isinstance(inline, Mapping) and inline.get("policy"):
                self._add(name, inline["policy"], f"{one.address}: inline policy {inline.get('name')}")
        if one.is_unknown("inline_policy"):
            found.undecided.append(f"{one.address}: inline_policy is not known before the plan is applied")
        for arn in one.values.get("managed_policy_arns") or ():
            self._managed(name, str(arn), one.address)

    def _names(self, one: Planned, key: str) -> Iterator[str]:
        """Yield the holder's name; an unknown one is followed to the resource that its expression names."""
        if one.text(key):
            yield one.text(key)
            return
        others = [other for other in referred(one, key, self._resources) if other.type in _HOLDERS]
        if len(others) == 1:
            yield _name(others[0])
            return
        yield f"({one.address}: {key} not known before the plan is applied)"

    def _listed(self, one: Planned, key: str, kind: str) -> Iterator[str]:
        for name in one.values.get(key) or ():
            if isinstance(name, str):
                yield name
        if one.is_unknown(key):
            others = [o for o in referred(one, key, self._resources) if _HOLDERS.get(o.type) == kind]
            yield from map(_name, others)
            if not others:
                yield f"({one.address}: {key} not known before the plan is applied)"

    def _attached(self, name: str, one: Planned) -> None:
        """Add an attached policy when the attachment or the policy itself changes."""
        arn = one.text("policy_arn")
        own = [
            other
            for other in self._resources
            if other.type == "aws_iam_policy"
            and ((arn and other.text("arn") == arn) or other in referred(one, "policy_arn", self._resources))
        ]
        if len(own) == 1:
            if one.changed or own[0].changed:
                self._text(name, own[0], "policy")
        elif arn and one.changed:
            self._managed(name, arn, one.address)
        elif one.changed:
            self._of(name).undecided.append(
                f"{one.address}: policy_arn is not known before the plan is applied"
            )

    def _managed(self, name: str, arn: str, address: str) -> None:
        policy = self._inventory.policies.get(arn)
        if policy is None or policy.document is None:
            self._of(name).undecided.append(f"{address}: the document of {arn} is not in the evidence")
            return
        own, undecided = _read(policy.document, f"{address}: {arn}")
        self._of(name).allowances += own
        self._of(name).undecided += undecided

    def _text(self, name: str, one: Planned, key: str) -> None:
        """Add the policy text of a resource."""
        if one.text(key):
            self._add(name, one.text(key), one.address)
        else:
            self._of(name).undecided.append(
                f"{one.address}: {key} is not known before the plan is applied, so it cannot be decided"
            )

    def _add(self, name: str, text: Any, source: str) -> None:
        own, undecided = _read(parse_document(text), source)
        self._of(name).allowances += own
        self._of(name).undecided += undecided


def _name(one: Planned) -> str:
    prefix = one.text("name_prefix")
    return one.text("name") or (f"{prefix}*" if prefix else f"({one.address}: name not known)")
