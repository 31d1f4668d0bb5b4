"""Decide role assignment conditions (ABAC) for one operation, as far as the evidence allows.

Grammar: learn, role-based-access-control/conditions-format. What depends on the request or the
resource (`@Request`, `@Resource`, sub-operations) has no single answer for a grant: it stays undecided,
and so does everything that is not understood.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import pairwise, product

from connectors.azure.ids import guid
from connectors.azure.policy.patterns import matches
from connectors.facts import Window

Verdict = bool | None
"""True: always holds. False: never holds. None: not decided."""

_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^'\\]|\\.)*')|(?P<attribute>@\w+\s*\[[^\]]*\])|(?P<set>\{[^}]*\})"
    r"|(?P<symbol>&&|\|\||[!()])|(?P<word>[^\s'{}()@!&|]+))",
    re.DOTALL,
)
_STRING = re.compile(r"'((?:[^'\\]|\\.)*)'")
_UTC_NOW = re.compile(r"@environment\s*\[\s*utcnow\s*\]", re.IGNORECASE)
_LARGEST = 64 * 1024
"""Azure allows 8 KB; anything far beyond is not a condition and is left undecided."""


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    value: str


class _NotUnderstoodError(Exception):
    """The text does not follow the grammar this module reads."""


def decide(condition: str, operation: str, window: Window, resource: str = "") -> Verdict:
    """Return whether a condition holds for an operation throughout the window.

    `ActionMatches` is decided by the operation, `@Environment[UtcNow]` by the window, and the names of
    storage accounts, containers, queues, tables and vault secrets by the `resource` (a canonical id, "" when
    it is not known); every other attribute is undecided. True and False follow three-valued logic, so
    `!(ActionMatches{'a'}) OR x` is True for every operation but `a`.
    """
    if not condition.strip():
        return True
    try:
        tokens = _tokens(condition)
    except _NotUnderstoodError:
        return None
    try:
        parser = _Parser(tokens, operation, window, resource)
        verdict = parser.either()
        parser.finish()
    except (_NotUnderstoodError, RecursionError):
        return None
    return verdict


def decide_within(condition: str, operation: str, window: Window, place: str = "") -> Verdict:
    """Return whether a condition holds for an operation on some resource below `place`.

    A condition on names (of a container, a secret) does not take an operation away from an assignment above
    them: it gives it on the resources that have such a name. True: for certain on one of the names that it
    speaks of, or on any other; None: whatever the names are, something else is undecided.
    """
    found = decide(condition, operation, window, place)
    if found is not None:
        return found
    verdicts = {decide(condition, operation, window, one) for one in _places_named(condition, place)}
    return True if True in verdicts else None if None in verdicts or not verdicts else False


def _places_named(condition: str, place: str) -> list[str]:
    """Return paths below a place with the names that a condition speaks of, and with one it does not."""
    try:
        tokens = _tokens(condition)
    except _NotUnderstoodError:
        return []
    names: dict[str, set[str]] = {}
    for attribute, _, operand in zip(tokens, tokens[1:], tokens[2:], strict=False):
        found = _ATTRIBUTE.fullmatch(attribute.value) if attribute.kind == "attribute" else None
        segment = _PLACES.get(found[1].lower(), "") if found else ""
        if segment and segment not in place.split("/"):
            values = {re.sub(r"[*?]", _ANY_LETTER, one.lower()) for one in _STRING.findall(operand.value)}
            names.setdefault(segment, {_OTHER_NAME}).update(values - {""})
    count = 1
    for held in names.values():
        count *= len(held)
    if not names or count > _MOST_PLACES:
        return []
    order = [segment for segment in _PLACES.values() if segment in names]
    chosen = product(*(sorted(names[segment]) for segment in order))
    return [
        "/".join([place, *(part for pair in zip(order, one, strict=True) for part in pair)]) for one in chosen
    ]


_OTHER_NAME, _ANY_LETTER = "a-name-not-spoken-of", "x"
_MOST_PLACES = 256


def action_patterns(condition: str) -> tuple[str, ...]:
    """Return the operation patterns of a condition: operations that none of them covers share one verdict."""
    try:
        tokens = _tokens(condition)
    except _NotUnderstoodError:
        return ()
    return tuple(
        pattern
        for word, named in pairwise(tokens)
        if word.value.lower() == "actionmatches" and named.kind == "set"
        for pattern in _STRING.findall(named.value)
    )


@lru_cache(maxsize=4096)
def _tokens(condition: str) -> tuple[_Token, ...]:
    if len(condition) > _LARGEST:
        raise _NotUnderstoodError
    return tuple(_scan(condition.strip()))


def _scan(condition: str) -> Iterator[_Token]:
    at = 0
    while at < len(condition):
        found = _TOKEN.match(condition, at)
        if found is None or found.lastgroup is None:
            raise _NotUnderstoodError
        yield _Token(found.lastgroup, found[found.lastgroup].strip())
        at = found.end()
        if not condition[at:].strip():
            return


class _Parser:
    """Reads tokens left to right, deciding as it goes."""

    def __init__(self, tokens: tuple[_Token, ...], operation: str, window: Window, resource: str) -> None:
        self._resource = resource
        self._tokens = tokens
        self._at = 0
        self._operation = operation
        self._window = window

    def _peek(self, ahead: int = 0) -> _Token:
        at = self._at + ahead
        return self._tokens[at] if at < len(self._tokens) else _Token("end", "")

    def _next(self) -> _Token:
        token = self._peek()
        self._at += 1
        return token

    def _takes(self, *words: str) -> bool:
        if self._peek().value.lower() in words and self._peek().kind in ("word", "symbol"):
            self._at += 1
            return True
        return False

    def finish(self) -> None:
        """Insist that everything was read."""
        if self._peek().kind != "end":
            raise _NotUnderstoodError

    def either(self) -> Verdict:
        """Read `a OR b …`."""
        verdicts = [self._both()]
        while self._takes("or", "||"):
            verdicts.append(self._both())
        return True if True in verdicts else None if None in verdicts else False

    def _both(self) -> Verdict:
        verdicts = [self._negated()]
        while self._takes("and", "&&"):
            verdicts.append(self._negated())
        return False if False in verdicts else None if None in verdicts else True

    def _negated(self) -> Verdict:
        if self._takes("!", "not"):
            inner = self._negated()
            return None if inner is None else not inner
        if self._takes("("):
            inner = self.either()
            if not self._takes(")"):
                raise _NotUnderstoodError
            return inner
        return self._atom()

    def _atom(self) -> Verdict:
        first = self._next()
        match first.kind, first.value.lower():
            case "word", "actionmatches" if self._peek().kind == "set":
                named = _STRING.findall(self._next().value)
                return any(matches(name, self._operation) for name in named)
            case "word", "suboperationmatches" if self._peek().kind == "set":
                self._next()
                return None
            case "word", "exists" | "notexists" if self._peek().kind == "attribute":
                self._next()
                return None
            case "word", "true":
                return True
            case "word", "false":
                return False
            case "attribute", _:
                operator, operand = self._next(), self._next()
                if operator.kind != "word" or operand.kind not in ("string", "set", "word", "attribute"):
                    raise _NotUnderstoodError
                return self._compare(first.value, operator.value.lower(), operand)
            case _:
                raise _NotUnderstoodError

    def _compare(self, attribute: str, operator: str, operand: _Token) -> Verdict:
        name = _named_by(attribute, self._resource)
        if name:
            return _compare_names(name, operator, [one.lower() for one in _STRING.findall(operand.value)])
        if not _UTC_NOW.fullmatch(attribute) or operand.kind != "string":
            return None
        try:
            moment = datetime.fromisoformat(operand.value.strip("'"))
        except ValueError:
            return None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        match operator:
            case "datetimegreaterthan" | "datetimegreaterthanequals":
                return True if self._window.start > moment else False if self._window.end <= moment else None
            case "datetimelessthan" | "datetimelessthanequals":
                return True if self._window.end <= moment else False if self._window.start > moment else None
            case _:
                return None


_ATTRIBUTE = re.compile(r"@(?:resource|request)\s*\[\s*([\w./]+)\s*:\s*(?:name|\w+name)\s*\]", re.IGNORECASE)
_PLACES = {
    "microsoft.storage/storageaccounts": "storageaccounts",
    "microsoft.storage/storageaccounts/blobservices/containers": "containers",
    "microsoft.storage/storageaccounts/queueservices/queues": "queues",
    "microsoft.storage/storageaccounts/tableservices/tables": "tables",
    "microsoft.storage/storageaccounts/fileservices/fileshares": "shares",
    "microsoft.keyvault/vaults/secrets": "secrets",
    "microsoft.keyvault/vaults/keys": "keys",
    "microsoft.keyvault/vaults/certificates": "certificates",
}
"""Attributes that name a part of the resource's own id, with the segment before that name.

