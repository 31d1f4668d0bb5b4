"""Build sample reports: realistic (three clouds, twelve identities), empty, and large. All synthetic."""

import hashlib
from typing import Any

import html_drift
import msgspec
from html_identities import FRAME, SETS, identities

from reports.document import (
    SEVERITIES,
    FindingCounts,
    FindingEntry,
    IdentityEntry,
    PermissionCounts,
    Report,
    Summary,
)
from reports.groups.grouping import grouped

OPEN = ("open", "regressed")


def sample() -> Report:
    """Return a realistic report of three clouds and twelve identities."""
    held = identities()
    return msgspec.structs.replace(
        report(held, findings(held)), history=html_drift.history(), drift=html_drift.drift(held)
    )


def fleet() -> Report:
    """Return the sample with its first AWS identity in two accounts more, as one template leaves it."""
    one = sample()
    first = next(
        entry for entry in one.identities if entry.provider == "aws" and entry.name.startswith("support")
    )
    held, found = list(one.identities), list(one.findings)
    for account in ("222233334444", "333344445555"):
        text = msgspec.json.encode(first).decode().replace(first.account, account)
        entry = msgspec.json.decode(text, type=IdentityEntry)
        held.append(msgspec.structs.replace(entry, immutable_id=""))
        for row in one.findings:
            if (row.account, row.identity) == (first.account, first.id):
                text = msgspec.json.encode(row).decode().replace(first.account, account)
                digest = hashlib.sha256(text.encode()).hexdigest()
                copy = msgspec.json.decode(text, type=FindingEntry)
                found.append(msgspec.structs.replace(copy, fingerprint=digest, status="open"))
    report = msgspec.structs.replace(one, identities=held, findings=sorted(found, key=_finding_order))
    return grouped(report)


def empty() -> Report:
    """Return the report of a scan that had nothing to read."""
    lists = ("sources", "log_files", "coverage", "catalogues", "unmapped_events", "limits_of_analysis")
    nothing = Summary(
        identities=0,
        ai_identities=0,
        permissions=PermissionCounts(),
        findings=FindingCounts(),
        log_events=msgspec.convert({}, type(sample().summary.log_events)),
    )
    return msgspec.structs.replace(report([], []), summary=nothing, **{name: [] for name in lists})


