"""Write the findings as OCSF 1.8.0 events of class 2008, IAM Analysis Finding, with the cloud profile.

Schema: github.com/ocsf/ocsf-schema, events/findings/iam_analysis_finding.json. Text stays as the cloud has
it: these are records for a data lake, not text for a screen.
"""

from typing import Any, Literal

from reports import finding_types, json
from reports.document import (
    Confidence,
    CredentialEntry,
    FindingEntry,
    IdentityEntry,
    Report,
    ServiceEntry,
    Severity,
)
from reports.moments import epoch_milliseconds

VERSION = "1.8.0"
CLASS = 2008
SERVICES = 200
"""Services listed per event, those with the most unused permissions first; more are counted only."""

_SEVERITY: dict[Severity, tuple[int, str]] = {
    "info": (1, "Informational"),
    "low": (2, "Low"),
    "medium": (3, "Medium"),
    "high": (4, "High"),
    "critical": (5, "Critical"),
}
_CONFIDENCE: dict[Confidence, tuple[int, str]] = {
    "low": (1, "Low"),
    "medium": (2, "Medium"),
    "high": (3, "High"),
}
_STATUS: dict[Literal["open", "waived", "fixed", "regressed"], tuple[int, str]] = {
    "open": (1, "New"),
    "regressed": (1, "New"),
    "waived": (3, "Suppressed"),
    "fixed": (4, "Resolved"),
}
_ACTIVITY = {1: "Create", 2: "Update", 3: "Close"}
_CLOUD = {"aws": ("AWS", 10, "AWS Account"), "gcp": ("GCP", 11, "GCP Project")}
_CLOUD["azure"] = ("Azure", 13, "Azure Subscription")
_Event = dict[str, Any]


def render(report: Report) -> bytes:
    """Give `report.ocsf.json`: a JSON array with one event per finding, waived and fixed among them."""
    identities = {(entry.provider, entry.account, entry.id): entry for entry in report.identities}
    analyses = {key: _analysis(entry) for key, entry in identities.items()}
    events = []
    for finding in report.findings:
        key = (finding.provider, finding.account, finding.identity)
        events.append(_event(report, finding, identities.get(key), analyses.get(key, ({}, False))))
    return json.write(events)


def _event(
    report: Report, finding: FindingEntry, identity: IdentityEntry | None, analysis: tuple[_Event, bool]
) -> _Event:
    activity = _activity(report, finding)
    severity_id, severity = _SEVERITY[finding.severity]
    confidence_id, confidence = _CONFIDENCE[finding.confidence]
    status_id, status = _STATUS[finding.status]
    permissions, truncated = analysis
    return {
        "activity_id": activity,
        "activity_name": _ACTIVITY[activity],
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": CLASS,
        "class_name": "IAM Analysis Finding",
        "type_uid": CLASS * 100 + activity,
        "type_name": f"IAM Analysis Finding: {_ACTIVITY[activity]}",
        "severity_id": severity_id,
        "severity": severity,
        "confidence_id": confidence_id,
        "confidence": confidence,
        "status_id": status_id,
        "status": status,
        "time": epoch_milliseconds(report.generated_at) or 0,
        "message": finding.message,
        "metadata": {
            "version": VERSION,
            "profiles": ["cloud"],
            "product": {"name": report.tool.name, "version": report.tool.version, "vendor_name": "entdrift"},
            "event_code": finding.rule,
            "is_truncated": truncated,
        },
        "finding_info": _info(finding),
        "cloud": _cloud(finding),
        "user": _user(finding, identity),
        "permission_analysis_results": [permissions],
        "identity_activity_metrics": _activity_metrics(identity),
        "remediation": {"desc": finding.remediation},
        "unmapped": _unmapped(report, finding, identity),
        **_known(
            start_time=epoch_milliseconds(report.window.start), end_time=epoch_milliseconds(report.window.end)
        ),
    }


def _activity(report: Report, finding: FindingEntry) -> int:
    """Create what is new in this report, close what is fixed, update the rest."""
    if finding.status == "fixed":
        return 3
    known_before = finding.first_seen and finding.first_seen < report.generated_at
    return 2 if known_before else 1


