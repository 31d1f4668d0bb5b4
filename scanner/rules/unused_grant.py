"""ED102 unused-grant: a whole policy statement, role binding or assignment that nothing needed."""

from collections.abc import Iterator

from scanner.results import GrantVerdict, IdentityResult
from scanner.rules.finding import Finding, RuleContext, Severity, whose
from scanner.rules.observation import days, is_young, observe
from scanner.rules.power import allows, severity_of
from scanner.rules.wording import called, many

ID = "ED102"
NAME = "unused-grant"
TITLE = "Unused grant"
SEVERITIES: tuple[Severity, ...] = (Severity.HIGH, Severity.MEDIUM, Severity.LOW)


def find(result: IdentityResult, context: RuleContext) -> Iterator[Finding]:
    """Yield one finding for each grant of which every permission would have been seen and none was used.

    Nothing for grants and identities within the grace period, identities of the provider and disabled ones,
    nor for what a resource gives to everybody: that is no holder's to remove.
    """
    identity = result.identity
    if identity.managed_by_provider or not identity.enabled or is_young(identity.created, context):
        return
    for entry in allows(result):
        grant = entry.grant
        watched = observe(result, context, since=grant.created)
        if entry.verdict is not GrantVerdict.UNUSED or watched is None or is_young(grant.created, context):
            continue
        if grant.to_everybody:
            continue
        effective = grant.permissions & result.verdicts.granted
        refused = (effective & result.verdicts.denied).bit_count()
        given = many(effective.bit_count(), "permission")
        message = f"{grant.name} gives {given} with scope {grant.scope}; none was used {watched.text}."
        if refused:
            message += f" Calls of {refused:,} of them were refused."
        shared = "; other identities hold it too, so detach it and leave it as it is" if grant.shared else ""
        yield Finding(
            rule=ID,
            title=f"{called(result)} did not use {grant.name}",
            severity=Severity.HIGH if grant.admin else severity_of(effective, result),
            confidence=watched.confidence,
            **whose(identity),
            subject=grant.id,
            message=message,
            evidence={
                "grant": grant.id,
                "name": grant.name,
                "source": grant.source,
                "scope": grant.scope,
                "permissions_total": effective.bit_count(),
                "refused": refused,
                "admin": grant.admin,
                "shared": grant.shared,
                "created": grant.created,
                "last_used": entry.last_used,
                **watched.evidence(result, context),
            },
            remediation=f"Remove {grant.name} from {called(result)}; it is written in {grant.source}{shared}."
            f" First ask the owner about work that runs less often than every {days(watched.days)}, "
            f"and keep the present text for the way back.",
        )
