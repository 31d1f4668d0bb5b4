"""ED108 destructive-reach: an identity that can delete or overwrite what it was never seen to."""

from collections.abc import Iterator

from scanner.results import IdentityResult
from scanner.rules.finding import Finding, RuleContext, Severity, whose
from scanner.rules.observation import is_young, observe
from scanner.rules.power import given_to_everybody, only_young, reach_of, wide
from scanner.rules.wording import NAMES, called, listed, many, shared_warning, written_in

ID = "ED108"
NAME = "destructive-reach"
TITLE = "Power to destroy without use"
SEVERITIES: tuple[Severity, ...] = (Severity.HIGH, Severity.MEDIUM)


def find(result: IdentityResult, context: RuleContext) -> Iterator[Finding]:
    """Yield a finding when destructive permissions are held that the logs would have shown in use.

    What the logs cannot show is counted beside it and never called unused. Nothing for identities of the
    provider, disabled ones and those within the grace period.
    """
    identity, verdicts = result.identity, result.verdicts
    watched = observe(result, context)
    if watched is None or identity.managed_by_provider or not identity.enabled:
        return
    destructive = reach_of(result, ("destructive",)) & ~given_to_everybody(result)
    unused = destructive & verdicts.unused & ~only_young(result, context)
    if not unused or is_young(identity.created, context):
        return
    everywhere = unused & wide(result)
    names = context.permissions.names(unused)
    hidden = (destructive & verdicts.unobservable).bit_count()
    places = written_in(result, unused)
    message = (
        f"{called(result)} can delete or overwrite with {many(len(names), 'permission')} in "
        f"{many(len(context.permissions.services(unused)), 'service')} that it did not use {watched.text}."
    )
    if everywhere:
        message += f" On every resource: {everywhere.bit_count():,}."
    if hidden:
        message += f" These logs cannot show the use of {hidden:,} more."
    yield Finding(
        rule=ID,
        title=f"{called(result)} can destroy more than it works with",
        severity=Severity.HIGH if everywhere else Severity.MEDIUM,
        confidence=watched.confidence,
        **whose(identity),
        subject="",
        message=message,
        evidence={
            "permissions": names[:NAMES],
            "permissions_total": len(names),
            "every_resource": everywhere.bit_count(),
            "used": (destructive & verdicts.used).bit_count(),
            "unobservable": hidden,
            "services": list(context.permissions.services(unused))[:NAMES],
            "written_in": places,
            **watched.evidence(result, context),
        },
        remediation=f"Replace {listed(places, 5) or 'its grants'} by a grant without {listed(names, 5)}, and "
        f"keep deletion for an identity that a person starts. First ask the owner about clean-up and "
        f"rollback jobs."
        f"{shared_warning(result, unused)}",
    )
