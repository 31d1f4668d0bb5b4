"""Read an organization: its tree of units and accounts, and the policies that stand above them."""

from dataclasses import dataclass, field
from typing import Any

from connectors.aws.live.calls import Calls
from connectors.aws.live.gathering import Finds, Found
from connectors.live.failures import CallError

_KINDS = ("SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY")


@dataclass
class Members:
    """The accounts of the organization, learned while its tree is read."""

    active: list[str] = field(default_factory=list)


def organization_policies(calls: Calls, members: Members) -> Finds:
    """Yield the tree and the service and resource control policies with their targets.

    Only the management account and delegated administrators may read them. An account outside any
    organization has none above it, and that is said by an empty part without a failure.
    """
    try:
        organization = calls.one("organizations", "DescribeOrganization")["Organization"]
    except CallError as error:
        if error.kind == "absent":
            return
        raise
    try:
        yield from _tree(calls, members)
    except CallError as error:
        yield _explained(error, organization)
    for kind in _KINDS:
        try:
            yield from _policies(calls, kind)
        except CallError as error:
            yield _explained(error, organization)


def _explained(error: CallError, organization: dict[str, Any]) -> CallError:
    """Say whose job it is: a member account is always refused."""
    if error.kind != "denied":
        return error
    management = organization.get("MasterAccountId", "")
    text = f"{error}; only the management account {management} and delegated administrators may read this"
    return CallError(text, error.kind, error.call, hint=error.hint)


def _tree(calls: Calls, members: Members) -> Finds:
    waiting: list[str] = []
    for page in calls.pages("organizations", "ListRoots"):
        for root in page["Roots"]:
            waiting.append(root["Id"])
            yield Found("Organization", "organizations:ListRoots", {"Id": root["Id"], "Arn": root["Arn"]})
    while waiting:
        parent = waiting.pop(0)
        for page in calls.pages("organizations", "ListOrganizationalUnitsForParent", ParentId=parent):
            units = [{"Id": unit["Id"], "Name": unit.get("Name", "")} for unit in page["OrganizationalUnits"]]
            waiting += [unit["Id"] for unit in units]
            record = {"ParentId": parent, "OrganizationalUnits": units}
            yield Found("Organization", "organizations:ListOrganizationalUnitsForParent", record)
        for page in calls.pages("organizations", "ListAccountsForParent", ParentId=parent):
            accounts = [{"Id": one["Id"], "Name": one.get("Name", "")} for one in page["Accounts"]]
            members.active += [one["Id"] for one in page["Accounts"] if _is_active(one)]
            record = {"ParentId": parent, "Accounts": accounts}
            yield Found("Organization", "organizations:ListAccountsForParent", record)
        if calls.sample:
            return


def _is_active(account: dict[str, Any]) -> bool:
    """`State` takes the place of `Status` in newer answers (Organizations API, 2025)."""
    return str(account.get("State") or account.get("Status") or "ACTIVE") == "ACTIVE"


def _policies(calls: Calls, kind: str) -> Finds:
    summaries: list[dict[str, Any]] = []
    for page in calls.pages("organizations", "ListPolicies", Filter=kind):
        summaries += page["Policies"]

    def read(summary: dict[str, Any]) -> list[Found | CallError]:
        try:
            policy = calls.one("organizations", "DescribePolicy", PolicyId=summary["Id"])["Policy"]
        except CallError as error:
            return [error]
        record: dict[str, Any] = {
            **summary,
            "Content": policy.get("Content", ""),
        }
        try:
            record["Targets"] = [
                {"TargetId": target["TargetId"], "Type": target.get("Type", "")}
                for page in calls.pages("organizations", "ListTargetsForPolicy", PolicyId=summary["Id"])
                for target in page["Targets"]
            ]
        except CallError as error:
            # Without its targets the policy counts as one that may stand anywhere.
            return [error, Found("Organization", "organizations:DescribePolicy", record)]
        return [Found("Organization", "organizations:DescribePolicy", record)]

    for finds in calls.each(read, summaries):
        yield from finds
