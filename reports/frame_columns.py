"""The column types of the frames: text, categories, UTC times, counts and flags, alike in every table."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from reports.moments import epoch_seconds

UNKNOWN_TIME = np.iinfo(np.int64).min
"""How numpy writes a time that is not known (NaT)."""

Column = Any
"""A pandas array: pandas comes without types."""


def text(values: Iterable[str]) -> Column:
    """Text as the report has it, empty where it is empty there."""
    return pd.array([utf8(value) for value in values], dtype="string")


def category(values: Iterable[str]) -> Column:
    """Text that repeats: each value is held once, values in alphabetical order."""
    shown = [utf8(value) for value in values]
    names = sorted(set(shown))
    codes = {name: code for code, name in enumerate(names)}
    return categorical(np.fromiter(map(codes.__getitem__, shown), np.int32, len(shown)), names)


def one_of(*names: str, ordered: bool = False) -> Callable[[Iterable[str]], Column]:
    """Values of a closed list; with `ordered` from least to most, so that `>= "high"` can be asked.

    All names are categories, also those that do not occur: tables of two reports have the same columns.
    """
    codes = {name: code for code, name in enumerate(names)} | {"": -1}
    return lambda values: categorical(
        np.array([codes[value] for value in values], np.int32), names, ordered=ordered
    )


def categorical(codes: npt.NDArray[np.int32], names: Sequence[str], *, ordered: bool = False) -> Column:
    """Categories from their positions in `names`; -1 stands for none."""
    index = pd.Index(names, dtype="string")
    return pd.Categorical.from_codes(codes, categories=index, ordered=ordered)


def time(values: Iterable[str]) -> Column:
    """UTC times to the second; NaT where the report has none or none that can be read."""
    seen: dict[str, int] = {}
    seconds = []
    for value in values:
        if value not in seen:
            seen[value] = seconds_of(value)
        seconds.append(seen[value])
    return times(np.array(seconds, np.int64))


def seconds_of(value: str) -> int:
    """Read a time as seconds since 1970, `UNKNOWN_TIME` where there is none."""
    found = epoch_seconds(value)
    return UNKNOWN_TIME if found is None else found


def times(seconds: npt.NDArray[np.int64]) -> Column:
    """UTC times from seconds since 1970.

    Microseconds, not nanoseconds: those end in the year 2262, and secrets that never expire end later.
    """
    return pd.DatetimeIndex(seconds.view("datetime64[s]").astype("datetime64[us]")).tz_localize("UTC").array


def count(values: Iterable[int]) -> Column:
    """Whole numbers that are always known."""
    return np.array(list(values), np.int64)


def number(values: Iterable[int | None]) -> Column:
    """Whole numbers, missing where they are not known: never 0 instead."""
    return pd.array(list(values), dtype="Int64")


def numbers(values: npt.NDArray[np.int64], unknown: npt.NDArray[np.bool_]) -> Column:
    """Whole numbers, missing where `unknown` says so."""
    return pd.arrays.IntegerArray(values, unknown)


def flag(values: Iterable[bool]) -> Column:
    """Yes or no, always known."""
    return np.array(list(values), np.bool_)


def codes_of(names: Iterable[str]) -> tuple[list[str], Mapping[str, int]]:
    """Give the sorted categories of many names, and the position of each name among them."""
    shown = {name: utf8(name) for name in names}
    categories = sorted(set(shown.values()))
    position = {name: code for code, name in enumerate(categories)}
    return categories, {name: position[clean] for name, clean in shown.items()}


def utf8(value: str) -> str:
    """Replace lone surrogates, which a tolerant log reader may hand on and UTF-8 cannot hold."""
    return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
