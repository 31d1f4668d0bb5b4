"""ED107 broad-trust: an identity that anybody, or everybody of an outside issuer, may become."""

import json
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
)
_ISSUER = re.compile(r"arn:aws[\w-]*:iam::\d+:oidc-provider/(?P<issuer>\S+)(?: if (?P<condition>\{.*\}))?")


def find(result: IdentityResult, context: RuleContext) -> Iterator[Finding]:
    """Yield one finding for each trusted party that is everybody, judged by the trust as it is written.

    An OIDC issuer counts when no condition but the audience is written beside it: then every subject of the
    issuer gets in. Any other entry with a condition is narrower than its principal and is left alone; a
    specific principal, account, service or federated subject never counts.
    """
    del context
    for entry in sorted(set(result.identity.trusted)):
        breadth = _judged(entry.strip())
        if breadth is None:
            continue
        who, severity = breadth
        yield Finding(
            rule=ID,
            title=f"{called(result)} trusts {who}",
            severity=severity,
            confidence=Confidence.HIGH,
            **whose(result.identity),
            subject=entry,
            message=f"{entry} may act as {called(result)}: that is {who}.",
            evidence={"trusted": entry, "who": who, "trusted_total": len(result.identity.trusted)},
            remediation=f"Replace {entry} in the trust of {called(result)} by the principals that need it, "
            f"or add a condition that names them. First look up in the logs who has acted as it.",
        )


def _judged(entry: str) -> tuple[str, Severity] | None:
    """Return who is trusted and how bad that is, or None when it is not everybody."""
    for breadth in _BREADTHS:
        if breadth.pattern.fullmatch(entry):
            return breadth.who, breadth.severity
    issuer = _ISSUER.fullmatch(entry)
    if issuer and not _narrowed(issuer["condition"] or "{}"):
        return f"every subject of the issuer {issuer['issuer']}", Severity.HIGH
    return None


def _narrowed(condition: str) -> bool:
    """Tell whether a condition says more than the audience, or cannot be read."""
    try:
        operators = json.loads(condition)
        tests = [test for keys in operators.values() for test in keys.items()]
    except (ValueError, AttributeError):
        return True
    return any(not key.lower().endswith(":aud") and not _everybody(values) for key, values in tests)


_EVERY_SUBJECT = re.compile(r"(repo|project_path|organization|system:serviceaccount|\*)?[:/*]*\*+[:/*]*")
"""Subjects whose every telling part is a wildcard: any repository, project, organization or account."""


def _everybody(values: object) -> bool:
    """Tell whether the values of a test let everybody in: one of them is enough."""
    listed = values if isinstance(values, list) else [values]
    return any(_EVERY_SUBJECT.fullmatch(str(value)) for value in listed)
