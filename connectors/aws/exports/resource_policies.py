"""Read exports of resource policies and KMS grants, in the shapes that the services' own commands write."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from connectors.aws.arns import account_of
from connectors.aws.exports.kinds import Records, as_record, documents, wrong_kind
from connectors.aws.grants.bucket_acls import BUCKET_ACL
from connectors.aws.grants.public_access import BLOCK, PUBLIC_ACCESS_BLOCK
from connectors.aws.grants.surroundings import DATA_ACCESS, VPC_ENDPOINT
from connectors.aws.policy.document import parse_document

RESOURCE_POLICY = "ResourcePolicy"
KEY_GRANT = "KeyGrant"
_POLICY_KEYS = ("Policy", "policy", "ResourcePolicy", "resourcePolicy", "policyText", "PolicyDocument")
_ARN_KEYS = (
    "ResourceArn",
    "resourceArn",
    "ARN",
    "Arn",
    "arn",
    "KeyArn",
    "QueueArn",
    "TopicArn",
    "FunctionArn",
    "TableArn",
    "SecretArn",
    "BucketArn",
)
_ENDPOINT_KEYS = ("VpcEndpointId", "ServiceName", "VpcId", "PolicyDocument", "OwnerId")
_BUCKET_KEYS = ("Bucket", "BucketName", "bucket")
_BUCKETS = re.compile(r"arn:(aws[a-z-]*):s3:::")
_ACCOUNT_KEYS = ("Account", "AccountId", "ResourceAccount", "ownerAccount", "registryId")


def resource_policies(path: Path) -> Records:
    """Return resource policies with the resource each is of, and KMS grants.

    `[{"ResourceArn": "…", "Policy": {…}}, …]` says everything. Answers of the services' own commands are
    taken too: where they do not name the resource, the policy's own Resource does (buckets, functions,
    queues, topics). A KMS key policy says `*` and needs its `ResourceArn` beside it.
    """
    records: Records = []
    for document in documents(path):
        found = list(_found(document))
        if not found:
            raise wrong_kind(path, document, "a resource policy", _HINT)
        records += [as_record(name, path, record) for name, record in found]
    return records


_HINT = 'write a list of {"ResourceArn": "arn:…", "Policy": {…}}; docs/aws.md shows how'


def _found(document: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    beside = _beside(document)
    if beside is not None:
        yield from beside
        return
    if isinstance(document.get("Grants"), list):
        for grant in document["Grants"]:
            if isinstance(grant, Mapping):
                yield KEY_GRANT, {**({"KeyId": document["KeyId"]} if "KeyId" in document else {}), **grant}
        return
    for name in ("ResourcePolicies", "Policies"):
        if isinstance(document.get(name), list):
            for item in document[name]:
                yield from _found(item) if isinstance(item, Mapping) else ()
            return
    if isinstance(document.get("Attributes"), Mapping):
        yield from _found({**document, **document["Attributes"], "Attributes": None})
        return
    raw = next((document[name] for name in _POLICY_KEYS if document.get(name)), None)
    if raw is None and "Statement" in document:
        raw = document
    if raw is not None:
        policy = json.loads(raw) if isinstance(raw, str) and raw.lstrip().startswith("{") else raw
        yield RESOURCE_POLICY, {"ResourceArn": _arn(document, policy), **_account(document), "Policy": policy}
        return
    for arn, held in document.items():
        if str(arn).startswith("arn:") and isinstance(held, Mapping | str):
            yield RESOURCE_POLICY, {"ResourceArn": arn, "Policy": held}


def _beside(document: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]] | None:
    """Return what stands beside policies; None for any other document."""
    if isinstance(document.get("Grants"), list) and "Owner" in document:
        return [(BUCKET_ACL, {**document, "ResourceArn": _arn(document, {})})]
    if isinstance(document.get(BLOCK), Mapping):
        return [(PUBLIC_ACCESS_BLOCK, {**document, "ResourceArn": _arn(document, {})})]
    if isinstance(document.get("accessPolicyDetail"), Mapping):
        return [(DATA_ACCESS, {**_account(document), **document["accessPolicyDetail"]})]
    if isinstance(document.get("VpcEndpoints"), list):
        kept = [{key: one.get(key) for key in _ENDPOINT_KEYS} for one in document["VpcEndpoints"]]
        return [(VPC_ENDPOINT, {**one, "Account": one["OwnerId"]}) for one in kept]
    if isinstance(document.get("DomainStatus"), Mapping):
        domain = document["DomainStatus"]
        return list(_found({"Arn": domain.get("ARN"), "Policy": domain.get("AccessPolicies")}))
    return None


def _account(document: Mapping[str, Any]) -> dict[str, str]:
    found = next((str(document[name]) for name in _ACCOUNT_KEYS if document.get(name)), "")
    return {"Account": found} if found.isdigit() else {}


def _arn(document: Mapping[str, Any], policy: Any) -> str:
    for name in _ARN_KEYS:
        if isinstance(document.get(name), str) and document[name].startswith("arn:"):
            return str(document[name])
    for name in _BUCKET_KEYS:
        if isinstance(document.get(name), str):
            found = _BUCKETS.search(json.dumps(policy) if isinstance(policy, Mapping) else str(policy))
            return f"arn:{found[1] if found else 'aws'}:s3:::{document[name]}"
    own = {
        _whole(resource)
        for statement in parse_document(policy).statements
        for resource in statement.resources
        if not statement.not_resources
    }
    return own.pop() if len(own) == 1 and "*" not in (only := next(iter(own))) and "?" not in only else ""


def _whole(resource: str) -> str:
    """Return the resource that a policy stands on: the bucket of objects, the function of a version."""
    parts = resource.split(":")
    if len(parts) > 5 and parts[2] == "s3":
        return resource.partition("/")[0]
    if len(parts) > 7 and parts[2] == "lambda":
        return ":".join(parts[:7])
    return resource


def owner_of(record: Mapping[str, Any]) -> str:
    """Return the account that owns the resource of a record; empty where neither ARN nor record says."""
    return account_of(str(record.get("ResourceArn") or "")) or str(record.get("Account") or "")
