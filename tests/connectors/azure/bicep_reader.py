"""Read the part of Bicep that resources and literals need; anything else is an error."""

import re
from typing import Any

_TOKEN = re.compile(
    r"\s+|//[^\n]*|(?P<string>'(?:[^'\\\n\r]|\\(?:[\\'nrt$]|u\{[0-9a-f]{1,6}\}))*')"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<number>\d+)|(?P<mark>[{}\[\]:=])"
)
_ESCAPE = re.compile(r"\\(?:u\{([0-9a-f]+)\}|(.))")
_PLAIN = {"n": "\n", "r": "\r", "t": "\t"}


def read(text: str) -> tuple[str, dict[str, tuple[str, Any]]]:
    """Return a file's target scope, and its resources by symbol as (type, body)."""
    reader = _Reader(text)
    scope, resources = "", {}
    while reader.at < len(reader.tokens):
        match reader.word():
            case "targetScope":
                reader.mark("=")
                scope = reader.value()
            case "resource":
                symbol = reader.word()
                kind = reader.value()
                reader.mark("=")
                assert symbol not in resources
                resources[symbol] = (kind, reader.value())
            case other:
                raise AssertionError(other)
    return scope, resources


class _Reader:
    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        self.at = place = 0
        while place < len(text):
            found = _TOKEN.match(text, place)
            assert found, f"no Bicep at: {text[place : place + 60]!r}"
            if found.lastgroup:
                self.tokens.append((found.lastgroup, found[0]))
            place = found.end()

    def _next(self) -> tuple[str, str]:
        self.at += 1
        return self.tokens[self.at - 1]

    def word(self) -> str:
        kind, text = self._next()
        assert kind == "word", text
        return text

    def mark(self, wanted: str) -> None:
        assert self._next() == ("mark", wanted)

    def value(self) -> Any:
        kind, text = self._next()
        if kind == "string":
            inner = text[1:-1]
            assert not re.search(r"(?<!\\)(?:\\\\)*\$\{", inner), "an interpolation"
            return _ESCAPE.sub(lambda m: chr(int(m[1], 16)) if m[1] else _PLAIN.get(m[2], m[2]), inner)
        if kind == "number":
            return int(text)
        if text in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[text]
        if text == "{":
            found = {}
            while self.tokens[self.at] != ("mark", "}"):
                key = self.word()
                self.mark(":")
                found[key] = self.value()
            self.mark("}")
            return found
        assert text == "[", text
        items = []
        while self.tokens[self.at] != ("mark", "]"):
            items.append(self.value())
        self.mark("]")
        return items
