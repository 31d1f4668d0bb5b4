"""Read batches of files in several processes, and lose no more than one file to a process that dies."""

import contextlib
import gc
import itertools
import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple, Self

from connectors.logs.fold import Batch, FileRead, Folder, empty_batch
from connectors.logs.rows import LogReader
from connectors.logs.walk import Found

DIED = "the process reading it was killed (out of memory?): split the file or free some memory"
_PATIENCE_SECONDS = 2


class Done(NamedTuple):
    """One batch that was read, and the folder (one per process) whose numbers it uses."""

    batch: Batch
    folder: int


Take = Callable[[int], Sequence[Found] | None]
"""Returns the next batch of files for a share (each process has its own); None when all are taken."""


class Shares:
    """Hands batches out so that each process reads neighbours, which hold the same kinds of event.

    A process that has read its share goes on at the end of the longest one left.
    """

    def __init__(self, batches: list[list[Found]], count: int) -> None:
        cuts = [len(batches) * share // count for share in range(count + 1)]
        self._left = [deque(batches[cuts[share] : cuts[share + 1]]) for share in range(count)]

    def take(self, share: int) -> Sequence[Found] | None:
        """Return the next batch of a share; None when there is nothing left in any."""
        if self._left[share]:
            return self._left[share].popleft()
        longest = max(self._left, key=len)
        return longest.pop() if longest else None


class _Worker(NamedTuple):
    number: int
    share: int
    process: BaseProcess
    pipe: Any
    """The parent's end of the pipe: files go in, True comes out once and then a Batch for each list."""


class Workers:
    """A few processes that read batches; results come in any order, those of one process in its order.

    Processes are spawned, not forked: safe with threads, and the same on every system. A process that dies
    takes its batch with it, so the files of that batch are read again one by one by a fresh process; the
    file that kills this one too is named as failed. Where no process can be started, this one reads.
    """

    def __init__(self, reader: LogReader, count: int) -> None:
        self._reader = reader
        self._count = count
        self._context = multiprocessing.get_context("spawn")
        self._numbers = itertools.count()
        self._idle: list[_Worker] = []
        self._busy: dict[Any, tuple[_Worker, Sequence[Found]]] = {}
        self._ended: list[_Worker] = []
        self._awake: set[int] = set()

    def __enter__(self) -> Self:
        started = map(self._start, range(self._count))
        self._idle = [worker for worker in started if worker is not None]
        return self

    def __exit__(self, *error: object) -> None:
        """Stop every process, also in the middle of its work."""
        for worker in [*self._idle, *self._ended, *(worker for worker, _ in self._busy.values())]:
            _stop(worker)

    def read(self, take: Take) -> Iterator[Done]:
        """Yield every batch; in several parts where a process died."""
        while True:
            while self._idle:
                worker = self._idle.pop()
                found = take(worker.share)
                if found is None:
                    self._ended.append(worker)
                    continue
                self._busy[worker.pipe] = (worker, found)
                _send(worker, found)
            if self._busy:
                yield from self._gather()
            elif (found := take(0)) is not None:  # no process is left
                yield from self._read_here(found)
            else:
                return

    def _gather(self) -> Iterator[Done]:
        """Wait until some process has something to say, and yield it."""
        for pipe in wait(list(self._busy)):
            worker, found = self._busy[pipe]
            message = _receive(worker)
            if message is True:
                self._awake.add(worker.number)
                continue
            del self._busy[pipe]
            if message is not None:
                self._idle.append(worker)
                yield Done(message, worker.number)
                continue
            _stop(worker)
            if worker.number in self._awake:
                yield from self._one_by_one(found, worker.share)
                fresh = self._start(worker.share)
                self._idle += [fresh] if fresh is not None else []
            else:
                yield from self._read_here(found)

    def _read_here(self, found: Sequence[Found]) -> list[Done]:
        return [Done(Folder(self._reader).read(found), next(self._numbers))]

    def _one_by_one(self, found: Sequence[Found], share: int) -> list[Done]:
        """Read the files of a lost batch singly, so that only the one that kills is lost."""
        done = []
        worker: _Worker | None = None
        for one in found:
            worker = worker or self._start(share)
            if worker is None:
                done += self._read_here([one])
                continue
            _send(worker, [one])
            message = _receive(worker)
            if message is True:
                message = _receive(worker)
            if message is None:
                _stop(worker)
                worker = None
                failed = FileRead(one.path, one.size_bytes, "failed", DIED, 0, 0, "", lost=True)
                done.append(Done(empty_batch(failed), next(self._numbers)))
            else:
                done.append(Done(message, worker.number))
        if worker is not None:
            _stop(worker)
        return done

    def _start(self, share: int) -> _Worker | None:
        """Start a process; None where the system does not let us."""
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(theirs, self._reader), daemon=True)
        try:
            process.start()
        except (OSError, AssertionError):  # no more processes; or this one is a daemon and may have none
            ours.close()
            return None
        finally:
            theirs.close()
        return _Worker(next(self._numbers), share, process, ours)


def _send(worker: _Worker, found: Sequence[Found]) -> None:
    """Hand files to a process; if it is dead already, receiving will tell."""
    with contextlib.suppress(OSError):
        worker.pipe.send(list(found))


def _receive(worker: _Worker) -> Any:
    """Return what a process says: True when it is awake, then batches; None when it died."""
    try:
        return worker.pipe.recv()
    except (EOFError, OSError):
        return None


def _stop(worker: _Worker) -> None:
    worker.pipe.close()
    worker.process.terminate()
    worker.process.join(_PATIENCE_SECONDS)
    if worker.process.is_alive():
        worker.process.kill()
        worker.process.join()


def _serve(pipe: Any, reader: LogReader) -> None:
    """Read the files that come through the pipe until it closes; this is all a process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends us
    gc.disable()  # folding makes no cycles, and looking for them takes a tenth of the time
    folder = Folder(reader)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):  # the parent is gone
        pipe.send(True)
        while True:
            pipe.send(folder.read(pipe.recv()))
