"""Hold the keys of rows as numbers of words, sorted, and put further ones among them."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from connectors.logs.rows import RowKey
from connectors.logs.store import Numbers

Words = npt.NDArray[np.object_]
"""A matrix of words: one row for each RowKey, one column for each of its fields."""

Key = tuple[str, ...]
_FIELDS = len(RowKey._fields)


class Keys(NamedTuple):
    """Keys, each once, in order. Words are in order, too, so keys compare as their numbers do."""

    words: list[str]
    numbers: Numbers
    """By key and field: the number of the word."""

    @classmethod
    def of(cls, keys: Sequence[Key]) -> "Keys":
        """Return some keys, which are in order and differ."""
        words = sorted({*chain.from_iterable(keys)})
        return cls(words, _numbered(keys, words))

    def texts(self) -> Words:
        """Return the keys as words."""
        return np.array(self.words, np.object_)[self.numbers]

    def joined(self, keys: Sequence[Key]) -> "tuple[Keys, Numbers, Numbers]":
        """Put keys that differ among these; return all, where these stand now, and where the others do."""
        words, known = self._with_words(chain.from_iterable(keys))
        asked = _numbered(keys, words)
        before, wanted = _comparable(known), _comparable(asked)
        order = np.argsort(wanted)
        at = np.searchsorted(before, wanted[order])
        there = at < len(before)
        there[there] = before[at[there]] == wanted[order][there]
        moved = np.arange(len(before))
        moved += np.searchsorted(at[~there], moved, side="right")
        places = np.zeros(len(keys), np.int64)
        places[order[there]] = moved[at[there]]
        places[order[~there]] = at[~there] + np.arange(np.count_nonzero(~there))
        numbers = np.zeros((len(before) + np.count_nonzero(~there), _FIELDS), np.uint32)
        numbers[moved] = known
        numbers[places] = asked
        return Keys(words, numbers), moved.astype(np.uint32), places.astype(np.uint32)

    def _with_words(self, some: Iterable[str]) -> tuple[list[str], Numbers]:
        """Return all words with some more, and the numbers that these keys have then."""
        fresh = sorted({*some}.difference(self.words))
        ats = [bisect_left(self.words, word) for word in fresh]
        place = np.arange(len(self.words))
        place += np.searchsorted(ats, place, side="right")
        return sorted([*self.words, *fresh]), place.astype(np.uint32)[self.numbers]


def _numbered(keys: Sequence[Key], words: Sequence[str]) -> Numbers:
    number = {word: at for at, word in enumerate(words)}
    columns = [[*map(number.__getitem__, column)] for column in zip(*keys, strict=True)]
    return np.array(columns, np.uint32).reshape(_FIELDS, len(keys)).T


def _comparable(numbers: Numbers) -> npt.NDArray[np.bytes_]:
    """Return rows of numbers as text that compares as they do."""
    letters = np.ascontiguousarray(numbers.astype(">u4"))
    return np.frombuffer(letters.tobytes(), f"S{4 * _FIELDS}")
