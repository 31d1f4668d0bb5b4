"""The decision document of the promotion gate, schema version 1: what `gate.json` holds.

Within version 1 fields are only ever added. Lists are sorted by the key their docstring names, so that the
same report, policy and present give the same bytes.
"""

from typing import Literal

import msgspec

from reports.document import Confidence, Severity, Tool, WindowSpan

SCHEMA_VERSION = "1.0"

Standing = Literal["passed", "refused", "waived", "not_asked"]
Decision = Literal["passed", "refused", "exempt"]


class GateCheck(msgspec.Struct, frozen=True, kw_only=True):
    """One condition of the policy: how it stands for one workload, in words; in the order of the policy."""

    name: str
    standing: Standing
    reason: str


class GateFinding(msgspec.Struct, frozen=True, kw_only=True):
    """A finding of the workload that is not fixed; in the order of the report."""

    fingerprint: str
    rule: str
    severity: Severity
    confidence: Confidence
    status: Literal["open", "waived"]
    message: str
    remediation: str
    waiver_owner: str = ""
    waiver_reason: str = ""
    waiver_until: str = ""


class GateReach(msgspec.Struct, frozen=True, kw_only=True):
    """What the workload can touch of one class, granted beside used, with resources the logs named."""

    kind: str
    granted: int
    used: int
    resources: list[str]
    resources_total: int


class GateWorkload(msgspec.Struct, frozen=True, kw_only=True):
    """The decision about one workload identity; sorted by decision (refused first), provider, account, id."""

    decision: Decision
    reason: str
    """Why it is exempt; empty otherwise."""
    id: str
    name: str
    provider: str
    account: str
    kind: str
    owner: str
    runs: list[str]
    """What runs as this identity (`function claims-tools`), sorted."""
    granted: int
    used: int
    unused: int
    unobservable: int
    conditional: int
    checks: list[GateCheck]
    findings: list[GateFinding]
    reach: list[GateReach]
    reduction: str
    """What the pending reduction would take away, in words."""
    unseen: list[str]
    """Why permissions could not be seen, with what would change that; most permissions first."""
    group: str = ""
    """The group of the report that it belongs to: identities written alike in several accounts."""


class GatePolicyEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One condition of the policy as configured."""

    key: str
    value: str
    default: bool
    """True where the config file says nothing and the built-in value holds."""


class GateReport(msgspec.Struct, frozen=True, kw_only=True):
    """One decision about one stage."""

    schema_version: str
    tool: Tool
    decided_at: str
    stage: str
    decision: Literal["passed", "refused"]
    reasons: list[str]
    """What holds for the stage as a whole: unread sources, nothing to decide; empty when all is well."""
    policy_source: str
    policy: list[GatePolicyEntry]
    report_digest: str
    """SHA-256 of the report.json that was decided on."""
    report_generated_at: str
    window: WindowSpan
    workloads: list[GateWorkload]
