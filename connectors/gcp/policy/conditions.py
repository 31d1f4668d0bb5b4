"""Decide IAM conditions as far as the evidence goes: true, false, or undecided.

The language is CEL; what is read here is the part that IAM conditions mostly use: comparisons of
`request.time`, of `resource.name`, `resource.type` and `resource.service`, joined by `&&`, `||`, `!` and
brackets. Everything else is undecided, and so is anything that does not parse.
Source: docs.cloud.google.com/iam/docs/conditions-attribute-reference.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<operator>&&|\|\||==|!=|<=|>=|[!<>().,\[\]{}?:+*/%-])
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<number>\d+(?:\.\d+)?)
    )""",
    re.VERBOSE,
)
_MAX_TOKENS = 2000
_MAX_DEPTH = 50


@dataclass(frozen=True, slots=True)
class About:
    """What a condition is decided for: the moment, and the resource that carries the binding."""

    now: datetime
    names: tuple[str, ...]
    """The resource's relative names (`projects/_/buckets/B`), in every known spelling."""
    type: str
    service: str
    narrow: bool
    """True when the binding is on a resource below a project, so that `names` bound what it covers."""


def decide(expression: str, about: About) -> bool | None:
    """Return whether a condition holds for the whole of what a binding covers; None when undecided."""
    tokens = _tokens(expression)
    if tokens is None:
        return None
    parser = _Parser(tokens, about)
    try:
        value = parser.any(0)
    except _UnreadableError:
        return None
    return value if parser.done else None


def limits_resources(expression: str) -> bool:
    """Return whether a condition narrows the resources that a binding covers."""
    return "resource." in expression


def literals(expression: str) -> list[str]:
    """Return the texts that an expression quotes, each once, in their order."""
    found = (_text(token) for token in _tokens(expression) or ())
    return list(dict.fromkeys(text for text in found if text))


class _UnreadableError(Exception):
    """The expression uses CEL beyond what is read here."""


def _tokens(expression: str) -> list[str] | None:
    tokens: list[str] = []
    at = 0
    expression = expression.rstrip()
    while at < len(expression):
        match = _TOKEN.match(expression, at)
        if match is None or len(tokens) > _MAX_TOKENS:
            return None
        tokens.append(match[0].strip())
        at = match.end()
    return tokens or None


def _text(token: str) -> str | None:
    """Return what a string literal stands for; None for other tokens and for unusual escapes."""
    if token[:1] not in ('"', "'"):
        return None
    inner = re.sub(r"\\([\\\"'])", r"\1", token[1:-1])
    return None if re.search(r"\\[^\\\"']", token[1:-1]) else inner


def _not(value: bool | None) -> bool | None:  # noqa: FBT001 - a truth value, not a flag
    return None if value is None else not value


class _Parser:
    """Recursive descent over tokens with three-valued truth (Kleene)."""

    def __init__(self, tokens: list[str], about: About) -> None:
        self._tokens = tokens
        self._at = 0
        self._about = about

    @property
    def done(self) -> bool:
        return self._at == len(self._tokens)

    def any(self, depth: int) -> bool | None:
        value = self._all(depth)
        while self._take("||"):
            other = self._all(depth)
            value = True if value is True or other is True else None if None in (value, other) else False
        return value

    def _all(self, depth: int) -> bool | None:
        value = self._one(depth)
        while self._take("&&"):
            other = self._one(depth)
            value = False if value is False or other is False else None if None in (value, other) else True
        return value

    def _one(self, depth: int) -> bool | None:
        if depth > _MAX_DEPTH:
            raise _UnreadableError
        if self._take("!"):
            return _not(self._one(depth + 1))
        if self._take("("):
            value = self.any(depth + 1)
            if not self._take(")"):
                raise _UnreadableError
            return value
        return self._comparison()

    def _comparison(self) -> bool | None:
        """Read one comparison; an expression of another form is read over as undecided."""
        start = self._at
        found = self._time() or self._resource()
        if found is not None:
            return found[0]
        self._at = start
        self._skip()
        return None

    def _time(self) -> tuple[bool | None] | None:
        operators = {"<": "<", "<=": "<=", ">": ">", ">=": ">="}
        turned = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
        if self._words("request", ".", "time"):
            operator = operators.get(self._next())
            moment = self._timestamp()
        else:
            moment = self._timestamp()
            operator = turned.get(self._next() if moment else "")
            if not (operator and self._words("request", ".", "time")):
                return None
        if operator is None or moment is None or not self._ends():
            return None
        now = self._about.now
        return ({"<": now < moment, "<=": now <= moment, ">": now > moment, ">=": now >= moment}[operator],)

    def _timestamp(self) -> datetime | None:
        if not self._words("timestamp", "("):
            return None
        text = _text(self._next())
        if text is None or not self._take(")"):
            return None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return None
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

    def _resource(self) -> tuple[bool | None] | None:
        if not self._words("resource", "."):
            return None
        attribute = self._next()
        if attribute not in ("name", "type", "service"):
            return None
        if self._words(".", "startsWith", "("):
            text = _text(self._next())
            if text is None or not self._take(")") or not self._ends():
                return None
            return (self._starts(attribute, text),)
        operator = self._next()
        text = _text(self._next())
        if operator not in ("==", "!=") or text is None or not self._ends():
            return None
        value = self._equals(attribute, text)
        return (value if operator == "==" else _not(value),)

    def _starts(self, attribute: str, text: str) -> bool | None:
        """Decide `startsWith` for everything at and below the binding's own resource."""
        about = self._about
        if attribute != "name" or not about.narrow:
            return None
        if any(name.startswith(text) for name in about.names):
            return True
        # A prefix that leads below the resource covers a part of it; any other prefix covers nothing.
        return None if any(text.startswith(name) for name in about.names) else False

    def _equals(self, attribute: str, text: str) -> bool | None:
        about = self._about
        if not about.narrow:
            return None
        if attribute == "service":
            return text == about.service if about.service else None
        own = about.names if attribute == "name" else (about.type,)
        if text in own:
            return True
        if attribute == "type":
            same = text.partition("/")[0] == about.service
            return None if same or not about.service else False
        return None if any(text.startswith(f"{name}/") for name in about.names) else False

    def _skip(self) -> None:
        """Read over one operand up to the next `&&`, `||` or closing bracket of this level."""
        start, open_brackets = self._at, 0
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            if token in ("(", "[", "{"):
                open_brackets += 1
            elif token in (")", "]", "}"):
                if not open_brackets:
                    break
                open_brackets -= 1
            elif token in ("&&", "||") and not open_brackets:
                break
            elif token in ("?", ":") and not open_brackets:
                raise _UnreadableError
            self._at += 1
        if self._at == start:
            raise _UnreadableError

    def _ends(self) -> bool:
        """Return whether the comparison is over here, with nothing (`+ duration(…)`) to change it."""
        return self.done or self._tokens[self._at] in ("&&", "||", ")")

    def _words(self, *words: str) -> bool:
        if tuple(self._tokens[self._at : self._at + len(words)]) != words:
            return False
        self._at += len(words)
        return True

    def _take(self, token: str) -> bool:
        return self._words(token)

    def _next(self) -> str:
        if self.done:
            return ""
        self._at += 1
        return self._tokens[self._at - 1]
