"""The shared nouns that every cloud's records become."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from connectors.permissions import Permissions

PermissionSet = int
"""A set of permissions as an integer: bit n is the permission with index n in `Facts.permissions`."""


@dataclass(frozen=True, slots=True)
class Window:
    """The half-open time span [start, end) that a scan speaks about, both in UTC."""

    start: datetime
    end: datetime

    @property
    def days(self) -> float:
        """Length in days, rounded to two places."""
        return round((self.end - self.start).total_seconds() / 86_400, 2)


class SignalKind(StrEnum):
    """How we know that an identity belongs to an AI workload, strongest first."""

    DECLARED = "declared"
    LOG = "log"
    TRUST = "trust"
    GRANT = "grant"
    USAGE = "usage"
    NAME = "name"
    TAG = "tag"


@dataclass(frozen=True, slots=True, order=True)
class Signal:
    """One reason to call an identity an AI workload, with the record it was read from."""

    kind: SignalKind
    value: str
    evidence: str


@dataclass(frozen=True, slots=True, order=True)
class Workload:
    """Something that runs as an identity: a function, an agent, a notebook, an endpoint."""

    kind: str
    id: str
    name: str


@dataclass(frozen=True, slots=True, order=True)
class Actor:
    """Somebody who was seen to act as an identity, in the window."""

    id: str
    """As the log names it; a kind of caller where it names none."""
    person: bool
    """True when the log's own words say that this is a human being, not a workload."""
    how: str
    """The operation through which it acted."""
    count: int
    last_seen: str


@dataclass(frozen=True, slots=True, order=True)
class TrustGap:
    """A place where the trust of an identity lets more in than it names, as far as its text tells.

    `kind`: `anybody`; `any-subject` or `many-subjects` of an outside issuer; `any-audience` (tokens made for
    somebody else); `any-source` (a service on anybody's behalf); `no-external-id` (another owner on anybody's
    behalf).
    """

    entry: str
    """As in `Identity.trusted`."""
    kind: str
    who: str
    """Who gets in, in words."""
    fix: str
    """The condition that is missing, as the cloud writes it."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A principal that can hold grants.

    `id` is the cloud's own full name (role ARN, service-account email, service-principal object id)
    and joins grants, credentials and usage. `immutable_id` survives renames and tells a re-created
    principal from the old one. Times are RFC 3339 UTC or empty when the evidence has none.
    """

    id: str
    provider: str
    account: str
    kind: str
    name: str
    source: str
    immutable_id: str = ""
    owner: str = ""
    created: str = ""
    enabled: bool = True
    managed_by_provider: bool = False
    """True for service-linked roles and service agents: listed, never a candidate for removal."""
    managed_at: str = ""
    """Where its owner changes what it holds (`permission set X of IAM Identity Center`), since a change of
    the identity itself would be refused or undone. Empty for identities that are changed themselves."""
    signals: tuple[Signal, ...] = ()
    workloads: tuple[Workload, ...] = ()
    trusted: tuple[str, ...] = ()
    """Who may assume or impersonate this identity, as the evidence writes it."""
    actors: tuple[Actor, ...] = ()
    """Who was seen to act as this identity; empty where the evidence cannot tell."""
    outsiders: tuple[str, ...] = ()
    """Those of `trusted` that belong to another owner than everything in the evidence."""
    outsiders_sure: bool = False
    """True when the evidence lists all that is the owner's own, so that an outsider is one for certain."""
    trust_gaps: tuple[TrustGap, ...] = ()
    """Where the trust does not pin down who is meant."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A key, secret or certificate that lets its holder act as an identity; never the secret itself."""

    identity: str
    id: str
    kind: str
    status: str
    """`active`, `inactive`, `expired` or `unknown`."""
    long_lived: bool
    created: str = ""
    expires: str = ""
    last_used: str = ""
    """Last use as the cloud itself reports it (empty: not reported). Log use is joined by the scanner."""
    last_used_known: bool = False
    """True when the cloud reports last use for this kind, so that an empty `last_used` means never."""
    in_logs: bool = True
    """False for kinds that log records never name: logs without a call by it then say nothing."""


class Effect(StrEnum):
    """What a written grant does."""

    ALLOW = "allow"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Grant:
    """One written statement, binding or assignment that gives (or refuses) permissions.

    `permissions` holds what it names, expanded over the catalogue, before other layers are applied.
    """

    id: str
    identity: str
    source: str
    """Where it is written: policy ARN and statement, binding and resource, assignment id."""
    document: str = field(default="", kw_only=True)
    """The policy that `source` names one statement of; empty where grants are no statements of a policy."""
    name: str
    """The policy, role or definition a person would look for."""
    effect: Effect
    scope: str
    permissions: PermissionSet
    conditions: str = ""
    """The condition text as written; empty when there is none."""
    undecided: bool = False
    """True when the condition could not be decided from the evidence."""
    wide: PermissionSet = 0
    """Permissions it gives on every resource of an account, project or subscription although the
    cloud lets a narrower resource be named for them."""
    admin: str = ""
    """Why this is an administrator grant (`Action * on Resource *`, `roles/owner`); empty if not."""
    created: str = ""
    shared: bool = False
    """True when other identities hold the same grant document (managed policy, group, principal set)."""
    to_everybody: bool = False
    """True when a resource gives it to everybody: that is about the resource, not about this holder."""


