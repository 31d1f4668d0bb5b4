"""ED201 static-credential: an active long-lived key or secret that opens an identity."""

from collections.abc import Iterator

from scanner.results import Confidence, CredentialResult, IdentityResult
from scanner.rules.finding import Evidence, Finding, RuleContext, Severity, whose
from scanner.rules.power import is_admin
from scanner.rules.wording import called, many

ID = "ED201"
NAME = "static-credential"
TITLE = "Active long-lived credential"
SEVERITIES: tuple[Severity, ...] = (Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM)


def find(result: IdentityResult, context: RuleContext) -> Iterator[Finding]:
    """Yield one finding for each active long-lived credential of an enabled identity.

    Nothing for identities of the provider, whose keys nobody else holds.
    """
    admin = is_admin(result, context)
    for entry in standing(result):
        credential = entry.credential
        yield Finding(
            rule=ID,
            title=f"{called(result)} can be used with a long-lived {credential.kind}",
            severity=_severity(is_ai=result.is_ai, admin=admin),
            confidence=Confidence.HIGH,
            **whose(result.identity),
            subject=credential.id,
            message=f"{key(entry)} of {called(result)} is active; whoever holds it "
            f"acts as {called(result)} from anywhere. {aged(entry)} {used(entry)}",
            evidence=described(entry),
            remediation=f"Let the workload get short-lived credentials of its own (attached role, managed "
            f"identity or workload federation). First find who uses it; then deactivate {key(entry)}, "
            f"wait a full cycle of its jobs, and delete it.",
        )


def key(entry: CredentialResult) -> str:
    """Return the kind and the last part of the id of a credential: enough to find it by."""
    return f"{entry.credential.kind} {entry.credential.id.rpartition('/')[2]}"


def standing(result: IdentityResult) -> list[CredentialResult]:
    """Return the active long-lived credentials that open an enabled identity of the customer."""
    if result.identity.managed_by_provider or not result.identity.enabled:
        return []
    return [
        entry
        for entry in result.credentials
        if entry.credential.long_lived and entry.credential.status == "active"
    ]


def described(entry: CredentialResult) -> Evidence:
    """Return the facts of a credential; never the secret."""
    credential = entry.credential
    return {
        "credential": credential.id,
        "kind": credential.kind,
        "status": credential.status,
        "created": credential.created,
        "expires": credential.expires,
        "age_days": "unknown" if entry.age_days is None else entry.age_days,
        "uses": entry.uses,
        "last_used": entry.last_used,
        "last_used_reported": credential.last_used_known,
    }


def aged(entry: CredentialResult) -> str:
    """Return how old the credential is, as a sentence."""
    if entry.age_days is None:
        return "Its age is not known."
    return f"It is {many(entry.age_days, 'day')} old."


def used(entry: CredentialResult) -> str:
    """Return what is known of its use, as a sentence."""
    if entry.uses:
        return f"The logs show {many(entry.uses, 'call')} with it, the last at {entry.last_used}."
    if entry.last_used:
        return f"The cloud reports its last use at {entry.last_used}."
    if entry.credential.last_used_known:
        return "The cloud reports that it was never used."
    return "Its last use is not known."


def _severity(*, is_ai: bool, admin: bool) -> Severity:
    if admin:
        return Severity.CRITICAL
    return Severity.HIGH if is_ai else Severity.MEDIUM
