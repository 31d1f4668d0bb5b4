"""Split all strings into the classes that a list of wildcard patterns can tell apart.

Two strings that the same patterns match are the same to a policy, so one witness of each class stands
for all strings. The classes are found by walking one automaton for all patterns together: a pattern's
state is the set of places in it that a prefix may have reached, all patterns' places are bits of one
integer, and a step is a shift (the shift-and method of Baeza-Yates and Gonnet, CACM 35, 1992). There is
no sampling: every class that any string has is found, or the walk says that it gave up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from connectors.aws.policy.globs import ANY, STAR

MOST_STATES = 30_000
"""Walks longer than this give up; the largest of 1,594 AWS managed policies needs about 2,000."""
_OTHER = "\x00"
"""Stands for every character that no pattern names."""
_WRITTEN = {STAR: "*", ANY: "?"}
"""Characters that a policy wrote as `${*}` and `${?}`: themselves, no wildcards."""


class TooManyStates(Exception):  # noqa: N818 it is an answer, no fault
    """The patterns tell more classes apart than the walk may visit."""


@dataclass(frozen=True, slots=True)
class _Automaton:
    """All patterns side by side; bit positions grow from the first pattern's start."""

    start: int
    loops: int
    """Places that a star lets any character stay at."""
    any_one: int
    """Places whose next token is `?`."""
    steps: dict[str, int]
    """Places whose next token is this character."""
    ends: tuple[int, ...]
    """Accepting place of each pattern."""
    letters: tuple[str, ...]
    """The character that the token at a place wants, empty for none."""
    places: tuple[int, ...]
    """All places of each pattern."""


@lru_cache(maxsize=2048)
def classes(patterns: tuple[str, ...], within: int | None = None) -> dict[int, str]:
    """Return for each class the set of patterns (bit n: the n-th) that match it, and a string of it.

    With `within` only strings that this pattern matches are looked at. Patterns are those of
    connectors.aws.policy.globs (`*`, `?`, and STAR and ANY for the written characters). Raises TooManyStates.
    """
    literals = {n: text for n, p in enumerate(patterns) if (text := _literal(p)) is not None}
    numbers = [n for n in range(len(patterns)) if n not in literals]
    if within in literals:
        numbers.append(within)
    walked = _walk_apart(patterns, numbers, literals, within)
    found: dict[int, str] = {}
    automaton = _build([patterns[n] for n in numbers])
    for text in sorted(set(literals.values())):
        signature = _spread(_accepted(automaton, _run(automaton, text)), numbers)
        named = sum(1 << n for n, literal in literals.items() if literal == text)
        found.setdefault(signature | named, text)
    return {
        signature: text
        for signature, text in (walked | found).items()
        if within is None or signature >> within & 1
    }


def _walk_apart(
    patterns: Sequence[str], numbers: list[int], literals: dict[int, str], within: int | None
) -> dict[int, str]:
    """Return the classes of strings that no literal pattern names.

    Literals stay out of the automaton, since thousands of them are usual. Where the string found for a
    class happens to be one, the literal is put in and the walk repeated: the class may hold nothing else.
    """
    held = list(numbers)
    while True:
        automaton = _build([patterns[n] for n in held])
        alive = None if within is None else held.index(within)
        walked = {_spread(signature, held): text for signature, text in _walk(automaton, alive).items()}
        inside = sum(1 << n for n in held if n in literals)
        taken = set(walked.values())
        meant = [n for n, text in literals.items() if text in taken and n not in held]
        if not meant:
            return {signature: text for signature, text in walked.items() if not signature & inside}
        held += meant


def _literal(pattern: str) -> str | None:
    """Return the one string that a pattern without wildcards matches, or None."""
    if "*" in pattern or "?" in pattern:
        return None
    return "".join(_WRITTEN.get(character, character) for character in pattern)


def _build(patterns: Sequence[str]) -> _Automaton:
    start = loops = any_one = place = 0
    steps: dict[str, int] = {}
    ends: list[int] = []
    letters: list[str] = []
    places: list[int] = []
    for pattern in patterns:
        first = place
        start |= 1 << place
        for character in pattern:
            if character == "*":
                loops |= 1 << place
                continue
            if character == "?":
                any_one |= 1 << place
                letters.append("")
            else:
                letter = _WRITTEN.get(character, character)
                steps[letter] = steps.get(letter, 0) | 1 << place
                letters.append(letter)
            place += 1
        ends.append(1 << place)
        letters.append("")
        place += 1
        places.append((1 << place) - (1 << first))
    return _Automaton(start, loops, any_one, steps, tuple(ends), tuple(letters), tuple(places))


def _step(automaton: _Automaton, state: int, character: str) -> int:
    wanted = automaton.steps.get(character, 0) | automaton.any_one
    return (state & wanted) << 1 | state & automaton.loops


def _run(automaton: _Automaton, text: str) -> int:
    state = automaton.start
    for character in text:
        state = _step(automaton, state, character)
    return state


def _accepted(automaton: _Automaton, state: int) -> int:
    return sum(1 << n for n, end in enumerate(automaton.ends) if state & end)


def _walk(automaton: _Automaton, alive: int | None) -> dict[int, str]:
    """Visit every reachable state once, leaving out those where the pattern `alive` can match no more."""
    must = 0 if alive is None else automaton.places[alive]
    found: dict[int, str] = {}
    ends = sum(automaton.ends)
    queue = [(automaton.start, "")]
    seen = {automaton.start}
    accepted: dict[int, int] = {}
    for state, text in queue:
        at_end = state & ends
        signature = accepted.get(at_end)
        if signature is None:
            signature = accepted[at_end] = _accepted(automaton, state)
        found.setdefault(signature, text)
        for character in _worth_trying(automaton, state):
            after = _step(automaton, state, character)
            if after not in seen and (alive is None or after & must):
                seen.add(after)
                queue.append((after, text + _shown(automaton, character)))
                if len(seen) > MOST_STATES:
                    raise TooManyStates
    return found


def _worth_trying(automaton: _Automaton, state: int) -> list[str]:
    """Return the characters that some place of this state waits for, and one that none does."""
    characters = {""}
    rest = state
    while rest:
        place = rest & -rest
        characters.add(automaton.letters[place.bit_length() - 1])
        rest ^= place
    return [character or _OTHER for character in sorted(characters)]


def _shown(automaton: _Automaton, character: str) -> str:
    """Return a readable character for a witness: one that no pattern names, for the others."""
    if character != _OTHER:
        return character
    return next((c for c in "xyzqwvkj0123456789" if c not in automaton.steps), "\ufffd")


def _spread(signature: int, numbers: Sequence[int]) -> int:
    """Return the signature over all patterns from one over the wildcard patterns alone."""
    return sum(1 << number for bit, number in enumerate(numbers) if signature >> bit & 1)
