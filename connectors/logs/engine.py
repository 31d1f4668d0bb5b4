"""Read log files of any number and shape into folded usage rows."""

import math
from collections.abc import Sequence
from pathlib import Path

from connectors.facts import Window
from connectors.interface import Observer, silent
from connectors.logs.fold import Folder
from connectors.logs.rows import LogRead, LogReader
from connectors.logs.seen import SeenEvents
from connectors.logs.tally import Tally
from connectors.logs.walk import Found, find_files

BATCH_BYTES = 4 << 20
BATCH_FILES = 256


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
    no row; every event read counts in `Presence`.
    """
    del workers
    found = find_files(paths)
    tally = Tally(seen, math.ceil(window.start.timestamp()), math.ceil(window.end.timestamp()))
    folder = Folder(reader)
    stored = 0
    for batch in batches(found):
        for file in tally.add(folder.read(batch), 0):
            stored += file.size_bytes
            observe("log-file", files=len(tally.files), total=len(found), bytes=stored, events=tally.events)
    rows, presence = tally.result()
    return LogRead(rows, tally.files, presence)


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
