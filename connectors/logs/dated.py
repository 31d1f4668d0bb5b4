"""List only the days of a window in object stores whose keys hold dates."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from connectors.facts import Window
from connectors.logs.walk import Found

EARLY = timedelta(days=1)
LATE = timedelta(days=3)
"""Events are delivered late, seldom by days; which of them count is told by their own time."""

REMEMBERED = timedelta(days=400)
"""So long before the end of the window the ledger keeps objects: a shorter window is no reason to forget."""

_YEAR = re.compile(r"(?:19|20)\d\d/")
_MOST_FOLDERS = 2_000
"""A level with more folders than this is listed flat: walking it would take more calls."""


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a store: the folders below it, with their whole prefixes, and its own objects."""

    folders: tuple[str, ...]
    objects: tuple[Found, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a cloud writes the day of events into a key; other dates, as of a copy, say nothing."""

    above: str
    """Pattern of the folder that holds the years."""
    day: str = r"((?:19|20)\d\d)/(\d\d)/(\d\d)/"
    """Pattern of year, month and day below it."""

    def years_in(self, folder: str) -> bool:
        """Return whether folders named like years are years of events here."""
        return re.search(f"(?:^|/){self.above}$", folder) is not None

    def day_of(self, key: str) -> date | None:
        """Return the day that a key holds, if it does."""
        found = re.search(f"(?:^|/){self.above}{self.day}", key)
        if not found:
            return None
        try:
            return date(int(found[1]), int(found[2]), int(found[3]))
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Days:
    """The days of objects that may hold events of a window."""

    layout: Layout
    first: date
    last: date
    forgotten: date = date.min
    """Objects of earlier days are not remembered any longer."""

    @classmethod
    def of(cls, window: Window, layout: Layout) -> "Days":
        """Return the days of a window, with some before and after it."""
        first, last = (window.start - EARLY).date(), (window.end + LATE).date()
        return cls(layout, first, last, min(first, last - REMEMBERED))

    def hold(self, key: str) -> bool:
        """Return whether a key is of these days; one without a day may hold anything."""
        day = self.layout.day_of(key)
        return day is None or self.first <= day <= self.last

    def remember(self, key: str) -> bool:
        """Return whether what is known of a key is kept for scans of other windows."""
        day = self.layout.day_of(key)
        return day is None or day >= self.forgotten


def walk(
    prefix: str,
    days: Days,
    level: Callable[[str], Level],
    between: Callable[[str, str, str], Iterator[Found]],
    *,
    skip: Callable[[str], bool],
) -> Iterator[Found]:
    """Yield the objects below a prefix; where folders are years, only those of the days.

    `level` lists one level, `between` all objects below a prefix from one key to before another (`""`: from
    the beginning, to the end). Folders that `skip` names are left out.
    """
    waiting = [prefix]
    while waiting:
        here = waiting.pop()
        found = level(here)
        yield from found.objects
        folders = [folder for folder in found.folders if not skip(folder)]
        if days.layout.years_in(here) and any(_YEAR.fullmatch(folder[len(here) :]) for folder in folders):
            last = days.last + timedelta(days=1)
            start, end = f"{here}{days.first:%Y/%m/%d}", f"{here}{last:%Y/%m/%d}"
            yield from between(here, start, end)
            waiting += [folder for folder in folders if not _YEAR.fullmatch(folder[len(here) :])]
        elif len(folders) > _MOST_FOLDERS:
            for folder in folders:
                yield from between(folder, "", "")
        else:
            waiting += folders
