"""Judge whether attribute conditions of workload identity providers name whose tokens are let in.

The language is CEL. What is read: `&&`, `||`, brackets, and comparisons of a claim with text. A condition
that is anything else is not judged.
"""

import re
from collections.abc import Iterator, Mapping

_NAMED = re.compile(r"(?:assertion|attribute|google)\.[A-Za-z_]\w*")
_TEXT = r"""(?:"[^"\\]+"|'[^'\\]+')"""
_CLAIM = r"(?P<claim>(?:assertion|attribute|google)\.[A-Za-z_]\w*)"
_TESTS = (
    re.compile(rf"{_CLAIM}\s*==\s*{_TEXT}"),
    re.compile(rf"{_TEXT}\s*==\s*{_CLAIM}"),
    re.compile(rf"{_CLAIM}\s+in\s+\[\s*{_TEXT}(?:\s*,\s*{_TEXT})*\s*\]"),
)
_STARTS = re.compile(rf"{_CLAIM}\.startsWith\(\s*(?P<text>{_TEXT})\s*\)")
_WHOLE = re.compile(r"""["'](?:\w+:)?+[^/:]+[/:].*""")
"""A beginning that ends behind a name: `repo:acme/`, not `repo:acme`, with which other names begin too."""
_OTHER = re.compile(
    rf"{_CLAIM}\s*!=\s*(?:{_TEXT}|''|\"\")|true|!?has\(\s*{_CLAIM}\s*\)|{_CLAIM}\.(?:endsWith|contains)\(\s*{_TEXT}\s*\)".replace(
        "?P<claim>", "?:"
    )
)
"""Tests that name nobody."""


def claims_of(expression: str, mapping: Mapping[str, str]) -> frozenset[str]:
    """Return the claims of the token that an expression speaks of, mapped attributes followed to theirs."""
    found: set[str] = set()
    for name in _NAMED.findall(expression):
        kind, _, claim = name.partition(".")
        if kind == "assertion":
            found.add(claim)
        elif (written := mapping.get(name)) is not None and written != expression:
            named = (one.partition(".") for one in _NAMED.findall(written))
            found |= {inner for source, _, inner in named if source == "assertion"}
    return frozenset(found)


def pins(condition: str, identifying: frozenset[str], mapping: Mapping[str, str]) -> bool | None:
    """Return whether only tokens of named customers meet a condition; None where it cannot be judged.

    One part of an `&&` that names them is enough, every part of an `||` must.
    """
    text = _bare(condition.strip())
    either = list(_split(text, "||"))
    if len(either) > 1:
        return _all([pins(one, identifying, mapping) for one in either])
    both = list(_split(text, "&&"))
    if len(both) > 1:
        answers = [pins(one, identifying, mapping) for one in both]
        return True if True in answers else None if None in answers else False
    for test in _TESTS:
        match = test.fullmatch(text)
        if match is not None:
            return bool(claims_of(match["claim"], mapping) & identifying)
    match = _STARTS.fullmatch(text)
    if match is not None:
        named = claims_of(match["claim"], mapping) & identifying
        return bool(named) and _WHOLE.fullmatch(match["text"]) is not None
    return False if _OTHER.fullmatch(text) else None


def _all(answers: list[bool | None]) -> bool | None:
    return False if False in answers else None if None in answers else True


def _bare(text: str) -> str:
    """Return a text without the brackets around all of it."""
    while text.startswith("(") and text.endswith(")") and _closes(text) == len(text) - 1:
        text = text[1:-1].strip()
    return text


def _closes(text: str) -> int:
    """Return where the bracket at the beginning is closed; -1 where it is not."""
    return next((at for at, depth in _depths(text) if depth == 0 and text[at] == ")"), -1)


def _split(text: str, operator: str) -> Iterator[str]:
    """Yield the parts of a text between an operator outside of brackets and quotes."""
    start = 0
    for at, depth in _depths(text):
        if depth == 0 and at >= start and text.startswith(operator, at):
            yield text[start:at].strip()
            start = at + len(operator)
    yield text[start:].strip()


def _depths(text: str) -> Iterator[tuple[int, int]]:
    """Yield each place outside of quotes with how many brackets are open after it."""
    depth, quote, skip = 0, "", False
    for at, mark in enumerate(text):
        if skip:
            skip = False
        elif quote:
            skip = mark == "\\"
            quote = "" if mark == quote else quote
        elif mark in "\"'":
            quote = mark
        else:
            depth += (mark in "([{") - (mark in ")]}")
            yield at, depth
