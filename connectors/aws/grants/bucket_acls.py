"""Turn the access control list of a bucket into the statements that it amounts to.

Rules: S3 user guide, "Access control list (ACL) overview" (mapping of ACL permissions to policy permissions),
"Controlling ownership of objects" and "Blocking public access" (read 2026-11).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from connectors.aws.policy.document import ConditionTest, Principal, Statement
from connectors.facts import Caveat, Effect

BUCKET_ACL = "BucketAcl"
_READ = ("s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:ListBucketVersions")
_GIVES = {
    "READ": _READ,
    "WRITE": ("s3:PutObject",),
    "READ_ACP": ("s3:GetBucketAcl",),
    "WRITE_ACP": ("s3:PutBucketAcl",),
    "FULL_CONTROL": (*_READ, "s3:PutObject", "s3:GetBucketAcl", "s3:PutBucketAcl"),
}
_EVERYBODY = ("AllUsers", "AuthenticatedUsers")
_SETTING = ConditionTest("Null", "s3:IgnorePublicAcls", ("true",))
"""Stands for a block of public access that no record decides."""


def enforced(record: Mapping[str, Any]) -> bool:
    """Tell whether the bucket's owner has switched access control lists off."""
    return record.get("ObjectOwnership") == "BucketOwnerEnforced"


def acl_statements(record: Mapping[str, Any], *, ignored: bool | None) -> Iterator[Statement]:
    """Yield what a list gives to everybody; what it gives its own account, the identity policies give.

    Where bucket or account ignore public lists it gives nothing; where that is not known it is undecided.
    """
    if enforced(record) or ignored:
        return
    for index, (group, permission) in enumerate(_public(record)):
        yield Statement(
            index=index,
            sid=f"access control list, {group} {permission}",
            effect=Effect.ALLOW,
            actions=_GIVES.get(permission, ()),
            resources=(),
            conditions=(_SETTING,) if ignored is None else (),
            principals=(Principal("*", "*"),),
        )


def acl_caveats(record: Mapping[str, Any], arn: str, *, ignored: bool | None) -> Iterator[Caveat]:
    """Say what a list gives that no identity of the account is known to be."""
    if enforced(record):
        return
    for group, permission in () if ignored else _public(record):
        unless = "" if ignored is False else " unless bucket or account ignore public lists"
        yield Caveat(
            f"the access control list of the bucket gives {permission} to {group}",
            arn,
            f"everybody may use it{unless}; disable ACLs (BucketOwnerEnforced)",
        )
    held = record.get("Owner")
    owner = held.get("ID") if isinstance(held, Mapping) else None
    for grantee, permission in _grants(record):
        other = grantee.get("ID")
        if other and owner and other != owner:
            yield Caveat(
                f"the access control list of the bucket gives {permission} to another account "
                f"(canonical user {str(other)[:12]}…)",
                arn,
                "who can act there from that account is not told; disable ACLs (BucketOwnerEnforced)",
            )


def _public(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for grantee, permission in _grants(record):
        group = str(grantee.get("URI") or "").rpartition("/")[2]
        if group in _EVERYBODY:
            yield group, permission


def _grants(record: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], str]]:
    grants = record.get("Grants")
    for grant in grants if isinstance(grants, list) else ():
        if isinstance(grant, Mapping) and isinstance(grant.get("Grantee"), Mapping):
            yield grant["Grantee"], str(grant.get("Permission") or "")
