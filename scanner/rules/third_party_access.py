"""ED207 third-party-access: somebody of another owner may act as the identity."""

import re
from collections.abc import Iterator

from scanner.results import Confidence, IdentityResult
from scanner.rules.finding import Finding, RuleContext, Severity, whose
from scanner.rules.power import GRAVE, held, is_admin, reach_of
from scanner.rules.wording import called

ID = "ED207"
NAME = "third-party-access"
TITLE = "Trust in another owner"
SEVERITIES: tuple[Severity, ...] = (Severity.HIGH, Severity.MEDIUM, Severity.LOW)

_NAMED_CALLER = re.compile(r"principalorgid|sourceaccount|sourceorgid", re.IGNORECASE)
_SECRET = re.compile(r"externalid", re.IGNORECASE)


def find(result: IdentityResult, context: RuleContext) -> Iterator[Finding]:
    """Yield one finding for each trusted party outside all that the evidence holds.

    Of lower confidence where the evidence does not list everything that is the owner's own: then an outsider
    may be another account of the same owner. Trust in everybody is ED107.
    """
    identity = result.identity
    if identity.managed_by_provider:
        return
    gaps = {gap.entry: gap for gap in identity.trust_gaps if gap.kind == "no-external-id"}
    for entry in identity.outsiders:
        gap = gaps.get(entry)
        pinned = bool(_NAMED_CALLER.search(entry) or (_SECRET.search(entry) and gap is None))
        taken = [actor for actor in identity.actors if actor.id and actor.id in entry]
        last = max((actor.last_seen for actor in taken), default="")
        use = f"last seen to do so on {last}" if last else "not seen to do so in these logs"
        yield Finding(
            rule=ID,
            title=f"{called(result)} trusts another owner",
            severity=_severity(result, context, pinned=pinned),
            confidence=Confidence.HIGH if identity.outsiders_sure else Confidence.MEDIUM,
            **whose(identity),
            subject=entry,
            message=f"{entry} is of another owner and may act as {called(result)}; {use}. "
            f"{'A condition names the caller.' if pinned else 'No condition names the caller.'}"
            + (f" Without an external id it may be made to do so by {gap.who}." if gap else ""),
            evidence={
                "trusted": entry,
                "condition_names_caller": pinned,
                **({"missing_condition": gap.fix} if gap else {}),
                "last_seen": last,
                "owner_accounts_known": identity.outsiders_sure,
            },
            remediation=f"Ask the owner whether {entry.partition(' if ')[0]} still needs {called(result)}. "
            f"If so, keep the trust to one principal and an external id"
            f"{f' (Condition: {gap.fix})' if gap else ''}; if not, remove it.",
        )


def _severity(result: IdentityResult, context: RuleContext, *, pinned: bool) -> Severity:
    if is_admin(result, context) or (held(result) & reach_of(result, GRAVE) and not pinned):
        return Severity.HIGH
    return Severity.LOW if pinned else Severity.MEDIUM
