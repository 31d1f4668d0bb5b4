"""What one policy statement plainly covers of another, pattern by pattern; whatever is left needs a walk."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from connectors.aws.policy.document import ConditionTest, Statement
from connectors.aws.policy.globs import ANY, STAR, covers, overlaps

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_ESCAPES = {"*": STAR, "?": ANY, "$": "$"}
_POSITIVE = ("stringequals", "stringlike", "arnequals", "arnlike", "numericequals", "ipaddress", "dateequals")

Test = tuple[str, str, frozenset[str]]
"""A condition test as it is compared: operator and key without case, values without order."""


def parts(statement: Statement) -> Iterator[Statement]:
    """Split a statement into pieces of one action and one resource pattern each."""
    for piece in _by_action(statement):
        yield from _by_resource(piece)


def _by_action(statement: Statement) -> Iterator[Statement]:
    if statement.not_actions or len(statement.actions) == 1:
        yield statement
        return
    for action in statement.actions:
        yield replace(statement, actions=(action,))


def _by_resource(statement: Statement) -> Iterator[Statement]:
    if statement.not_resources or len(statement.resources) == 1:
        yield statement
        return
    for named in statement.resources:
        yield replace(statement, resources=(named,))


def uncovered(statement: Statement, others: "Coverers") -> Iterator[Statement]:
    """Yield the pieces of a statement that no single one of the others certainly covers.

    A piece is covered by a statement that matches at least the same requests and applies whenever the
    piece does.
    """
    true = tests_of(statement)
    able: dict[int, bool] = {}
    together = statement.not_actions or len(statement.actions) == 1
    for actions in [statement.actions] if together else [(action,) for action in statement.actions]:
        mine = [action.lower() for action in actions]
        named = []
        for one in others.near(mine, statement):
            if id(one) not in able:
                able[id(one)] = applies([one.tests], true)
            if able[id(one)] and one.cover(mine, statement):
                named.append(one.statement)
        # Most are covered on every resource; only what is not is worth a statement of its own.
        if any(_on_everything(one) for one in named):
            continue
        for part in _by_resource(statement if together else replace(statement, actions=actions)):
            if not any(_covers_resources(one, part) for one in named):
                yield part


def _on_everything(statement: Statement) -> bool:
    return not statement.not_resources and "*" in statement.resources


@dataclass(frozen=True, slots=True)
class Coverer:
    """A statement with its condition tests and its actions without case: all, a set, patterns by service."""

    statement: Statement
    tests: frozenset[Test]
    listed: tuple[str, ...]
    plain: frozenset[str]
    wild: Mapping[str, Sequence[str]]
    """Patterns by the service they name; under "" those whose service has a wildcard too."""

    @classmethod
    def of(cls, statement: Statement) -> "Coverer":
        """Return the list of one statement."""
        listed = tuple(action.lower() for action in statement.actions)
        wild: dict[str, list[str]] = {}
        for action in listed:
            if "*" in action or "?" in action:
                service = action.partition(":")[0]
                wild.setdefault("" if "*" in service or "?" in service else service, []).append(action)
        return cls(statement, tests_of(statement), listed, frozenset(listed), wild)

    def cover(self, mine: Sequence[str], piece: Statement) -> bool:
        """Tell whether the list certainly names all actions of a piece, which are `mine` without case."""
        if piece.not_actions:
            if self.statement.not_actions:
                return all(any(covers(own, their) for own in mine) for their in self.listed)
            return "*" in self.plain
        if self.statement.not_actions:
            return not any(overlaps(their, mine[0]) for their in self.listed)
        action = mine[0]
        if action in self.plain:
            return True
        near = (*self.wild.get(action.partition(":")[0], ()), *self.wild.get("", ()))
        return any(covers(their, action) for their in near)


@lru_cache(maxsize=4096)
def _coverer(statement: Statement) -> Coverer:
    """Return the list of a statement: identities hold the same policies."""
    return Coverer.of(statement)


class Coverers:
    """Statements prepared to be asked many times what they cover, found by the service they name."""

    def __init__(self, statements: Iterable[Statement]) -> None:
        self._all = [_coverer(statement) for statement in statements]
        self._by_service: dict[str, list[Coverer]] = {}
        self._anywhere: list[Coverer] = []
        for one in self._all:
            if one.statement.not_actions or "" in one.wild:
                self._anywhere.append(one)
                continue
            for service in dict.fromkeys(action.partition(":")[0] for action in one.listed):
                self._by_service.setdefault(service, []).append(one)

    def near(self, mine: Sequence[str], piece: Statement) -> Iterable["Coverer"]:
        """Return those that may cover the actions of a piece, which are `mine` without case."""
        if piece.not_actions:
            return self._all
        return (*self._by_service.get(mine[0].partition(":")[0], ()), *self._anywhere)


def _covers_resources(other: Statement, piece: Statement) -> bool:
    if _on_everything(other):
        return True
    mine = [resource(text, piece) for text in piece.resources]
    theirs = [resource(text, other) for text in other.resources]
    if piece.not_resources:
        if other.not_resources:
            return set(theirs) <= set(mine)
        return "*" in theirs
    if other.not_resources:
        return not any(overlaps(relaxed(their), relaxed(mine[0])) for their in theirs)
    varies = is_opaque(piece.resources[0], piece)
    return any(
        (their == mine[0] and varies == is_opaque(text, other))
        or (not is_opaque(text, other) and covers(their, relaxed(mine[0]) if varies else mine[0]))
        for text, their in zip(other.resources, theirs, strict=True)
    )


def is_opaque(text: str, statement: Statement) -> bool:
    """Tell whether a resource holds a variable whose value is not written in it."""
    return statement.variables and any(name not in _ESCAPES for name in _VARIABLE.findall(text))


def resource(text: str, statement: Statement) -> str:
    """Return a resource with `${*}`, `${?}` and `${$}` as the characters they stand for."""
    if not statement.variables:
        return text
    return _VARIABLE.sub(lambda m: _ESCAPES.get(m[1], m[0]), text)


def relaxed(text: str) -> str:
    """Return the pattern of everything that a resource with variables can at most match."""
    return _VARIABLE.sub("*", text)


def tests_of(statement: Statement) -> frozenset[Test]:
    """Return the condition tests that must all hold for a statement to apply."""
    return frozenset(_test(test) for test in statement.conditions)


def _test(test: ConditionTest) -> Test:
    return test.operator.lower(), test.key.lower(), frozenset(test.values)


def applies(statements: Iterable[frozenset[Test]], true: frozenset[Test]) -> bool:
    """Tell whether the conditions of one of these statements all hold when these tests are true."""
    return any(all(test in true or _implied(test, true) for test in tests) for tests in statements)


def _implied(test: Test, true: frozenset[Test]) -> bool:
    """Tell whether a true test with fewer values makes this one true (values of positive tests are OR-ed)."""
    operator, key, values = test
    return operator.startswith(_POSITIVE) and any(
        other[0] == operator and other[1] == key and other[2] <= values for other in true
    )