Source: learn, storage/blobs/storage-auth-abac-attributes and key-vault RBAC conditions; read 2026-11.
"""


def _named_by(attribute: str, resource: str) -> str:
    """Return the name in a resource's id that an attribute stands for, "" when the id does not hold it."""
    found = _ATTRIBUTE.fullmatch(attribute)
    segment = _PLACES.get(found[1].lower(), "") if found else ""
    segments = resource.lower().split("/")
    if not segment or segment not in segments[:-1]:
        return ""
    return segments[segments.index(segment) + 1]


def _compare_names(name: str, operator: str, values: list[str]) -> Verdict:
    """Compare a name with the values of a condition; operators over sets ask for one value or for all.

    These names are compared without case: the services do, or allow lower case only.
    """
    over, colon, single = operator.rpartition(":")
    negated = "not" in single
    match single.replace("not", "").removesuffix("ignorecase"):
        case "stringequals":
            held = [name == value for value in values]
        case "stringlike":
            held = [_like(value, name) for value in values]
        case "stringstartswith":
            held = [name.startswith(value) for value in values]
        case _:
            return None
    if not held or (colon and over not in ("foranyofanyvalues", "foranyofallvalues")):
        return None
    held = [not one for one in held] if negated else held
    return all(held) if over.endswith("allvalues") else any(held)


def _like(pattern: str, name: str) -> bool:
    written = "".join({"*": ".*", "?": "."}.get(letter, re.escape(letter)) for letter in pattern)
    return re.fullmatch(written, name, re.DOTALL) is not None


_ROLES = re.compile(
    r"@request\s*\[\s*microsoft\.authorization/roleassignments:roledefinitionid\s*\]\s*"
    r"(?P<operator>[\w:]*guid(?P<negated>not)?equals)\s*\{(?P<roles>[^}]*)\}",
    re.IGNORECASE,
)


def assignable(condition: str) -> tuple[bool, frozenset[str]] | None:
    """Return which roles a condition lets its holder assign: (only these, or all but these); None: not told.

    The form that Azure itself writes for delegated role assignment, and all 25 conditional built-in roles
    that assign roles have.
    """
    found = list(_ROLES.finditer(condition))
    if not found or len({bool(one["negated"]) for one in found}) > 1:
        return None
    roles = frozenset(guid(word.strip(" '\"")) for one in found for word in one["roles"].split(","))
    return not found[0]["negated"], roles - {""}
