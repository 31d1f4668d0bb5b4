"""Turn results and findings into the report document."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache, lru_cache
from importlib.metadata import version
from typing import Literal

import msgspec

from connectors.interface import Outcome
from reports import document as doc
from reports.groups.grouping import grouped
from reports.identity_key import identity_key
from scanner.config import Config
from scanner.drift.snapshot import of_cloud
from scanner.drift.stages import compare_stages
from scanner.pipeline import judge, rule_contexts, worst
from scanner.publish_identity import Rows, identity_entry
from scanner.results import CloudResult, Confidence, ScanResult, SourceResult
from scanner.rules.finding import Finding
from scanner.rules.frameworks import references

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
    rows: Rows = {}
    identities = [identity_entry(entry, cloud, rows) for cloud in result.clouds for entry in cloud.identities]
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
        return grouped(report)
    drift = doc.Drift(
        compared_with=[], changes=[], changes_total=0, findings=doc.FindingDrift(), stages=stages
    )
    return grouped(msgspec.structs.replace(report, drift=drift))


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
