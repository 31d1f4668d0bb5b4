"""Write the findings as SARIF 2.1.0 (errata 01) for code-scanning views.

A finding has no line of code, so its location is a stable made-up path per identity, with the real id as
logical location. Limits are GitHub's (docs.github.com, SARIF support for code scanning): 20 runs a file,
25,000 results a run of which 5,000 are kept, 20 tags a rule.
"""

import hashlib
import re
from typing import Any
from urllib.parse import quote

from reports import escape, finding_types, json
from reports.document import SEVERITIES, Confidence, FindingEntry, Report, Severity, SourceEntry

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
RUNS, RESULTS, TAGS = 20, 5_000, 20

_LEVEL: dict[Severity, str] = {
    "critical": "error",
    "high": "error",
    "medium": "warning",
    "low": "note",
    "info": "note",
}
_SECURITY_SEVERITY: dict[Severity, str] = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "3.0"}
"""In the middle of GitHub's bands; info has none, so that it is shown as a note."""

_PRECISION: dict[Confidence, str] = {"high": "high", "medium": "medium", "low": "low"}
_UNSAFE = re.compile(r"[^A-Za-z0-9._@-]+")

_Place = tuple[str, str | None]
"""A cloud and one of its accounts, or None for all of them."""


def render(report: Report) -> bytes:
    """Give `report.sarif`: one run per account, so that a clean account closes its alerts.

    With more than twenty accounts there is one run per cloud instead. Fixed findings are left out; waived
    ones stay with an accepted suppression.
    """
    accounts = sorted(
        {(s.provider, s.account) for s in report.sources} | {(f.provider, f.account) for f in report.findings}
    )
    places: list[_Place] = [*accounts]
    if len(accounts) > RUNS:
        places = [(provider, None) for provider in sorted({provider for provider, _ in accounts})]
    runs = [_run(report, place) for place in places]
    return json.write({"$schema": _SCHEMA, "version": "2.1.0", "runs": runs})


def location(finding: FindingEntry) -> str:
    """Give the path that stands for an identity: the same for each scan, legal on every file system."""
    parts = (finding.provider, _segment(finding.account), _segment(finding.identity))
    return f"entitlements/{quote('/'.join(parts), safe='/@')}.json"


def _run(report: Report, place: _Place) -> dict[str, Any]:
    provider, account = place
    sources = [s for s in report.sources if s.provider == provider and account in {s.account, None}]
    findings = [
        finding
        for finding in report.findings
        if finding.provider == provider and account in {finding.account, None} and finding.status != "fixed"
    ]
    findings.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    kept = findings[:RESULTS]
    rules = sorted({finding.rule for finding in kept})
    left_out = len(findings) - len(kept)
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": escape.terminal(report.tool.name),
                "version": escape.terminal(report.tool.version),
                "rules": [_rule(rule, [f for f in kept if f.rule == rule]) for rule in rules],
            }
        },
        "automationDetails": {
            "id": f"entdrift/{provider}/{'all' if account is None else _segment(account)}/"
        },
        "invocations": [_invocation(sources, left_out)],
        "results": [_result(finding, rules) for finding in kept],
    }
    if left_out:
        run["properties"] = {
            "warning": f"{left_out} findings of lower severity were left out: viewers keep {RESULTS} a run",
            "resultsLeftOut": left_out,
        }
    return run


def _rule(rule: str, findings: list[FindingEntry]) -> dict[str, Any]:
    highest = min((finding.severity for finding in findings), key=SEVERITIES.index)
    first = findings[0]
    frameworks = {f"{ref.framework} {ref.version} {ref.control}" for f in findings for ref in f.frameworks}
    properties: dict[str, Any] = {
        "tags": ["security", *(escape.terminal(name) for name in sorted(frameworks))][:TAGS],
        "precision": _PRECISION[first.confidence],
    }
    if highest in _SECURITY_SEVERITY:
        properties["security-severity"] = _SECURITY_SEVERITY[highest]
    return {
        "id": escape.terminal(rule),
        "name": escape.terminal(finding_types.name(rule)),
        "shortDescription": {"text": _message(finding_types.name(rule))},
        "fullDescription": {"text": _message(finding_types.sentence(rule))},
        "help": {"text": _message(first.remediation)},
        "defaultConfiguration": {"level": _LEVEL[highest]},
        "properties": properties,
    }


def _result(finding: FindingEntry, rules: list[str]) -> dict[str, Any]:
    suppressions = []
    if finding.status == "waived":
        waiver = finding.waiver
        why = f"{waiver.reason} ({waiver.owner}, until {waiver.until})" if waiver else "waived"
        suppressions = [{"kind": "external", "status": "accepted", "justification": escape.terminal(why)}]
    return {
        "ruleId": escape.terminal(finding.rule),
        "ruleIndex": rules.index(finding.rule),
        "level": _LEVEL[finding.severity],
        "message": {"text": _message(f"{finding.title}: {finding.message}")},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": location(finding)},
                    "region": {"startLine": 1},
                },
                "logicalLocations": [
                    {"fullyQualifiedName": escape.terminal(finding.identity), "kind": "resource"}
                ],
            }
        ],
        "partialFingerprints": {
            "entitlementDrift/v1": escape.terminal(finding.fingerprint),
            # The only key that GitHub reads; without it, it hashes a file that does not exist.
            "primaryLocationLineHash": f"{escape.terminal(finding.fingerprint)[:64]}:1",
        },
        "suppressions": suppressions,
        "properties": {
            "severity": finding.severity,
            "confidence": finding.confidence,
            "status": finding.status,
            "subject": escape.terminal(finding.subject),
            "evidence": finding.evidence,
        },
    }


def _invocation(sources: list[SourceEntry], left_out: int) -> dict[str, Any]:
    """Tell what could not be read; a run with a failed source did not succeed."""
    notes = [
        {
            "level": "error" if source.status == "failed" else "warning",
            "message": {"text": _message(f"source {source.name} {source.status}: {source.reason}")},
        }
        for source in sources
        if source.status != "ok"
    ]
    if left_out:
        notes.append(
            {"level": "warning", "message": {"text": f"{left_out} findings were left out of this file"}}
        )
    succeeded = all(source.status != "failed" for source in sources)
    return {"executionSuccessful": succeeded, "toolExecutionNotifications": notes}


def _segment(text: str) -> str:
    """Make one path segment; what had to be changed is told apart by a hash of the whole."""
    safe = _UNSAFE.sub("-", text).strip(".-")[-80:]
    if safe and safe == text:
        return safe
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{safe}-{digest}".lstrip("-")


def _message(text: str) -> str:
    """Write plain text as a SARIF message string: brackets make links, braces make placeholders.

    SARIF 2.1.0 sections 3.11.5 (placeholders) and 3.11.6 (embedded links).
    """
    shown = escape.clip(escape.terminal(text), 2_000) or "-"
    linkless = re.sub(r"[\\\[\]]", r"\\\g<0>", shown)
    return linkless.replace("{", "{{").replace("}", "}}")
