"""Write findings, identities and permissions as CSV tables for spreadsheets and notebooks."""

import csv
import io
import json
from collections.abc import Iterable, Iterator

from reports import escape, finding_types
from reports.document import VERDICTS, FindingEntry, IdentityEntry, Report, Verdict
from reports.overview import open_findings

_Cell = str | int | bool
_Key = tuple[str, str, str]

FINDING_COLUMNS = (
    "fingerprint",
    "rule",
    "type",
    "title",
    "severity",
    "confidence",
    "status",
    "provider",
    "account",
    "identity",
    "identity_name",
    "stage",
    "owner",
    "subject",
    "message",
    "remediation",
    "frameworks",
    "evidence",
    "first_seen",
    "window_start",
    "window_end",
    "waiver_reason",
    "waiver_owner",
    "waiver_until",
    "waiver_pattern",
    "group",
)
IDENTITY_COLUMNS = (
    "provider",
    "account",
    "id",
    "name",
    "kind",
    "stage",
    "source",
    "owner",
    "created",
    "enabled",
    "is_ai",
    "ai_confidence",
    "ai_signals",
    "workloads",
    "granted",
    "used",
    "denied",
    "unused",
    "unobservable",
    "conditional",
    "not_granted",
    "grants",
    "credentials",
    "long_lived_credentials",
    "first_seen",
    "last_seen",
    "disposition",
    "removes",
    "keeps",
    "open_findings",
    "highest_severity",
)
PERMISSION_COLUMNS = (
    "provider",
    "account",
    "identity",
    "service",
    "permission",
    "verdict",
    "reason_code",
    "calls",
    "denied_calls",
    "first_seen",
    "last_seen",
)


def findings(report: Report) -> str:
    """Give `findings.csv`: one row per finding, waived and fixed ones among them."""
    identities = {_key(identity): identity for identity in report.identities}
    return _table(FINDING_COLUMNS, (_finding(report, identities, row) for row in report.findings))


def identities(report: Report) -> str:
    """Give `identities.csv`: one row per identity with its counts."""
    severities: dict[_Key, list[str]] = {}
    for finding in open_findings(report):
        severities.setdefault((finding.provider, finding.account, finding.identity), []).append(
            finding.severity
        )
    rows = (_identity(identity, severities.get(_key(identity), [])) for identity in report.identities)
    return _table(IDENTITY_COLUMNS, rows)


def permissions(report: Report) -> str:
    """Give `permissions.csv`: one row per identity and permission with its verdict.

    `reason_code` is empty where the report names no reason; calls are those of the usage rows it holds.
    """
    rows = (row for identity in report.identities for row in _permissions(identity))
    return _table(PERMISSION_COLUMNS, rows)


def _finding(report: Report, identities: dict[_Key, IdentityEntry], finding: FindingEntry) -> list[_Cell]:
    identity = identities.get((finding.provider, finding.account, finding.identity))
    frameworks = "; ".join(
        f"{ref.framework} {ref.version} {ref.control} ({ref.relation})" for ref in finding.frameworks
    )
    waiver = finding.waiver
    return [
        finding.fingerprint,
        finding.rule,
        finding_types.name(finding.rule),
        finding.title,
        finding.severity,
        finding.confidence,
        finding.status,
        finding.provider,
        finding.account,
        finding.identity,
        identity.name if identity else "",
        identity.stage if identity else "",
        identity.owner if identity else "",
        finding.subject,
        finding.message,
        finding.remediation,
        frameworks,
        json.dumps(finding.evidence, sort_keys=True, ensure_ascii=False),
        finding.first_seen,
        report.window.start,
        report.window.end,
        waiver.reason if waiver else "",
        waiver.owner if waiver else "",
        waiver.until if waiver else "",
        waiver.pattern if waiver else "",
        finding.group,
    ]


def _identity(identity: IdentityEntry, severities: list[str]) -> list[_Cell]:
    counts, workload, reduction = identity.permissions, identity.ai_workload, identity.reduction
    return [
        identity.provider,
        identity.account,
        identity.id,
        identity.name,
        identity.kind,
        identity.stage,
        identity.source,
        identity.owner,
        identity.created,
        identity.enabled,
        workload.is_ai,
        workload.confidence,
        "; ".join(f"{signal.kind}: {signal.value}" for signal in workload.signals),
        "; ".join(f"{run.kind}: {run.name or run.id}" for run in identity.workloads),
        counts.granted,
        counts.used,
        counts.denied,
        counts.unused,
        counts.unobservable,
        counts.conditional,
        counts.not_granted,
        len(identity.grants),
        len(identity.credentials),
        sum(credential.long_lived for credential in identity.credentials),
        identity.first_seen,
        identity.last_seen,
        reduction.disposition,
        reduction.removes,
        reduction.keeps,
        len(severities),
        severities[0] if severities else "",
    ]


def _permissions(identity: IdentityEntry) -> Iterator[list[_Cell]]:
    calls: dict[str, list[int]] = {}
    seen: dict[str, list[str]] = {}
    for usage in identity.usage:
        total = calls.setdefault(usage.permission, [0, 0])
        total[0] += usage.count
        total[1] += usage.denied
        seen.setdefault(usage.permission, []).extend((usage.first_seen, usage.last_seen))
    codes = _Reasons(identity)
    for entry in identity.services:
        for verdict in VERDICTS:
            for name in getattr(entry, verdict):
                times = sorted(filter(None, seen.get(name, [])))
                yield [
                    identity.provider,
                    identity.account,
                    identity.id,
                    entry.service,
                    name,
                    verdict,
                    codes.of(verdict, entry.service, name),
                    *calls.get(name, (0, 0)),
                    times[0] if times else "",
                    times[-1] if times else "",
                ]


class _Reasons:
    """The reason code of each permission of one identity: named one by one, else by whole service."""

    def __init__(self, identity: IdentityEntry) -> None:
        self._named: dict[tuple[Verdict, str], str] = {}
        self._services: dict[tuple[Verdict, str], str] = {}
        for reason in identity.reasons:
            self._named.update(((reason.verdict, name), reason.code) for name in reason.permissions)
            self._services.update(((reason.verdict, name), reason.code) for name in reason.services)

    def of(self, verdict: Verdict, service: str, permission: str) -> str:
        return self._named.get((verdict, permission)) or self._services.get((verdict, service), "")


def _key(identity: IdentityEntry) -> _Key:
    return identity.provider, identity.account, identity.id


def _table(columns: tuple[str, ...], rows: Iterable[list[_Cell]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    return out.getvalue()


def _cell(value: _Cell) -> str | int:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return escape.csv_cell(value)
        case _:
            return value
