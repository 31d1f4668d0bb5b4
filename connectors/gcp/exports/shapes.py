"""Recognise Google Cloud's export records, whatever command wrote them, and read their common parts.

The same facts come as Asset Inventory exports (`name`, `asset_type`, `iam_policy` or `resource.data`; in
camelCase or snake_case), as search results (`resource`, `policy`; `versionedResources`) and as what the
services' own list commands print.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.gcp.exports.listed import labels, listed
from connectors.interface import Record

CLOUD = "//cloudresourcemanager.googleapis.com/"
ROLE = "iam.googleapis.com/Role"
ACCOUNT = "iam.googleapis.com/ServiceAccount"
KEY = "iam.googleapis.com/ServiceAccountKey"
PROJECT = "cloudresourcemanager.googleapis.com/Project"
FOLDER = "cloudresourcemanager.googleapis.com/Folder"
_POLICY = frozenset(
    {"bindings", "etag", "version", "kind", "resourceId"} | {"auditConfigs", "audit_configs", "rules"}
)
"""Every field of an allow policy; `rules` are old and empty."""


@dataclass(frozen=True, slots=True)
class Policy:
    """One resource's allow policy."""

    resource: str
    asset_type: str
    bindings: tuple[Mapping[str, Any], ...]
    audit_configs: tuple[Mapping[str, Any], ...] | None
    """None where the kind of export never holds them, so that their absence says nothing."""
    place: "Place"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record says its resource stands: the project as written, and all known ancestors."""

    project: str = ""
    ancestors: tuple[str, ...] = ()
    """`projects/N`, `folders/N`, `organizations/N`."""
    whole: bool = False
    """True when `ancestors` is the whole chain in order, nearest first (Asset Inventory exports)."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of an inventory."""

    name: str
    asset_type: str
    data: Mapping[str, Any]
    labels: Mapping[str, str]
    place: Place
    created: str
    described: bool
    """False for a search result without the resource's own content (no `--read-mask=*`)."""


def policies(record: Record) -> Iterator[Policy]:
    """Yield the allow policies a record holds; nothing when it is of another kind."""
    for result in _list(record, "policyResults", "policy_results"):
        for held in _list(result, "policies"):
            policy = held.get("policy")
            if isinstance(policy, Mapping):
                attached = _text(held, "attachedResource", "attached_resource")
                yield _policy(attached, "", policy, Place(), full=True)
    asset = _mapping(record, "iamPolicy", "iam_policy")
    if asset is not None:
        kind = _text(record, "assetType", "asset_type")
        yield _policy(_text(record, "name"), kind, asset, _place(record), full=True)
        return
    policy = record.get("policy")
    if isinstance(policy, Mapping) and "resource" in record:
        kind = _text(record, "assetType", "asset_type")
        yield _policy(_text(record, "resource"), kind, policy, _place(record), full=_has_audit(policy))


def bare_policy(record: Record) -> bool:
    """Return whether a record is what `get-iam-policy` prints: a policy that does not say of what.

    One without any binding holds nothing but its `etag`.
    """
    return ("bindings" in record or "etag" in record) and _POLICY.issuperset(record)


def chained_policy(record: Record) -> bool:
    """Return whether a record is one of `gcloud projects get-ancestors-iam-policy`.

    They follow each other: of the project, then of each node above it.
    """
    kinds = ("project", "folder", "organization")
    return record.get("type") in kinds and "id" in record and isinstance(record.get("policy"), Mapping)


def _has_audit(policy: Mapping[str, Any]) -> bool:
    return "auditConfigs" in policy or "audit_configs" in policy


def _policy(resource: str, kind: str, policy: Mapping[str, Any], place: Place, *, full: bool) -> Policy:
    audit = tuple(_list(policy, "auditConfigs", "audit_configs"))
    bindings = tuple(_list(policy, "bindings"))
    return Policy(resource, kind, bindings, audit if full else None, place)


def role(record: Record) -> Mapping[str, Any] | None:
    """Return the role a record holds, or None."""
    data = _asset_data(record, ROLE)
    if data is not None:
        return {"name": _text(record, "name").removeprefix("//iam.googleapis.com/"), **data}
    if _text(record, "assetType", "asset_type"):
        return None
    name = _text(record, "name")
    return record if name.startswith("roles/") or "/roles/" in name else None


def service_account(record: Record) -> Mapping[str, Any] | None:
    """Return the service account a record holds, or None."""
    data = _asset_data(record, ACCOUNT)
    if data is not None:
        return data
    if _text(record, "email") and ("uniqueId" in record or "unique_id" in record or "projectId" in record):
        return record
    return None


def service_account_key(record: Record) -> Mapping[str, Any] | None:
    """Return the service-account key a record holds, with its name, or None."""
    data = _asset_data(record, KEY)
    if data is not None:
        return {"name": _text(record, "name").removeprefix("//iam.googleapis.com/"), **data}
    name = _text(record, "name")
    return record if "/serviceAccounts/" in name and "/keys/" in name else None


