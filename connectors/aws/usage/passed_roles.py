"""Find the roles that a call passed to a service: iam:PassRole never has an event of its own."""

import re
from functools import lru_cache
from typing import Any

import msgspec

_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]{1,576}")
_PROFILE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:instance-profile/[\w+=,.@/-]{1,576}")
_NAME = re.compile(r"[\w+=,.@-]{1,128}")
_TAKES_AWAY = ("Delete", "Remove", "Disassociate", "Deregister", "Detach", "Revoke", "Untag")
_NO_PASSING = ("iam.amazonaws.com", "sts.amazonaws.com")
_PROFILE_NAMES = ("iaminstanceprofile", "iaminstanceprofile.name")
_DEPTH = 12
_PARTITIONS = (
    ("cn-", "aws-cn"),
    ("us-gov-", "aws-us-gov"),
    ("us-iso-", "aws-iso"),
    ("us-isob-", "aws-iso-b"),
    ("eu-isoe-", "aws-iso-e"),
    ("us-isof-", "aws-iso-f"),
    ("eusc-", "aws-eusc"),
)
"""Beginnings of region names, and the partition of those regions."""


def may_pass_role(parameters: str) -> bool:
    """Return whether request parameters, as text, deserve to be parsed in search of passed roles."""
    return ":role/" in parameters or "nstanceProfile" in parameters or ":instance-profile/" in parameters


def passes_roles(source: str, name: str) -> bool:
    """Return whether a changing call may pass roles: IAM and STS manage them, some calls take them away."""
    return source not in _NO_PASSING and not name.startswith(_TAKES_AWAY)


def passed_roles(parameters: Any, account: str, region: str) -> list[str]:
    """Return the ARNs of roles and instance profiles under role-like keys, sorted.

    The rule is that of botocore input shapes: 935 operations of 201 services take a role under a key with
    `role` in its name, EC2 and its kin an instance profile. A profile given by name only gets an ARN
    without a path (names are unique in an account); IAM checks the role inside it.
    """
    profiles = f"arn:{partition_of(region)}:iam::{account}:instance-profile/" if account else ""
    found: set[str] = set()
    _search(parameters, "", profiles, _DEPTH, found)
    return sorted(found)


def _search(value: Any, key: str, profiles: str, depth: int, found: set[str]) -> None:
    if isinstance(value, str):
        # Nearly no text passes the first look, which takes a tenth of the second.
        if ("role" in key and ":role/" in value and _ROLE.fullmatch(value)) or (
            ":instance-profile/" in value and _PROFILE.fullmatch(value)
        ):
            found.add(value)
        elif key in _PROFILE_NAMES and profiles and _NAME.fullmatch(value):
            found.add(profiles + value)
    elif depth and isinstance(value, dict):
        for name, item in value.items():
            lower = name.lower()
            inner = f"{key}.{lower}" if key == "iaminstanceprofile" else lower
            _search(item, inner, profiles, depth - 1, found)
    elif depth and isinstance(value, list):
        for item in value:
            _search(item, key, profiles, depth - 1, found)


@lru_cache(maxsize=1024)
def partition_of(region: str) -> str:
    """Return the partition that a region belongs to (botocore's partitions.json, 2026-11)."""
    return next((name for start, name in _PARTITIONS if region.startswith(start)), "aws")


def parsed(parameters: bytes | msgspec.Raw) -> Any:
    """Return request parameters as a value; None when they are no JSON (cut off at 100 KB)."""
    try:
        return msgspec.json.decode(parameters)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
