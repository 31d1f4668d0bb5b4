"""Count the events of one read by kind and day, and by file those that do not count."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from connectors.logs.cells import Cells, cells_of, merged
from connectors.logs.copies import Flags
from connectors.logs.store import Numbers

_PAIRS = 2_000_000
"""So many events are grouped at a time: fewer cost more calls, more cost memory."""

Owners = npt.NDArray[np.integer]


class Count:
    """Takes events from any file in any order. Events outside the half-open window make no cell."""

    def __init__(self, files: int, start: int, end: int) -> None:
        self._files = files
        self.start = start
        self.end = end
        self.duplicates = np.zeros(files, np.int64)
        self.outside = np.zeros(files, np.int64)
        """By file: events that are no copies and lie outside the window."""
        self._found = _grouped([])
        self._pending: list[tuple[Numbers, Numbers]] = []

    def add(self, kinds: Numbers, times: Numbers, counted: Flags) -> None:
        """Count those of the events that lie in the window."""
        counted = counted & (times >= self.start) & (times < self.end)
        self._pending.append((kinds[counted], times[counted]))
        if sum(len(some) for some, _ in self._pending) > _PAIRS:
            self.cells()

    def tell(self, times: Numbers, owners: Owners, copied: Flags) -> None:
        """Note by file which of its events are copies, and which of the others lie outside the window."""
        self._tell(self.duplicates, owners[copied])
        self._tell(self.outside, owners[~copied & ((times < self.start) | (times >= self.end))])

    def _tell(self, told: npt.NDArray[np.int64], owners: Owners) -> None:
        if len(owners):
            told += np.bincount(owners, minlength=self._files)

    def cells(self) -> Cells:
        """Return what was counted so far."""
        pending, self._pending = self._pending, []
        self._found = merged(self._found, _grouped(pending))
        return self._found


def _grouped(pairs: Sequence[tuple[Numbers, Numbers]]) -> Cells:
    if not pairs:
        return cells_of(np.zeros(0, np.uint32), np.zeros(0, np.uint32))
    return cells_of(
        np.concatenate([kinds for kinds, _ in pairs]), np.concatenate([times for _, times in pairs])
    )
