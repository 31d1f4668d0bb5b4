"""Gather the ids that one read met first, in memory or, where there are many, on disk."""

import contextlib
import mmap
import tempfile
from typing import IO

import numpy as np

from connectors.logs.copies import Words
from connectors.logs.seen import Run

_NONE = np.zeros(0, np.uint64)


class NewIds:
    """Takes ids part by part, in the order of the parts; `run` returns them as one.

    Temporary files are gone when the ids are. Where the disk refuses, memory must do.
    """

    def __init__(self, *, many: bool) -> None:
        self._pieces: list[Run] = []
        self._files: list[IO[bytes]] = []
        self._written = 0
        with contextlib.suppress(OSError):
            for _ in range(2 * many):
                self._files.append(tempfile.TemporaryFile(prefix="entdrift-ids-"))  # noqa: SIM115 closed below

    def add(self, ids: Run) -> None:
        """Take the ids of the next part."""
        if len(self._files) == 2:
            with contextlib.suppress(OSError):
                for file, column in zip(self._files, (ids.mixed, ids.low), strict=True):
                    file.write(column.tobytes())
                    file.flush()
                self._written += len(ids.mixed)
                return
            self._back_to_memory()
        self._pieces.append(ids)

    def _back_to_memory(self) -> None:
        """Take back what is whole on disk, past the buffers, where what could not be written waits."""
        if self._written:
            self._pieces.append(Run(*(_mapped(file, self._written) for file in self._files)))
        self._close()

    def run(self) -> Run:
        """Return all ids that were taken."""
        if len(self._files) == 2 and self._written:
            run = Run(*(_mapped(file, self._written) for file in self._files))
        else:
            pieces = [Run(_NONE, _NONE), *self._pieces]
            mixed = np.concatenate([one.mixed for one in pieces])
            run = Run(mixed, np.concatenate([one.low for one in pieces]))
        self._close()
        return run

    def _close(self) -> None:
        for file in self._files:
            with contextlib.suppress(OSError):  # of what could not be written
                file.close()
        self._files = []


def _mapped(file: IO[bytes], count: int) -> Words:
    mapped = mmap.mmap(file.fileno(), count * np.dtype(np.uint64).itemsize, access=mmap.ACCESS_READ)
    return np.frombuffer(mapped, np.uint64)
