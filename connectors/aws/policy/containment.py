"""Decide whether one set of policy statements allows nothing that another does not, for all requests.

Exact over actions and resources (see atoms.py). A condition test is an opaque fact that may be true or
false, the same on both sides when it is written the same; that a shorter list of values implies a longer
one is known. A resource with a policy variable is an opaque set inside what its pattern can at most
match: it may hold or miss any string there, in Deny and NotResource positions too, where taking the
variable for a letter would be unsound. So `yes` is always right; a doubtful `no` becomes `unknown`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from connectors.aws.policy.atoms import TooManyStates, classes
from connectors.aws.policy.cover import (
    Coverers,
    Test,
    applies,
    is_opaque,
    parts,
    relaxed,
    resource,
    tests_of,
    uncovered,
)
from connectors.aws.policy.document import Statement
from connectors.aws.policy.globs import overlaps
from connectors.facts import Effect

_MOST_OPAQUE = 12
"""Different resources with variables beyond this many double the classes too often."""


class Answer(StrEnum):
    """Whether the inner statements are contained in the outer ones."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Containment:
    """The answer; for NO a request that only the inner statements allow, for UNKNOWN why."""

    answer: Answer
    witness: str = ""
    reason: str = ""


def contains(outer: Sequence[Statement], inner: Sequence[Statement]) -> Containment:
    """Tell whether every request that `inner` allows is allowed by `outer`.

    Both are all identity-policy statements of one identity, Deny statements among them. What one outer
    statement plainly covers is settled without a walk; only the rest is compared class by class.
    """
    inner_deny = [statement for statement in inner if statement.effect is Effect.DENY]
    outer_allow = [statement for statement in outer if statement.effect is Effect.ALLOW]
    denying, allowing = Coverers(inner_deny), Coverers(outer_allow)
    outer_deny = [
        statement
        for statement in outer
        if statement.effect is Effect.DENY and any(uncovered(statement, denying))
    ]
    doubts: list[str] = []
    for statement in inner:
        if statement.effect is Effect.DENY:
            continue
        pieces = parts(statement) if outer_deny else uncovered(statement, allowing)
        for piece in pieces:
            found = _compare([*outer_allow, *outer_deny], [piece, *inner_deny])
            if found.answer is Answer.NO:
                return found
            if found.answer is Answer.UNKNOWN:
                doubts.append(found.reason)
    return Containment(Answer.UNKNOWN, reason=min(doubts)) if doubts else Containment(Answer.YES)


def _compare(outer: Sequence[Statement], inner: Sequence[Statement]) -> Containment:
    """Compare one piece of an inner Allow (the first of `inner`) with all outer statements, exactly."""
    statements = [*outer, *inner]
    piece = inner[0]
    try:
        actions = _actions(statements, None if piece.not_actions else piece.actions[0])
        resources = _resources(statements, piece)
    except TooManyStates:
        return Containment(Answer.UNKNOWN, reason="the patterns are too many to compare exactly")
    wanted = 1 << len(outer)
    doubtful = ""
    judged: dict[int, tuple[str, bool] | None] = {}
    for action_mask, (action, _) in actions.items():
        for resource_mask, (name, varied) in resources.items():
            both = action_mask & resource_mask
            if not both & wanted:
                continue
            if both not in judged:
                judged[both] = _difference(statements, both, len(outer))
            found = judged[both]
            if found is None:
                continue
            context, sure = found
            witness = f"{action} on {name}{context}"
            if sure and not varied and "\ufffd" not in witness:
                return Containment(Answer.NO, witness=witness)
            doubtful = doubtful or witness
    if doubtful:
        return Containment(
            Answer.UNKNOWN, reason=f"conditions or policy variables decide whether this is new: {doubtful}"
        )
    return Containment(Answer.YES)


_Classes = dict[int, tuple[str, bool]]
"""Set of statements whose element matches → (a string of that class, whether a variable had a part)."""


