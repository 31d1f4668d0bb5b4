"""Text for people in server-rendered HTML: hidden characters as marks, long names cut, all escaped.

The same rule as `script/text.js`; the browser tests compare the two.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

LONGEST = 400
"""Characters of one text that are shown; a page must stay legible beside a 64 KB name."""
LONGEST_NAME = 120
"""Characters of a name within a sentence that are shown."""
_TAIL = 24
"""Of a cut text the end is shown too: names of one place differ there."""

_ASCII = r"\x00-\x7f"
_HIDING = re.compile(
    "["
    r"\x00-\x1f\x7f-\xa0\xad\u034f\u061c\u070f\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f"
    r"\u2000-\u200b\u200e\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ue000-\uf8ff\ufe00-\ufe0e"
    r"\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\U0001d173-\U0001d17a\U000e0000-\U0010ffff\ud800-\udfff"
    "]"
    # Joiners shape Persian, Indic and emoji text; beside ASCII, or at an end, they only forge names.
    rf"|(?:(?<=[{_ASCII}])|^)[\u200c\u200d]|[\u200c\u200d](?=[{_ASCII}]|$)"
)
_STACKED_ACCENTS = 3
_PLAIN_WORD = re.compile("[a-z]+ ")


class Piece(NamedTuple):
    """A run of plain text, or a mark that stands for something hidden."""

    text: str
    is_mark: bool


def visible(value: object, longest: int = LONGEST) -> Markup:
    """Return any value as escaped HTML in which nothing is hidden; Markup passes unchanged.

    Serves as Jinja's `finalize`, so that no template expression can forget it.
    """
    if isinstance(value, Markup):
        return value
    text = str(value)
    if len(text) <= longest:
        return _written(text)
    cut = Markup(' <span class="cut">… {:,} characters …</span> ').format(len(text))
    return _written(text[: longest - _TAIL]) + cut + _written(text[-_TAIL:])


def sentence(pattern: str, *parts: str) -> Markup:
    """Fill our own words with the clouds' names, each isolated so that it cannot reorder the rest."""
    return Markup(pattern).format(*map(_isolated, parts))  # noqa: S704 - the pattern is ours, parts are escaped


def prose(text: str, *, stop: str = ".") -> Markup:
    """Write another part's text as a sentence of its own, isolated.

    A full stop comes last, and a capital first if a plain word is first; the same rule as in
    `script/text.js`. Not for commands, which must stay as they are.
    """
    if not text:
        return Markup()
    ended = text.endswith((".", "!", "?", ")", "]", "}"))
    first = text[0].upper() if _PLAIN_WORD.match(text) else text[0]
    return Markup("<bdi>{}</bdi>").format(visible(first + text[1:])) + ("" if ended else stop)


def names(texts: Sequence[str], *, most: int) -> Markup:
    """Return `a, b and c`, or the first few `and 7 more`, each name isolated."""
    shown = [_isolated(text) for text in texts[:most]]
    if len(texts) > most:
        return Markup(", ").join(shown) + f" and {len(texts) - most:,} more"
    return (
        Markup(" and ").join([Markup(", ").join(shown[:-1]), shown[-1]])
        if len(shown) > 1
        else Markup().join(shown)
    )


def _isolated(text: str) -> Markup:
    return text if isinstance(text, Markup) else Markup("<bdi>{}</bdi>").format(visible(text, LONGEST_NAME))


def pieces(text: str) -> list[Piece]:
    """Split text into plain runs and marks (`U+202E`, `+12 accents`)."""
    found: list[Piece] = []
    end = 0
    for match in _HIDING.finditer(text):
        found += _without_stacks(text[end : match.start()])
        found.append(Piece(f"U+{ord(match[0]):04X}", is_mark=True))
        end = match.end()
    return found + _without_stacks(text[end:])


def _without_stacks(text: str) -> list[Piece]:
    """Replace accents past the third on one letter: stacked ones climb over the lines around them."""
    if text.isascii():
        return [Piece(text, is_mark=False)] if text else []
    found: list[Piece] = []
    plain, stack = "", 0
    for letter in text:
        accent = unicodedata.category(letter).startswith("M")
        if not accent and stack > _STACKED_ACCENTS:
            found += [
                Piece(plain, is_mark=False),
                Piece(f"+{stack - _STACKED_ACCENTS} accents", is_mark=True),
            ]
            plain = ""
        stack = stack + 1 if accent else 0
        if stack <= _STACKED_ACCENTS:
            plain += letter
    if stack > _STACKED_ACCENTS:
        found += [Piece(plain, is_mark=False), Piece(f"+{stack - _STACKED_ACCENTS} accents", is_mark=True)]
        plain = ""
    return [*found, Piece(plain, is_mark=False)] if plain else found


def _written(text: str) -> Markup:
    return Markup().join(
        Markup('<span class="mark">{}</span>').format(piece.text) if piece.is_mark else escape(piece.text)
        for piece in pieces(text)
    )
