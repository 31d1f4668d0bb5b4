"""Read log files of any number and shape into folded usage rows."""

import contextlib
import itertools
import logging
import math
import os
import time
from array import array
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.cycles import no_collection
from connectors.errors import StateError
from connectors.facts import Window
from connectors.interface import Observer, silent
from connectors.logs.fold import FileRead, Folder
from connectors.logs.objects import Fetching, ObjectStore
from connectors.logs.processors import processors
from connectors.logs.rows import GONE, KEPT, LogRead, LogReader
from connectors.logs.seen import SeenEvents
from connectors.logs.walk import MTIME, Found, find_files
from connectors.logs.workers import Done, Shares, Take, Workers

if TYPE_CHECKING:
    from connectors.logs.ledger import Ledger, Remembered
    from connectors.logs.tally import Events, Tally

BATCH_BYTES = 1 << 20
BATCH_FILES = 256
ALONE_BYTES = 10 << 20
"""Up to this much (gzip bytes; plain text counts a tenth) one process is faster than starting others."""
_PLAIN_TO_GZIP = 10
_TELL_EVERY = 1_000
_NO_OBJECTS = "there is no object, or none of the days that may hold events of the window"
_RACY_NANOSECONDS = 2_000_000_000
"""A file this young may change again within one tick of its time of change."""

_log = logging.getLogger(__name__)


def read_logs(  # noqa: PLR0913 most are keywords
    places: Sequence[Path | ObjectStore],
    reader: LogReader,
    window: Window,
    *,
    seen: SeenEvents,
    ledger: "Ledger | None" = None,
    workers: int | None = None,
    observe: Observer = silent,
    only_window: bool = False,
) -> LogRead:
    """Read every log file under paths and every object of stores; return their events as rows.

    Of several copies of an event the one in the first file counts, in the order of paths, whatever the
    number of workers; later ones are duplicates of their file. Events outside the half-open window are read
    and make no row; every event read counts in `Presence`. `workers` is the number of processes; by default
    one for each processor (see `processors`), or none beside this one for little input.

    With a ledger, only objects that are new or changed are read; the result is that of reading all. With
    `only_window` what lies outside the window counts nowhere: for places that were asked for a span.
    """
    from connectors.logs.tally import Tally  # noqa: PLC0415 numpy is slow to import

    paths = [place for place in places if isinstance(place, Path)]
    stores = [place for place in places if not isinstance(place, Path)]
    held = _listed(stores, observe, asked=only_window)
    waiting = {one.path: one for one in sorted([*find_files(paths), *(one for one, _ in held.values())])}
    start, end = math.ceil(window.start.timestamp()), math.ceil(window.end.timestamp())
    tally = Tally(seen, reader.name, start=start, end=end)
    origins = {path: store for path, (_, store) in held.items()}
    span = (start, end) if only_window else None
    with no_collection():
        reading = _Reading(paths, stores, origins, reader, tally, ledger, observe, len(waiting), span)
        reading.run(waiting, workers)
        return reading.result()


def _listed(
    stores: Sequence[ObjectStore], observe: Observer, *, asked: bool
) -> dict[str, tuple[Found, ObjectStore]]:
    """Return every object of the stores, each once; an address that holds none is named."""
    held: dict[str, tuple[Found, ObjectStore]] = {}
    for store in stores:
        objects = store.objects()
        first = next(objects, None)
        if first is None and not asked:
            first = Found(store.address, 0, _NO_OBJECTS, skipped=True)
        for one in itertools.chain((first,) if first is not None else (), objects):
            held.setdefault(one.path, (one, store))
            if len(held) % _TELL_EVERY == 0:
                observe("log-list", objects=len(held))
    return held