def _info(finding: FindingEntry) -> _Event:
    return {
        "uid": finding.fingerprint,
        "title": finding.title,
        "desc": finding.message,
        "types": [finding.rule],
        "analytic": {
            "type_id": 1,
            "type": "Rule",
            "uid": finding.rule,
            "name": finding_types.name(finding.rule),
        },
        **_known(first_seen_time=epoch_milliseconds(finding.first_seen)),
    }


def _cloud(finding: FindingEntry) -> _Event:
    provider, type_id, kind = _CLOUD.get(finding.provider, (finding.provider, 99, "Other"))
    cloud = {
        "provider": provider,
        "account": {"uid": finding.account, "type_id": type_id, "type": kind},
    }
    return cloud | ({"project_uid": finding.account} if finding.provider == "gcp" else {})


def _user(finding: FindingEntry, identity: IdentityEntry | None) -> _Event:
    user: _Event = {"uid": finding.identity, "type_id": 0, "type": "Unknown"}
    if identity and identity.ai_workload.is_ai:
        user |= {"type_id": 4, "type": "Service"}
    if identity:
        user["name"] = identity.name
        user["programmatic_credentials"] = [_credential(credential) for credential in identity.credentials]
    return user


def _credential(credential: CredentialEntry) -> _Event:
    return {
        "uid": credential.id,
        "type": credential.kind,
        **_known(last_used_time=epoch_milliseconds(credential.last_used)),
    }


def _analysis(identity: IdentityEntry) -> tuple[_Event, bool]:
    """Count unused permissions by service; True when services were left out of the list."""
    last_seen: dict[str, str] = {}
    for usage in identity.usage:
        last_seen[usage.permission] = max(usage.last_seen, last_seen.get(usage.permission, ""))
    services = [_service(entry, last_seen) for entry in identity.services]
    services.sort(key=lambda service: -int(service["unused_privileges_count"]))
    return {
        "analyzed_privileges_count": identity.permissions.granted,
        "unused_privileges_count": identity.permissions.unused,
        "unused_services_count": sum(bool(service["all_privileges_unused"]) for service in services),
        "service_privilege_analysis_list": services[:SERVICES],
    }, len(services) > SERVICES


def _service(entry: ServiceEntry, last_seen: dict[str, str]) -> _Event:
    """Analyse one service; a permission whose use cannot be seen is never counted as unused."""
    unused = len(entry.unused)
    used = entry.used
    last = max((last_seen.get(permission, "") for permission in used), default="")
    return {
        "name": entry.service,
        "analyzed_privileges_count": entry.granted,
        "unused_privileges_count": unused,
        "all_privileges_unused": bool(entry.granted) and unused == entry.granted and not used,
        **_known(last_used_time=epoch_milliseconds(last)),
    }


def _activity_metrics(identity: IdentityEntry | None) -> _Event:
    if identity is None:
        return {}
    return _known(
        first_seen_time=epoch_milliseconds(identity.first_seen),
        last_seen_time=epoch_milliseconds(identity.last_seen),
    )


def _unmapped(report: Report, finding: FindingEntry, identity: IdentityEntry | None) -> _Event:
    """Keep what the class has no field for: evidence, window, frameworks, what could not be seen."""
    rest: _Event = {
        "evidence": finding.evidence,
        "finding_status": finding.status,
        "subject": finding.subject,
        "window_days": report.window.days,
        "frameworks": [
            {
                "framework": ref.framework,
                "version": ref.version,
                "control": ref.control,
                "relation": ref.relation,
            }
            for ref in finding.frameworks
        ],
    }
    if finding.waiver:
        waiver = finding.waiver
        rest["waiver"] = {"reason": waiver.reason, "owner": waiver.owner, "until": waiver.until}
    if identity:
        counts = identity.permissions
        rest |= {"stage": identity.stage, "owner": identity.owner, "kind": identity.kind}
        rest |= {"unobservable_count": counts.unobservable, "conditional_count": counts.conditional}
        rest["used_count"] = counts.used
    return rest


def _known(**times: int | None) -> dict[str, int]:
    return {name: time for name, time in times.items() if time is not None}
