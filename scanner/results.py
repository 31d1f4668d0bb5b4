"""What the analysis concludes about each identity, before it becomes a report."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from connectors.facts import (
    Activity,
    Caveat,
    Coverage,
    Credential,
    Grant,
    Handover,
    Identity,
    PermissionSet,
    Step,
    Unmapped,
    Usage,
    Window,
)
from connectors.interface import Outcome
from connectors.logs.rows import LogFile
from connectors.permissions import Permissions
from connectors.reduction import Replacement, Standing, Stay


class Verdict(StrEnum):
    """What we can say about one permission of one identity in the window."""

    USED = "used"
    DENIED = "denied"
    UNUSED = "unused"
    UNOBSERVABLE = "unobservable"
    CONDITIONAL = "conditional"


class Confidence(StrEnum):
    """How sure we are, apart from how bad it is."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a set of permissions has its verdict, and what would change it."""

    verdict: Verdict
    code: str
    text: str
    fix: str
    permissions: PermissionSet


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The permissions of one identity, one verdict each.

    `used`, `denied`, `unused`, `unobservable` and `conditional` are disjoint. `granted` is what the
    identity holds (for certain or under an undecided condition); `not_granted` is the part of `used` and
    `denied` that no present grant gives.
    """

    granted: PermissionSet = 0
    used: PermissionSet = 0
    denied: PermissionSet = 0
    unused: PermissionSet = 0
    unobservable: PermissionSet = 0
    conditional: PermissionSet = 0
    not_granted: PermissionSet = 0
    reasons: tuple[Reason, ...] = ()

    def of(self, verdict: Verdict) -> PermissionSet:
        """Return the set with this verdict."""
        found: PermissionSet = getattr(self, verdict.value)
        return found


class GrantVerdict(StrEnum):
    """What we can say about one written grant in the window."""

    USED = "used"
    UNUSED = "unused"
    UNOBSERVABLE = "unobservable"
    CONDITIONAL = "conditional"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True, slots=True)
class GrantResult:
    """A grant and whether any permission it gives was used."""

    grant: Grant
    verdict: GrantVerdict
    last_used: str


@dataclass(frozen=True, slots=True)
class CredentialResult:
    """A credential with its use in the window. `last_used` is the newest of log and cloud report."""

    credential: Credential
    uses: int
    last_used: str
    age_days: int | None


@dataclass(frozen=True, slots=True)
class Reach:
    """What an identity can touch of one class, and what it did touch."""

    granted: PermissionSet
    used: PermissionSet
    resources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IdentityResult:
    """Everything concluded about one identity."""

    identity: Identity
    stage: str
    is_ai: bool
    ai_confidence: Confidence
    readable: bool
    """False when the evidence held no grants for this identity, so that nothing can be called unused."""
    verdicts: Verdicts
    usage: tuple[Usage, ...]
    grants: tuple[GrantResult, ...]
    credentials: tuple[CredentialResult, ...]
    reach: Mapping[str, Reach]
    observed: Window | None
    """The part of the window in which this identity's account has log records; None when it has none."""
    handovers: tuple[Handover, ...] = ()
    """To which services it may hand other identities over, where its grants tell services apart."""
    only_on_itself: PermissionSet = 0
    """Permissions that reach nobody but the identity itself."""
    on_itself: PermissionSet = 0
    """Permissions that reach the identity, its groups or its own policies."""
    activity: tuple[Activity, ...] = ()
    """What logs show of it besides, calls that no permission is known for included."""
    worked_out: dict[object, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What rules worked out of this result alone, by who did: dozens of findings ask for the same sets."""

    @property
    def active(self) -> bool:
        """Tell whether logs show anything of it: any call, a sign-in, or somebody taking it."""
        return bool(self.usage or self.activity or self.identity.actors)

    @property
    def first_seen(self) -> str:
        """Time of the first call in the window, or empty."""
        times = [usage.first_seen for usage in self.usage]
        return min([*times, *(seen.first_seen for seen in self.activity)], default="")

    @property
    def last_seen(self) -> str:
        """Time of the last call in the window, or empty."""
        times = [usage.last_seen for usage in self.usage]
        return max([*times, *(seen.last_seen for seen in self.activity)], default="")


@dataclass(frozen=True, slots=True)
class Backtest:
    """What the same cut, made earlier, would have refused since: calls, and identities (0 or 1)."""

    standing: Standing
    days: int = 0
    requests: int = 0
    refused: int = 0
    broken: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ReductionResult:
    """What may be taken away from one identity, what its cloud makes of that, and what stays, and why."""

    able: bool
    """False when this version writes no replacements for this cloud."""
    removable: PermissionSet
    credentials: tuple[str, ...]
    stays: tuple[Stay, ...]
    """Unused permissions that stay, with the reason for each."""
    replacement: Replacement | None
    backtest: Backtest


@dataclass(frozen=True, slots=True)
class SourceResult:
    """One source: the accounts it holds, how its parts were read and what became of its log files."""

    name: str
    provider: str
    stage: str
    accounts: tuple[str, ...]
    outcomes: tuple[Outcome, ...]
    log_files: tuple[LogFile, ...]


@dataclass(frozen=True, slots=True)
class CloudResult:
    """Results of one cloud."""

    provider: str
    permissions: Permissions
    identities: tuple[IdentityResult, ...]
    known_identities: int
    """Identities in the inventory, analysed or not."""
    ai_identities: int
    coverage: tuple[Coverage, ...]
    unmapped: tuple[Unmapped, ...]
    caveats: tuple[Caveat, ...]
    unattributed: Mapping[str, int] = field(default_factory=dict)
    steps: Mapping[str, tuple[Step, ...]] = field(default_factory=dict)
    """By identity: whom it may become directly."""
    beyond: Mapping[str, IdentityResult] = field(default_factory=dict)
    """Administrators that some step leads to and that are not among `identities`."""
    reductions: Mapping[str, ReductionResult] = field(default_factory=dict)
    """By identity id."""
    inventory: frozenset[tuple[str, str, str]] = frozenset()
    """Account, id and immutable id of every identity, analysed or not."""


@dataclass(frozen=True, slots=True)
class ScanResult:
    """Results of a scan, sorted by cloud and identity."""

    window: Window
    now: datetime
    sources: tuple[SourceResult, ...]
    clouds: tuple[CloudResult, ...]
