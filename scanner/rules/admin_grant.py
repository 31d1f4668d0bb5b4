"""ED105 admin-grant: a grant that makes its holder an administrator."""

from collections.abc import Iterator

from scanner.results import Confidence, IdentityResult
from scanner.rules.finding import Finding, RuleContext, Severity, whose
from scanner.rules.power import allows, held, is_full, rules_scope
from scanner.rules.wording import called, many

ID = "ED105"
NAME = "admin-grant"
TITLE = "Administrator grant"
SEVERITIES: tuple[Severity, ...] = (Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM)


def find(result: IdentityResult, context: RuleContext) -> Iterator[Finding]:
    """Yield one finding for each administrator grant that gives the identity anything at all."""
    verdicts = result.verdicts
    for entry in allows(result):
        grant = entry.grant
        if not grant.admin:
            continue
        full = is_full(entry, result)
        named = grant.permissions.bit_count()
        left = (grant.permissions & held(result)).bit_count()
        used = (grant.permissions & verdicts.used).bit_count()
        hidden = (grant.permissions & verdicts.unobservable).bit_count()
        yield Finding(
            rule=ID,
            title=f"{grant.name} makes {called(result)} an administrator",
            severity=_severity(result.is_ai, full, rules_scope(grant, result.identity.provider, context)),
            confidence=Confidence.MEDIUM if grant.undecided else Confidence.HIGH,
            **whose(result.identity),
            subject=grant.id,
            message=f"{grant.name} with scope {grant.scope} is an administrator grant: {grant.admin}. "
            + (_effect(named, left, used, hidden) if named else _UNKNOWN)
            + (" It hangs on a condition that was not decided." if grant.undecided else ""),
            evidence={
                "grant": grant.id,
                "name": grant.name,
                "source": grant.source,
                "scope": grant.scope,
                "conditions": grant.conditions,
                "admin": grant.admin,
                "permissions_total": named,
                "effective": left,
                "used": used,
                "unobservable": hidden,
                "last_used": entry.last_used,
                "shared": grant.shared,
            },
            remediation=f"Replace {grant.name}, written in {grant.source}, by a grant of what "
            f"{called(result)} uses. First grant the replacement and switch on the logs that are missing, "
            f"then take {grant.name} away; keep its text for the way back."
            + (" Other identities hold it too: detach it, do not change it." if grant.shared else ""),
        )


_UNKNOWN = "The evidence does not hold the list of what it gives."


def _effect(named: int, left: int, used: int, hidden: int) -> str:
    return (
        f"It names {many(named, 'permission')}: effective {left:,}, seen in use {used:,}, not visible in the "
        f"logs given {hidden:,}."
    )


def _severity(*steps: bool) -> Severity:
    """Return critical when all three hold, high for two, medium for fewer."""
    match sum(steps):
        case 3:
            return Severity.CRITICAL
        case 2:
            return Severity.HIGH
        case _:
            return Severity.MEDIUM
