"""Write commands for bash, quoted so that no text can end up as code and none hides from a reader."""

import shlex
from collections.abc import Iterable
from unicodedata import category

_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode categories of what a reader cannot see: controls, direction marks, separators of lines."""
_ESCAPES = {"'": "\\'", "\\": "\\\\", "\n": "\\n", "\t": "\\t"}


def quote(word: str) -> str:
    """Return a word quoted for bash; characters that a reader cannot see are written as escapes."""
    if word.isprintable() or not any(category(letter) in _HIDDEN for letter in word):
        return shlex.quote(word)
    return "$'" + "".join(map(_escaped, word)) + "'"


def line(words: Iterable[str]) -> str:
    """Return a command as one line, whatever its words hold."""
    return " ".join(map(quote, words))


def _escaped(letter: str) -> str:
    if letter in _ESCAPES:
        return _ESCAPES[letter]
    kind = category(letter)
    if kind not in _HIDDEN:
        return letter
    code = ord(letter)
    if kind == "Cs":
        return "\\ufffd"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
