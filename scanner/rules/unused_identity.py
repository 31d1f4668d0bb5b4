"""ED103 unused-identity: an enabled identity that made no call at all although its account was watched."""

from collections.abc import Iterator

from scanner.results import CredentialResult, IdentityResult
from scanner.rules.finding import Finding, RuleContext, Severity, whose
from scanner.rules.observation import is_young, lowered, observe, parse
from scanner.rules.power import given_to_everybody, is_admin
from scanner.rules.wording import called, listed, many

ID = "ED103"
NAME = "unused-identity"
TITLE = "Unused identity"
SEVERITIES: tuple[Severity, ...] = (Severity.HIGH, Severity.MEDIUM)


def find(result: IdentityResult, context: RuleContext) -> Iterator[Finding]:
    """Yield a finding when nothing was seen of the identity and its use would have been seen.

    It must be enabled, not the provider's, readable, older than the grace period (or of unknown age) and
    hold permissions that the logs show. Any record of it is use: a call that no permission is known for, a
    sign-in, somebody taking it. A credential that the cloud itself reports as used in the window
    proves use. Where part of what it holds cannot be seen, the confidence is one step lower.
    """
    identity, verdicts = result.identity, result.verdicts
    watched = observe(result, context)
    if not identity.enabled or identity.managed_by_provider or not result.readable or watched is None:
        return
    if is_young(identity.created, context) or result.active:
        return
    if not verdicts.unused & ~given_to_everybody(result):
        return
    if any(_in_use(entry, context) for entry in result.credentials):
        return
    keys = [entry.credential.id for entry in result.credentials if _opens(entry)]
    hidden, held = verdicts.unobservable.bit_count(), verdicts.granted.bit_count()
    message = f"No call by {called(result)} was logged {watched.text}."
    if hidden:
        message += (
            f" These logs cannot show calls of {hidden:,} of its {many(held, 'permission')},"
            f" so it may be in use through those alone."
        )
    if identity.workloads:
        kinds = sorted({load.kind for load in identity.workloads})
        message += (
            f" It is still attached to {many(len(identity.workloads), 'workload')} ({listed(kinds, 3)})."
        )
    yield Finding(
        rule=ID,
        title=f"{called(result)} made no logged call",
        severity=Severity.HIGH if keys or is_admin(result, context) else Severity.MEDIUM,
        confidence=lowered(watched.confidence) if hidden else watched.confidence,
        **whose(identity),
        subject="",
        message=message,
        evidence={
            "created": identity.created,
            "granted": held,
            "unused": verdicts.unused.bit_count(),
            "unobservable": hidden,
            "conditional": verdicts.conditional.bit_count(),
            "active_credentials": keys[:50],
            "workloads": len(identity.workloads),
            **watched.evidence(result, context),
        },
        remediation=_remedy(result, keys),
    )


def _in_use(entry: CredentialResult, context: RuleContext) -> bool:
    """Tell whether the credential was used since the window began, in a log or as the cloud reports it."""
    last = parse(entry.last_used)
    return entry.uses > 0 or (last is not None and last >= context.window.start)


def _opens(entry: CredentialResult) -> bool:
    return entry.credential.long_lived and entry.credential.status == "active"


def _remedy(result: IdentityResult, keys: list[str]) -> str:
    names = sorted({load.name or load.id for load in result.identity.workloads})
    workloads = f"Check that {listed(names, 3)} can go too. " if names else ""
    first = f"deactivate {many(len(keys), 'active credential')} and " if keys else ""
    return (
        f"Ask the owner of {called(result)} whether it still has a task. {workloads}"
        f"Then {first}disable the identity, wait for one full business cycle, and delete it with its grants."
    )
