"""Replay recorded calls against compiled policies: what was allowed must still be allowed.

Policies are compiled per action when first asked: literal resources become a set, `prefix*` patterns one
tuple for `str.startswith`, all others one regular expression.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from connectors.aws.catalog.actions import fold_action
from connectors.aws.policy.conditions import Context, Missing, substitute, undecided_tests
from connectors.aws.policy.cover import relaxed
from connectors.aws.policy.document import Statement
from connectors.aws.policy.globs import collapse, regex
from connectors.facts import Effect, Usage
from connectors.reduction import Claim, Standing

_SPECIAL = frozenset("*?\x03\x04")
_WILDCARD = re.compile(r"[*?]")
_SHOWN = 20


class Outcome(StrEnum):
    """What the compiled policies say to a request; `open` hangs on something the log does not tell."""

    ALLOWED = "allowed"
    REFUSED = "refused"
    OPEN = "open"


class Matcher:
    """Tells whether any of many resource patterns matches."""

    def __init__(self, patterns: Iterable[str]) -> None:
        found = {collapse(pattern) for pattern in patterns}
        self._everything = "*" in found
        self._literals = frozenset(p for p in found if not _SPECIAL & set(p))
        wild = found - self._literals
        self._prefixes = tuple(sorted(p[:-1] for p in wild if p.endswith("*") and not _SPECIAL & set(p[:-1])))
        rest = sorted(p for p in wild if not (p.endswith("*") and not _SPECIAL & set(p[:-1])))
        union = "|".join(regex(pattern).pattern for pattern in rest)
        self._rest = re.compile(union, re.DOTALL).fullmatch if rest else None

    def __call__(self, resource: str) -> bool:
        """Tell whether one of the patterns matches."""
        return (
            self._everything
            or resource in self._literals
            or resource.startswith(self._prefixes)
            or (self._rest is not None and self._rest(resource) is not None)
        )


@dataclass(frozen=True, slots=True)
class Clause:
    """What one statement demands of a request whose action it names: the same on both sides is the same."""

    resources: tuple[str, ...]
    not_resources: bool
    conditions: frozenset[tuple[str, str, frozenset[str]]]
    variables: bool


@dataclass(slots=True)
class _Group:
    """Statements of one effect that apply for certain (`sure`) or perhaps, as matchers."""

    sure: list[tuple[Matcher, bool]] = field(default_factory=list)
    perhaps: list[tuple[Matcher, bool]] = field(default_factory=list)

    def certain(self, resource: str) -> bool:
        return any(matcher(resource) != negated for matcher, negated in self.sure)

    def possible(self, resource: str) -> bool:
        return any(matcher(resource) != negated for matcher, negated in self.perhaps)


@dataclass(slots=True)
class _Slice:
    """The part of a policy that speaks about one action."""

    allow: _Group
    deny: _Group
    allows: frozenset[Clause]
    denies: frozenset[Clause]
    constant: Outcome | None
    """The answer where it does not hang on the resource."""


class Compiled:
    """All identity policies of one principal, ready to be asked many requests."""

    def __init__(self, statements: Sequence[Statement], context: Context) -> None:
        self._context = context
        self._statements = [(statement, _named(statement)) for statement in statements]
        self._applies = [undecided_tests(s.conditions, context, variables=s.variables)[0] for s in statements]
        self._slices: dict[str, _Slice] = {}

    def decide(self, action: str, resource: str) -> Outcome:
        """Return the answer to one request."""
        part = self._slices.get(action) or self.slice(action)
        if part.constant is not None:
            return part.constant
        if part.deny.certain(resource):
            return Outcome.REFUSED
        if part.allow.certain(resource):
            return Outcome.OPEN if part.deny.possible(resource) else Outcome.ALLOWED
        return Outcome.OPEN if part.allow.possible(resource) else Outcome.REFUSED

    def slice(self, action: str) -> _Slice:
        """Return what the policies say about one action, compiled once."""
        found = self._slices.get(action)
        if found is None:
            found = self._slices[action] = self._compile(fold_action(action))
        return found

    def _compile(self, action: str) -> _Slice:
        groups = {Effect.ALLOW: _Group(), Effect.DENY: _Group()}
        clauses: dict[Effect, set[Clause]] = {Effect.ALLOW: set(), Effect.DENY: set()}
        sure: dict[Effect, set[str]] = {Effect.ALLOW: set(), Effect.DENY: set()}
        for (statement, names), applies in zip(self._statements, self._applies, strict=True):
            if applies is False or names.hold(action) == statement.not_actions:
                continue
            clauses[statement.effect].add(_clause(statement))
            certain, unsure = self._resources(statement)
            group = groups[statement.effect]
            if statement.not_resources:
                into = group.sure if applies and not unsure else group.perhaps
                into.append((Matcher(certain | unsure), True))
                continue
            if applies:
                sure[statement.effect] |= certain
            else:
                unsure |= certain
            if unsure:
                group.perhaps.append((Matcher(unsure), False))
        for effect, patterns in sure.items():
            if patterns:
                groups[effect].sure.append((Matcher(patterns), False))
        allow, deny = groups[Effect.ALLOW], groups[Effect.DENY]
        constant = None
        if not allow.sure and not allow.perhaps:
            constant = Outcome.REFUSED
        elif not deny.sure and not deny.perhaps and "*" in sure[Effect.ALLOW]:
            constant = Outcome.ALLOWED
        return _Slice(
            allow, deny, frozenset(clauses[Effect.ALLOW]), frozenset(clauses[Effect.DENY]), constant
        )

    def _resources(self, statement: Statement) -> tuple[set[str], set[str]]:
        """Return the patterns that are certain, and those that hang on an unknown variable, widened."""
        certain: set[str] = set()
        unsure: set[str] = set()
        for pattern in statement.resources:
            filled = substitute(pattern, self._context) if statement.variables else pattern
            if filled is Missing.UNKNOWN:
                unsure.add(relaxed(pattern))
            elif isinstance(filled, str):
                certain.add(filled)
        return certain, unsure


@dataclass(frozen=True, slots=True)
class _Names:
    """The actions that a statement lists: plain names, and patterns."""

    plain: frozenset[str]
    patterns: tuple[tuple[str, str], ...]
    """Each with what stands before its first wildcard: most are never compiled."""

    def hold(self, action: str) -> bool:
        """Tell whether the list names an action."""
        return action in self.plain or any(
            action.startswith(prefix) and regex(pattern).fullmatch(action)
            for prefix, pattern in self.patterns
        )


@lru_cache(maxsize=4096)
def _named(statement: Statement) -> _Names:
    folded = [fold_action(action) for action in statement.actions]
    wild = [(_WILDCARD.split(action, maxsplit=1)[0], action) for action in folded]
    return _Names(frozenset(folded), tuple(one for one in wild if one[0] != one[1]))


@lru_cache(maxsize=4096)
def _clause(statement: Statement) -> Clause:
    return Clause(
        tuple(sorted(statement.resources)),
        statement.not_resources,
        frozenset((c.operator, c.key, frozenset(c.values)) for c in statement.conditions),
        statement.variables,
    )


def replay(before: Compiled, after: Compiled, usage: Iterable[Usage]) -> Claim:
    """Return whether every recorded, allowed request class is still allowed.

    Where the statements that name an action demand the same of a request before and after, every request is
    decided alike, whatever the log leaves out. Else the recorded resource decides. Requests that the present
    identity policies do not allow themselves (a resource policy does, or no permission is needed) are left
    out and counted.
    """
    requests = {(row.permission, row.resource) for row in usage if row.count > row.denied}
    replayed = left_out = 0
    refused: list[str] = []
    doubtful: list[str] = []
    for action, resource in sorted(requests):
        old, new = before.slice(action), after.slice(action)
        same = old.allows <= new.allows and new.denies <= old.denies
        known = _is_named(resource)
        outcome = before.decide(action, resource)
        if outcome is Outcome.REFUSED and (known or same):
            left_out += 1
            continue
        replayed += 1
        if same:
            continue
        now = after.decide(action, resource) if known else Outcome.OPEN
        if now is Outcome.ALLOWED:
            continue
        (refused if now is Outcome.REFUSED else doubtful).append(
            f"{action} on {resource or 'unknown resource'}"
        )
    return _claim(replayed, left_out, refused, doubtful)


def _is_named(resource: str) -> bool:
    return resource == "*" or resource.startswith("arn:")


def _claim(replayed: int, left_out: int, refused: list[str], doubtful: list[str]) -> Claim:
    words = []
    if doubtful:
        words.append(f"the log does not decide {len(doubtful)} of them: {'; '.join(doubtful[:3])}")
    if left_out:
        words.append(
            f"{left_out} recorded request classes are not allowed by the identity's own policies "
            f"(a resource policy allows them, or they need no permission) and were left out"
        )
    reason = "; ".join(words)
    if refused:
        return Claim(Standing.REFUTED, reason, refused[0], replayed, tuple(refused[:_SHOWN]))
    return Claim(Standing.UNDECIDED if doubtful else Standing.PROVED, reason, requests=replayed)
