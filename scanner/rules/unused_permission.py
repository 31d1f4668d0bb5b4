"""ED101 unused-permission: permissions of one service that logs would have shown in use, and did not."""

from collections.abc import Iterator

from scanner.results import IdentityResult
from scanner.rules.finding import Finding, RuleContext, Severity, whose
from scanner.rules.observation import Observation, days, is_young, observe
from scanner.rules.power import only_young, severity_of
from scanner.rules.wording import NAMES, called, listed, many, shared_warning, written_in

ID = "ED101"
NAME = "unused-permission"
TITLE = "Unused permissions of a service"
SEVERITIES: tuple[Severity, ...] = (Severity.HIGH, Severity.MEDIUM, Severity.LOW)


def find(result: IdentityResult, context: RuleContext) -> Iterator[Finding]:
    """Yield one finding for each service of which the identity holds unused permissions.

    Nothing for identities of the provider, disabled ones, and those within the grace period; permissions
    that only young grants give are left out.
    """
    identity, verdicts = result.identity, result.verdicts
    watched = observe(result, context)
    unused = verdicts.unused & ~only_young(result, context)
    if not unused or watched is None or identity.managed_by_provider or not identity.enabled:
        return
    if is_young(identity.created, context):
        return
    permissions = context.permissions
    granted = permissions.by_service(verdicts.granted)
    used = permissions.by_service(verdicts.used & verdicts.granted)
    hidden = permissions.by_service(verdicts.unobservable)
    last_used = _last_used(result, context)
    for service, names in permissions.by_service(unused).items():
        mask = permissions.mask(names)
        counts = {
            "granted": len(granted[service]),
            "used": len(used.get(service, ())),
            "unused": len(names),
            "unobservable": len(hidden.get(service, ())),
        }
        places = written_in(result, mask)
        yield Finding(
            rule=ID,
            title=f"{called(result)} holds {service} permissions it did not use",
            severity=severity_of(mask, result),
            confidence=watched.confidence,
            **whose(identity),
            subject=service,
            message=_message(service, counts, watched),
            evidence={
                "service": service,
                **counts,
                "permissions": names[:NAMES],
                "permissions_total": len(names),
                "last_used": last_used.get(service, ""),
                "written_in": places,
                **watched.evidence(result, context),
            },
            remediation=f"Take {listed(names, 5)} out of {listed(places, 5) or 'the grants'}. "
            f"First ask the owner about work that runs less often than every {days(watched.days)}."
            f"{shared_warning(result, mask)}",
        )


def _message(service: str, counts: dict[str, int], watched: Observation) -> str:
    text = (
        f"{counts['unused']:,} of {many(counts['granted'], f'{service} permission')} unused {watched.text}."
    )
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
