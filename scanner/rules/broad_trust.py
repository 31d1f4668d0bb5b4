"""ED107 broad-trust: an identity that anybody, or everybody of an outside issuer, may become."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from scanner.results import Confidence, IdentityResult
from scanner.rules.finding import Finding, RuleContext, Severity, whose
from scanner.rules.wording import called

ID = "ED107"
NAME = "broad-trust"
TITLE = "Trust in everybody"
SEVERITIES: tuple[Severity, ...] = (Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM)


@dataclass(frozen=True, slots=True)
class _Breadth:
    """One way to trust too many, as the evidence writes it."""

    pattern: re.Pattern[str]
    who: str
    severity: Severity


_BREADTHS = (
    _Breadth(
        re.compile(r"allUsers|\*|AWS:\s*\*|arn:aws[\w-]*:iam::\*:.*"),
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
)


def find(result: IdentityResult, context: RuleContext) -> Iterator[Finding]:
    """Yield one finding for each trusted party that is everybody, judged by the trust as it is written.

    An entry with a condition beside it is narrower than its principal and is left alone; a specific
    principal, account, service or federated subject never counts as broad.
    """
    del context
    for entry in sorted(set(result.identity.trusted)):
        breadth = next((row for row in _BREADTHS if row.pattern.fullmatch(entry.strip())), None)
        if breadth is None:
            continue
        yield Finding(
            rule=ID,
            title=f"{called(result)} trusts {breadth.who}",
            severity=breadth.severity,
            confidence=Confidence.HIGH,
            **whose(result.identity),
            subject=entry,
            message=f"{entry} may act as {called(result)}: that is {breadth.who}.",
            evidence={"trusted": entry, "who": breadth.who, "trusted_total": len(result.identity.trusted)},
            remediation=f"Replace {entry} in the trust of {called(result)} by the principals that need it, "
            f"or add a condition that names them. First look up in the logs who has acted as it.",
        )
