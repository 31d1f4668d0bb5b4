"""ED202 stale-credential: an active long-lived credential that was not rotated in time."""

from collections.abc import Iterator

from scanner.results import Confidence, IdentityResult
from scanner.rules.finding import Finding, RuleContext, Severity, whose
from scanner.rules.static_credential import described, key, standing, used
from scanner.rules.wording import called, many

ID = "ED202"
NAME = "stale-credential"
TITLE = "Long-lived credential not rotated"
SEVERITIES: tuple[Severity, ...] = (Severity.HIGH, Severity.MEDIUM)

_OLD_DAYS = 365


def find(result: IdentityResult, context: RuleContext) -> Iterator[Finding]:
    """Yield one finding for each active long-lived credential older than the limit; unknown age is none."""
    limit = context.limits.credential_max_age_days
    for entry in standing(result):
        credential, age = entry.credential, entry.age_days
        if age is None or age <= limit:
            continue
        yield Finding(
            rule=ID,
            title=f"{key(entry)} of {called(result)} was not rotated",
            severity=Severity.HIGH if age > _OLD_DAYS else Severity.MEDIUM,
            confidence=Confidence.HIGH,
            **whose(result.identity),
            subject=credential.id,
            message=f"{key(entry)} of {called(result)} is active and {many(age, 'day')} "
            f"old; the limit is {limit}. {used(entry)}",
            evidence={**described(entry), "limit_days": limit},
            remediation=f"Make a new credential, move its users over, then deactivate and delete "
            f"{key(entry)}; better, replace it by short-lived credentials. First find every place "
            f"that holds it.",
        )