@dataclass(frozen=True, slots=True)
class Blind:
    """Permissions whose use today's logs could not have shown, with the change that would show it."""

    permissions: PermissionSet
    code: str
    """Stable machine word, for example `data-events-not-logged`."""
    reason: str
    fix: str


@dataclass(frozen=True, slots=True, order=True)
class Handover:
    """Whether an identity may hand another one over to one service, where its grants tell services apart."""

    permission: str
    service: str
    held: bool | None
    """None where something else than the service is undecided."""
    wide: bool
    """True when every identity may be handed over."""
    administrators: tuple[str, ...] = ()
    """Administrators that trust the service and may be handed over to it for certain; the first few."""


@dataclass(frozen=True, slots=True)
class Entitlement:
    """What one identity effectively holds after all layers that were interpreted.

    `granted` is held for certain by at least one unconditional path; `conditional` only by paths whose
    condition could not be decided (disjoint from `granted`). `blind` may name any permissions.
    """

    identity: str
    granted: PermissionSet
    conditional: PermissionSet = 0
    conditional_reason: str = ""
    blind: tuple[Blind, ...] = ()
    handovers: tuple[Handover, ...] = ()
    """One for each service that the wing tells apart; the others are as the permission itself."""
    only_on_itself: PermissionSet = 0
    """Permissions that reach nobody but the identity itself (keys of its own, its own password)."""
    on_itself: PermissionSet = 0
    """Permissions that reach the identity, its groups or its policies, where nothing bounds what it gains."""


@dataclass(frozen=True, slots=True, order=True)
class Step:
    """Another identity that an identity may become directly: both its grants and the other's trust let it."""

    target: str
    sure: bool
    """False where something on the way is undecided."""
    to_everybody: bool = False
    """True when the other's trust lets everybody in and nothing that this identity holds names it."""
    how: str = ""
    """By which permissions, where it is not taken as such but runs code of the one who becomes it."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Calls of one permission by one identity on one resource with one credential, in the window.

    `count` is every call, `denied` those the cloud refused to authorise. `grant` is the grant id where
    the log itself names it (Azure), else empty.
    """

    identity: str
    permission: str
    resource: str
    credential: str
    count: int
    denied: int
    first_seen: str
    last_seen: str
    via: str = ""
    grant: str = ""
    operation: str = ""
    last_allowed: str = ""
    """Last call that passed authorisation; empty when every call was refused."""


@dataclass(frozen=True, slots=True, order=True)
class Activity:
    """What logs show of an identity with one credential, whatever permission it needed, if any was told.

    `calls` is every call, refused ones too; a sign-in counts as none and is activity all the same.
    """

    identity: str
    credential: str
    calls: int
    first_seen: str
    last_seen: str


class CoverageState(StrEnum):
    """Whether a class of log was recorded."""

    ON = "on"
    OFF = "off"
    PARTIAL = "partial"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, order=True)
class Coverage:
    """Whether one class of log was on in one place, since when, and what would switch it on."""

    provider: str
    account: str
    place: str
    log_class: str
    state: CoverageState
    since: str = ""
    reason: str = ""
    fix: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Unmapped:
    """Log operations we could not turn into a permission: shown, never dropped, never granted."""

    provider: str
    source: str
    operation: str
    count: int


@dataclass(frozen=True, slots=True)
class Dependent:
    """Permissions that calls may need once in a while beside others: no window shows that they go."""

    permissions: PermissionSet
    of: PermissionSet
    reason: str


@dataclass(frozen=True, slots=True, order=True)
class Caveat:
    """Something the analysis did not interpret, where it stands, and what that does to the result."""

    what: str
    where: str
    effect: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything one cloud's wing learned from its evidence."""

    provider: str
    permissions: Permissions
    identities: tuple[Identity, ...]
    credentials: tuple[Credential, ...]
    grants: tuple[Grant, ...]
    entitlements: Mapping[str, Entitlement]
    """By identity id; an identity without an entry had no readable grants (a caveat says why)."""
    usage: tuple[Usage, ...]
    """Use by identities of the inventory, and by principals that logs show but the inventory lacks."""
    activity: tuple[Activity, ...] = field(default=(), kw_only=True)
    """All that logs show of identities, calls that no permission is known for included; of one without an
    entry `usage` tells alone."""
    coverage: tuple[Coverage, ...]
    unmapped: tuple[Unmapped, ...] = ()
    caveats: tuple[Caveat, ...] = ()
    unattributed: Mapping[str, int] = field(default_factory=dict)
    """Events whose caller is not an identity we can name, by kind of caller."""
    watched: Mapping[str, Window] = field(default_factory=dict)
    """By identity: the time that all logs span by which its calls would have been seen, where a wing knows
    which logs those are; without an entry the span of its account's logs counts."""
    dependents: tuple[Dependent, ...] = ()
    """What a reduction keeps while others are used or cannot be seen."""
    steps: Mapping[str, tuple[Step, ...]] = field(default_factory=dict)
    """By identity: whom it may become directly; empty where a wing does not work it out."""
    reach: Mapping[str, PermissionSet] = field(default_factory=dict)
    """Reach class (`data`, `model`, `admin`, `identity`, `network`, `destructive`) to its permissions."""
