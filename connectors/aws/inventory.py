"""Gather raw IAM records of all sources into one inventory of users, roles, groups and policies."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.aws.arns import account_of
from connectors.aws.exports.kinds import PAGE
from connectors.aws.policy.document import Document, parse_document
from connectors.aws.times import stamp
from connectors.facts import Caveat
from connectors.interface import Evidence


@dataclass(frozen=True, slots=True)
class Inline:
    """A policy written into a user, role or group."""

    name: str
    document: Document


@dataclass(frozen=True, slots=True)
class Attached:
    """A managed policy named by a user, role or group."""

    arn: str
    name: str


@dataclass(frozen=True, slots=True)
class Managed:
    """A managed policy with its default version."""

    arn: str
    name: str
    document: Document | None
    created: str


@dataclass(frozen=True, slots=True)
class SessionLimit:
    """Session policies that bound every session of a role: they let through what any of them allows."""

    name: str
    documents: tuple[Document, ...]
    readable: bool = True
    """False when one of them is not in the evidence."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A user, role or group as the dump describes it; `kind` is `user`, `role` or `group`."""

    arn: str
    account: str
    kind: str
    name: str
    path: str
    source: str
    immutable_id: str = ""
    created: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    tags_known: bool = True
    """False when the dump lists no tags at all: old tools leave the field out, which is not "no tags"."""
    inline: tuple[Inline, ...] = ()
    attached: tuple[Attached, ...] = ()
    boundary: str = ""
    groups: tuple[str, ...] = ()
    trust: Document = field(default_factory=Document)
    instance_profiles: tuple[str, ...] = ()
    last_used: str = ""
    session_limit: SessionLimit | None = None


@dataclass(frozen=True, slots=True)
class Inventory:
    """All that the dumps describe, by ARN; `keys` are raw records of keys with their source."""

    users: Mapping[str, Holder]
    roles: Mapping[str, Holder]
    groups: Mapping[str, Holder]
    policies: Mapping[str, Managed]
    keys: tuple[tuple[str, str, Mapping[str, Any]], ...]
    """(source, list name, record) of access keys and service-specific credentials."""
    report: tuple[tuple[str, Mapping[str, Any]], ...]
    """(source, row) of credential reports."""
    caveats: tuple[Caveat, ...]

    @property
    def holders(self) -> Sequence[Holder]:
        """Users and roles, sorted by ARN."""
        return sorted((*self.users.values(), *self.roles.values()), key=lambda holder: holder.arn)

    @property
    def accounts(self) -> set[str]:
        """Accounts that the dumps describe."""
        return {holder.account for holder in self.holders} | {g.account for g in self.groups.values()}


def unique_ids(inventory: Inventory) -> dict[str, str]:
    """Return users and roles by unique id; one that stands for several was changed on the way."""
    found: dict[str, list[str]] = {}
    for holder in inventory.holders:
        found.setdefault(holder.immutable_id, []).append(holder.arn)
    return {given: arns[0] for given, arns in found.items() if given and len(arns) == 1}


_LISTS = {"UserDetailList": "User", "RoleDetailList": "Role", "GroupDetailList": "Group"}


def read_inventory(evidence: Iterable[Evidence]) -> Inventory:
    """Return the inventory of all sources; what two dumps both describe is taken from the newer one."""
    found: dict[str, dict[str, Holder]] = {"User": {}, "Role": {}, "Group": {}}
    policies: dict[str, Managed] = {}
    keys: list[tuple[str, str, Mapping[str, Any]]] = []
    report: list[tuple[str, Mapping[str, Any]]] = []
    caveats: list[Caveat] = []
    pages: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for one in oldest_first(evidence):
        for wrapped in one.records("authorization_details"):
            name, record = str(wrapped.get("list")), wrapped.get("record")
            if not isinstance(record, Mapping):
                continue
            if name in _LISTS:
                _add_holder(found[_LISTS[name]], caveats, _LISTS[name], record, one.source)
                keys += _own_keys(record, one.source)
            elif name == "Policies":
                _add_policy(policies, caveats, record)
            elif name == PAGE:
                pages.setdefault((one.source, str(record.get("Account"))), []).append(record)
            else:
                keys.append((one.source, name, record))
        for wrapped in one.records("roles_anywhere"):
            if wrapped.get("list") == "Policies" and isinstance(wrapped.get("record"), Mapping):
                _add_policy(policies, caveats, wrapped["record"])
        for part in ("access_keys", "service_specific_credentials"):
            keys += [(one.source, str(item["list"]), item["record"]) for item in one.records(part)]
        report += [(one.source, item["record"]) for item in one.records("credential_report")]
    caveats += [
        _truncated(*place)
        for place, found_pages in sorted(pages.items())
        if all(page.get("IsTruncated") is True for page in found_pages)
    ]
    return Inventory(
        users=found["User"],
        roles=found["Role"],
        groups=found["Group"],
        policies=policies,
        keys=tuple(keys),
        report=tuple(report),
        caveats=tuple(caveats),
    )


