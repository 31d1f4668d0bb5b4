"""Read who may come through IAM Roles Anywhere: profiles with their roles and session policies, and anchors.

Rules: IAM Roles Anywhere user guide, "The IAM Roles Anywhere trust model" and "CreateSession API": a session
names a role, a profile that lists it and a trust anchor, which stands in aws:SourceArn of the role's trust
policy; both must be enabled (botocore 1.44.5, EnableProfile, EnableTrustAnchor). Profiles list roles of their
own account, because iam:PassRole reaches no other (2026-11).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.aws.arns import account_of, parse_arn, without_path
from connectors.aws.exports.kinds import PAGE
from connectors.aws.inventory import oldest_first
from connectors.aws.policy.conditions import Context, undecided_tests
from connectors.aws.policy.document import Principal, Statement
from connectors.aws.trust.oidc_providers import is_older_than_dump
from connectors.interface import Evidence

PART = "roles_anywhere"
PROFILES, ANCHORS, CRLS, REGIONS = "profiles", "trustAnchors", "crls", "regions"
_SERVICE = re.compile(r"rolesanywhere\.amazonaws\.com(\.cn)?")


@dataclass(frozen=True, slots=True)
class Profile:
    """A list of roles that certificates may be exchanged for, and what bounds the sessions."""

    arn: str
    name: str
    roles: tuple[str, ...]
    enabled: bool
    session_policy: Any = None
    """The inline session policy as the record has it; empty without one."""
    managed: tuple[str, ...] = ()

    @property
    def bounds(self) -> bool:
        """Whether its sessions hold less than the role."""
        return bool(self.session_policy or self.managed)


@dataclass
class RolesAnywhere:
    """What the evidence holds of all accounts; `whole` are the accounts of which a list is complete."""

    profiles: dict[str, Profile] = field(default_factory=dict)
    anchors: dict[str, bool] = field(default_factory=dict)
    """ARN of a trust anchor to whether it is enabled."""
    whole: dict[str, set[str]] = field(default_factory=lambda: {PROFILES: set(), ANCHORS: set()})

    def open_profiles(self) -> Iterator[Profile]:
        """Yield the profiles through which somebody may come, as far as is known."""
        for _, profile in sorted(self.profiles.items()):
            account = account_of(profile.arn)
            if profile.enabled and (self._anchors(account) or account not in self.whole[ANCHORS]):
                yield profile

    def profiles_of(self, role: str) -> list[Profile]:
        """Return the open profiles that list a role."""
        wanted = without_path(role)
        return [one for one in self.open_profiles() if wanted in map(without_path, one.roles)]

    def knows(self, account: str) -> bool:
        """Tell whether all profiles and trust anchors of an account are in the evidence."""
        return account in self.whole[PROFILES] and account in self.whole[ANCHORS]

    def why_closed(self, role: str, statement: Statement) -> str:
        """Return why nobody can come by a statement of a role's trust policy; empty when somebody may."""
        account = account_of(role)
        if account in self.whole[ANCHORS]:
            anchors = self._anchors(account)
            if not anchors:
                return "the account has no enabled trust anchor"
            if not any(_may_come_from(anchor, statement) for anchor in anchors):
                return "no enabled trust anchor meets the condition of the statement"
        if account in self.whole[PROFILES] and not self.profiles_of(role):
            return "no enabled profile lists the role"
        return ""

    def _anchors(self, account: str) -> list[str]:
        return [arn for arn, on in sorted(self.anchors.items()) if on and account_of(arn) == account]


def is_anywhere(principal: Principal) -> bool:
    """Tell whether a principal of a trust policy is Roles Anywhere."""
    return principal.kind == "Service" and _SERVICE.fullmatch(principal.value) is not None


def _may_come_from(anchor: str, statement: Statement) -> bool:
    """Tell whether a condition may hold for certificates of an anchor; nothing else of a request is known."""
    met, _ = undecided_tests(statement.conditions, Context({"aws:SourceArn": (anchor,)}))
    return met is not False


def read_roles_anywhere(evidence: Iterable[Evidence]) -> RolesAnywhere:
    """Return profiles and trust anchors of all sources; the newest describes what several do.

    A list is complete for an account when it was read to the end in every region that the account has, and
    not a day or more before its roles.
    """
    found = RolesAnywhere()
    for one in oldest_first(evidence):
        pages: list[Mapping[str, Any]] = []
        for wrapped in one.records(PART):
            name, record = wrapped.get("list"), wrapped.get("record")
            if not isinstance(record, Mapping):
                continue
            if name == PAGE:
                pages.append(record)
            elif name == PROFILES:
                profile = _profile(record)
                found.profiles[profile.arn] = profile
            elif name == ANCHORS:
                found.anchors[str(record.get("trustAnchorArn") or "")] = record.get("enabled") is not False
        if not is_older_than_dump(one, PART):
            for kind in (PROFILES, ANCHORS):
                found.whole[kind] |= set(_whole(kind, pages))
    return found


def _profile(record: Mapping[str, Any]) -> Profile:
    arn, name = str(record.get("profileArn") or ""), str(record.get("name") or "")
    return Profile(
        arn=arn or name,
        name=name or arn.rpartition("/")[2],
        roles=tuple(map(str, record.get("roleArns") or ())),
        enabled=record.get("enabled") is not False,
        session_policy=record.get("sessionPolicy"),
        managed=tuple(map(str, record.get("managedPolicyArns") or ())),
    )


def _whole(kind: str, pages: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the accounts of which a kind was listed to the end in every enabled region."""
    enabled: dict[str, set[str]] = {}
    read: dict[str, set[str]] = {}
    for page in pages:
        account = str(page.get("Account") or "")
        if page.get("Of") == REGIONS:
            enabled.setdefault(account, set()).update(map(str, page.get("Regions") or ()))
        elif page.get("Of") == kind and not page.get("IsTruncated"):
            read.setdefault(account, set()).add(str(page.get("Region") or ""))
    for account, regions in sorted(read.items()):
        wanted = enabled.get(account) or enabled.get("") or set()
        if account and wanted and wanted <= regions:
            yield account


def places_of(records: Iterable[Any]) -> tuple[str, str]:
    """Return the account and region of the ARNs in a list's records; empty where there are none."""
    for record in records:
        texts = (v for k, v in record.items() if k.endswith("Arn")) if isinstance(record, Mapping) else ()
        for text in texts:
            arn = parse_arn(text) if isinstance(text, str) else None
            if arn is not None and arn.service == "rolesanywhere":
                return arn.account, arn.region
    return "", ""