def large(number: int = 10_000, *, identity_count: int = 400) -> Report:
    """Return a report with many findings over many identities."""
    held = _many_identities(identity_count)
    rules = sorted(FRAME["rule"])
    found = [
        finding(
            held[index % identity_count],
            rules[(index // identity_count) % len(rules)],
            f"{index % 97 + 3} permissions on resource {index} are concerned in the 90 days to 2026-11-22.",
            subject=f"arn:aws:s3:::bucket-{index:06d}/prefix/{index * 7919 % 1000}",
            severity=SEVERITIES[index * 7 % 5],
            status=("open", "open", "open", "waived", "open", "fixed")[index % 6],
            evidence={"window_days": 90, "calls": index, "examples": [f"s3:Get{index % 31}"]},
        )
        for index in range(number)
    ]
    return report(held, sorted(found, key=_finding_order))


def report(held: list[IdentityEntry], found: list[FindingEntry]) -> Report:
    """Return the sample's frame around identities and findings, with sums that agree."""
    events = {"log_events": FRAME["log_events"]}
    frame = {key: value for key, value in FRAME.items() if key not in {"rule", "reason", "log_events"}}
    sums = {
        "identities": len(held),
        "ai_identities": sum(one.ai_workload.is_ai for one in held),
        "permissions": {
            field: sum(getattr(one.permissions, field) for one in held)
            for field in PermissionCounts.__struct_fields__
        },
        "findings": _finding_counts(found),
    }
    return msgspec.convert(
        {
            **frame,
            "schema_version": "1.0",
            "tool": {"name": "entdrift", "version": "0.1.0"},
            "generated_at": "2026-11-22T06:00:00Z",
            "window": {"start": "2026-08-24T00:00:00Z", "end": "2026-11-22T00:00:00Z", "days": 90.0},
            "summary": sums | events,
            "permission_sets": SETS,
            "identities": msgspec.to_builtins(held),
            "findings": msgspec.to_builtins(found),
        },
        Report,
    )


def finding(owner: IdentityEntry, rule: str, message: str, **more: Any) -> FindingEntry:
    """Return one finding of an identity; the rule gives title, severity, remediation and references."""
    subject = more.get("subject", owner.id)
    identity = f"{rule}|{owner.provider}|{owner.id}|{subject}"
    base = {
        "fingerprint": hashlib.sha256(identity.encode()).hexdigest(),
        "rule": rule,
        "confidence": "high",
        "provider": owner.provider,
        "account": owner.account,
        "identity": owner.id,
        "subject": subject,
        "message": message,
        "evidence": {
            "window_days": 90,
            "granted": owner.permissions.granted,
            "examples": ["s3:PutBucketAcl"],
        },
        "status": "open",
        "first_seen": "2026-10-04T00:00:00Z",
    }
    return msgspec.convert(FRAME["rule"][rule] | base | more, FindingEntry)


def findings(held: list[IdentityEntry]) -> list[FindingEntry]:
    """Return the findings the sample's identities give rise to."""
    return sorted((one for owner in held for one in _findings_of(owner)), key=_finding_order)


def _findings_of(owner: IdentityEntry) -> list[FindingEntry]:
    held = owner.permissions
    found = []
    if held.unused:
        found.append(
            finding(owner, "ED101", f"{held.unused} of {held.granted} permissions are unused in 90 days.")
        )
        if not owner.usage:
            found.append(
                finding(owner, "ED103", "No call was seen although management events were recorded.")
            )
    for grant in owner.grants:
        if grant.admin:
            text = f"{grant.name} makes it an administrator."
            found.append(finding(owner, "ED105", text, subject=grant.id))
        elif grant.verdict == "unused":
            found.append(
                finding(owner, "ED102", f"No permission of {grant.name} was used.", subject=grant.id)
            )
        if grant.scope == "*" and grant.verdict == "used":
            text = f"{grant.name} gives access to every resource of the account."
            found.append(finding(owner, "ED104", text, subject=grant.id, confidence="medium"))
    for key in owner.credentials:
        waiver = {"reason": "Vendor cannot use roles before Q1", "owner": "platform", "until": "2027-01-31"}
        accepted = {"status": "waived", "waiver": waiver} if key.uses else {}
        text = f"A {key.kind} is {key.age_days} days old."
        found.append(finding(owner, "ED201", text, subject=key.id, **accepted))
        if not key.uses:
            text = "No use was seen or reported."
            found.append(finding(owner, "ED203", text, subject=key.id, status="regressed"))
    if not owner.owner and owner.ai_workload.is_ai:
        found.append(finding(owner, "ED303", "Nothing names an owner."))
    if held.unobservable:
        found.append(finding(owner, "ED304", f"{held.unobservable} permissions are not observable."))
    return found


def _many_identities(number: int) -> list[IdentityEntry]:
    models = identities()
    held = []
    for index in range(number):
        model = models[index % len(models)]
        more = {
            "id": f"{model.id}-{index:05d}",
            "name": f"{model.name}-{index:05d}",
            "owner": f"team-{index % 40}" if model.owner else "",
            "stage": ("pilot", "production", "sandbox")[index % 3],
        }
        held.append(msgspec.structs.replace(model, **more))
    return sorted(held, key=lambda one: (one.provider, one.account, one.id))


def _finding_order(one: FindingEntry) -> tuple[Any, ...]:
    return (SEVERITIES.index(one.severity), one.rule, one.provider, one.identity, one.subject)


def _finding_counts(found: list[FindingEntry]) -> dict[str, int]:
    return {
        "waived": sum(one.status == "waived" for one in found),
        "fixed": sum(one.status == "fixed" for one in found),
        **{
            severity: sum(one.severity == severity and one.status in OPEN for one in found)
            for severity in SEVERITIES
        },
    }
