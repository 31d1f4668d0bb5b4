"""ED301 unapproved-expansion: an identity that holds more than was approved."""

from collections.abc import Iterator

from scanner.results import Confidence, IdentityResult
from scanner.rules.finding import Finding, RuleContext, Severity, whose
from scanner.rules.power import severity_of
from scanner.rules.wording import called, many

ID = "ED301"
NAME = "unapproved-expansion"
TITLE = "Access beyond what was approved"
SEVERITIES: tuple[Severity, ...] = (Severity.HIGH, Severity.MEDIUM, Severity.LOW)
_SHOWN = 50


def find(result: IdentityResult, context: RuleContext) -> Iterator[Finding]:
    """Yield a finding when something is held beyond the baseline, or beyond the first scan remembered."""
    expanded = context.expanded.get(result.identity.id)
    if expanded is None or result.identity.managed_by_provider:
        return
    names = context.permissions.names(expanded.permissions)
    services = list(context.permissions.by_service(expanded.permissions))
    more = f"holds {many(len(names), 'permission')} beyond {expanded.reference}" if names else (
        f"goes beyond {expanded.reference}"
    )  # fmt: skip
    used = (expanded.permissions & result.verdicts.used).bit_count()
    yield Finding(
        rule=ID,
        title=f"{called(result)} goes beyond what was approved",
        severity=severity_of(expanded.permissions, result),
        confidence=Confidence.HIGH if expanded.approved else Confidence.MEDIUM,
        **whose(result.identity),
        subject="",
        message=f"{called(result)} {more}"
        + (f": {', '.join(names[:5])}{' …' if len(names) > 5 else ''}" if names else "")
        + (f" (used: {used:,})." if names else ".")
        + "".join(f" {note}." for note in expanded.notes[:5]),
        evidence={
            "reference": expanded.reference,
            "permissions": names[:_SHOWN],
            "permissions_total": len(names),
            "used": used,
            "services": services,
            "expansions": list(expanded.notes[:_SHOWN]),
        },
        remediation="First ask the owner why it was added. Then take it away again, or approve it: write and "
        "approve a baseline (entdrift baseline write, entdrift baseline approve), or waive this "
        "finding until a date.",
    )