def api_key(record: Record) -> Mapping[str, Any] | None:
    """Return the API key a record holds, or None."""
    data = _asset_data(record, "apikeys.googleapis.com/Key")
    name = _text(data or record, "name")
    return (data or record) if "/keys/" in name and "/serviceAccounts/" not in name else None


def deny_policy(record: Record) -> Mapping[str, Any] | None:
    """Return the deny policy a record holds, or None."""
    name = _text(record, "name")
    return record if "denypolicies" in name or "/denypolicies" in _text(record, "kind") else None


def testable_permission(record: Record) -> bool:
    """Return whether a record is a permission with what Google says about it in custom roles."""
    name = _text(record, "name")
    return name.count(".") > 1 and not {"includedPermissions", "assetType", "asset_type", "email"} & set(
        record
    )


def access_boundary(record: Record) -> bool:
    """Return whether a record is a principal access boundary or what binds one to principals."""
    name = _text(record, "name")
    return "/principalAccessBoundaryPolicies/" in name or "/policyBindings/" in name


def identity_pool(record: Record) -> bool:
    """Return whether a record is a workload identity pool or one of its providers."""
    return "/workloadIdentityPools/" in _text(record, "name")


def insight(record: Record) -> bool:
    """Return whether a record is an insight of the Recommender."""
    return "/insightTypes/" in _text(record, "name")


def activity(record: Record) -> bool:
    """Return whether a record is one of Activity Analyzer."""
    return "activity" in record and bool(_text(record, "activityType", "activity_type"))


def time_series(record: Record) -> bool:
    """Return whether a record is a time series of Monitoring."""
    return isinstance(record.get("points"), list) and isinstance(record.get("resource"), Mapping)


def log_bucket(record: Record) -> bool:
    """Return whether a record is a log bucket, or a sink."""
    name = _text(record, "name")
    return (
        ("/locations/" in name and "/buckets/" in name)
        or "writerIdentity" in record
        or ("destination" in record and "logging.googleapis.com/" in _text(record, "destination"))
    )


def resource(record: Record) -> Resource | None:
    """Return the inventory resource a record holds, or None.

    Without an asset type (a service's own list command) the type is left empty.
    """
    record = listed(record)
    name, kind = _text(record, "name"), _text(record, "assetType", "asset_type")
    if not name or (not kind and "projects/" not in name) or _of_policy(record):
        return None
    data, described = _content(record, bare=not kind)
    return Resource(
        name=name,
        asset_type=kind,
        data=data,
        labels=labels(record) or labels(data),
        place=_place(record),
        created=_text(record, "createTime", "create_time") or _text(data, "createTime", "create_time"),
        described=described,
    )


def _of_policy(record: Record) -> bool:
    """Return whether an asset carries its allow policy instead of its own content."""
    return "resource" not in record and bool({"iamPolicy", "iam_policy", "policy"} & set(record))


def _content(record: Record, *, bare: bool) -> tuple[Mapping[str, Any], bool]:
    """Return a resource's own JSON, and whether the record holds it."""
    held = _mapping(record, "resource")
    if held is not None:
        data = _mapping(held, "data")
        return (data, True) if data is not None else ({}, False)
    versions = _list(record, "versionedResources", "versioned_resources")
    for version in reversed(versions):
        data = _mapping(version, "resource")
        if data is not None:
            return data, True
    if bare:
        return record, True
    return _mapping(record, "additionalAttributes", "additional_attributes") or {}, False


def _asset_data(record: Record, kind: str) -> Mapping[str, Any] | None:
    if _text(record, "assetType", "asset_type") != kind:
        return None
    return _content(record, bare=False)[0]


def _place(record: Record) -> Place:
    ancestors = _strings(record, "ancestors")
    project = _text(record, "project") or next((one for one in ancestors if one.startswith("projects/")), "")
    if ancestors:
        return Place(project.removeprefix("projects/"), tuple(ancestors), whole=True)
    found = [one for one in (project, *_strings(record, "folders"), _text(record, "organization")) if one]
    held = _mapping(record, "resource")
    parent = _text(held, "parent") if held is not None else ""
    if parent.startswith(CLOUD):
        found.append(parent.removeprefix(CLOUD))
        project = project or (found[-1] if found[-1].startswith("projects/") else "")
    return Place(project.removeprefix("projects/"), tuple(dict.fromkeys(found)))


def _text(record: Mapping[str, Any], *keys: str) -> str:
    for key in keys:
        value = record.get(key)
        if isinstance(value, str):
            return value
    return ""


def _mapping(record: Mapping[str, Any], *keys: str) -> Mapping[str, Any] | None:
    for key in keys:
        value = record.get(key)
        if isinstance(value, Mapping):
            return value
    return None


def _list(record: Mapping[str, Any], *keys: str) -> list[Mapping[str, Any]]:
    for key in keys:
        value = record.get(key)
        if isinstance(value, list):
            return [one for one in value if isinstance(one, Mapping)]
    return []


def _strings(record: Mapping[str, Any], key: str) -> list[str]:
    value = record.get(key)
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
