"""The condition operators of IAM: taken apart by name, and compared value by value.

Source: IAM user guide, "IAM JSON policy elements: Condition operators".
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import zip_longest

from connectors.aws.policy.globs import ANY, STAR, matches


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
    negated = base in NEGATIONS
    base = NEGATIONS.get(base, base)
    if base not in COMPARE and base != "null":
        return None
    return Operator(base, negated, if_exists, quantifier)


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


COMPARE: dict[str, Callable[[str, str], bool]] = {
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
NEGATIONS = {
    "stringnotequals": "stringequals",
    "stringnotequalsignorecase": "stringequalsignorecase",
    "stringnotlike": "stringlike",
    "numericnotequals": "numericequals",
    "datenotequals": "dateequals",
    "notipaddress": "ipaddress",
    "arnnotequals": "arnequals",
    "arnnotlike": "arnlike",
}
