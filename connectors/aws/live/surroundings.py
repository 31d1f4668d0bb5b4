"""Read what gives or refuses beside policies: what stands at buckets, data access policies, VPC endpoints."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any

from connectors.aws.grants.bucket_acls import BUCKET_ACL
from connectors.aws.grants.public_access import BLOCK, NO_BLOCK, PUBLIC_ACCESS_BLOCK
from connectors.aws.grants.surroundings import DATA_ACCESS, VPC_ENDPOINT
from connectors.aws.live.calls import Calls
from connectors.aws.live.gathering import Finds, Found
from connectors.live.failures import CallError

_ENFORCED = "BucketOwnerEnforced"
_Read = tuple[str, str, dict[str, Any]]
"""The list that a record stands in, the call that gave it, and what it says."""


def beside_bucket(calls: Calls, arn: str, name: str, region: str) -> Finds:
    """Yield a bucket's block of public access, and its access control list; never those of objects."""
    asked = {"Bucket": name, "ExpectedBucketOwner": calls.account}
    place = {"ResourceArn": arn, "Account": calls.account}
    for read in (_block_of_bucket, _list_of_bucket):
        try:
            kind, call, record = read(calls, region, asked)
            yield Found(kind, call, {**place, **record}, calls.account, region)
        except CallError as error:
            if error.kind not in ("absent", "no endpoint"):
                yield error


def _block_of_bucket(calls: Calls, region: str, asked: Mapping[str, str]) -> _Read:
    answer = _perhaps(calls, "s3", "GetPublicAccessBlock", region, asked)
    return PUBLIC_ACCESS_BLOCK, "s3:GetPublicAccessBlock", {BLOCK: answer.get(BLOCK) or NO_BLOCK}


def _list_of_bucket(calls: Calls, region: str, asked: Mapping[str, str]) -> _Read:
    answer = _perhaps(calls, "s3", "GetBucketOwnershipControls", region, asked)
    rules = (answer.get("OwnershipControls") or {}).get("Rules") or [{}]
    record: dict[str, Any] = {"ObjectOwnership": str(rules[0].get("ObjectOwnership") or "")}
    if record["ObjectOwnership"] != _ENFORCED:
        answer = calls.one("s3", "GetBucketAcl", region=region, **asked)
        record |= {key: answer.get(key) for key in ("Owner", "Grants")}
    return BUCKET_ACL, "s3:GetBucketAcl", record


def account_block(calls: Calls) -> Finds:
    """Yield the account's block of public access, what its organization sets included."""
    try:
        answer = _perhaps(calls, "s3control", "GetPublicAccessBlock", "", {"AccountId": calls.account})
    except CallError as error:
        yield error
        return
    record = {"Account": calls.account, BLOCK: answer.get(BLOCK) or NO_BLOCK}
    yield Found(PUBLIC_ACCESS_BLOCK, "s3control:GetPublicAccessBlock", record, calls.account)


def _perhaps(
    calls: Calls, service: str, operation: str, region: str, asked: Mapping[str, str]
) -> Mapping[str, Any]:
    """Return an answer, empty where there is no such setting."""
    try:
        return calls.one(service, operation, region=region, **asked)
    except CallError as error:
        if error.kind != "absent":
            raise
        return {}


def regional(calls: Calls, regions: Sequence[str]) -> Finds:
    """Yield the data access policies of OpenSearch Serverless and the policies of VPC endpoints."""
    reads: tuple[Callable[[Calls, str], Finds], ...] = (_data_access, _endpoints)
    for read in reads:
        yield from chain.from_iterable(calls.each(partial(_all, calls, read), regions))


def _all(calls: Calls, read: Callable[[Calls, str], Finds], region: str) -> list[Found | CallError]:
    finds: list[Found | CallError] = []
    try:
        finds.extend(read(calls, region))
    except CallError as error:
        if error.kind != "no endpoint":
            finds.append(error)
    return finds


def _data_access(calls: Calls, region: str) -> Finds:
    service, call = "opensearchserverless", "opensearchserverless:GetAccessPolicy"
    for page in calls.pages(service, "ListAccessPolicies", region=region, type="data"):
        for listed in page.get("accessPolicySummaries") or ():
            name = str(listed.get("name"))
            try:
                answer = calls.one(service, "GetAccessPolicy", region=region, type="data", name=name)
            except CallError as error:
                yield error
                continue
            record = {"name": name, **(answer.get("accessPolicyDetail") or {}), "Region": region}
            yield Found(DATA_ACCESS, call, record, calls.account, region)


def _endpoints(calls: Calls, region: str) -> Finds:
    for page in calls.pages("ec2", "DescribeVpcEndpoints", region=region):
        for one in page.get("VpcEndpoints") or ():
            record = {
                key: one.get(key) for key in ("VpcEndpointId", "ServiceName", "VpcId", "PolicyDocument")
            }
            yield Found(VPC_ENDPOINT, "ec2:DescribeVpcEndpoints", record, calls.account, region)
