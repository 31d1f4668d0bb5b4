"""ED101 unused-permission: permissions of one service that logs would have shown in use, and did not."""

from collections.abc import Iterator, Mapping, Sequence

from connectors.facts import PermissionSet
from scanner.results import IdentityResult
from scanner.rules.finding import Evidence, Finding, RuleContext, Severity, whose
from scanner.rules.observation import Observation, days, is_young, observe
from scanner.rules.power import allows, given_to_everybody, only_young, severity_of, spans_many
from scanner.rules.wording import NAMES, called, listed, many, shared_warning, written_in

ID = "ED101"
NAME = "unused-permission"
TITLE = "Unused permissions of a service"
SEVERITIES: tuple[Severity, ...] = (Severity.HIGH, Severity.MEDIUM, Severity.LOW)

UNTOUCHED = "*"
"""The subject that stands for all services an administrator grant gives and nobody called."""


def find(result: IdentityResult, context: RuleContext) -> Iterator[Finding]:
    """Yield one finding for each service of which the identity holds unused permissions.

    Services that only a sweeping administrator grant gives, and of which nothing was called, are one finding
    together. Nothing for identities of the provider, disabled ones, and those within the grace period;
    permissions that only young grants give, or resources to everybody, are left out.
    """
    identity, verdicts = result.identity, result.verdicts
    watched = observe(result, context)
    unused = verdicts.unused & ~only_young(result, context) & ~given_to_everybody(result)
    if not unused or watched is None or identity.managed_by_provider or not identity.enabled:
        return
    if is_young(identity.created, context):
        return
    by_service = context.permissions.services(unused)
    tally = _tally(result, context)
    last_used = _last_used(result, context)
    observed = watched.evidence(result, context)
    for subject, services in _subjects(by_service, result, context).items():
        mask = 0
        for service in services:
            mask |= by_service[service]
        names = context.permissions.names(mask)
        counts = {
            word: sum(counted.get(service, 0) for service in services) for word, counted in tally.items()
        }
        places = written_in(result, mask)
        together: Evidence = {"services": services[:NAMES], "services_total": len(services)}
        untouched = subject == UNTOUCHED
        yield Finding(
            rule=ID,
            title=f"{called(result)} holds {'' if untouched else f'{subject} '}permissions it did not use",
            severity=severity_of(mask, result),
            confidence=watched.confidence,
            **whose(identity),
            subject=subject,
            message=_message(subject, services, len(names), counts, watched),
            evidence={
                "service": subject,
                "unused": len(names),
                **counts,
                "permissions": names[:NAMES],
                "permissions_total": len(names),
                **(together if untouched else {}),
                "last_used": last_used.get(subject, ""),
                "written_in": places,
                **observed,
            },
            remediation=f"Replace {listed(places, 5) or 'its grants'} by a grant "
            f"{'of the services it uses' if untouched else f'without {listed(names, 5)}'}. "
            f"First ask the owner about work that runs less often than every {days(watched.days)}."
            f"{shared_warning(result, mask)}",
        )


def _subjects(
    by_service: Mapping[str, PermissionSet], result: IdentityResult, context: RuleContext
) -> dict[str, list[str]]:
    """Return the services of each finding: one each, but the untouched ones of an administrator together."""
    swept = _swept(result, context)
    touched = context.permissions.services(result.verdicts.used | result.verdicts.denied)
    untouched = [
        service
        for service, unused in by_service.items()
        if swept and service not in touched and not unused & ~swept
    ]
    together = set(untouched if len(untouched) > 1 else ())
    subjects = {service: [service] for service in by_service if service not in together}
    return subjects | ({UNTOUCHED: untouched} if together else {})


def _swept(result: IdentityResult, context: RuleContext) -> PermissionSet:
    """Return what only administrator grants over many services give."""
    sweeping = other = 0
    for entry in allows(result):
        if entry.grant.admin and spans_many(entry.grant.permissions, context):
            sweeping |= entry.grant.permissions
        elif not entry.grant.to_everybody:
            other |= entry.grant.permissions
    return sweeping & ~other


def _tally(result: IdentityResult, context: RuleContext) -> dict[str, dict[str, int]]:
    """Return the number of granted, used and unobservable permissions by service."""
    verdicts = result.verdicts
    sets = {
        "granted": verdicts.granted,
        "used": verdicts.used & verdicts.granted,
        "unobservable": verdicts.unobservable,
    }
    return {
        word: {service: part.bit_count() for service, part in context.permissions.services(found).items()}
        for word, found in sets.items()
    }


def _message(
    subject: str, services: Sequence[str], unused: int, counts: Mapping[str, int], watched: Observation
) -> str:
    if subject == UNTOUCHED:
        what = f"{many(counts['granted'], 'permission')} in {many(len(services), 'service')}"
        text = (
            f"{unused:,} of {what} ({listed(services, 3)}) unused {watched.text}. Nothing of them was called."
        )
    else:
        text = f"{unused:,} of {many(counts['granted'], f'{subject} permission')} unused {watched.text}."
    if counts["unobservable"]:
        text += f" These logs cannot show the use of {counts['unobservable']:,} more."
    return text


def _last_used(result: IdentityResult, context: RuleContext) -> dict[str, str]:
    """Return the time of the last allowed call in the window, by service."""
    last: dict[str, str] = {}
    for row in result.usage:
        if row.count > row.denied:
            service = context.permissions.service(row.permission)
            last[service] = max(last.get(service, ""), row.last_allowed or row.last_seen)
    return last
