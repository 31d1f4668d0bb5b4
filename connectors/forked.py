"""Do a part of a long piece of work in a copy of this process, while this one does the rest.

A forked copy has everything in memory already, so that only the result has to come back; a fresh process
would read and interpret the evidence once more. Forking is safe only while there is one thread, and done on
Linux only: elsewhere, and where anything goes wrong with the copy, this process does the work itself.
"""

import contextlib
import ctypes
import os
import pickle
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from connectors.logs.processors import processors
from connectors.spare_memory import resident, spare_bytes

_Result = TypeVar("_Result")
_Item = TypeVar("_Item")

_THREADS = Path("/proc/self/task")
_DIES_WITH_PARENT = 1
"""PR_SET_PDEATHSIG of prctl(2)."""


class Elsewhere(Generic[_Result]):
    """Work that was begun in a copy of this process, or is still to be done in this one."""

    def __init__(self, work: Callable[[], _Result]) -> None:
        self._work = work
        self._copy: int | None = None
        self._shared = -1
        if _is_safe():
            self._begin()

    def result(self) -> _Result:
        """Wait for the copy and return what it came to; do the work here where it came to nothing."""
        if self._copy is not None:
            _, status = os.waitpid(self._copy, 0)
            self._copy = None
            with os.fdopen(self._shared, "rb") as shared:
                if status == 0:
                    shared.seek(0)
                    found: _Result = pickle.load(shared)  # noqa: S301 written by our own copy
                    return found
        return self._work()

    def end(self) -> None:
        """End a copy that nobody waits for any more."""
        if self._copy is not None:
            os.kill(self._copy, signal.SIGKILL)
            os.waitpid(self._copy, 0)
            os.close(self._shared)
            self._copy = None

    def _begin(self) -> None:
        parent, shared = os.getpid(), os.memfd_create("entdrift")
        try:
            copy = os.fork()
        except OSError:  # no process or no memory left
            os.close(shared)
            return
        self._shared = shared
        if copy:
            self._copy = copy
            return
        # This is the copy. Whatever happens, it must not go on as a second scan.
        status = 1
        try:
            _die_with(parent)
            with os.fdopen(shared, "wb", closefd=False) as file:
                pickle.dump(self._work(), file, protocol=pickle.HIGHEST_PROTOCOL)
            status = 0
        finally:
            os._exit(status)


@contextlib.contextmanager
def elsewhere(work: Callable[[], _Result]) -> Iterator[Elsewhere[_Result]]:
    """Begin work in a copy of this process; it ends with the block at the latest.

    Its result is pickled, what it changes in memory is lost, and its errors are met when this process does
    the work again.
    """
    begun = Elsewhere(work)
    try:
        yield begun
    finally:
        begun.end()


def in_halves(
    items: Sequence[_Item], work: Callable[[Sequence[_Item]], _Result], *, from_items: int
) -> tuple[_Result, ...]:
    """Return what the work comes to on all items, or from so many on, on each half of them in their order."""
    if len(items) < from_items:
        return (work(items),)
    middle = len(items) // 2
    with elsewhere(lambda: work(items[middle:])) as second:
        return work(items[:middle]), second.result()


def _is_safe() -> bool:
    """Tell whether forking is: one thread, those of libraries included, a processor for the copy, and memory.

    A copy shares what it does not touch; it was seen to take a third of what its parent holds.
    """
    if sys.platform != "linux" or not hasattr(os, "memfd_create") or processors() < 2:
        return False
    if spare_bytes() < resident() // 2:
        return False
    try:
        return len([*_THREADS.iterdir()]) == 1
    except OSError:
        return False


def _die_with(parent: int) -> None:
    """End this process when its parent ends: it has nobody to work for then."""
    ctypes.CDLL(None).prctl(_DIES_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
