"""ED305 sensitive-reach: data or secrets of a whole account within reach, and not used."""

from collections.abc import Iterator

from scanner.results import IdentityResult
from scanner.rules.finding import Finding, RuleContext, Severity, whose
from scanner.rules.observation import is_young, observe
from scanner.rules.power import only_young, reach_of, wide
from scanner.rules.wording import NAMES, called, listed, many, shared_warning, written_in

ID = "ED305"
NAME = "sensitive-reach"
TITLE = "Data or secrets within reach without use"
SEVERITIES: tuple[Severity, ...] = (Severity.HIGH, Severity.MEDIUM)

_CLASSES = {"data": "data", "credential": "secrets and credentials"}


def find(result: IdentityResult, context: RuleContext) -> Iterator[Finding]:
    """Yield one finding for data and one for credentials that are granted on every resource and not used.

    Only permissions whose use the logs would have shown make a finding; the others are counted beside it.
    Nothing for identities of the provider, disabled ones and those within the grace period.
    """
    identity, verdicts = result.identity, result.verdicts
    watched = observe(result, context)
    if watched is None or identity.managed_by_provider or not identity.enabled:
        return
    if is_young(identity.created, context):
        return
    everywhere, young = wide(result), only_young(result, context)
    for name, words in _CLASSES.items():
        reaching = reach_of(result, (name,)) & everywhere
        unused = reaching & verdicts.unused & ~young
        if not unused:
            continue
        names = context.permissions.names(unused)
        hidden = (reaching & verdicts.unobservable).bit_count()
        resources = result.reach[name].resources
        places = written_in(result, unused)
        message = (
            f"{called(result)} reaches {words} of every resource with {many(len(names), 'permission')} "
            f"that it did not use {watched.text}."
        )
        if hidden:
            message += f" These logs cannot show the use of {hidden:,} more."
        if resources:
            message += f" It was seen using {many(len(resources), 'resource')} of this class."
        yield Finding(
            rule=ID,
            title=f"{called(result)} reaches {words} it was not seen to use",
            severity=Severity.HIGH if result.is_ai else Severity.MEDIUM,
            confidence=watched.confidence,
            **whose(identity),
            subject=name,
            message=message,
            evidence={
                "class": name,
                "permissions": names[:NAMES],
                "permissions_total": len(names),
                "services": list(context.permissions.services(unused))[:NAMES],
                "used": (reaching & verdicts.used).bit_count(),
                "unobservable": hidden,
                "resources_used": list(resources[:NAMES]),
                "resources_used_total": len(resources),
                "written_in": places,
                **watched.evidence(result, context),
            },
            remediation=f"Replace {listed(places, 5)} by a grant without {listed(names, 5)}, or name the "
            f"resources that {called(result)} needs. First ask the owner which its tasks read or write."
            f"{shared_warning(result, unused)}",
        )
