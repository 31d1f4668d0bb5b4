"""Read and write many days and times at once."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from connectors.logs.cells import Column, Numbers, Whole
from connectors.logs.clock import DAY_SECONDS, PACKED, day, parse

Letters = npt.NDArray[np.uint8]
_DAY = len("2026-11-22")
STAMP = len("2026-11-22T00:00:00Z")


def seconds(packed: bytes | bytearray) -> Numbers:
    """Return packed times (see `Clock`) in seconds since 1970."""
    pairs = np.frombuffer(packed, np.uint8).reshape(-1, PACKED)
    dates = pairs[:, :4].copy().view(">u4")[:, 0]
    met, which = np.unique(dates, return_inverse=True)
    begins = np.array([parse(f"{date:x}") for date in met.tolist()], np.uint32)
    hours, minutes, rest = ((pairs[:, at] - 6 * (pairs[:, at] >> 4)).astype(np.uint32) for at in (4, 5, 6))
    return begins[which] + hours * 3600 + minutes * 60 + rest


def days(numbers: Column) -> tuple[list[str], Whole]:
    """Return the days met (counted from 1970) as `YYYY-MM-DD`, and which of them each number is."""
    lowest = numbers.min(initial=2**32 - 1)
    found = np.bincount(numbers - lowest)
    met = np.flatnonzero(found)
    found[met] = np.arange(len(met))
    return [day(int(lowest) + number) for number in met.tolist()], found[numbers - lowest]


def stamps(seconds: Column) -> list[str]:
    """Return times given in seconds since 1970 as `YYYY-MM-DDTHH:MM:SSZ`."""
    lines = np.full((len(seconds), STAMP + 1), ord("\n"), np.uint8)
    write_stamps(seconds, lines[:, :STAMP])
    return lines.tobytes().decode("ascii").split("\n")[:-1]


def write_stamps(seconds: Column, letters: Letters) -> None:
    """Write times as `stamps` has them, each into its row of letters."""
    texts, which = days(seconds // DAY_SECONDS)
    letters[:, :_DAY] = np.frombuffer("".join(texts).encode(), np.uint8).reshape(-1, _DAY)[which]
    letters[:, _DAY:] = _times_of_day()[seconds % DAY_SECONDS]


@lru_cache(maxsize=1)
def _times_of_day() -> Letters:
    """Return the letters of every second of a day, from `T00:00:00Z`."""
    second = np.arange(DAY_SECONDS)
    letters = np.tile(np.frombuffer(b"T00:00:00Z", np.uint8), (DAY_SECONDS, 1))
    for at, value in ((1, second // 3600), (4, second // 60 % 60), (7, second % 60)):
        letters[:, at] += (value // 10).astype(np.uint8)
        letters[:, at + 1] += (value % 10).astype(np.uint8)
    return letters
