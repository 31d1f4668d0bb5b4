"""The sample report with every free text replaced by an attack on the page or on its reader."""

import itertools
from collections.abc import Callable
from typing import Any

import msgspec
from html_samples import sample

from reports.document import VERDICTS, Report

ATTACKS = (
    "</script><script>window.pwned=1</script>",
    '"><svg onload=window.pwned=1>',
    "<img src=x onerror=window.pwned=1>",
    "{{7*7}}{% for x in y %}${7*7}",
    "javascript:window.pwned=1",
    "\u202egpj.exe\u2066\u2067x\u2069",
    "nul\x00bell\x07esc\x1b[31mred\x1b]8;;http://evil.example\x07link\x1b]8;;\x07\r\n\tend",
    "line\u2028separator\u2029",
    "zero\u200bwidth\u200d\u00ad\ufefftag\U000e0041",
    "مرحبا بالعالم",
    "👩\u200d💻🚀",
    "Z" + "\u0301" * 40 + "algo",
    "null",
    "__proto__",
    "constructor",
    "' onmouseover='window.pwned=1",
    "-->]]><!--<script>",
    "=cmd|'/c calc'!A0",
    "&lt;b&gt;&#x202e;",
    "half \ud83d pair",
)
HUGE = "A" * 65_536
_HUGE_ONES = (25, 60, 200)
"""Which of the replaced texts are 64 KB long."""


def hostile() -> Report:
    """Return the hostile report; equal texts stay equal, so that references between entries still hold."""
    attacks = itertools.cycle(ATTACKS)
    known: dict[str, str] = {"": ""}

    def twist(text: str) -> str:
        if text not in known:
            size = HUGE if len(known) in _HUGE_ONES else ""
            known[text] = f"{next(attacks)}·{size}{len(known)}"
        return known[text]

    document = msgspec.to_builtins(sample())
    return msgspec.convert(_twisted(document, msgspec.inspect.type_info(Report), twist), Report)


def _twisted(value: Any, kind: msgspec.inspect.Type, twist: Callable[[str], str]) -> Any:
    """Replace each string whose type leaves it free; words of a fixed list keep their value."""
    match kind, value:
        case msgspec.inspect.StructType(), dict():
            types = {field.encode_name: field.type for field in kind.fields}
            return {key: _twisted(one, types[key], twist) for key, one in value.items()}
        case msgspec.inspect.ListType(), list():
            return [_twisted(one, kind.item_type, twist) for one in value]
        case msgspec.inspect.DictType(), dict():
            keys = {key: key if key in VERDICTS else twist(key) for key in value}
            return {keys[key]: _twisted(one, kind.value_type, twist) for key, one in value.items()}
        case msgspec.inspect.UnionType(), _:
            fits = {
                dict: msgspec.inspect.StructType,
                list: msgspec.inspect.ListType,
                str: msgspec.inspect.StrType,
            }
            wanted = fits.get(type(value))
            return next(
                (_twisted(value, one, twist) for one in kind.types if wanted and isinstance(one, wanted)),
                value,
            )
        case msgspec.inspect.StrType(), str():
            return twist(value)
    return value
