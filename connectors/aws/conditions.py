"""Evaluate Condition blocks in three values: true, false, or undecided (None) for want of evidence.

Rules: IAM user guide, "IAM JSON policy elements: Condition operators", "Multivalued context keys" and
"Policy variables". Operators and keys combine with AND, values with OR (negated operators: NOR). A missing
key makes positive operators false, negated and `…IfExists` ones true; `ForAllValues` is true on nothing,
`ForAnyValue` false.
"""

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from itertools import zip_longest
from typing import Literal

from connectors.aws.globs import ANY, STAR, covers, matches, overlaps
from connectors.aws.policy_document import ConditionTest


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


@dataclass(frozen=True, slots=True)
class Operator:
    """A condition operator taken apart: `ForAllValues:StringNotEqualsIfExists`."""

    base: str
    """The positive operator in lower case (`stringequals`)."""
    negated: bool
    if_exists: bool
    quantifier: str
    """`forallvalues`, `foranyvalue` or empty."""


@lru_cache(maxsize=1024)
def parse_operator(text: str) -> Operator | None:
    """Return the parts of an operator, or None when IAM knows no such operator."""
    folded = text.lower()
    quantifier, colon, rest = folded.partition(":")
    if not colon:
        quantifier, rest = "", folded
    elif quantifier not in ("forallvalues", "foranyvalue"):
        return None
    base = rest.removesuffix("ifexists")
    if_exists = base != rest
    negated = base in _NEGATIONS
    base = _NEGATIONS.get(base, base)
    if base not in _COMPARE and base != "null":
        return None
    return Operator(base, negated, if_exists, quantifier)


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
    compare = _COMPARE[operator.base]
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


def literal(text: str) -> str:
    """Return a text as a pattern that matches just it."""
    return text.replace("*", STAR).replace("?", ANY)


def plain(pattern: str) -> str:
    """Return a pattern made of plain characters as the text it matches."""
    return pattern.replace(STAR, "*").replace(ANY, "?")


def _number(text: str) -> float:
    return float(text.strip())


def _moment(text: str) -> datetime:
    """Return a date written as ISO 8601 or as seconds since 1970, the two forms IAM takes."""
    text = text.strip()
    if re.fullmatch(r"-?\d{5,}(\.\d+)?", text):
        return datetime.fromtimestamp(float(text), UTC)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _inside(wanted: str, actual: str) -> bool:
    return ipaddress.ip_address(actual) in ipaddress.ip_network(wanted, strict=False)


def _arn_like(wanted: str, actual: str) -> bool:
    """Compare the six colon-delimited parts of an ARN one by one (ArnLike and ArnEquals are the same)."""
    pairs = zip_longest(wanted.split(":", 5), actual.split(":", 5))
    return all(ours is not None and theirs is not None and matches(ours, theirs) for ours, theirs in pairs)


def _guarded(compare: Callable[[str, str], bool]) -> Callable[[str, str], bool]:
    """Make a comparison false where a value is no number, date or address, as IAM does."""

    def guarded(wanted: str, actual: str) -> bool:
        try:
            return compare(plain(wanted), actual)
        except (ValueError, OverflowError):
            return False

    return guarded


_COMPARE: dict[str, Callable[[str, str], bool]] = {
    "stringequals": lambda wanted, actual: plain(wanted) == actual,
    "stringequalsignorecase": lambda wanted, actual: plain(wanted).casefold() == actual.casefold(),
    "stringlike": matches,
    "binaryequals": lambda wanted, actual: plain(wanted) == actual,
    "bool": lambda wanted, actual: wanted.lower() == actual.lower(),
    "numericequals": _guarded(lambda wanted, actual: _number(actual) == _number(wanted)),
    "numericlessthan": _guarded(lambda wanted, actual: _number(actual) < _number(wanted)),
    "numericlessthanequals": _guarded(lambda wanted, actual: _number(actual) <= _number(wanted)),
    "numericgreaterthan": _guarded(lambda wanted, actual: _number(actual) > _number(wanted)),
    "numericgreaterthanequals": _guarded(lambda wanted, actual: _number(actual) >= _number(wanted)),
    "dateequals": _guarded(lambda wanted, actual: _moment(actual) == _moment(wanted)),
    "datelessthan": _guarded(lambda wanted, actual: _moment(actual) < _moment(wanted)),
    "datelessthanequals": _guarded(lambda wanted, actual: _moment(actual) <= _moment(wanted)),
    "dategreaterthan": _guarded(lambda wanted, actual: _moment(actual) > _moment(wanted)),
    "dategreaterthanequals": _guarded(lambda wanted, actual: _moment(actual) >= _moment(wanted)),
    "ipaddress": _guarded(_inside),
    "arnequals": _arn_like,
    "arnlike": _arn_like,
}
_NEGATIONS = {
    "stringnotequals": "stringequals",
    "stringnotequalsignorecase": "stringequalsignorecase",
    "stringnotlike": "stringlike",
    "numericnotequals": "numericequals",
    "datenotequals": "dateequals",
    "notipaddress": "ipaddress",
    "arnnotequals": "arnequals",
    "arnnotlike": "arnlike",
}
