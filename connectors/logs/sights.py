"""Note where and when events were seen, counted or not."""

import numpy as np

from connectors.logs.store import Numbers


class Sights:
    """By number of a place: how many events were seen there, the first and the last second."""

    def __init__(self) -> None:
        self._counts = np.zeros(0, np.int64)
        self._firsts = np.zeros(0, np.uint32)
        self._lasts = np.zeros(0, np.uint32)

    def add(self, places: Numbers, times: Numbers) -> None:
        """Note events at places, at times."""
        if not len(places):
            return
        counts = np.bincount(places, minlength=len(self._counts))
        short = len(counts) - len(self._counts)
        self._firsts = np.append(self._firsts, np.full(short, np.iinfo(np.uint32).max, np.uint32))
        self._lasts = np.append(self._lasts, np.zeros(short, np.uint32))
        self._counts = np.append(self._counts, np.zeros(short, np.int64)) + counts
        np.minimum.at(self._firsts, places, times)
        np.maximum.at(self._lasts, places, times)

    def all(self) -> list[tuple[int, int, int]]:
        """Return count, first and last by place; those of the highest numbers may be missing."""
        columns = (self._counts.tolist(), self._firsts.tolist(), self._lasts.tolist())
        return list(zip(*columns, strict=True))
