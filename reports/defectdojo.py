"""Write the findings as DefectDojo's Generic Findings Import (JSON).

Only fields that its importer allows are written (DefectDojo, dojo/tools/generic/json_parser.py);
`unique_id_from_tool` is the fingerprint, so a re-import updates, closes and reopens.
"""

from typing import Any

from reports import escape, json
from reports.document import Confidence, FindingEntry, IdentityEntry, Report, Severity
from reports.moments import epoch_seconds
from reports.overview import is_open

_SEVERITY: dict[Severity, str] = {
    "critical": "Critical",
    "high": "High",
    "medium": "Medium",
    "low": "Low",
    "info": "Info",
}
_CONFIDENCE: dict[Confidence, int] = {"high": 1, "medium": 4, "low": 7}
"""DefectDojo calls 1 and 2 certain, 3 to 5 firm, more tentative."""


def render(report: Report) -> bytes:
    """Give `defectdojo.json`; waived findings are risk-accepted, fixed ones mitigated."""
    identities = {(entry.provider, entry.account, entry.id): entry for entry in report.identities}
    findings = [
        _finding(report, identities.get((row.provider, row.account, row.identity)), row)
        for row in report.findings
    ]
    return json.write({"name": "entdrift", "type": "entdrift", "findings": findings})


def _finding(report: Report, identity: IdentityEntry | None, finding: FindingEntry) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "title": _short(f"{finding.rule} {finding.title}", 500),
        "severity": _SEVERITY[finding.severity],
        "description": _description(report, identity, finding),
        "mitigation": escape.markdown(escape.clip(finding.remediation, 4_000)),
        "references": "\n".join(
            f"- {_text(ref.framework)} {_text(ref.version)} {_text(ref.control)} {_text(ref.name)} "
            f"({ref.relation})"
            for ref in finding.frameworks
        ),
        "active": is_open(finding),
        "verified": False,
        "false_p": False,
        "risk_accepted": finding.status == "waived",
        "is_mitigated": finding.status == "fixed",
        "scanner_confidence": _CONFIDENCE[finding.confidence],
        "unique_id_from_tool": escape.terminal(finding.fingerprint)[:500],
        "vuln_id_from_tool": _short(finding.rule, 200),
        "component_name": _short(finding.identity, 500),
        "service": _short(f"{finding.provider} {finding.account}", 200),
        "static_finding": False,
        "dynamic_finding": False,
        "tags": ["entdrift", finding.provider],
    }
    if epoch_seconds(finding.first_seen) is not None:
        fields["date"] = finding.first_seen[:10]
    return fields


def _description(report: Report, identity: IdentityEntry | None, finding: FindingEntry) -> str:
    window = report.window
    lines = [
        _text(finding.message),
        "",
        f"- Identity: {_code(finding.identity)}",
        f"- Account: {finding.provider} {_code(finding.account)}",
        f"- Subject: {_code(finding.subject)}",
        f"- Confidence: {finding.confidence}",
        f"- Window: {_text(window.start)} to {_text(window.end)}, {window.days:g} days",
    ]
    if identity:
        counts = identity.permissions
        lines.append(
            f"- Permissions: {counts.granted:,} granted, {counts.used:,} used, {counts.unused:,} unused, "
            f"{counts.unobservable:,} not observable"
        )
        lines.append(f"- Owner: {_text(identity.owner) or 'nobody named'}")
    lines += [
        f"- Evidence, {_text(key)}: {_text(str(value))}" for key, value in sorted(finding.evidence.items())
    ]
    if finding.waiver:
        waiver = finding.waiver
        lines.append(f"- Waived by {_text(waiver.owner)} until {_text(waiver.until)}: {_text(waiver.reason)}")
    return "\n".join(lines)


def _short(text: str, limit: int) -> str:
    return escape.terminal(text)[:limit]


def _text(untrusted: str) -> str:
    return escape.markdown(escape.clip(untrusted, 1_000))


def _code(untrusted: str) -> str:
    return escape.markdown_code(escape.clip(untrusted, 500))