@dataclass
class _Reading:
    """One read: what is remembered is taken from the ledger, the rest from the files."""

    paths: Sequence[Path]
    stores: Sequence[ObjectStore]
    origins: Mapping[str, ObjectStore]
    reader: LogReader
    tally: "Tally"
    ledger: "Ledger | None"
    observe: Observer
    total: int
    span: tuple[int, int] | None = None
    """The seconds outside which events count nowhere."""
    began: int = field(default_factory=time.time_ns)
    files: int = 0
    stored: int = 0
    events: int = 0
    unchanged: int = 0
    changed: int = 0
    gone: int = 0

    def run(self, waiting: dict[str, Found], workers: int | None) -> None:
        """Give everything found, by its path, to the tally; nothing waits any more then."""
        if self.ledger is not None:
            with self._told(self.ledger):
                self._recall(self.ledger, waiting)
        fresh = list(waiting.values())
        waiting.clear()  # a tree has as many files as fill the memory
        read = len(fresh)
        with contextlib.closing(_read(fresh, self.reader, workers, self.origins)) as done:
            for events in _numbered(done, self.tally):
                self._take(events)
        if self.ledger is not None:
            with self._told(self.ledger):
                self.ledger.commit(self.tally)
            counts = {"unchanged": self.unchanged, "changed": self.changed, "gone": self.gone}
            self.observe("log-ledger", read=read, **counts)

    def result(self) -> LogRead:
        """Return what was learned, and keep what later scans can use of it."""
        ledger = self.ledger
        if ledger is None or self.span is not None or not ledger.unsettled() or self.tally.is_large():
            return LogRead(*self.tally.result())
        read = LogRead(*self.tally.result(ledger.kept()))
        with self._told(ledger):
            ledger.settle(self.tally)
        return read

    @contextlib.contextmanager
    def _told(self, ledger: "Ledger") -> Iterator[None]:
        """Go on without the ledger when the state file fails: the files are still there."""
        try:
            yield
        except StateError as error:
            _log.warning("logs are read without what was remembered of them: %s", error)
            ledger.close()
            self.ledger = None

    def _recall(self, ledger: "Ledger", waiting: dict[str, Found]) -> None:
        """Take what is remembered and unchanged, and what was remembered and is gone."""
        from connectors.logs.tally import SettledEvents  # noqa: PLC0415 numpy is slow to import

        with ledger.state.view():
            taken, unnamed = self._chosen(ledger, waiting)
            for events in ledger.recall(taken, self.tally, settled=self.span is None):
                if isinstance(events, SettledEvents):
                    self.tally.recall(events)
                else:
                    self._count(events)
                for file in events.files:
                    gone = waiting.pop(file.path, None) is None or file.stamp == ""
                    self.gone += gone
                    self.unchanged += not gone
                self.files += len(events.files)
                self.events += sum(file.events for file in events.files)
                self._show()
        if unnamed:
            ledger.forget(unnamed)

    def _chosen(self, ledger: "Ledger", waiting: Mapping[str, Found]) -> "tuple[list[Remembered], list[str]]":
        """Return what is remembered and counts, and the keys that the source does not name any more."""
        taken: list[Remembered] = []
        unnamed: list[str] = []
        for page in ledger.remembered():
            for one in page:
                file = one.file
                there = waiting.get(file.path)
                if there is None and not self._covers(file.path):
                    unnamed += [] if any(store.names(file.path) for store in self.stores) else [file.path]
                elif there is None:
                    taken.append(_kept(one, GONE, lost=False))
                elif there.refused:
                    taken += [] if there.skipped else [_kept(one, there.refused, lost=True)]
                elif one.current and (file.size_bytes, file.stamp) == (there.size_bytes, there.stamp):
                    taken.append(one)
                else:
                    self.changed += 1
        return taken, unnamed

    def _take(self, events: "Events") -> None:
        """Count what was read just now, and remember it."""
        self._count(events)
        for file in events.files:
            self.files += 1
            self.stored += file.size_bytes
            self.events += file.events
            self._show()
        if self.ledger is not None:
            with self._told(self.ledger):
                self.ledger.keep(
                    events._replace(files=[self._settled(one) for one in events.files]), self.tally
                )

    def _count(self, events: "Events") -> None:
        from connectors.logs.inside import inside  # noqa: PLC0415 numpy is slow to import

        self.tally.add(events if self.span is None else inside(events, *self.span))

    def _settled(self, file: FileRead) -> FileRead:
        """Return a file without its stamp if it may change without changing it."""
        kind, _, value = file.stamp.partition(":")
        young = kind == MTIME and int(value) > self.began - _RACY_NANOSECONDS
        return file._replace(stamp="") if young else file

    def _covers(self, key: str) -> bool:
        """Return whether the source still names the place of an object."""
        return any(key == str(path) or key.startswith(f"{path}{os.sep}") for path in self.paths) or any(
            store.covers(key) for store in self.stores
        )

    def _show(self) -> None:
        self.observe("log-file", files=self.files, total=self.total, bytes=self.stored, events=self.events)


def _kept(one: "Remembered", why: str, *, lost: bool) -> "Remembered":
    """Return an object that cannot be read now as it was read before."""
    file = one.file
    reason = f"{why}; {KEPT}"
    return one._replace(
        file=file._replace(
            status="partial" if lost else file.status,
            reason=f"{file.reason}; {reason}" if file.reason else reason,
            lost=lost or file.lost,
            stamp="",
        )
    )


def _numbered(done: Iterable[Done], tally: "Tally") -> "Iterator[Events]":
    """Yield batches with the kinds of the tally instead of those of the process that read them."""
    import numpy as np  # noqa: PLC0415 slow to import

    from connectors.logs.tally import Events  # noqa: PLC0415 as above

    numbers: dict[int, array[int]] = {}
    for batch, folder in done:
        if batch.afresh:
            numbers.pop(folder, None)
        known = numbers.setdefault(folder, array("I"))
        known.extend(map(tally.kinds.number, batch.fresh))
        kinds = np.frombuffer(known, np.uint32)[np.frombuffer(batch.kinds, np.uint32)]
        yield Events(batch.files, batch.ids, np.frombuffer(batch.times, np.uint32), kinds)


def _read(
    found: list[Found], reader: LogReader, workers: int | None, origins: Mapping[str, ObjectStore]
) -> Generator[Done, None, None]:
    """Yield the batches of all files, fetched if they are objects of a store; empty the list."""
    groups = batches(found)
    if workers is None:
        weight = sum(one.size_bytes // (1 if one.path.endswith(".gz") else _PLAIN_TO_GZIP) for one in found)
        workers = 1 if weight <= ALONE_BYTES else processors()
    workers = max(min(workers, len(groups)), 1)
    wanted = {path: store for path, store in origins.items() if not reader.skip_file(path)}
    local = not any(one.path in wanted for one in found)
    found.clear()
    if local:
        yield from _folded(Shares(groups, workers).take, reader, workers)
        return
    in_order = iter(partial(Shares(groups, 1).take, 0), None)
    with Fetching(wanted) as fetching:
        fetched = fetching.fetched(in_order)
        for done in _folded(lambda _: next(fetched, None), reader, workers):
            yield done
            for file in done.batch.files:
                fetching.drop(file.path)


def _folded(take: Take, reader: LogReader, workers: int) -> Iterator[Done]:
    """Yield the batches of groups of files, read here or by several processes."""
    if workers > 1:
        with Workers(reader, workers) as processes:
            yield from processes.read(take)
    else:
        folder = Folder(reader)
        while (group := take(0)) is not None:
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
