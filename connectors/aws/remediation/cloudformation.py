"""Write changes as a CloudFormation template: what a stack can own, and in its metadata what it cannot."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from connectors.aws.reduction.standing import Kind
from connectors.aws.remediation.cli import commands, holder_of, policy_name, script
from connectors.reduction import Change

_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9]")
_OWNED = {Kind.PUT_INLINE, Kind.ATTACH_NEW, Kind.NEW_VERSION}


def cloudformation(changes: Sequence[Change]) -> str:
    """Return the changes of one identity as a template in JSON.

    A stack can write an inline policy (`AWS::IAM::RolePolicy`, `AWS::IAM::UserPolicy`) and make or import a
    managed one (`AWS::IAM::ManagedPolicy`). Detaching, leaving a group, boundaries and keys of principals
    that the stack does not own are listed in the metadata as commands to run after it.
    """
    resources: dict[str, Any] = {}
    for change in changes:
        for name, resource in _resource(change):
            number = 1
            key = name
            while key in resources:
                number += 1
                key = f"{name}{number}"
            resources[key] = resource
    rest = [change for change in changes if change.kind not in _OWNED]
    template: dict[str, Any] = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Reduces the access of one identity to what it needs",
        "Metadata": {"Identity": changes[0].holder, "RunAfterwards": script(commands(rest)) if rest else ""},
        "Resources": resources or {"Nothing": {"Type": "AWS::CloudFormation::WaitConditionHandle"}},
    }
    return json.dumps(template, indent=2, ensure_ascii=False) + "\n"


def _resource(change: Change) -> Iterator[tuple[str, dict[str, Any]]]:
    kind, name = holder_of(change.holder)
    match Kind(change.kind):
        case Kind.PUT_INLINE:
            yield (
                _id(change.target),
                {
                    "Type": f"AWS::IAM::{kind.title()}Policy",
                    "Properties": {
                        "PolicyName": change.target,
                        f"{kind.title()}Name": name,
                        "PolicyDocument": json.loads(change.after),
                    },
                },
            )
        case Kind.ATTACH_NEW | Kind.NEW_VERSION:
            path = "/" + change.target.partition(":policy/")[2].rpartition("/")[0]
            resource: dict[str, Any] = {
                "Type": "AWS::IAM::ManagedPolicy",
                "DeletionPolicy": "Retain",
                "UpdateReplacePolicy": "Retain",
                "Properties": {
                    "ManagedPolicyName": policy_name(change.target),
                    "Path": path if path == "/" else path + "/",
                    "PolicyDocument": json.loads(change.after),
                    f"{kind.title()}s": [name],
                },
            }
            if change.kind == Kind.NEW_VERSION:
                resource["Metadata"] = {"ImportExisting": change.target}
            yield _id(policy_name(change.target)), resource
        case _:
            return


def _id(text: str) -> str:
    """Return a logical id: letters and digits alone."""
    return "Policy" + _NOT_IN_IDS.sub("", text)[:200]
