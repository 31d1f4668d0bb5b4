"""The report document, schema version 1: what `report.json` holds and every renderer reads.

Within version 1 fields are only ever added. Times are RFC 3339 UTC strings, or empty when unknown.
Lists are sorted by the key their docstring names, so that equal input gives equal bytes.
"""

from typing import Literal

import msgspec

SCHEMA_VERSION = "1.2"

Severity = Literal["critical", "high", "medium", "low", "info"]
SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low", "info")
Confidence = Literal["high", "medium", "low"]
Verdict = Literal["used", "denied", "unused", "unobservable", "conditional"]
VERDICTS: tuple[Verdict, ...] = ("used", "denied", "unused", "unobservable", "conditional")


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """The program that wrote the report."""

    name: str
    version: str


class WindowSpan(msgspec.Struct, frozen=True, kw_only=True):
    """The half-open span [start, end) the report speaks about."""

    start: str
    end: str
    days: float


class SourcePart(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of record of a source and how reading it went."""

    part: str
    status: Literal["ok", "partial", "failed", "skipped"]
    reason: str = ""
    records: int = 0
    data_as_of: str = ""


class SourceEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One configured source; sorted by (provider, name, account).

    A source with several accounts has one entry per account it holds identities of, each with the
    source's own status.
    """

    name: str
    provider: str
    account: str
    stage: str
    status: Literal["ok", "partial", "failed", "skipped"]
    reason: str
    records: int
    data_as_of: str
    parts: list[SourcePart] = []


class LogFileEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A log file that could not be read whole; sorted by path. Files read whole are only counted."""

    source: str
    path: str
    status: Literal["partial", "failed", "skipped"]
    reason: str
    records: int


class CoverageEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Whether one class of log was recorded in one place; sorted by all fields in order."""

    provider: str
    account: str
    place: str
    log_class: str
    state: Literal["on", "off", "partial", "unknown"]
    since: str
    reason: str
    fix: str


class PermissionCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Permissions by verdict.

    granted = used + denied + unused + unobservable + conditional - not_granted, where `not_granted`
    counts the used or denied permissions that no present grant gives (revoked since, granted by the
    resource, needing no grant, or never held).
    """

    granted: int = 0
    used: int = 0
    denied: int = 0
    unused: int = 0
    unobservable: int = 0
    conditional: int = 0
    not_granted: int = 0


class FindingCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Open findings by severity, and those that are waived or fixed."""

    critical: int = 0
    high: int = 0
    medium: int = 0
    low: int = 0
    info: int = 0
    waived: int = 0
    fixed: int = 0


class LogEventCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the log events.

    `read` counts every record, the rest are parts of it or of the
    files: `duplicates` copies of an event already counted, `outside_window` not in the window,
    `unmapped` in the window but of an operation without a known permission, `unattributed` in the
    window but without a caller we can name, `rejected` records that are no usable event.
    """

    read: int = 0
    duplicates: int = 0
    outside_window: int = 0
    unmapped: int = 0
    unattributed: int = 0
    unattributed_by_kind: dict[str, int] = {}
    rejected: int = 0
    files: int = 0
    unreadable_files: int = 0


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The report in numbers; permissions are summed over the identities listed."""

    identities: int
    ai_identities: int
    permissions: PermissionCounts
    findings: FindingCounts
    log_events: LogEventCounts


class SignalEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One reason to call an identity an AI workload."""

    kind: str
    value: str
    evidence: str


class AiWorkload(msgspec.Struct, frozen=True, kw_only=True):
    """Whether an identity belongs to an AI workload, and how we know."""

    is_ai: bool
    confidence: Literal["high", "medium", "low", "none"]
    signals: list[SignalEntry]


class WorkloadEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Something that runs as the identity."""

    kind: str
    id: str
    name: str


class CredentialEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A key, secret or certificate of the identity. `uses` counts calls in the window made with it."""

    id: str
    kind: str
    status: str
    created: str
    expires: str
    last_used: str
    uses: int
    long_lived: bool
    age_days: int | None = None


class GrantEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One written grant; sorted by id. `last_used` is the last allowed call of any permission it holds."""

    id: str
    name: str
    source: str
    effect: Literal["allow", "deny"]
    scope: str
    conditions: str
    verdict: Literal["used", "unused", "unobservable", "conditional", "not_applicable"]
    last_used: str
    permissions: int
    admin: str = ""
    shared: bool = False


class ServiceEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One service of one identity: how many permissions are granted and the names by verdict, sorted.

    In large documents a list that others share is written once in `permission_sets`; then the list here holds
    only what is not in that set and `sets` names the set by verdict.
    """

    service: str
    granted: int
    used: list[str] = []
    denied: list[str] = []
    unused: list[str] = []
    unobservable: list[str] = []
    conditional: list[str] = []
    sets: dict[str, str] = {}


class VerdictReason(msgspec.Struct, frozen=True, kw_only=True):
    """Why permissions got their verdict; sorted by (verdict, code, reason).

    `services` are those where the reason holds for every permission with that verdict; `permissions`
    names the rest one by one, so that each permission's reason can be told exactly. In large documents a list
    that others share stands in `permission_sets` under the id `set`.
    """

    verdict: Verdict
    code: str
    reason: str
    fix: str
    count: int
    services: list[str]
    permissions: list[str]
    set: str = ""


class UsageEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Calls of one permission on one resource with one credential; sorted by those three and `via`.

    `count` includes `denied`.
    """

    permission: str
    resource: str
    credential: str
    count: int
    denied: int
    first_seen: str
    last_seen: str
    via: str = ""
    operation: str = ""
    grant: str = ""


class ReachEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What the identity can touch of one class, granted beside used (counts of permissions).

    `resources` are those the log saw it use, sorted, at most 50; `resources_total` counts all.
    """

    granted: int
    used: int
    resources: list[str]
    resources_total: int = 0


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """One replacement document or command list."""

    form: str
    name: str
    content: str
    applies_to: str
    content_text: str | msgspec.UnsetType = msgspec.UNSET
    """In very large documents: id of the text in `texts` that follows `content`."""


class ReplayProof(msgspec.Struct, frozen=True, kw_only=True):
    """Whether every recorded, allowed call is still allowed by the replacement."""

    status: Literal["proved", "refuted", "undecided"]
    requests: int = 0
    refused: list[str] = []
    reason: str = ""


class ContainmentProof(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the replacement allows nothing that the present grants do not."""

    status: Literal["proved", "refuted", "undecided"]
    witness: str = ""
    reason: str = ""


class LimitsProof(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the replacement keeps within the cloud's document limits and grammar."""

    status: Literal["proved", "refuted", "undecided"]
    reason: str = ""


class BacktestProof(msgspec.Struct, frozen=True, kw_only=True):
    """What the same cut, made earlier, would have refused since."""

    status: Literal["proved", "refuted", "undecided"]
    days: int = 0
    requests: int = 0
    refused: int = 0
    identities_broken: int = 0
    reason: str = ""


class RestoreProof(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the rollback gives back the present access."""

    status: Literal["proved", "refuted", "undecided"]
    reason: str = ""


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """The five machine-checked claims of a reduction."""

    replay: ReplayProof
    containment: ContainmentProof
    limits: LimitsProof
    backtest: BacktestProof
    restore: RestoreProof


class KeptPermissions(msgspec.Struct, frozen=True, kw_only=True):
    """Unused permissions that stay all the same, and why; sorted by (code, reason).

    `services` are those whose unused permissions all stay for this reason; `permissions` names the rest. A
    long list that others share stands in `permission_sets` under the id `set`.
    """

    code: str
    reason: str
    count: int
    services: list[str]
    permissions: list[str]
    set: str = ""


class ReductionChange(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a reduction, in the order the steps are to be made.

    `holder` is the identity, `target` the policy, group or credential that is changed. `document` is the
    place of the new document in `artifacts`, `previous` that of the present one in `rollback`; values that
    are no documents (a boundary's ARN) stand in `after` and `before`.
    """

    kind: str
    holder: str
    target: str
    document: int | None = None
    previous: int | None = None
    before: str = ""
    after: str = ""
    note: str = ""
    note_text: str | msgspec.UnsetType = msgspec.UNSET
    """In very large documents: id of the text in `texts` that follows `note`."""


class Reduction(msgspec.Struct, frozen=True, kw_only=True):
    """What may be taken away and what stays.

    `keeps` and `removes` count permissions; `removes_services`
    names whole services without any kept permission, sorted. `leaves_out` names permissions that are neither:
    they had no effect where they were granted, were never used, and are not granted anew.
    """

    disposition: Literal["safe", "review", "none"]
    reason: str
    keeps: int
    removes: int
    removes_services: list[str] = []
    removes_grants: list[str] = []
    removes_credentials: list[str] = []
    leaves_out: list[str] = []
    artifacts: list[Artifact] = []
    rollback: list[Artifact] = []
    proof: Proof
    stays: list[KeptPermissions] = []
    notes: list[str] = []
    """What a reviewer has to know or do by hand."""
    changes: list[ReductionChange] = []
    on_demand: dict[str, int] | msgspec.UnsetType = msgspec.UNSET
    """In very large documents: scripts that are left out, by form, with the place they have.

    `entdrift reduce --form` writes them from `changes`: `cli` and `terraform` of `artifacts`, `rollback` of
    `rollback`.
    """


class IdentityEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One identity; sorted by (provider, account, id)."""

    id: str
    provider: str
    account: str
    kind: str
    name: str
    stage: str
    source: str
    owner: str
    created: str
    enabled: bool
    ai_workload: AiWorkload
    workloads: list[WorkloadEntry]
    trusted: list[str]
    credentials: list[CredentialEntry]
    grants: list[GrantEntry]
    permissions: PermissionCounts
    services: list[ServiceEntry]
    reasons: list[VerdictReason]
    usage: list[UsageEntry]
    usage_total: int
    """Number of usage rows known; more than `usage` holds when the list was cut."""
    first_seen: str
    last_seen: str
    reach: dict[str, ReachEntry]
    reduction: Reduction
    grants_read: bool | None = None
    """False when the evidence held no readable grants, so that nothing is known of what it may do."""
    managed_by_provider: bool | None = None
    """True for service-linked roles and service agents, which nobody else can change."""
    services_shared: list[str] = []
    """In large documents: ids of further `services` that stand in `service_rows`."""
    reasons_shared: list[str] = []
    """In large documents: ids of further `reasons` that stand in `reason_rows`."""
    grants_shared: list[str] | msgspec.UnsetType = msgspec.UNSET
    """In very large documents: ids of further `grants` that stand in `grant_rows`."""
    immutable_id: str = ""
    """The cloud's id that a re-created identity of the same name does not have; empty when not known."""
    not_granted: list[str] = []
    """The permissions that `permissions.not_granted` counts, sorted."""
    observed: WindowSpan | None = None
    """The part of the window that the logs span by which its calls would have been seen.

    Missing where there are none, and in reports before it was added.
    """
    group: str = ""
    """Id of the group (`groups`) it belongs to; empty where no other account has the like."""


class FrameworkReference(msgspec.Struct, frozen=True, kw_only=True):
    """A control or risk that a finding is evidence for."""

    framework: str
    version: str
    control: str
    name: str
    relation: Literal["direct", "supports"]


class Waiver(msgspec.Struct, frozen=True, kw_only=True):
    """Who accepted a finding, why and until when: a date, or the last second that counts."""

    reason: str
    owner: str
    until: str
    pattern: str = ""
    """The pattern that covers it, in words; empty where the finding itself was waived."""


EvidenceValue = str | int | float | bool | list[str]


class FindingEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One finding; sorted by (severity, rule, provider, identity, subject). A waived one stays a row."""

    fingerprint: str
    rule: str
    title: str
    severity: Severity
    confidence: Confidence
    provider: str
    account: str
    identity: str
    subject: str
    message: str
    evidence: dict[str, EvidenceValue]
    frameworks: list[FrameworkReference]
    remediation: str
    status: Literal["open", "waived", "fixed", "regressed"]
    first_seen: str
    waiver: Waiver | None = None
    framework_set: str = ""
    """In large documents: id of the `frameworks` in `framework_sets`."""
    evidence_shared: list[str] = []
    """In large documents: ids of further parts of `evidence` that stand in `evidence_parts`."""
    group: str = ""
    """The same for findings that say the same, of one severity, about identities of one group; else empty."""
    message_text: str | msgspec.UnsetType = msgspec.UNSET
    """In very large documents: id of the text in `texts` that follows `message`."""
    remediation_text: str | msgspec.UnsetType = msgspec.UNSET
    """In very large documents: id of the text in `texts` that follows `remediation`."""
    evidence_texts: dict[str, list[str]] | msgspec.UnsetType = msgspec.UNSET
    """In very large documents: by key of `evidence`, ids of the texts in `texts` that its list holds."""
    body: str | msgspec.UnsetType = msgspec.UNSET
    """In very large documents: id of the message, remediation and evidence in `finding_bodies`."""


class FindingBody(msgspec.Struct, frozen=True, kw_only=True):
    """What findings of a very large document say alike; `evidence_shared` is as in a finding."""

    message: str
    remediation: str
    evidence: dict[str, EvidenceValue]
    evidence_shared: list[str] = []


class GroupVariant(msgspec.Struct, frozen=True, kw_only=True):
    """The accounts of a group whose identity may lose the same; sorted by their number, the most first."""

    id: str
    disposition: Literal["safe", "review", "none"]
    removes: int
    keeps: int
    accounts: list[str]


class GroupEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Identities that are written alike in several accounts; sorted by (provider, name, identity, id).

    They have the same kind, name and grants, but for the account's own id (`{account}`) and what tools make
    up (`{…}`). `role` names kind, id and name alone, so it stays the same when the grants change. `granted`
    is what each holds; `unused_everywhere` counts what is unused in every one of them, `unused_where_seen`
    what is unused in some, used in none, and cannot be seen in the others, `unused_somewhere` the rest of
    what is unused in some. `findings` counts the open ones by severity.
    """

    id: str
    role: str
    provider: str
    kind: str
    name: str
    identity: str
    identities: int
    accounts: list[str]
    stages: list[str]
    owners: list[str]
    granted: int
    unused_everywhere: int
    unused_where_seen: int
    unused_somewhere: int
    findings: dict[str, int]
    variants: list[GroupVariant]


class UnmappedEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A log operation without a known permission; sorted by all fields in order."""

    provider: str
    source: str
    operation: str
    count: int


class LimitEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Something the analysis did not interpret and what that does to the result; sorted."""

    what: str
    where: str
    effect: str


class CatalogueEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Which list of permissions wildcards were expanded against; sorted by provider."""

    provider: str
    source: str
    date: str
    permissions: int


class WaiverPattern(msgspec.Struct, frozen=True, kw_only=True):
    """A waiver of all findings that globs name; in the order they were made.

    It `covers` so many findings now, and never more than `at_most`; `over` more match it and stay open.
    """

    id: str
    rule: str
    identity: str
    account: str
    critical: bool
    at_most: int
    reason: str
    owner: str
    until: str
    active: bool
    covers: int = 0
    over: int = 0


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What the scan remembers of earlier ones.

    `scan` is its id in `entdrift history`, `scans` how many older ones there are. `approvals_head` is the
    newest hash in the chain of waivers and approvals (64 zeros while it is empty). `notes` say what went
    wrong with the history itself.
    """

    scan: str
    scans: int
    approvals_head: str
    approvals: int
    notes: list[str] = []
    patterns: list[WaiverPattern] = []


class ComparedWith(msgspec.Struct, frozen=True, kw_only=True):
    """The older scan that one account was compared with; sorted by (provider, account).

    `scan` is empty when there is none. `complete` tells whether this scan read the account whole and no less
    of it than the older one did; else nothing of it was called gone, and `reason` says why.
    """

    provider: str
    account: str
    scan: str
    at: str
    complete: bool
    reason: str = ""


DriftKind = Literal[
    "granted_more",
    "regained",
    "catalogue_grew",
    "granted_less",
    "used_first_time",
    "stopped_using",
    "grant_added",
    "grant_removed",
    "grant_changed",
    "credential_added",
    "credential_removed",
    "credential_changed",
    "identity_new",
    "identity_recreated",
    "identity_gone",
    "profile_changed",
]


class DriftChange(msgspec.Struct, frozen=True, kw_only=True):
    """One change of one identity; sorted by (provider, account, identity, kind, subject).

    `subject` is the grant or credential it is about, or empty. `permissions` holds the names it is about,
    sorted, at most 200; `permissions_total` counts all. `services` are those of all of them. `attention`
    tells whether it gave the identity more than it had.
    """

    kind: DriftKind
    provider: str
    account: str
    identity: str
    name: str
    subject: str
    message: str
    attention: bool
    permissions: list[str] = []
    permissions_total: int = 0
    services: list[str] = []


class FindingDrift(msgspec.Struct, frozen=True, kw_only=True):
    """Findings by what became of them since the scan compared with.

    `carried` were open and could not be looked at again.
    """

    new: int = 0
    fixed: int = 0
    regressed: int = 0
    carried: int = 0
    waived: int = 0


class StagePair(msgspec.Struct, frozen=True, kw_only=True):
    """The same workload in two stages; sorted by (workload, earlier, later).

    `rule` says why the two are taken for the same workload. `only_earlier` and `only_later` name what one
    holds and the other does not (at most 200, totals beside); `unused_later` counts what the later one does
    not use of what it holds.
    """

    workload: str
    rule: str
    provider: str
    earlier_stage: str
    earlier: str
    later_stage: str
    later: str
    both: int
    only_earlier: list[str]
    only_earlier_total: int
    only_later: list[str]
    only_later_total: int
    used_only_earlier: list[str]
    used_only_earlier_total: int
    unused_later: int


class StageDrift(msgspec.Struct, frozen=True, kw_only=True):
    """The comparison between stages: the rules that were applied, and what they matched."""

    rules: list[str]
    pairs: list[StagePair]
    unmatched: list[str] = []
    """AI identities with a stage for which no partner was found, at most 50, as `stage: name`."""
    unmatched_total: int = 0


class BaselineDrift(msgspec.Struct, frozen=True, kw_only=True):
    """What identities hold beyond what was approved.

    `reference` says what counts as approved: a baseline, or the first scan that is remembered.
    """

    reference: str
    identities: int
    expanded: int


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """What changed: over time, against what was approved, and between stages."""

    compared_with: list[ComparedWith]
    changes: list[DriftChange]
    changes_total: int
    findings: FindingDrift
    baseline: BaselineDrift | None = None
    stages: StageDrift | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True, weakref=True):
    """The whole document.

    The sets and rows at the top hold what many entries of a large document share, by id; they are empty in
    small ones.
    """

    schema_version: str
    tool: Tool
    generated_at: str
    window: WindowSpan
    catalogues: list[CatalogueEntry]
    sources: list[SourceEntry]
    log_files: list[LogFileEntry]
    coverage: list[CoverageEntry]
    summary: Summary
    permission_sets: dict[str, list[str]]
    identities: list[IdentityEntry]
    findings: list[FindingEntry]
    unmapped_events: list[UnmappedEntry]
    limits_of_analysis: list[LimitEntry]
    service_rows: dict[str, ServiceEntry] = {}
    reason_rows: dict[str, VerdictReason] = {}
    framework_sets: dict[str, list[FrameworkReference]] = {}
    unlisted: list[str] | None = None
    """Keys (`reports.identity_key`) of the identities that were counted but are not in `identities`, sorted.

    With them a reader can tell an identity that is gone from one that is no longer listed. Missing in reports
    before it was added.
    """
    evidence_parts: dict[str, dict[str, EvidenceValue]] = {}
    history: History | None = None
    """Missing when the scan ran without history."""
    drift: Drift | None = None
    groups: list[GroupEntry] = []
    texts: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    grant_rows: dict[str, GrantEntry] | msgspec.UnsetType = msgspec.UNSET
    finding_bodies: dict[str, FindingBody] | msgspec.UnsetType = msgspec.UNSET
