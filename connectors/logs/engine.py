"""Read log files of any number and shape into folded usage rows."""

import contextlib
import gc
import math
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

from connectors.facts import Window
from connectors.interface import Observer, silent
from connectors.logs.fold import Folder
from connectors.logs.rows import LogRead, LogReader
from connectors.logs.seen import SeenEvents
from connectors.logs.tally import Tally
from connectors.logs.walk import Found, find_files
from connectors.logs.workers import Done, Workers, processors

BATCH_BYTES = 1 << 20
BATCH_FILES = 256
ALONE_BYTES = 10 << 20
"""Up to this much (gzip bytes; plain text counts a tenth) one process is faster than starting others."""
_PLAIN_TO_GZIP = 10


def read_logs(
    paths: Sequence[Path],
    reader: LogReader,
    window: Window,
    *,
    seen: SeenEvents,
    workers: int | None = None,
    observe: Observer = silent,
) -> LogRead:
    """Read every log file under `paths` and return its events as rows.

    Files are taken in the order of their paths, whatever the number of workers: the first copy of an event
    counts, later ones are duplicates of their file. Events outside the half-open window are read and make
    no row; every event read counts in `Presence`. `workers` is the number of processes; by default one for
    each processor, or none beside this one for little input.
    """
    found = find_files(paths)
    start, end = math.ceil(window.start.timestamp()), math.ceil(window.end.timestamp())
    tally = Tally(seen, reader.name, start=start, end=end)
    files = stored = events = 0
    with _no_collection(), contextlib.closing(_read(found, reader, workers)) as done:
        for batch, folder in done:
            for file in tally.add(batch, folder):
                files, stored, events = files + 1, stored + file.size_bytes, events + file.records
                observe("log-file", files=files, total=len(found), bytes=stored, events=events)
        rows, presence = tally.result()
    return LogRead(rows, tally.files, presence)


def _read(found: Sequence[Found], reader: LogReader, workers: int | None) -> Generator[Done, None, None]:
    """Yield the batches of all files in order, read here or by as many workers as are worth it."""
    groups = batches(found)
    weight = sum(one.size_bytes // (1 if one.path.endswith(".gz") else _PLAIN_TO_GZIP) for one in found)
    if workers is None:
        workers = 1 if weight <= ALONE_BYTES else processors()
    workers = min(workers, len(groups))
    if workers > 1:
        with Workers(reader, workers) as processes:
            yield from processes.read(groups)
    else:
        folder = Folder(reader)
        for group in groups:
            yield Done(folder.read(group), 0)


def batches(found: Sequence[Found]) -> list[list[Found]]:
    """Return the files in groups that are worth one message between processes."""
    groups: list[list[Found]] = []
    size = BATCH_BYTES
    for one in found:
        if size >= BATCH_BYTES or len(groups[-1]) >= BATCH_FILES:
            groups.append([])
            size = 0
        groups[-1].append(one)
        size += one.size_bytes
    return groups


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Leave the cycle collector off: folding makes no cycles, and the search for them takes time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
