"""ED203 unused-credential: an active long-lived credential that nothing has used for long."""

from collections.abc import Iterator
from datetime import timedelta

from scanner.results import Confidence, CredentialResult, IdentityResult
from scanner.rules.finding import Finding, RuleContext, Severity, whose
from scanner.rules.observation import Observation, is_young, lowered, observe, parse
from scanner.rules.power import is_admin
from scanner.rules.static_credential import aged, described, key, standing, used
from scanner.rules.wording import called

ID = "ED203"
NAME = "unused-credential"
TITLE = "Unused long-lived credential"
SEVERITIES: tuple[Severity, ...] = (Severity.HIGH, Severity.MEDIUM)


def find(result: IdentityResult, context: RuleContext) -> Iterator[Finding]:
    """Yield one finding for each active long-lived credential that was not used for longer than the limit.

    The cloud's own report decides: last use older than the limit, or never and made before the limit.
    Where the cloud reports no last use, the logs decide alone, but only if they name this kind of credential,
    cover longer than the limit and could have shown every permission of the identity. A call in the log
    always counts as use. Unknown is never unused.
    """
    severity = Severity.HIGH if is_admin(result, context) else Severity.MEDIUM
    limit = context.limits.credential_unused_days
    for entry in standing(result):
        credential = entry.credential
        young = is_young(credential.created, context) or is_young(result.identity.created, context)
        confidence, basis = _judged(entry, result, context)
        if young or confidence is Confidence.NONE:
            continue
        watched = observe(result, context, since=credential.created)
        silent = watched and not _missed(entry, watched)
        logs = f" No call with it was logged {watched.text}." if watched and silent else ""
        yield Finding(
            rule=ID,
            title=f"{key(entry)} of {called(result)} is active and unused",
            severity=severity,
            confidence=confidence,
            **whose(result.identity),
            subject=credential.id,
            message=f"{key(entry)} of {called(result)} has not been used for more than "
            f"{limit} days. {aged(entry)} {used(entry)}{logs}",
            evidence={
                **described(entry),
                "limit_days": limit,
                "basis": basis,
                **(watched.evidence(result, context) if watched else {}),
            },
            remediation=f"Deactivate {key(entry)}, wait until the owner confirms that nothing broke, and "
            f"delete it. First search the places where such keys are kept (secret stores, pipelines, "
            f"developer machines): an unused key is still a key.",
        )


def _judged(entry: CredentialResult, result: IdentityResult, context: RuleContext) -> tuple[Confidence, str]:
    """Return how sure we are that the credential is unused, and what says so; NONE when nothing does."""
    credential = entry.credential
    limit = timedelta(days=context.limits.credential_unused_days)
    since = parse(credential.last_used or credential.created)
    reported = bool(credential.last_used) or credential.last_used_known
    if entry.uses or (credential.last_used and since is None):
        return Confidence.NONE, ""
    if since is not None and context.window.end - since <= limit:
        return Confidence.NONE, ""
    watched = observe(result, context, since=credential.created)
    if reported:
        agree = watched and watched.confidence is Confidence.HIGH and not _missed(entry, watched)
        return (Confidence.HIGH if agree else Confidence.MEDIUM), "last use as the cloud reports it"
    shows_all = (
        credential.in_logs
        and result.readable
        and not result.verdicts.unobservable
        and bool(result.verdicts.unused)
    )
    if watched is None or not shows_all or watched.span.end - watched.span.start <= limit:
        return Confidence.NONE, ""
    return lowered(watched.confidence), "the logs could have shown its use and did not"


def _missed(entry: CredentialResult, watched: Observation) -> bool:
    """Tell whether the cloud reports a use that the logs should have shown and do not."""
    last = parse(entry.credential.last_used)
    return last is not None and last >= watched.span.start