def _actions(statements: Sequence[Statement], within: str | None) -> _Classes:
    """Split action names into classes; IAM compares them without case."""
    inside = None if within is None else within.lower()
    patterns = tuple(
        sorted(p for p in {a.lower() for s in statements for a in s.actions} if _near(p, inside))
    )
    bit = {pattern: 1 << n for n, pattern in enumerate(patterns)}
    masks = [sum({bit.get(a.lower(), 0) for a in s.actions}) for s in statements]
    negated = [s.not_actions for s in statements]
    found: _Classes = {}
    for signature, text in classes(patterns, None if inside is None else patterns.index(inside)).items():
        found.setdefault(_matching(masks, negated, signature), (text, False))
    return found


def _resources(statements: Sequence[Statement], piece: Statement) -> _Classes:
    """Split resource names into classes, each opaque set both holding and missing what it may."""
    inside = None
    if not piece.not_resources:
        inside = relaxed(resource(piece.resources[0], piece))
    written = sorted(
        entry
        for entry in {(resource(text, s), is_opaque(text, s)) for s in statements for text in s.resources}
        if _near(relaxed(entry[0]) if entry[1] else entry[0], inside)
    )
    opaque = [entry for entry in written if entry[1]]
    if len(opaque) > _MOST_OPAQUE:
        raise TooManyStates
    patterns = tuple(dict.fromkeys(relaxed(text) if varies else text for text, varies in written))
    place = {pattern: n for n, pattern in enumerate(patterns)}
    bit = {entry: 1 << n for n, entry in enumerate(written)}
    masks = [sum({bit.get((resource(r, s), is_opaque(r, s)), 0) for r in s.resources}) for s in statements]
    negated = [s.not_resources for s in statements]
    found: _Classes = {}
    for signature, text in classes(patterns, None if inside is None else place[inside]).items():
        sure = sum(bit[e] for e in written if not e[1] and signature >> place[e[0]] & 1)
        may = [bit[e] for e in opaque if signature >> place[relaxed(e[0])] & 1]
        for chosen in _subsets(may):
            matching = _matching(masks, negated, sure | chosen)
            if matching not in found or found[matching][1]:
                found[matching] = (text, bool(may))
    return found


def _near(pattern: str, inside: str | None) -> bool:
    return inside is None or pattern == inside or overlaps(pattern, inside)


def _matching(masks: Sequence[int], negated: Sequence[bool], signature: int) -> int:
    """Return the statements whose element matches: one pattern does, or with Not… none does."""
    return sum(
        1 << n
        for n, (mask, no) in enumerate(zip(masks, negated, strict=True))
        if bool(mask & signature) != no
    )


def _subsets(bits: Sequence[int]) -> Iterator[int]:
    for choice in range(1 << len(bits)):
        yield sum(bit for n, bit in enumerate(bits) if choice >> n & 1)


def _difference(statements: Sequence[Statement], matching: int, outer: int) -> tuple[str, bool] | None:
    """Return a context in which only the inner statements allow, and whether it surely exists.

    A statement applies when all its condition tests are true. Making a test true can only make more
    statements apply, so the fewest true tests decide: those of one inner Allow alone, or with those of
    one outer Deny.
    """
    groups: dict[tuple[bool, Effect], list[frozenset[Test]]] = {}
    for n, statement in enumerate(statements):
        if matching >> n & 1:
            groups.setdefault((n < outer, statement.effect), []).append(tests_of(statement))
    outer_allow, outer_deny = groups.get((True, Effect.ALLOW), []), groups.get((True, Effect.DENY), [])
    inner_allow, inner_deny = groups.get((False, Effect.ALLOW), []), groups.get((False, Effect.DENY), [])
    others = frozenset(test for tests in (*outer_allow, *inner_deny) for test in tests)
    for allowed in inner_allow:
        if applies(inner_deny, allowed):
            continue
        if not applies(outer_allow, allowed):
            return _context(allowed), _independent(allowed, others)
        for refused in outer_deny:
            together = allowed | refused
            if not applies(inner_deny, together):
                return _context(together), _independent(together, others)
    return None


def _independent(true: frozenset[Test], others: frozenset[Test]) -> bool:
    """Tell whether these tests can surely hold while the others do not: no two speak of one key."""
    keys = [test[1] for test in true | others]
    return len(keys) == len(set(keys))


def _context(true: frozenset[Test]) -> str:
    if not true:
        return ""
    words = [f"{operator} {key} {sorted(values)}" for operator, key, values in sorted(true, key=str)]
    return " when " + " and ".join(words)
