"""What one identity holds, document by document as the evidence has it, and what a change does to that.

Changes are simulated here, and so is taking them back: the claims about a replacement are made about what
these steps really come to.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import unquote

from connectors.aws.inventory import Holder, oldest_first
from connectors.aws.policy.document import Document, Statement, parse_document
from connectors.interface import Evidence
from connectors.reduction import Change

T = TypeVar("T")


class Kind(StrEnum):
    """The steps a reduction is made of; each has one inverse."""

    PUT_INLINE = "put-inline-policy"
    DELETE_INLINE = "delete-inline-policy"
    NEW_VERSION = "new-policy-version"
    ATTACH_NEW = "attach-new-policy"
    ATTACH = "attach-policy"
    DETACH = "detach-policy"
    LEAVE_GROUP = "leave-group"
    SET_BOUNDARY = "set-boundary"
    DEACTIVATE_KEY = "deactivate-key"
    DEACTIVATE_CREDENTIAL = "deactivate-service-credential"
    NARROW_TRUST = "narrow-trust"


@dataclass(frozen=True, slots=True)
class Original:
    """A managed policy as the dump has it."""

    text: str
    path: str = "/"
    versions: tuple[str, ...] = ()
    """Version ids in the dump, the default one first, then from old to new."""
    holders: int = 0
    """How many principals the record itself says it is attached to, as policy or as boundary."""


@dataclass(frozen=True, slots=True)
class Originals:
    """Every document of the dumps, verbatim, by the ARN of its user, role, group or policy."""

    inline: Mapping[str, Mapping[str, str]]
    trust: Mapping[str, str]
    managed: Mapping[str, Original]


@dataclass(frozen=True, slots=True)
class Access:
    """The policies of one identity by where they are written; None for a document the dump lacks."""

    inline: Mapping[str, str] = field(default_factory=dict)
    attached: Mapping[str, str | None] = field(default_factory=dict)
    groups: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)
    boundary: str = ""
    trust: str = ""
    inactive: frozenset[str] = frozenset()

    def texts(self) -> Iterator[str]:
        """Yield every readable policy document."""
        yield from self.inline.values()
        yield from (text for text in self.attached.values() if text is not None)
        yield from (text for texts in self.groups.values() for text in texts if text is not None)

    def documents(self) -> list[Document]:
        """Return every readable policy document, parsed."""
        return [parse_document(text) for text in self.texts()]

    def statements(self) -> list[Statement]:
        """Return all statements of all policies; none when a deny-all boundary stands above them."""
        if is_deny_all(self.boundary):
            return []
        return [statement for document in self.documents() for statement in document.statements]


def deny_all(partition: str) -> str:
    """Return the AWS managed policy that, set as the boundary, denies everything."""
    return f"arn:{partition}:iam::aws:policy/AWSDenyAll"


def is_deny_all(boundary: str) -> bool:
    """Tell whether a boundary is AWSDenyAll."""
    return boundary.endswith(":iam::aws:policy/AWSDenyAll")


def read_originals(evidence: Iterable[Evidence]) -> Originals:
    """Return the documents of all dumps; what two dumps describe is taken from the newer, as elsewhere."""
    inline: dict[str, dict[str, str]] = {}
    trust: dict[str, str] = {}
    managed: dict[str, Original] = {}
    for one in oldest_first(evidence):
        for wrapped in one.records("authorization_details"):
            record = wrapped.get("record")
            arn = record.get("Arn") if isinstance(record, Mapping) else None
            if not isinstance(record, Mapping) or not isinstance(arn, str):
                continue
            kind = str(wrapped.get("list")).removesuffix("DetailList")
            if kind in ("User", "Role", "Group"):
                inline[arn] = {
                    str(policy.get("PolicyName") or ""): verbatim(policy.get("PolicyDocument"))
                    for policy in _dicts(record.get(f"{kind}PolicyList"))
                }
                if kind == "Role":
                    trust[arn] = verbatim(record.get("AssumeRolePolicyDocument") or {})
            elif wrapped.get("list") == "Policies":
                found = _managed(record)
                if found is not None:
                    managed[arn] = found
    return Originals(inline, trust, managed)


def verbatim(raw: Any) -> str:
    """Return a document as JSON text: as written where the dump holds text, in its own order else."""
    if isinstance(raw, str):
        text = raw if raw.lstrip().startswith("{") else unquote(raw)
        try:
            return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
        except ValueError:
            return text
    return json.dumps(raw, indent=2, ensure_ascii=False)


def _managed(record: Mapping[str, Any]) -> Original | None:
    versions = _dicts(record.get("PolicyVersionList"))
    wanted = record.get("DefaultVersionId")
    for version in versions:
        single = len(versions) == 1 and not wanted
        default = version.get("IsDefaultVersion") is True or (wanted and version.get("VersionId") == wanted)
        if (default or single) and version.get("Document") is not None:
            own = str(version.get("VersionId") or wanted or "")
            others = sorted(
                {str(v.get("VersionId")) for v in versions if v.get("VersionId")} - {own},
                key=lambda name: (len(name), name),
            )
            return Original(
                verbatim(version["Document"]),
                str(record.get("Path") or "/"),
                (own, *others),
                _count(record.get("AttachmentCount")) + _count(record.get("PermissionsBoundaryUsageCount")),
            )
    return None


def _count(value: Any) -> int:
    return value if isinstance(value, int) else 0


def access_of(holder: Holder, originals: Originals, groups: Mapping[tuple[str, str], Holder]) -> Access:
    """Return what a user or role holds at present."""
    managed = originals.managed

    def text(arn: str) -> str | None:
        found = managed.get(arn)
        return found.text if found else None

    own_groups: dict[str, tuple[str | None, ...]] = {}
    for name in dict.fromkeys(holder.groups):
        group = groups.get((holder.account, name))
        own_groups[name] = (
            (None,)
            if group is None
            else (
                *originals.inline.get(group.arn, {}).values(),
                *(text(policy.arn) for policy in dict.fromkeys(group.attached)),
            )
        )
    return Access(
        inline=originals.inline.get(holder.arn, {}),
        attached={policy.arn: text(policy.arn) for policy in holder.attached},
        groups=own_groups,
        boundary=holder.boundary,
        trust=originals.trust.get(holder.arn, ""),
    )


def apply(access: Access, change: Change) -> Access:  # noqa: PLR0911 one return per kind of step
    """Return the access after one step."""
    match Kind(change.kind):
        case Kind.PUT_INLINE:
            return replace(access, inline={**access.inline, change.target: change.after})
        case Kind.DELETE_INLINE:
            return replace(access, inline=_without(access.inline, change.target))
        case Kind.NEW_VERSION | Kind.ATTACH_NEW | Kind.ATTACH:
            return replace(access, attached={**access.attached, change.target: change.after})
        case Kind.DETACH:
            return replace(access, attached=_without(access.attached, change.target))
        case Kind.LEAVE_GROUP:
            return replace(access, groups=_without(access.groups, change.target))
        case Kind.SET_BOUNDARY:
            return replace(access, boundary=change.after)
        case Kind.DEACTIVATE_KEY | Kind.DEACTIVATE_CREDENTIAL:
            return replace(access, inactive=access.inactive | {change.target})
        case Kind.NARROW_TRUST:
            return replace(access, trust=change.after)


def take_back(access: Access, change: Change, before: Access) -> Access:  # noqa: PLR0911 as above
    """Return the access after one step was undone, with what the rollback documents hold.

    `before` is only asked for what no document of the rollback carries: what a group's policies say.
    """
    match Kind(change.kind):
        case Kind.PUT_INLINE if not change.before:
            return replace(access, inline=_without(access.inline, change.target))
        case Kind.PUT_INLINE | Kind.DELETE_INLINE:
            return replace(access, inline={**access.inline, change.target: change.before})
        case Kind.ATTACH_NEW | Kind.ATTACH:
            return replace(access, attached=_without(access.attached, change.target))
        case Kind.NEW_VERSION | Kind.DETACH:
            held = change.before or None
            return replace(access, attached={**access.attached, change.target: held})
        case Kind.LEAVE_GROUP:
            joined = {**access.groups, change.target: before.groups[change.target]}
            return replace(access, groups=joined)
        case Kind.SET_BOUNDARY:
            return replace(access, boundary=change.before)
        case Kind.DEACTIVATE_KEY | Kind.DEACTIVATE_CREDENTIAL:
            return replace(access, inactive=access.inactive - {change.target})
        case Kind.NARROW_TRUST:
            return replace(access, trust=change.before)


def _without(held: Mapping[str, T], key: str) -> dict[str, T]:
    return {name: value for name, value in held.items() if name != key}


def _dicts(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
