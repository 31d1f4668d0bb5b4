"""Turn results and findings into the report document."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache, lru_cache
from importlib.metadata import version
from typing import Literal

import msgspec

from connectors.facts import Signal, SignalKind
from connectors.interface import Outcome
from reports import document as doc
from reports.identity_key import identity_key
from scanner.config import Config
from scanner.drift.snapshot import of_cloud
from scanner.drift.stages import compare_stages
from scanner.pipeline import judge, rule_contexts, worst
from scanner.proof import reduction
from scanner.results import (
    CloudResult,
    Confidence,
    CredentialResult,
    GrantResult,
    IdentityResult,
    ScanResult,
    SourceResult,
    Verdict,
)
from scanner.rules.finding import Finding
from scanner.rules.frameworks import references

USAGE_ROWS = 2000
"""Usage rows kept per identity in the report; `usage_total` says how many there are."""
_RESOURCES = 50
_VERDICTS = (Verdict.USED, Verdict.DENIED, Verdict.UNUSED, Verdict.UNOBSERVABLE, Verdict.CONDITIONAL)
_NO_NAMES: list[str] = []
_FILE_STATUS: dict[str, Literal["partial", "failed", "skipped"]] = {
    "partial": "partial",
    "failed": "failed",
    "skipped": "skipped",
}
_CONFIDENCE: dict[Confidence, doc.Confidence] = {
    Confidence.HIGH: "high",
    Confidence.MEDIUM: "medium",
    Confidence.LOW: "low",
}


def publish(result: ScanResult, findings: Sequence[Finding]) -> doc.Report:
    """Return the report document of a scan."""
    rows: _Rows = {}
    identities = [_identity(entry, cloud, rows) for cloud in result.clouds for entry in cloud.identities]
    return doc.Report(
        schema_version=doc.SCHEMA_VERSION,
        tool=tool(),
        generated_at=_time(result.now),
        window=doc.WindowSpan(
            start=_time(result.window.start), end=_time(result.window.end), days=result.window.days
        ),
        catalogues=[
            doc.CatalogueEntry(
                provider=cloud.provider,
                source=cloud.permissions.source,
                date=cloud.permissions.date,
                permissions=cloud.permissions.known.bit_count(),
            )
            for cloud in result.clouds
        ],
        sources=[entry for source in result.sources for entry in _source(source)],
        log_files=[entry for source in result.sources for entry in _log_files(source)],
        coverage=[
            doc.CoverageEntry(
                provider=row.provider,
                account=row.account,
                place=row.place,
                log_class=row.log_class,
                state=row.state.value,
                since=row.since,
                reason=row.reason,
                fix=row.fix,
            )
            for cloud in result.clouds
            for row in cloud.coverage
        ],
        summary=_summary(result, identities, findings),
        permission_sets={},
        identities=identities,
        findings=[_finding(finding, result.now) for finding in findings],
        unlisted=_unlisted(result.clouds),
        unmapped_events=[
            doc.UnmappedEntry(
                provider=row.provider, source=row.source, operation=row.operation, count=row.count
            )
            for cloud in result.clouds
            for row in cloud.unmapped
        ],
        limits_of_analysis=[
            doc.LimitEntry(what=caveat.what, where=caveat.where, effect=caveat.effect)
            for caveat in sorted({caveat for cloud in result.clouds for caveat in cloud.caveats})
        ],
    )


def _unlisted(clouds: Iterable[CloudResult]) -> list[str]:
    """Name by key whom the inventory holds and the report does not list."""
    keys = set()
    for cloud in clouds:
        listed = {entry.identity.id for entry in cloud.identities}
        keys |= {
            identity_key(cloud.provider, account, name)
            for account, name, _ in cloud.inventory
            if name not in listed
        }
    return sorted(keys)


def without_history(result: ScanResult, config: Config) -> doc.Report:
    """Judge and publish a scan on its own: every finding is new, and only stages can be compared."""
    contexts = rule_contexts(result, config.limits, config.history.stages)
    report = publish(result, judge(result, contexts))
    stages = compare_stages(
        {cloud.provider: of_cloud(cloud) for cloud in result.clouds},
        {cloud.provider: cloud.permissions for cloud in result.clouds},
        config.history.matches,
        config.history.stages,
    )
    if stages is None:
        return report
    drift = doc.Drift(
        compared_with=[], changes=[], changes_total=0, findings=doc.FindingDrift(), stages=stages
    )
    return msgspec.structs.replace(report, drift=drift)


def with_more(report: doc.Report, result: ScanResult, more: Sequence[Finding]) -> doc.Report:
    """Return the report with further findings in their places."""
    entries = [*report.findings, *(_finding(finding, result.now) for finding in more)]
    return msgspec.structs.replace(report, findings=entries) if more else report


def tool() -> doc.Tool:
    """Return the name and version of this program."""
    return doc.Tool(name="entdrift", version=version("entdrift"))


def _source(source: SourceResult) -> list[doc.SourceEntry]:
    reasons = sorted({f"{o.part}: {o.reason}" for o in source.outcomes if o.reason})
    return [
        doc.SourceEntry(
            name=source.name,
            provider=source.provider,
            account=account,
            stage=source.stage,
            status=worst(source.outcomes).value,
            reason="; ".join(reasons),
            records=sum(outcome.records for outcome in source.outcomes),
            data_as_of=max((outcome.data_as_of for outcome in source.outcomes), default=""),
            parts=[_part(outcome) for outcome in sorted(source.outcomes, key=lambda o: (o.part, o.status))],
        )
        # Persons and groups belong to no account; a source that has accounts is shown by these.
        for account in [one for one in source.accounts if one] or [""]
    ]


def _part(outcome: Outcome) -> doc.SourcePart:
    return doc.SourcePart(
        part=outcome.part,
        status=outcome.status.value,
        reason=outcome.reason,
        records=outcome.records,
        data_as_of=outcome.data_as_of,
    )


def _log_files(source: SourceResult) -> Iterable[doc.LogFileEntry]:
    for file in sorted(source.log_files):
        if file.status in _FILE_STATUS:
            yield doc.LogFileEntry(
                source=source.name,
                path=file.path,
                status=_FILE_STATUS[file.status],
                reason=file.reason,
                records=file.records,
            )


_Rows = dict[tuple[str, int, tuple[int, ...]], doc.ServiceEntry]
"""Rows made so far, by service, number granted and the lists they hold: equal ones are one object."""


def _identity(entry: IdentityResult, cloud: CloudResult, rows: _Rows) -> doc.IdentityEntry:
    identity = entry.identity
    return doc.IdentityEntry(
        id=identity.id,
        provider=identity.provider,
        account=identity.account,
        kind=identity.kind,
        name=identity.name,
        stage=entry.stage,
        source=identity.source,
        owner=identity.owner,
        created=identity.created,
        enabled=identity.enabled,
        ai_workload=doc.AiWorkload(
            is_ai=entry.is_ai,
            confidence=entry.ai_confidence.value,
            signals=[
                doc.SignalEntry(kind=signal.kind.value, value=signal.value, evidence=signal.evidence)
                for signal in sorted(identity.signals, key=_strength)
            ],
        ),
        workloads=[
            doc.WorkloadEntry(kind=load.kind, id=load.id, name=load.name)
            for load in sorted(identity.workloads)
        ],
        trusted=sorted(identity.trusted),
        credentials=[_credential(credential) for credential in entry.credentials],
        grants=[_grant(grant) for grant in entry.grants],
        permissions=_counts(entry),
        services=_services(entry, cloud, rows),
        reasons=_reasons(entry, cloud),
        usage=_usage(entry),
        usage_total=len(entry.usage),
        first_seen=entry.first_seen,
        last_seen=entry.last_seen,
        reach={
            name: doc.ReachEntry(
                granted=reach.granted.bit_count(),
                used=reach.used.bit_count(),
                resources=list(reach.resources[:_RESOURCES]),
                resources_total=len(reach.resources),
            )
            for name, reach in entry.reach.items()
        },
        reduction=reduction(entry, cloud.reductions[entry.identity.id], cloud.permissions),
        grants_read=entry.readable,
        immutable_id=identity.immutable_id,
        not_granted=cloud.permissions.names(entry.verdicts.not_granted),
        managed_by_provider=identity.managed_by_provider,
    )


def _strength(signal: Signal) -> tuple[int, str, str]:
    """Return the sort key of a signal: strongest kind first."""
    return list(SignalKind).index(signal.kind), signal.value, signal.evidence


def _credential(entry: CredentialResult) -> doc.CredentialEntry:
    credential = entry.credential
    return doc.CredentialEntry(
        id=credential.id,
        kind=credential.kind,
        status=credential.status,
        created=credential.created,
        expires=credential.expires,
        last_used=entry.last_used,
        uses=entry.uses,
        long_lived=credential.long_lived,
        age_days=entry.age_days,
    )


def _grant(entry: GrantResult) -> doc.GrantEntry:
    grant = entry.grant
    return doc.GrantEntry(
        id=grant.id,
        name=grant.name,
        source=grant.source,
        effect=grant.effect.value,
        scope=grant.scope,
        conditions=grant.conditions,
        verdict=entry.verdict.value,
        last_used=entry.last_used,
        permissions=grant.permissions.bit_count(),
        admin=grant.admin,
        shared=grant.shared,
    )


def _counts(entry: IdentityResult) -> doc.PermissionCounts:
    verdicts = entry.verdicts
    return doc.PermissionCounts(
        granted=verdicts.granted.bit_count(),
        used=verdicts.used.bit_count(),
        denied=verdicts.denied.bit_count(),
        unused=verdicts.unused.bit_count(),
        unobservable=verdicts.unobservable.bit_count(),
        conditional=verdicts.conditional.bit_count(),
        not_granted=verdicts.not_granted.bit_count(),
    )


def _services(entry: IdentityResult, cloud: CloudResult, rows: _Rows) -> list[doc.ServiceEntry]:
    verdicts, permissions = entry.verdicts, cloud.permissions
    named = [permissions.by_service(verdicts.of(verdict)) for verdict in _VERDICTS]
    granted = {name: part.bit_count() for name, part in permissions.services(verdicts.granted).items()}
    found = []
    for service in sorted({*granted, *(service for names in named for service in names)}):
        lists = [names.get(service, _NO_NAMES) for names in named]
        # A row keeps its lists alive, so no other list can take the identity of one.
        key = (service, granted.get(service, 0), tuple(map(id, lists)))
        row = rows.get(key)
        if row is None:
            used, denied, unused, unobservable, conditional = lists
            row = rows[key] = doc.ServiceEntry(
                service=service,
                granted=key[1],
                used=used,
                denied=denied,
                unused=unused,
                unobservable=unobservable,
                conditional=conditional,
            )
        found.append(row)
    return found


def _reasons(entry: IdentityResult, cloud: CloudResult) -> list[doc.VerdictReason]:
    """Name whole services where a reason holds for all their permissions of that verdict."""
    permissions = cloud.permissions
    rows = []
    for reason in entry.verdicts.reasons:
        services, single = permissions.whole(reason.permissions, entry.verdicts.of(reason.verdict))
        rows.append(
            doc.VerdictReason(
                verdict=reason.verdict.value,
                code=reason.code,
                reason=reason.text,
                fix=reason.fix,
                count=reason.permissions.bit_count(),
                services=services,
                permissions=single,
            )
        )
    return sorted(rows, key=lambda row: (row.verdict, row.code, row.reason))


def _usage(entry: IdentityResult) -> list[doc.UsageEntry]:
    rows = sorted(entry.usage, key=lambda row: (row.permission, row.resource, row.credential, row.via))
    return [
        doc.UsageEntry(
            permission=row.permission,
            resource=row.resource,
            credential=row.credential,
            count=row.count,
            denied=row.denied,
            first_seen=row.first_seen,
            last_seen=row.last_seen,
            via=row.via,
            operation=row.operation,
            grant=row.grant,
        )
        for row in rows[:USAGE_ROWS]
    ]


def _finding(finding: Finding, now: datetime) -> doc.FindingEntry:
    return doc.FindingEntry(
        fingerprint=finding.fingerprint,
        rule=finding.rule,
        title=finding.title,
        severity=finding.severity.value,
        confidence=_CONFIDENCE[finding.confidence],
        provider=finding.provider,
        account=finding.account,
        identity=finding.identity,
        subject=finding.subject,
        message=finding.message,
        evidence=dict(finding.evidence),
        frameworks=frameworks(finding.rule, finding.provider),
        remediation=finding.remediation,
        status="open",
        first_seen=_time(now),
    )


@cache
def frameworks(rule: str, provider: str) -> list[doc.FrameworkReference]:
    """Return the references of a finding type; one list for all its findings."""
    return [
        doc.FrameworkReference(
            framework=row.framework,
            version=row.version,
            control=row.control,
            name=row.name,
            relation=row.relation,
        )
        for row in references(rule, provider)
    ]


def _summary(
    result: ScanResult, identities: Sequence[doc.IdentityEntry], findings: Sequence[Finding]
) -> doc.Summary:
    counted = [entry.permissions for entry in identities]
    by_severity = {
        name: sum(finding.severity.value == name for finding in findings) for name in doc.SEVERITIES
    }
    return doc.Summary(
        identities=sum(cloud.known_identities for cloud in result.clouds),
        ai_identities=sum(cloud.ai_identities for cloud in result.clouds),
        permissions=doc.PermissionCounts(
            granted=sum(counts.granted for counts in counted),
            used=sum(counts.used for counts in counted),
            denied=sum(counts.denied for counts in counted),
            unused=sum(counts.unused for counts in counted),
            unobservable=sum(counts.unobservable for counts in counted),
            conditional=sum(counts.conditional for counts in counted),
            not_granted=sum(counts.not_granted for counts in counted),
        ),
        findings=doc.FindingCounts(**{name: by_severity[name] for name in doc.SEVERITIES}),
        log_events=_log_events(result),
    )


def _log_events(result: ScanResult) -> doc.LogEventCounts:
    files = [file for source in result.sources for file in source.log_files]
    kinds: dict[str, int] = {}
    for cloud in result.clouds:
        for kind, count in cloud.unattributed.items():
            kinds[f"{cloud.provider}:{kind}"] = count
    return doc.LogEventCounts(
        read=sum(file.records for file in files),
        duplicates=sum(file.duplicates for file in files),
        outside_window=sum(file.outside_window for file in files),
        unmapped=sum(row.count for cloud in result.clouds for row in cloud.unmapped),
        unattributed=sum(kinds.values()),
        unattributed_by_kind=dict(sorted(kinds.items())),
        rejected=sum(file.rejected for file in files),
        files=sum(file.status != "skipped" for file in files),
        unreadable_files=sum(file.status in {"failed", "partial"} for file in files),
    )


@lru_cache(maxsize=64)
def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
