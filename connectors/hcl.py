"""Write values and blocks in Terraform's language, quoted so that no text can end up as code.

Layout is that of `terraform fmt`: two blanks per level, equals signs of neighbouring one-line values aligned.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from unicodedata import category

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_KEYWORDS = {"true", "false", "null", "for", "if", "in"}


@dataclass(frozen=True, slots=True)
class Expression:
    """Text that is code: a reference, a function call; never made from evidence."""

    text: str


@dataclass(frozen=True, slots=True)
class Encoded:
    """A JSON value to be written as `jsonencode({…})`; what it was written as is remembered by indent."""

    value: Any
    written: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)


Value = str | bool | int | Expression | Encoded | Sequence[Any] | Mapping[str, Any]


def quote(text: str) -> str:
    """Return a text as a quoted string: `${` and `%{` are written so that they start no template.

    Characters that a reader cannot see (controls, direction marks) are written as escapes.
    """
    if text.isascii() and text.isprintable():
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    else:
        escaped = "".join(_ESCAPES.get(c) or (_escape(c) if category(c) in _HIDDEN else c) for c in text)
    return '"' + escaped.replace("${", "$${").replace("%{", "%%{") + '"'


def _escape(character: str) -> str:
    if category(character) == "Cs":
        return "\\ufffd"
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def block(head: Sequence[str], values: Mapping[str, Value], *inner: str) -> str:
    """Return a block: type and labels, attributes, then inner blocks."""
    kind, *labels = head
    first = " ".join([kind, *(quote(label) for label in labels), "{"])
    lines = _attributes(values.items(), "  ")
    for one in inner:
        lines += ["", *("  " + line if line else line for line in one.splitlines())]
    return "\n".join([first, *lines, "}"])


def comment(text: str) -> str:
    """Return a text as a comment on one line."""
    return "# " + quote(text)[1:-1].replace('\\"', '"').replace("$${", "${").replace("%%{", "%{")


def _attributes(items: Iterable[tuple[str, Any]], indent: str) -> list[str]:
    lines: list[str] = []
    waiting: list[tuple[str, str]] = []

    def flush() -> None:
        width = max((len(key) for key, _ in waiting), default=0)
        lines.extend(f"{indent}{key.ljust(width)} = {text}" for key, text in waiting)
        waiting.clear()

    for name, value in items:
        key = name if _IDENTIFIER.fullmatch(name) and name not in _KEYWORDS else quote(name)
        text = _value(value, indent)
        if "\n" in text:
            flush()
            lines.append(f"{indent}{key} = {text}")
        else:
            waiting.append((key, text))
    flush()
    return lines


def _value(value: Any, indent: str) -> str:
    match value:
        case Expression():
            text = value.text
        case Encoded():
            if indent not in value.written:
                value.written[indent] = f"jsonencode({_value(value.value, indent)})"
            text = value.written[indent]
        case str():
            text = quote(value)
        case Mapping() if value:
            text = "\n".join(["{", *_attributes(value.items(), indent + "  "), indent + "}"])
        case Mapping():
            text = "{}"
        case list() | tuple() if value:
            inner = [f"{indent}  {_value(item, indent + '  ')}," for item in value]
            text = "\n".join(["[", *inner, indent + "]"])
        case _:
            text = json.dumps(value)
    return text
