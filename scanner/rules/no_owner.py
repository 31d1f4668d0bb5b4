"""ED303 no-owner: an identity that names nobody who answers for it."""

from collections.abc import Iterator

from scanner.results import Confidence, IdentityResult
from scanner.rules.finding import Finding, RuleContext, Severity, whose
from scanner.rules.wording import called

ID = "ED303"
NAME = "no-owner"
TITLE = "Identity without a named owner"
SEVERITIES: tuple[Severity, ...] = (Severity.MEDIUM, Severity.LOW)


def find(result: IdentityResult, context: RuleContext) -> Iterator[Finding]:
    """Yield a finding when the evidence names no owner; nothing for identities of the provider."""
    del context
    identity = result.identity
    if identity.owner or identity.managed_by_provider or identity.managed_at:
        return
    yield Finding(
        rule=ID,
        title=f"{called(result)} has no named owner",
        severity=Severity.MEDIUM if result.is_ai else Severity.LOW,
        confidence=Confidence.HIGH,
        **whose(identity),
        subject="",
        message=f"Nothing in the evidence says who answers for {called(result)}: no owner tag, label or "
        f"field that the configuration names was found on it.",
        evidence={"kind": identity.kind, "created": identity.created, "workloads": len(identity.workloads)},
        remediation="Name a person or team in a tag or label that the `owners` setting lists (by default "
        "owner, team, contact). First ask those who made or deployed the workload.",
    )
