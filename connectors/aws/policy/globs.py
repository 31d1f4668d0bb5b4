"""The wildcard patterns of IAM: match a text, cover another pattern, overlap with another pattern.

`*` stands for any run of characters including none, `/` and `:`, `?` for exactly one (IAM user guide,
"IAM JSON policy elements: Resource" and "Condition operators"). Case is the caller's affair.
"""

import re
from functools import lru_cache

NAME = "\x01"
"""In a catalogue template: a run of characters without `/` (an S3 bucket name)."""
PART = "\x02"
"""In a catalogue template: a run of characters without `:` (partition, region or account of an ARN)."""
STAR = "\x03"
"""In a pattern made from a policy variable: the character `*` itself, no wildcard."""
ANY = "\x04"
"""In a pattern made from a policy variable: the character `?` itself, no wildcard."""
_PLAIN = {STAR: r"\*", ANY: r"\?"}
_STOPS = {NAME: "/", PART: ":"}
_VARIABLE = frozenset("*?") | _STOPS.keys()
_SPECIAL = frozenset("*?") | _PLAIN.keys()


@lru_cache(maxsize=65_536)
def regex(pattern: str) -> re.Pattern[str]:
    """Return the compiled form of a pattern, for `fullmatch`."""
    found = re.escape(collapse(pattern)).replace(r"\*", ".*").replace(r"\?", ".")
    for character, escaped in _PLAIN.items():
        found = found.replace(character, escaped)
    return re.compile(found, re.DOTALL)


def matches(pattern: str, text: str) -> bool:
    """Tell whether a pattern matches a text."""
    if not _SPECIAL & set(pattern):
        return pattern == text
    return pattern == "*" or regex(pattern).fullmatch(text) is not None


@lru_cache(maxsize=65_536)
def _outer(pattern: str) -> re.Pattern[str]:
    found = re.escape(collapse(pattern)).replace(r"\*", ".*").replace(r"\?", "[^*\x01\x02]")
    return re.compile(found, re.DOTALL)


def covers(outer: str, inner: str) -> bool:
    """Tell whether a pattern certainly matches everything that another one matches.

    True is certain. False can be wrong for odd pairs (`?*` covers `*?` is missed), which errs on the side
    of leaving access granted.
    """
    if "*" not in outer and "?" not in outer:
        return outer == inner
    return outer in ("*", inner) or _outer(outer).fullmatch(collapse(inner)) is not None


def overlaps(left: str, right: str) -> bool:
    """Tell whether some text matches both patterns (exact). `right` may hold `NAME` and `PART`.

    Simulates the automaton of `left` over the characters of `right`, all states at once in one integer:
    bit n is set when the first n characters of `left` can be done with.
    """
    if left == "*" or right == "*":
        return True
    if not _VARIABLE & set(left) and not _VARIABLE & set(right):
        return left == right
    left = collapse(left)
    by_character, star, single = _automaton(left)
    state = 1 | (star & 1) << 1
    for character in right:
        if character == "*":
            state = ~0 << ((state & -state).bit_length() - 1) & ((1 << (len(left) + 1)) - 1)
            continue
        if character in _STOPS:
            state = _run(state, left, _STOPS[character])
            continue
        fits = single if character == "?" else by_character.get(character, by_character["?"])
        state = (state & fits) << 1 | (state & star)
        state |= (state & star) << 1
        if not state:
            return False
    return bool(state >> len(left) & 1)


def _run(state: int, left: str, stop: str) -> int:
    """Return the states reached from `state` by any run of characters other than `stop`."""
    for position, character in enumerate(left):
        if character != stop and state >> position & 1:
            state |= 1 << (position + 1)
    return state


@lru_cache(maxsize=65_536)
def _automaton(pattern: str) -> tuple[dict[str, int], int, int]:
    """Return, as sets of positions, what each character fits, where `*` stands, and what is one character."""
    any_one = sum(1 << at for at, c in enumerate(pattern) if c == "?")
    fits = {"?": any_one}
    for at, character in enumerate(pattern):
        if character not in "*?":
            fits[character] = fits.get(character, any_one) | 1 << at
    star = sum(1 << at for at, c in enumerate(pattern) if c == "*")
    return fits, star, ((1 << len(pattern)) - 1) & ~star


def collapse(pattern: str) -> str:
    """Return the pattern with runs of `*` made one, which means the same and is matched in bounded time."""
    return re.sub(r"\*{2,}", "*", pattern) if "**" in pattern else pattern
