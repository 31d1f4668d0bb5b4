"""Evaluate Condition blocks in three values: true, false, or undecided (None) for want of evidence.

Rules: IAM user guide, "IAM JSON policy elements: Condition operators", "Multivalued context keys" and
"Policy variables". Operators and keys combine with AND, values with OR (negated operators: NOR). A missing
key makes positive operators false, negated and `…IfExists` ones true; `ForAllValues` is true on nothing,
`ForAnyValue` false.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from connectors.aws.policy.document import ConditionTest
from connectors.aws.policy.globs import ANY, STAR, covers, matches, overlaps
from connectors.aws.policy.operators import COMPARE, Operator, literal, parse_operator


class Missing(Enum):
    """What a context says about a key it has no values for."""

    ABSENT = "absent"
    """The request certainly does not carry the key."""
    UNKNOWN = "unknown"
    """The evidence does not say whether the request carries the key, or with what."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A value known only as a pattern: `aws:userid` of a role is `<role id>:<session name>`."""

    pattern: str


Value = tuple[str, ...] | Shape | Literal[Missing.ABSENT, Missing.UNKNOWN]

Filled = str | Literal[Missing.ABSENT, Missing.UNKNOWN]
"""A text after its policy variables were filled in, or why they could not be."""


class Context:
    """What is known of a request: values by condition key, keys without case.

    `families` answer for keys with a variable part (`aws:principaltag/`): a key that starts with one and is
    not listed gets the family's value. Everything else is unknown.
    """

    def __init__(self, values: Mapping[str, Value], families: Mapping[str, Value] | None = None) -> None:
        self._values = {key.lower(): value for key, value in values.items()}
        self._families = {key.lower(): value for key, value in (families or {}).items()}

    def with_value(self, key: str, value: Value) -> "Context":
        """Return the same context in which one key has this value."""
        return Context({**self._values, key.lower(): value}, self._families)

    def __getitem__(self, key: str) -> Value:
        folded = key.lower()
        if folded in self._values:
            return self._values[folded]
        family = folded.partition("/")[0] + "/"
        return self._families.get(family, Missing.UNKNOWN)


def undecided_tests(
    tests: Iterable[ConditionTest], context: Context, *, variables: bool = True
) -> tuple[bool | None, tuple[ConditionTest, ...]]:
    """Return what a whole Condition block comes to, and the tests that could not be decided.

    One false test makes the block false whatever the others are.
    """
    open_tests = []
    for test in tests:
        result = evaluate(test, context, variables=variables)
        if result is False:
            return False, ()
        if result is None:
            open_tests.append(test)
    return (None if open_tests else True), tuple(open_tests)


def evaluate(test: ConditionTest, context: Context, *, variables: bool = True) -> bool | None:
    """Return what one key of a Condition block comes to."""
    operator = parse_operator(test.operator)
    if operator is None:
        return None
    actual = context[test.key]
    if operator.base == "null":
        return _null(test.values, actual)
    if actual is Missing.UNKNOWN:
        return None
    if actual is Missing.ABSENT or actual == ():
        return _absent(operator)
    wanted = [substitute(value, context) if variables else value for value in test.values]
    if isinstance(actual, Shape):
        found = _any(_compare_shape(operator.base, value, actual) for value in wanted)
        return _not(found) if operator.negated else found
    return _over_values(operator, wanted, actual)


def _null(values: tuple[str, ...], actual: Value) -> bool | None:
    if actual is Missing.UNKNOWN:
        return None
    absent = actual is Missing.ABSENT or actual == ()
    return any((value.lower() == "true") == absent for value in values)


def _absent(operator: Operator) -> bool:
    if operator.if_exists or operator.quantifier == "forallvalues":
        return True
    return operator.negated and operator.quantifier != "foranyvalue"


def _over_values(operator: Operator, wanted: list[Filled], actual: tuple[str, ...]) -> bool | None:
    compare = COMPARE[operator.base]
    found = [_any(_compare(compare, value, one) for value in wanted) for one in actual]
    if operator.quantifier == "forallvalues":
        return _not(_any(found if operator.negated else [_not(result) for result in found]))
    if operator.quantifier == "foranyvalue":
        return _any([_not(result) for result in found] if operator.negated else found)
    return _not(_any(found)) if operator.negated else _any(found)


def _compare(compare: Callable[[str, str], bool], wanted: Filled, actual: str) -> bool | None:
    if wanted is Missing.UNKNOWN:
        return None
    return wanted is not Missing.ABSENT and compare(wanted, actual)


def _compare_shape(base: str, wanted: Filled, actual: Shape) -> bool | None:
    if wanted is Missing.UNKNOWN:
        return None
    if wanted is Missing.ABSENT:
        return False
    if base in ("stringlike", "arnlike", "arnequals"):
        if not overlaps(wanted, actual.pattern):
            return False
        return True if covers(wanted, actual.pattern) else None
    if base == "stringequals":
        return None if matches(actual.pattern, wanted) else False
    return None


def _any(results: Iterable[bool | None]) -> bool | None:
    """Return true when one is, undecided when one might be, else false."""
    undecided = False
    for result in results:
        if result:
            return True
        undecided = undecided or result is None
    return None if undecided else False


def _not(result: bool | None) -> bool | None:  # noqa: FBT001 - a truth value is the operand here, not a flag
    return None if result is None else not result


_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_SPECIAL = {"*": STAR, "?": ANY, "$": "$"}


def substitute(text: str, context: Context) -> Filled:
    """Return a text with its policy variables filled in.

    Wildcards in a filled-in value are plain characters. A variable without a value makes the text match
    nothing (absent) unless it names a default: `${aws:PrincipalTag/team, 'none'}`. A key with several
    values cannot stand in a variable.
    """
    if "${" not in text:
        return text
    filled = []
    end = 0
    for found in _VARIABLE.finditer(text):
        filled.append(text[end : found.start()])
        end = found.end()
        value = _variable(found.group(1), context)
        if not isinstance(value, str):
            return value
        filled.append(value)
    filled.append(text[end:])
    return "".join(filled)


def _variable(name: str, context: Context) -> Filled:
    if name in _SPECIAL:
        return _SPECIAL[name]
    key, comma, default = name.partition(",")
    value = context[key.strip()]
    if isinstance(value, tuple) and len(value) == 1:
        return literal(value[0])
    if value is Missing.UNKNOWN or isinstance(value, Shape):
        return Missing.UNKNOWN
    return literal(default.strip().strip("'")) if comma and value is Missing.ABSENT else Missing.ABSENT
