"""ED302 expired-waiver: an accepted finding whose date has passed and which is still there."""

from collections.abc import Iterator

from scanner.moments import spoken
from scanner.results import Confidence, IdentityResult
from scanner.rules.finding import Finding, RuleContext, Severity, whose
from scanner.rules.wording import called

ID = "ED302"
NAME = "expired-waiver"
TITLE = "Waiver past its date"
SEVERITIES: tuple[Severity, ...] = (Severity.MEDIUM, Severity.LOW)


def find(result: IdentityResult, context: RuleContext) -> Iterator[Finding]:
    """Yield one finding for each waiver of this identity that ended while its finding is still there."""
    for waiver in context.expired.get(result.identity.id, ()):
        grave = waiver.severity in {Severity.CRITICAL, Severity.HIGH}
        yield Finding(
            rule=ID,
            title=f"The waiver of {waiver.rule} for {called(result)} has ended",
            severity=Severity.MEDIUM if grave else Severity.LOW,
            confidence=Confidence.HIGH,
            **whose(result.identity),
            subject=waiver.fingerprint,
            message=f"{waiver.owner} accepted {waiver.rule} ({waiver.title}) until {spoken(waiver.until)}: "
            f"{waiver.reason}. "
            f"That date has passed, and the finding is still there; it counts as open again.",
            evidence={
                "waived_finding": waiver.fingerprint,
                "waived_rule": waiver.rule,
                "owner": waiver.owner,
                "reason": waiver.reason,
                "until": waiver.until,
            },
            remediation=f"First ask {waiver.owner} whether the reason still holds. Then solve the "
            f"finding, or waive "
            f"it anew with a new date: {waiver.again or f'entdrift waive {waiver.fingerprint[:12]}'} "
            f"--reason … --owner … --until …",
        )
