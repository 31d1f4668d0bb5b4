"""The few facts that every summary opens with, computed in one place so that all say the same."""

from collections import Counter

import msgspec

from reports.document import SEVERITIES, FindingEntry, IdentityEntry, PermissionCounts, Report


class UnseenReason(msgspec.Struct, frozen=True, kw_only=True):
    """Why permissions of one cloud could not be seen, how many, and what would show them."""

    provider: str
    reason: str
    fix: str
    permissions: int
    identities: int


def ai_identities(report: Report) -> list[IdentityEntry]:
    """Give the AI identities, those with the most unused permissions first."""
    ai = [identity for identity in report.identities if identity.ai_workload.is_ai]
    return sorted(ai, key=lambda entry: (-entry.permissions.unused, -entry.permissions.granted))


def ai_permissions(report: Report) -> PermissionCounts:
    """Add up the permissions of the AI identities; the report's own summary counts all listed ones."""
    counts = [msgspec.structs.asdict(identity.permissions) for identity in ai_identities(report)]
    return PermissionCounts(
        **{name: sum(count[name] for count in counts) for name in PermissionCounts.__struct_fields__}
    )


def verdict_line(report: Report) -> str:
    """Say in one sentence how much of what AI identities may do was used."""
    number = len(ai_identities(report))
    if not number:
        return "No AI identity was found in this evidence."
    counts = ai_permissions(report)
    who = counted(number, "AI identity", "AI identities")
    if not counts.granted:
        return f"{who}, no granted permission known."
    return (
        f"{who}: {counts.unused:,} of {counted(counts.granted, 'granted permission')} unused, "
        f"{counts.unobservable:,} not observable, {counts.used:,} used."
    )


def scope_line(report: Report) -> str:
    """Say which clouds and which window the report speaks about."""
    clouds = ", ".join(sorted({source.provider for source in report.sources})) or "no cloud"
    window = report.window
    return f"{clouds}; {window.days:g} days, {window.start[:10]} to {window.end[:10]}"


def findings_line(report: Report) -> str:
    """Count the open findings by severity, and beside them the waived and the fixed."""
    counts = report.summary.findings
    found = [f"{number:,} {name}" for name in SEVERITIES if (number := getattr(counts, name))]
    aside = [f"{number:,} {name}" for name in ("waived", "fixed") if (number := getattr(counts, name))]
    return f"Findings: {', '.join(found) or 'none open'}" + (f" ({', '.join(aside)})" if aside else "")


def is_open(finding: FindingEntry) -> bool:
    """Tell whether a finding still asks for a decision."""
    return finding.status in {"open", "regressed"}


def open_findings(report: Report) -> list[FindingEntry]:
    """Give the findings that still ask for a decision, the most severe first."""
    found = [finding for finding in report.findings if is_open(finding)]
    return sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))


def unseen_reasons(report: Report) -> list[UnseenReason]:
    """Add up why permissions of AI identities could not be seen, the most frequent reason first."""
    permissions: Counter[tuple[str, str, str]] = Counter()
    identities: Counter[tuple[str, str, str]] = Counter()
    for identity in ai_identities(report):
        own = Counter[tuple[str, str, str]]()
        for reason in identity.reasons:
            if reason.verdict == "unobservable":
                own[identity.provider, reason.reason, reason.fix] += reason.count
        permissions.update(own)
        identities.update(own.keys())
    ranked = sorted(permissions, key=lambda key: (-permissions[key], key))
    return [
        UnseenReason(
            provider=key[0],
            reason=key[1],
            fix=key[2],
            permissions=permissions[key],
            identities=identities[key],
        )
        for key in ranked
    ]


def counted(number: int, noun: str, plural: str = "") -> str:
    """Write a number with its noun in the right form."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
