"""Name buckets that hold CloudTrail logs, and what reading them needs; loads no SDK."""

import re
from collections.abc import Iterable

from connectors.aws.usage.passed_roles import partition_of
from connectors.logs.objects import below

S3_ADDRESS = r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<prefix>[^\x00-\x1f]*))?"
"""`s3://bucket/prefix`: everything below the prefix."""


_OTHER_SERVICE = re.compile(
    r"(?:^|/)AWSLogs/(?:o-[a-z0-9]+/)?\d{12}/"
    r"(Config|GuardDuty|WAFLogs|elasticloadbalancing|globalaccelerator|network-firewall|redshift|vpcdnsquerylogs|vpcflowlogs)/"
)
"""Folders of a shared bucket to which services deliver logs of their own. Source: their documentation."""


def other_service(path: str) -> str:
    """Return whose logs a path below AWSLogs holds, if they are not CloudTrail's."""
    found = _OTHER_SERVICE.search(path)
    return found[1] if found else ""


def inside(address: str, bucket: str, key: str | None) -> bool:
    """Return whether a bucket, and a key in it, belong to an address, whose prefix is a folder or a key."""
    named = re.fullmatch(S3_ADDRESS, address)
    if named is None or named["bucket"] != bucket:
        return False
    return key is None or below((named["prefix"] or "").lstrip("/"), key)


def resources(addresses: Iterable[str], region: str = "") -> tuple[list[str], list[str]]:
    """Return the ARNs of the buckets and of the objects that addresses name."""
    partition = partition_of(region)
    buckets, objects = set(), set()
    for address in addresses:
        if named := re.fullmatch(S3_ADDRESS, address):
            bucket = f"arn:{partition}:s3:::{named['bucket']}"
            buckets.add(bucket)
            objects.add(f"{bucket}/{(named['prefix'] or '').lstrip('/').rstrip('*')}*")
    return sorted(buckets), sorted(objects)
