"""Read an account's IAM: authorization details, keys, the credential report, and outside providers."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from connectors.aws.exports.kinds import ACCOUNT_LISTS, PAGE
from connectors.aws.live.calls import Calls
from connectors.aws.live.gathering import Finds, Found
from connectors.aws.live.resources import resources_in
from connectors.aws.trust.oidc_providers import PROVIDER
from connectors.live.failures import CallError

_PAGE_SIZE = 1000
_POLLS = 30
_POLL_SECONDS = 2.0


@dataclass
class Account:
    """One account being read; its users and roles are learned from the authorization details."""

    calls: Calls
    users: dict[str, str] = field(default_factory=dict)
    """User name to ARN."""
    roles: dict[str, str] = field(default_factory=dict)
    """Role ARN to when it was last used, as far as the authorization details say."""
    resources: set[str] = field(default_factory=set)
    """Single resources that policies of the account name."""
    policies: set[str] = field(default_factory=set)
    """Managed policies whose documents were read, or asked for."""


def authorization_details(account: Account) -> Finds:
    """Yield users, groups, roles and policies, and policies that the dump names but does not hold.

    A managed policy that is only a boundary can be missing from the dump. The last record says whether the
    pages ended, so that an account read in part is never taken for a whole one.
    """
    calls = account.calls
    named: set[str] = set()
    call = "iam:GetAccountAuthorizationDetails"
    page = {"IsTruncated": False, "Account": calls.account}
    read = False
    try:
        for answer in calls.pages("iam", "GetAccountAuthorizationDetails", MaxItems=_PAGE_SIZE):
            read = True
            for name in ACCOUNT_LISTS:
                for record in answer.get(name) or ():
                    account.resources.update(resources_in(record))
                    if name == "Policies":
                        account.policies.add(str(record.get("Arn")))
                    else:
                        named |= set(_policies_of(record))
                    if name == "UserDetailList":
                        account.users[str(record.get("UserName"))] = str(record.get("Arn"))
                    elif name == "RoleDetailList" and not _linked(record):
                        used = record.get("RoleLastUsed") or {}
                        account.roles[str(record.get("Arn"))] = _when(used.get("LastUsedDate"))
                    yield Found(name, call, record)
    except CallError as error:
        page["IsTruncated"] = True
        yield error
    if read:
        yield Found(PAGE, call, page)
    yield from missing_policies(account, named)


def missing_policies(account: Account, named: set[str]) -> Finds:
    """Yield the managed policies among those named whose documents were not read yet."""
    wanted = sorted(named - account.policies)
    account.policies.update(wanted)
    yield from _flat(account.calls.each(_missing(account.calls), wanted))


def _linked(record: Mapping[str, Any]) -> bool:
    return str(record.get("Path") or "").startswith("/aws-service-role/")


def _when(value: Any) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(value, datetime) else ""


def _policies_of(record: Mapping[str, Any]) -> Iterator[str]:
    for attached in record.get("AttachedManagedPolicies") or ():
        yield str(attached.get("PolicyArn"))
    boundary = record.get("PermissionsBoundary")
    if isinstance(boundary, Mapping) and boundary.get("PermissionsBoundaryArn"):
        yield str(boundary["PermissionsBoundaryArn"])


def _missing(calls: Calls) -> Callable[[str], list[Found | CallError]]:
    def read(arn: str) -> list[Found | CallError]:
        try:
            policy = dict(calls.one("iam", "GetPolicy", PolicyArn=arn)["Policy"])
            version = calls.one(
                "iam", "GetPolicyVersion", PolicyArn=arn, VersionId=policy["DefaultVersionId"]
            )["PolicyVersion"]
        except CallError as error:
            return [error]
        policy["PolicyVersionList"] = [{**version, "IsDefaultVersion": True}]
        return [Found("Policies", "iam:GetPolicyVersion", policy)]

    return read


def access_keys(account: Account) -> Finds:
    """Yield the access keys of all users with their last use."""
    calls = account.calls

    def read(user: str) -> list[Found | CallError]:
        finds: list[Found | CallError] = []
        try:
            for page in calls.pages("iam", "ListAccessKeys", UserName=user):
                for key in page["AccessKeyMetadata"]:
                    record = {**key, "UserArn": account.users[user]}
                    try:
                        used = calls.one("iam", "GetAccessKeyLastUsed", AccessKeyId=key["AccessKeyId"])
                        record["AccessKeyLastUsed"] = used.get("AccessKeyLastUsed", {})
                    except CallError as error:
                        finds.append(error)
                    finds.append(Found("AccessKeyMetadata", "iam:ListAccessKeys", record))
        except CallError as error:
            finds.append(error)
        return finds

    yield from _flat(calls.each(read, sorted(account.users)))


def service_specific_credentials(account: Account) -> Finds:
    """Yield Bedrock API keys and the like of all users; this list has a marker but no paginator."""
    calls = account.calls
    marker: dict[str, str] = {}
    while True:
        page = calls.one("iam", "ListServiceSpecificCredentials", AllUsers=True, **marker)
        for record in page.get("ServiceSpecificCredentials") or ():
            arn = account.users.get(str(record.get("UserName")))
            yield Found(
                "ServiceSpecificCredentials",
                "iam:ListServiceSpecificCredentials",
                {**record, "UserArn": arn} if arn else record,
            )
        if not page.get("IsTruncated") or not page.get("Marker") or calls.sample:
            return
        marker = {"Marker": page["Marker"]}


def credential_report(account: Account, wait: Callable[[float], None]) -> Finds:
    """Yield the rows of the credential report, asking for a new one first; an old one is better than none."""
    calls = account.calls
    try:
        for _ in range(1 if calls.sample else _POLLS):
            if calls.one("iam", "GenerateCredentialReport").get("State") == "COMPLETE":
                break
            wait(_POLL_SECONDS)
    except CallError as error:
        yield error
    answer = calls.one("iam", "GetCredentialReport")
    content = answer["Content"]
    text = content.decode("utf-8", "replace") if isinstance(content, bytes) else str(content)
    for row in csv.DictReader(io.StringIO(text)):
        yield Found("CredentialReport", "iam:GetCredentialReport", row)


def oidc_providers(account: Account) -> Finds:
    """Yield the OpenID Connect providers whose tokens the account accepts, and that these are all of them."""
    calls = account.calls
    answer = calls.one("iam", "ListOpenIDConnectProviders")
    arns = [str(item["Arn"]) for item in answer.get("OpenIDConnectProviderList") or ()]

    def read(arn: str) -> list[Found | CallError]:
        try:
            provider = calls.one("iam", "GetOpenIDConnectProvider", OpenIDConnectProviderArn=arn)
        except CallError as error:
            return [error]
        return [Found(PROVIDER, "iam:GetOpenIDConnectProvider", {"Arn": arn, **provider})]

    page = {"IsTruncated": False, "Account": calls.account, "Arns": arns}
    yield Found(PAGE, "iam:ListOpenIDConnectProviders", page)
    yield from _flat(calls.each(read, arns))


def _flat(results: Iterable[list[Found | CallError]]) -> Finds:
    for finds in results:
        yield from finds
