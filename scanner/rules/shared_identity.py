"""ED204 shared-identity: several workloads that act as one identity."""

from collections.abc import Iterator

from scanner.results import Confidence, IdentityResult
from scanner.rules.finding import Finding, RuleContext, Severity, whose
from scanner.rules.power import is_admin
from scanner.rules.wording import NAMES, called, listed, many

ID = "ED204"
NAME = "shared-identity"
TITLE = "Identity of several workloads"
SEVERITIES: tuple[Severity, ...] = (Severity.HIGH, Severity.MEDIUM, Severity.LOW)


def find(result: IdentityResult, context: RuleContext) -> Iterator[Finding]:
    """Yield a finding when the evidence attaches two or more workloads to one identity of the customer."""
    workloads = sorted({(load.kind, load.id): load for load in result.identity.workloads}.values())
    if len(workloads) < 2 or result.identity.managed_by_provider:
        return
    names = [f"{load.kind} {load.name or load.id}" for load in workloads]
    yield Finding(
        rule=ID,
        title=f"{called(result)} is the identity of several workloads",
        severity=_severity(result, context),
        confidence=Confidence.HIGH,
        **whose(result.identity),
        subject="",
        message=f"{many(len(workloads), 'workload')} act as {called(result)}: {listed(names, 5)}. Each holds "
        f"what the others need, and the logs do not always tell them apart.",
        evidence={
            "workloads": [load.id for load in workloads][:NAMES],
            "workloads_total": len(workloads),
            "kinds": sorted({load.kind for load in workloads}),
        },
        remediation=f"Give each workload an identity of its own with what it uses, one at a time, and retire "
        f"{called(result)} last. First see in the logs which workload makes which calls.",
    )


def _severity(result: IdentityResult, context: RuleContext) -> Severity:
    if not result.is_ai:
        return Severity.LOW
    return Severity.HIGH if is_admin(result, context) else Severity.MEDIUM
