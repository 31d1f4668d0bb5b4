"""Chains of identities that one may become after the other, up to an administrator: part of ED106."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from scanner.results import Confidence, IdentityResult
from scanner.rules.finding import Finding, RuleContext, Severity, whose
from scanner.rules.power import is_admin
from scanner.rules.wording import called

_MOST_HOPS = 6
_MOST_TARGETS = 10
"""So many administrators get a finding of their own; more are counted in the evidence."""


@dataclass(frozen=True, slots=True)
class _Chain:
    """Whom one becomes after the other; `doubtful` are those whose step hangs on something undecided."""

    identities: tuple[str, ...]
    doubtful: tuple[str, ...] = ()


def chains(rule: str, result: IdentityResult, context: RuleContext) -> Iterator[Finding]:
    """Yield a finding for each administrator that an identity may become, by the shortest surest chain.

    Each step was decided by the wing with the grants of the one and the trust of the other, so a chain of
    sure steps is certain. Nothing for administrators themselves.
    """
    if not context.steps.get(result.identity.id) or is_admin(result, context):
        return
    found = _reached(result.identity.id, context, sure=True)
    found = {**_reached(result.identity.id, context, sure=False), **found}
    admins = [
        (chain, target)
        for name, chain in found.items()
        if (target := context.identities.get(name) or context.beyond.get(name)) and is_admin(target, context)
    ]
    admins.sort(key=lambda item: (len(item[0].doubtful), len(item[0].identities), item[0].identities))
    for chain, target in admins[:_MOST_TARGETS]:
        yield _finding(rule, result, target, chain, len(admins))


def _reached(start: str, context: RuleContext, *, sure: bool) -> dict[str, _Chain]:
    """Return by identity the shortest chain to it; with `sure`, over steps that are certain alone."""
    found: dict[str, _Chain] = {}
    waiting = deque([(start, _Chain(()))])
    while waiting:
        name, chain = waiting.popleft()
        if len(chain.identities) >= _MOST_HOPS:
            continue
        for step in context.steps.get(name, ()):
            if step.target == start or step.target in found or (sure and not step.sure):
                continue
            doubt = () if step.sure else (step.target,)
            found[step.target] = _Chain((*chain.identities, step.target), chain.doubtful + doubt)
            waiting.append((step.target, found[step.target]))
    return found


def _finding(
    rule: str, result: IdentityResult, target: IdentityResult, chain: _Chain, admins: int
) -> Finding:
    hops, name = list(chain.identities), called(target)
    verb = "may" if chain.doubtful else "can"
    before = hops[-2] if len(hops) > 1 else result.identity.id
    last = _last_taken(result, hops[0])
    return Finding(
        rule=rule,
        title=f"{called(result)} {verb} become the administrator {name}",
        severity=Severity.MEDIUM if chain.doubtful else Severity.HIGH,
        confidence=Confidence.LOW if chain.doubtful else Confidence.HIGH,
        **whose(result.identity),
        subject=f"become:{hops[-1]}",
        message=f"{called(result)} {verb} become {hops[-1]}, an administrator, {_through(hops)}. "
        f"{_doubt(chain)} The first step was {f'last seen on {last}' if last else 'not seen in use'}.",
        evidence={
            "gain": "identity",
            "chain": [result.identity.id, *hops],
            "hops": len(hops),
            **({"undecided": list(chain.doubtful)} if chain.doubtful else {}),
            "administrator": hops[-1],
            "administrators_in_reach": admins,
            "first_step_last_seen": last,
        },
        remediation=f"Break the chain at its last step: take {before} out of the trust of {name}, or give "
        f"{name} less than administration. First look up in the logs who takes it.",
    )


def _last_taken(result: IdentityResult, target: str) -> str:
    rows = [row for row in result.usage if row.resource == target and row.count > row.denied]
    return max((row.last_allowed or row.last_seen for row in rows), default="")


def _through(hops: list[str]) -> str:
    return f"through {', '.join(hops[:-1])}" if len(hops) > 1 else "directly"


def _doubt(chain: _Chain) -> str:
    if not chain.doubtful:
        return "Grants and trust were decided on every step."
    return f"It hangs on conditions that the evidence does not decide, towards {', '.join(chain.doubtful)}."