def oldest_first(evidence: Iterable[Evidence]) -> list[Evidence]:
    """Return sources by the age of their dumps, so that the newest has the last word; else as listed."""

    def age(one: Evidence) -> str:
        return max((o.data_as_of for o in one.outcomes() if o.part == "authorization_details"), default="")

    return sorted(evidence, key=age)


def _truncated(source: str, account: str) -> Caveat:
    return Caveat(
        "the authorization-details dump ends before its last page (IsTruncated)",
        f"{source}: account {account}",
        "identities, groups or policies of the missing pages are not analysed; export without --max-items",
    )


def _add_holder(
    held: dict[str, Holder], caveats: list[Caveat], kind: str, record: Mapping[str, Any], source: str
) -> None:
    arn = record.get("Arn")
    if not isinstance(arn, str) or not account_of(arn):
        caveats.append(
            Caveat(
                f"a {kind.lower()} without an ARN is left out",
                f"{source}: {record.get(f'{kind}Name')!s:.80}",
                "its access is not analysed",
            )
        )
        return
    holder = _holder(kind, arn, record, source)
    before = held.get(arn)
    if before is not None and replace(before, source=source) != holder:
        caveats.append(
            Caveat(
                f"described twice, differently; the newer description (of source {source}) is used",
                arn,
                "grants of the older one are ignored",
            )
        )
    held[arn] = holder


def _holder(kind: str, arn: str, record: Mapping[str, Any], source: str) -> Holder:
    boundary = record.get("PermissionsBoundary")
    profiles = [p for p in _dicts(record.get("InstanceProfileList")) if isinstance(p.get("Arn"), str)]
    last_used = record.get("RoleLastUsed")
    return Holder(
        arn=arn,
        account=account_of(arn),
        kind=kind.lower(),
        name=str(record.get(f"{kind}Name") or arn.rpartition("/")[2]),
        path=str(record.get("Path") or "/"),
        source=source,
        immutable_id=str(record.get(f"{kind}Id") or ""),
        created=stamp(record.get("CreateDate")),
        tags={
            str(tag["Key"]): str(tag.get("Value", "")) for tag in _dicts(record.get("Tags")) if "Key" in tag
        },
        tags_known=isinstance(record.get("Tags"), list),
        inline=tuple(
            Inline(str(policy.get("PolicyName") or ""), parse_document(policy.get("PolicyDocument")))
            for policy in _dicts(record.get(f"{kind}PolicyList"))
        ),
        attached=tuple(
            Attached(str(policy["PolicyArn"]), str(policy.get("PolicyName") or ""))
            for policy in _dicts(record.get("AttachedManagedPolicies"))
            if policy.get("PolicyArn")
        ),
        boundary=str(boundary.get("PermissionsBoundaryArn") or "") if isinstance(boundary, Mapping) else "",
        groups=_texts(record.get("GroupList")),
        trust=parse_document(record.get("AssumeRolePolicyDocument") or {}) if kind == "Role" else Document(),
        instance_profiles=tuple(str(profile["Arn"]) for profile in profiles),
        last_used=stamp(last_used.get("LastUsedDate")) if isinstance(last_used, Mapping) else "",
    )


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()


def _own_keys(record: Mapping[str, Any], source: str) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Return keys that a dump lists inside a user, as some inventory tools write it."""
    return [
        (source, name, {"UserName": record.get("UserName"), "UserArn": record.get("Arn"), **key})
        for name in ("AccessKeyMetadata", "AccessKeys", "ServiceSpecificCredentials")
        for key in _dicts(record.get(name))
    ]


def _add_policy(policies: dict[str, Managed], caveats: list[Caveat], record: Mapping[str, Any]) -> None:
    arn = record.get("Arn")
    if not isinstance(arn, str):
        return
    version = _default_version(record)
    raw = version.get("Document") if version else None
    found = Managed(
        arn=arn,
        name=str(record.get("PolicyName") or arn.rpartition("/")[2]),
        document=parse_document(raw) if raw is not None else None,
        created=stamp((version or {}).get("CreateDate") or record.get("UpdateDate")),
    )
    before = policies.get(arn)
    if before is not None and before.document is not None:
        if found.document is None:
            return
        if before != found:
            caveats.append(
                Caveat(
                    "described twice, differently; the newer description is used",
                    arn,
                    "grants of the older one are ignored",
                )
            )
    policies[arn] = found


def _default_version(record: Mapping[str, Any]) -> Mapping[str, Any] | None:
    versions = _dicts(record.get("PolicyVersionList"))
    wanted = record.get("DefaultVersionId")
    for version in versions:
        if version.get("IsDefaultVersion") is True or (wanted and version.get("VersionId") == wanted):
            return version
    return versions[0] if len(versions) == 1 and not wanted else None


def _dicts(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
