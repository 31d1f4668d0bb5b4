"""Note where and when events were seen, counted or not."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from connectors.logs.store import Numbers


def _no_numbers() -> Numbers:
    return np.zeros(0, np.uint32)


@dataclass
class Sights:
    """By number of a place: how many events were seen there, the first and the last second."""

    counts: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    firsts: Numbers = field(default_factory=_no_numbers)
    lasts: Numbers = field(default_factory=_no_numbers)

    def add(self, places: Numbers, times: Numbers) -> None:
        """Note events at places, at times."""
        if not len(places):
            return
        counts = np.bincount(places, minlength=len(self.counts))
        short = len(counts) - len(self.counts)
        self.firsts = np.append(self.firsts, np.full(short, np.iinfo(np.uint32).max, np.uint32))
        self.lasts = np.append(self.lasts, np.zeros(short, np.uint32))
        self.counts = np.append(self.counts, np.zeros(short, np.int64)) + counts
        np.minimum.at(self.firsts, places, times)
        np.maximum.at(self.lasts, places, times)

    def all(self) -> list[tuple[int, int, int]]:
        """Return count, first and last by place; those of the highest numbers may be missing."""
        return list(zip(self.counts.tolist(), self.firsts.tolist(), self.lasts.tolist(), strict=True))
