"""What a rule is asked with, and what it answers."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypedDict

from connectors.facts import Identity, PermissionSet, Step, Window
from connectors.permissions import Permissions
from scanner.results import Confidence, IdentityResult
from scanner.rules.recorded import Recorded

FINGERPRINT_TAG = "entdrift/1"
"""Part of every fingerprint; changes only when fingerprints must change for everyone."""

Evidence = Mapping[str, str | int | float | bool | list[str]]


class Severity(StrEnum):
    """How bad it is, by the written rule of docs/findings.md."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return _RANKS[self]


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a reviewer or a platform team has to decide. Cannot be built without evidence and remedy.

    `subject` is the part of the identity it is about (a service, a grant id, a credential id); empty when
    it is the identity as a whole.
    """

    rule: str
    title: str
    severity: Severity
    confidence: Confidence
    provider: str
    account: str
    identity: str
    immutable_id: str
    subject: str
    message: str
    evidence: Evidence
    remediation: str

    def __post_init__(self) -> None:
        if not (self.identity and self.message and self.evidence and self.remediation):
            raise ValueError(f"{self.rule}: a finding needs an identity, a message, evidence and a remedy")

    @property
    def fingerprint(self) -> str:
        """Stable id: over rule, cloud, the identity's immutable id and the subject, never over numbers."""
        parts = (
            FINGERPRINT_TAG,
            self.rule,
            self.provider,
            self.immutable_id or self.identity,
            self.subject,
        )
        return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


class Whose(TypedDict):
    """The fields of a finding that say whose it is."""

    provider: str
    account: str
    identity: str
    immutable_id: str


def whose(identity: Identity) -> Whose:
    """Return the fields of a finding that name its identity."""
    return Whose(
        provider=identity.provider,
        account=identity.account,
        identity=identity.id,
        immutable_id=identity.immutable_id,
    )


@dataclass(frozen=True, slots=True)
class Limits:
    """Thresholds of the rules, from the config file."""

    credential_max_age_days: int = 90
    """Older active long-lived credentials are stale (CIS AWS 2.12, GCP 1.8)."""
    credential_unused_days: int = 45
    """Active credentials without use for longer are unused (CIS AWS 2.11)."""
    grace_days: int = 14
    """Grants and identities younger than this are never called unused."""


@dataclass(frozen=True, slots=True)
class Expanded:
    """What an identity holds beyond a reference, in bits and in words.

    `approved` tells whether the reference was approved by somebody (a baseline), or is only the first scan.
    """

    permissions: PermissionSet
    reference: str
    approved: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExpiredWaiver:
    """A waiver past its date whose finding is still there."""

    fingerprint: str
    rule: str
    title: str
    severity: Severity
    owner: str
    reason: str
    until: str
    again: str = ""
    """The command that waives it anew, but for reason, owner and end; empty: by its fingerprint."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Whom one may become after the other; `doubtful` are those whose step hangs on something undecided."""

    identities: tuple[str, ...]
    doubtful: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleContext:
    """What a rule may know beside the identity."""

    window: Window
    now: datetime
    permissions: Permissions
    limits: Limits
    identities: Mapping[str, IdentityResult]
    """All analysed identities of the same cloud, by id."""
    steps: Mapping[str, tuple[Step, ...]] = field(default_factory=dict)
    """By identity id: whom it may become directly, each trust decided."""
    chains: Mapping[str, tuple[Chain, ...]] = field(default_factory=dict)
    """By identity id: how it may become administrators, the best chain to each."""
    beyond: Mapping[str, IdentityResult] = field(default_factory=dict)
    """Administrators that steps lead to and that were not asked about."""
    recorded: Mapping[str, Recorded] = field(default_factory=dict)
    """Which logs were on, by account; without it no finding about use is of high confidence."""
    expanded: Mapping[str, Expanded] = field(default_factory=dict)
    """By identity id: what goes beyond what was approved."""
    expired: Mapping[str, tuple[ExpiredWaiver, ...]] = field(default_factory=dict)
    """By identity id: waivers that ended while their finding is still there."""
    account_stages: Mapping[str, str] = field(default_factory=dict)
    """The stage of each account of the cloud that has exactly one."""
    stage_order: tuple[str, ...] = ()
    """Stages from the earliest to the latest."""

    def stage_rank(self, stage: str) -> int | None:
        """Return the place of a stage in their order, or None for a word that is not in it."""
        return self.stage_order.index(stage) if stage in self.stage_order else None


class Rule(Protocol):
    """A module of this package that finds one type of finding."""

    ID: str
    """`ED101`: never given to another type."""
    NAME: str
    """`unused-permission`: what people call it."""
    TITLE: str
    """What the type is about, in a few words and without an identity."""
    SEVERITIES: tuple[Severity, ...]
    """Every severity its findings may have, worst first, as docs/findings.md says."""

    def find(self, result: IdentityResult, context: RuleContext) -> Iterator[Finding]:
        """Yield the findings of this type for one identity."""
        ...
