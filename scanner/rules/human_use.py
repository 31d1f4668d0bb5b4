"""ED205 human-use: people act as the identity of a workload."""

from collections.abc import Iterator

from scanner.results import Confidence, IdentityResult
from scanner.rules.finding import Finding, RuleContext, Severity, whose
from scanner.rules.power import is_admin
from scanner.rules.wording import NAMES, called, listed, many

ID = "ED205"
NAME = "human-use"
TITLE = "A workload's identity used by people"
SEVERITIES: tuple[Severity, ...] = (Severity.HIGH, Severity.MEDIUM)


def find(result: IdentityResult, context: RuleContext) -> Iterator[Finding]:
    """Yield a finding when the logs show people acting as the identity of an AI workload.

    Only what the log itself calls a person counts; a user with an access key may be a program. Nothing for
    roles of a permission set, which are made for people.
    """
    people = [actor for actor in result.identity.actors if actor.person]
    identity = result.identity
    if not people or not result.is_ai or identity.managed_by_provider or identity.managed_at:
        return
    names = sorted({actor.id for actor in people})
    count = sum(actor.count for actor in people)
    last = max(actor.last_seen for actor in people)
    yield Finding(
        rule=ID,
        title=f"People act as {called(result)}",
        severity=Severity.HIGH if is_admin(result, context) else Severity.MEDIUM,
        confidence=Confidence.HIGH,
        **whose(result.identity),
        subject="",
        message=f"{listed(names, 5)} took {called(result)} {many(count, 'time')}, last on {last}. What they "
        f"did then counts as the workload's use, and its access is theirs.",
        evidence={
            "people": names[:NAMES],
            "people_total": len(names),
            "how": sorted({actor.how for actor in people}),
            "count": count,
            "last_seen": last,
        },
        remediation=f"First look up what these people did: what counts as its use may be theirs. Then "
        f"give people roles of their own and take them out of the trust of {called(result)}.",
    )
