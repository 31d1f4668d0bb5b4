"""Chains of identities that one may become after the other, up to an administrator: part of ED106."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from heapq import heappop, heappush
from itertools import pairwise
from typing import NamedTuple

from connectors.steps import StepGroup, grouped
from scanner.results import Confidence, IdentityResult
from scanner.rules.finding import Chain, Finding, RuleContext, Severity, whose
from scanner.rules.power import is_admin
from scanner.rules.wording import called

_MOST_HOPS = 6
_MOST_TARGETS = 10
"""So many administrators get a finding of their own; more are counted in the evidence."""


class _Next(NamedTuple):
    """The best way on from an identity towards one administrator."""

    doubts: int
    hops: int
    target: str
    sure: bool


def chains_to_administrators(context: RuleContext) -> dict[str, tuple[Chain, ...]]:
    """Return by identity its chains to administrators, the surest and then the shortest to each.

    Walked backwards from the administrators, of whom there are few, once for all identities. A chain ends at
    the first administrator: whom that one can become as well makes nobody more. An analysed role that lets
    everybody in is no step: ED107 stands at it once, and its own chains lead on from it.
    """
    before: dict[str, list[StepGroup]] = {}
    for group in grouped(context.steps):
        for name in group.targets:
            if not (group.to_everybody and name in context.identities):
                before.setdefault(name, []).append(group)
    found: dict[str, list[Chain]] = {}
    results = {target: context.identities.get(target) or context.beyond.get(target) for target in before}
    admins = {target for target, result in results.items() if result and is_admin(result, context)}
    for target in sorted(admins):
        ways = _ways(target, before, admins)
        for identity in ways:
            found.setdefault(identity, []).append(_chain(identity, target, ways))
    return {identity: tuple(sorted(chains, key=_order)) for identity, chains in found.items()}


def _ways(
    target: str, before: Mapping[str, Sequence[StepGroup]], admins: Collection[str]
) -> dict[str, _Next]:
    """Return for everybody who can become an administrator whom to become first, by no other of them.

    A group is gone through once, for the target of it that comes first: nobody of it is better off with one
    that comes later. The one who is left out then, as its own target, has its way already.
    """
    ways: dict[str, _Next] = {}
    done: set[int] = set()
    waiting = [(0, 0, target)]
    while waiting:
        doubts, hops, name = heappop(waiting)
        known = ways.get(name)
        if hops >= _MOST_HOPS or (known is not None and (known.doubts, known.hops) != (doubts, hops)):
            continue
        for group in before.get(name, ()):
            if id(group) in done:
                continue
            done.add(id(group))
            way = _Next(doubts + (not group.sure), hops + 1, name, group.sure)
            for identity in group.callers:
                held = ways.get(identity)
                if identity == name or identity in admins or (held is not None and held <= way):
                    continue
                if held is None or way[:2] < held[:2]:
                    heappush(waiting, (*way[:2], identity))
                ways[identity] = way
    return ways


def _chain(identity: str, target: str, ways: Mapping[str, _Next]) -> Chain:
    hops, doubtful = [], []
    name = identity
    while name != target:
        way = ways[name]
        hops.append(way.target)
        if not way.sure:
            doubtful.append(way.target)
        name = way.target
    return Chain(tuple(hops), tuple(doubtful))


def _order(chain: Chain) -> tuple[int, int, tuple[str, ...]]:
    return len(chain.doubtful), len(chain.identities), chain.identities


def chains(rule: str, result: IdentityResult, context: RuleContext) -> Iterator[Finding]:
    """Yield a finding for each administrator that an identity may become.

    Each step was decided by the wing with the grants of the one and the trust of the other, so a chain of
    sure steps is certain. Nothing for administrators themselves.
    """
    found = context.chains.get(result.identity.id, ())
    if not found or is_admin(result, context):
        return
    for chain in found[:_MOST_TARGETS]:
        last = chain.identities[-1]
        target = context.identities.get(last) or context.beyond[last]
        coded = by_code([result.identity.id, *chain.identities], context)
        yield _finding(rule, result, target, chain, coded, len(found))


def _finding(
    rule: str, result: IdentityResult, target: IdentityResult, chain: Chain, coded: Sequence[str], admins: int
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
        f"{_doubt(chain)}{_code(coded)} "
        f"The first step was {f'last seen on {last}' if last else 'not seen in use'}.",
        evidence={
            "gain": "identity",
            "chain": [result.identity.id, *hops],
            "hops": len(hops),
            **({"by_running_code": list(coded)} if coded else {}),
            **({"undecided": list(chain.doubtful)} if chain.doubtful else {}),
            "administrator": hops[-1],
            "administrators_in_reach": admins,
            "first_step_last_seen": last,
        },
        remediation=f"Break the chain at its last step: take {before} out of the trust of {name}, or give "
        f"{name} less than administration{', or take away what runs code under it' if coded else ''}. "
        f"First look up in the logs who takes it.",
    )


def _last_taken(result: IdentityResult, target: str) -> str:
    rows = [row for row in result.usage if row.resource == target and row.count > row.denied]
    return max((row.last_allowed or row.last_seen for row in rows), default="")


def _through(hops: list[str]) -> str:
    return f"through {', '.join(hops[:-1])}" if len(hops) > 1 else "directly"


def _doubt(chain: Chain) -> str:
    if not chain.doubtful:
        return "Grants and trust were decided on every step."
    return f"It hangs on conditions that the evidence does not decide, towards {', '.join(chain.doubtful)}."


def by_code(chain: Sequence[str], context: RuleContext) -> list[str]:
    """Return which identities of a chain are not taken but run code of the one before, each with how."""
    found = []
    for before, target in pairwise(chain):
        step = next((one for one in context.steps.get(before, ()) if one.target == target), None)
        if step is not None and step.how:
            found.append(f"{target} by {step.how}")
    return found


def _code(coded: Sequence[str]) -> str:
    return f" By running code under it: {'; '.join(coded)}." if coded else ""
