"""ED304 unobservable-access: permissions whose use the logs of today cannot show, by reason."""

from collections.abc import Iterator

from connectors.facts import PermissionSet
from scanner.results import Confidence, IdentityResult, Reason, Verdict
from scanner.rules.finding import Finding, RuleContext, Severity, whose
from scanner.rules.power import GRAVE, SERIOUS, given_to_everybody, reach_of
from scanner.rules.wording import NAMES, called, listed, many

ID = "ED304"
NAME = "unobservable-access"
TITLE = "Access that today's logs cannot show"
SEVERITIES: tuple[Severity, ...] = (Severity.MEDIUM, Severity.LOW, Severity.INFO)

_CORE = ("data", "model")
_FIXES = 10


def find(result: IdentityResult, context: RuleContext) -> Iterator[Finding]:
    """Yield one finding for each reason code that hides permissions of the identity.

    Nothing for identities of the provider. Says nothing about whether the permissions are used.
    """
    if result.identity.managed_by_provider:
        return
    granted = result.verdicts.granted.bit_count()
    for code, reasons in _by_code(result).items():
        hidden = 0
        for reason in reasons:
            hidden |= reason.permissions & ~given_to_everybody(result)
        if not hidden:
            continue
        names = context.permissions.names(hidden)
        share = round(100 * len(names) / granted, 1)
        services = context.permissions.services(hidden)
        fixes = sorted({reason.fix for reason in reasons if reason.fix})
        texts = sorted({reason.text for reason in reasons})
        more = f" (and {many(len(texts) - 1, 'reason')} like it)" if len(texts) > 1 else ""
        yield Finding(
            rule=ID,
            title=f"Logs cannot show all that {called(result)} does ({code})",
            severity=_severity(hidden, result),
            confidence=Confidence.HIGH,
            **whose(result.identity),
            subject=code,
            message=f"Whether {called(result)} uses {len(names):,} of its {many(granted, 'permission')} "
            f"({share:g} %) cannot be seen: {texts[0]}{more}. Services: {listed(list(services), 5)}.",
            evidence={
                "code": code,
                "reasons": texts[:_FIXES],
                "reasons_total": len(texts),
                "fixes": fixes[:_FIXES],
                "fixes_total": len(fixes),
                "unobservable": len(names),
                "granted": granted,
                "share_percent": share,
                "services": list(services)[:NAMES],
                "permissions": names[:NAMES],
                "permissions_total": len(names),
            },
            remediation=_remedy(fixes),
        )


def _by_code(result: IdentityResult) -> dict[str, list[Reason]]:
    found: dict[str, list[Reason]] = {}
    for reason in result.verdicts.reasons:
        if reason.verdict is Verdict.UNOBSERVABLE and reason.permissions:
            found.setdefault(reason.code, []).append(reason)
    return dict(sorted(found.items()))


def _severity(hidden: PermissionSet, result: IdentityResult) -> Severity:
    """Return medium when all data and model access is invisible and this reason hides part of it."""
    core = reach_of(result, _CORE) & ~result.verdicts.conditional
    if core & hidden and not core & ~result.verdicts.unobservable:
        return Severity.MEDIUM
    return Severity.LOW if hidden & reach_of(result, (*GRAVE, *SERIOUS, *_CORE)) else Severity.INFO


def _remedy(fixes: list[str]) -> str:
    if not fixes:
        return "No log setting shows these calls: keep the permissions, or ask the owner which are needed."
    more = f"; and {many(len(fixes) - 3, 'change')} more" if len(fixes) > 3 else ""
    return (
        f"What to do: {'; '.join(fix.removesuffix('.') for fix in fixes[:3])}{more}. Where this adds log "
        f"records, first look at their cost. Until then, decide with the owner about these permissions."
    )
