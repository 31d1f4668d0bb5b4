"""ED107 broad-trust: an identity that more may become than its trust names."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from connectors.facts import TrustGap
from scanner.results import Confidence, IdentityResult
from scanner.rules.finding import Finding, RuleContext, Severity, whose
from scanner.rules.wording import called

ID = "ED107"
NAME = "broad-trust"
TITLE = "Trust in everybody"
SEVERITIES: tuple[Severity, ...] = (Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW)


@dataclass(frozen=True, slots=True)
class _Breadth:
    """One way to trust too many, as the evidence writes it."""

    pattern: re.Pattern[str]
    who: str
    severity: Severity


_BREADTHS = (
    _Breadth(
        re.compile(r"allUsers|\*|AWS:\s*\*|arn:aws[\w-]*:iam::\*:.*|everybody but (?!.* if \{).*"),
        "anybody, with or without an account",
        Severity.CRITICAL,
    ),
    _Breadth(
        re.compile(r"allAuthenticatedUsers"), "anybody with an account at the provider", Severity.CRITICAL
    ),
    _Breadth(
        re.compile(r"principalSet://[\w.]+/projects/[^/]+/locations/global/workloadIdentityPools/[^/]+/\*"),
        "every caller that a workload identity pool lets in",
        Severity.HIGH,
    ),
    _Breadth(
        re.compile(r"principalSet://[\w.]+/locations/global/workforcePools/[^/]+/\*"),
        "every person of a workforce pool",
        Severity.MEDIUM,
    ),
    _Breadth(
        re.compile(r"principalSet://agents\.global\.[^/]+/(?:\*|attribute\.platform/[^/]+)"),
        "every agent of an organization",
        Severity.MEDIUM,
    ),
)
_GAPS = {
    "anybody": Severity.CRITICAL,
    "any-subject": Severity.HIGH,
    "many-subjects": Severity.MEDIUM,
    "any-audience": Severity.LOW,
    "any-source": Severity.LOW,
}
"""How bad each kind of gap in a trust is; those of other owners are ED207's."""


def find(result: IdentityResult, context: RuleContext) -> Iterator[Finding]:
    """Yield one finding for each entry of the trust that lets in more than it names.

    By its text alone where it names everybody; otherwise by the gaps that the wing found in its conditions.
    A specific principal or account never counts, nor does a condition that nobody understood.
    """
    del context
    gaps: dict[str, list[TrustGap]] = {}
    for gap in result.identity.trust_gaps:
        if gap.kind in _GAPS:
            gaps.setdefault(gap.entry, []).append(gap)
    for entry in sorted({*result.identity.trusted, *gaps}):
        breadth = next((one for one in _BREADTHS if one.pattern.fullmatch(entry.strip())), None)
        if breadth is not None:
            yield _finding(result, entry, breadth.severity, (breadth.who,))
        elif entry in gaps:
            found = sorted(gaps[entry], key=lambda gap: (_GAPS[gap.kind].rank, gap))
            yield _finding(result, entry, _GAPS[found[0].kind], [gap.who for gap in found], found)


def _finding(
    result: IdentityResult,
    entry: str,
    severity: Severity,
    who: Sequence[str],
    gaps: Sequence[TrustGap] = (),
) -> Finding:
    missing = [gap.fix for gap in gaps]
    ending = f" Add to its Condition: {'; '.join(missing)}." if missing else ""
    return Finding(
        rule=ID,
        title=f"{called(result)} trusts {who[0]}",
        severity=severity,
        confidence=Confidence.HIGH,
        **whose(result.identity),
        subject=entry,
        message=f"{entry} may act as {called(result)}: that is {'; and '.join(who)}.",
        evidence={
            "trusted": entry,
            "who": who[0],
            "trusted_total": len(result.identity.trusted),
            **({"gaps": [gap.kind for gap in gaps], "missing_conditions": missing} if gaps else {}),
        },
        remediation=f"Replace {entry} in the trust of {called(result)} by the principals that need it, "
        f"or add a condition that names them.{ending} First look up in the logs who has acted as it.",
    )
