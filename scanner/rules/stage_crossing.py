"""ED206 stage-crossing: an identity of an earlier stage that reaches an account of a later one."""

import re
from collections.abc import Iterator, Mapping

from scanner.results import Confidence, IdentityResult
from scanner.rules.finding import Finding, RuleContext, Severity, whose
from scanner.rules.power import GRAVE, allows, reach_of
from scanner.rules.wording import called, many

ID = "ED206"
NAME = "stage-crossing"
TITLE = "Identity of an earlier stage reaches a later one"
SEVERITIES: tuple[Severity, ...] = (Severity.HIGH, Severity.MEDIUM)
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_SHOWN = 20


def find(result: IdentityResult, context: RuleContext) -> Iterator[Finding]:
    """Yield one finding for each later-stage account in a grant, and one for each earlier-stage truster.

    An account belongs to a stage when all sources that hold it have that stage. Texts are searched for
    account ids as whole words; what names no account is not a crossing.
    """
    if result.identity.managed_by_provider:
        return
    yield from _grants(result, context)
    yield from _trust(result, context)


def _grants(result: IdentityResult, context: RuleContext) -> Iterator[Finding]:
    own = context.stage_rank(result.stage)
    if own is None:
        return
    found: dict[str, list[str]] = {}
    held = grave = 0
    for entry in allows(result):
        for account in _accounts(entry.grant.scope, context.account_stages):
            rank = context.stage_rank(context.account_stages[account])
            if rank is not None and rank > own and account != result.identity.account:
                found.setdefault(account, []).append(entry.grant.id)
                held |= entry.grant.permissions & result.verdicts.granted
                grave |= bool(entry.grant.admin)
    grave |= bool(held & reach_of(result, GRAVE))
    for account, grants in sorted(found.items()):
        stage = context.account_stages[account]
        yield Finding(
            rule=ID,
            title=f"{called(result)} of stage {result.stage} reaches {stage}",
            severity=Severity.HIGH if grave else Severity.MEDIUM,
            confidence=Confidence.HIGH,
            **whose(result.identity),
            subject=f"account {account}",
            message=f"{called(result)} belongs to stage {result.stage}, and "
            f"{many(len(grants), 'grant')} of it name account {account} of stage {stage}: "
            f"{', '.join(sorted(grants)[:3])}. A pilot can so change or read what is in use.",
            evidence={
                "stage": result.stage,
                "reaches_stage": stage,
                "reaches_account": account,
                "grants": sorted(grants)[:_SHOWN],
                "grants_total": len(grants),
                "permissions_total": held.bit_count(),
            },
            remediation=f"First find out what {called(result)} does there. Then give the {stage} workload an "
            "identity of its own and take these grants away from this one.",
        )


def _trust(result: IdentityResult, context: RuleContext) -> Iterator[Finding]:
    later = context.stage_rank(result.stage)
    if later is None:
        return
    found: dict[str, list[str]] = {}
    for who in result.identity.trusted:
        for account in _accounts(who, context.account_stages):
            rank = context.stage_rank(context.account_stages[account])
            if rank is not None and rank < later and account != result.identity.account:
                found.setdefault(account, []).append(who)
    for account, trusted in sorted(found.items()):
        stage = context.account_stages[account]
        yield Finding(
            rule=ID,
            title=f"{called(result)} of stage {result.stage} trusts {stage}",
            severity=Severity.HIGH if reach_of(result, GRAVE) else Severity.MEDIUM,
            confidence=Confidence.HIGH,
            **whose(result.identity),
            subject=f"trust in account {account}",
            message=f"{', '.join(sorted(trusted)[:3])} of account {account}, stage {stage}, may act as "
            f"{called(result)} of stage {result.stage}. Who takes over the earlier stage has the later one.",
            evidence={
                "stage": result.stage,
                "trusts_stage": stage,
                "trusts_account": account,
                "trusted": sorted(trusted)[:_SHOWN],
                "trusted_total": len(trusted),
            },
            remediation=f"First ask the owner who of stage {stage} needs to act as {called(result)}. Then "
            "take the others out of its trust, and release through a deployment identity of the later stage.",
        )


def _accounts(text: str, stages: Mapping[str, str]) -> list[str]:
    """Return the known accounts that a text names."""
    return sorted({word for word in _WORD.findall(text) if word in stages})
