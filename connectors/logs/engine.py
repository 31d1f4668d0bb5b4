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
    from connectors.logs.rolled import Rolled
    from connectors.logs.tally import Events, Tally

BATCH_BYTES = 1 << 20
BATCH_FILES = 256
ALONE_BYTES = 10 << 20
"""Up to this much (gzip bytes; plain text counts a tenth) one process is faster than starting others."""
_PLAIN_TO_GZIP = 10
_TELL_EVERY = 1_000
_NO_OBJECTS = "there is no object, or none of the days that may hold events of the window"
_WITHOUT = "logs are read without what was remembered of them: %s"
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
    start, end = math.ceil(window.start.timestamp()), math.ceil(window.end.timestamp())
    span = (start, end) if only_window else None
    with no_collection():
        held = _listed(stores, observe, asked=only_window)
        waiting = {one.path: one for one in sorted([*find_files(paths), *(one for one, _ in held.values())])}
        origins = {path: store for path, (_, store) in held.items()}
        try:
            # Nothing of the reading is left here when the cycle collector looks around again.
            return _Reading(
                paths, stores, origins, reader, Tally(seen, reader.name, start=start, end=end), ledger,
                observe, len(waiting), span,
            ).read(waiting, workers)  # fmt: skip
        except StateError as error:
            _log.warning(_WITHOUT, error)
    return read_logs(
        places, reader, window, seen=seen, workers=workers, observe=observe, only_window=only_window
    )


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

    def read(self, waiting: dict[str, Found], workers: int | None) -> LogRead:
        """Read everything found, by its path, and return what was learned; nothing waits any more then."""
        self._run(waiting, workers)
        return self._result()

    def _run(self, waiting: dict[str, Found], workers: int | None) -> None:
        """Give everything found to the tally."""
        if self.ledger is not None:
            with self._told():
                self._recall(self.ledger, waiting)
        fresh = list(waiting.values())
        waiting.clear()  # a tree has as many files as fill the memory
        read = len(fresh)
        with contextlib.closing(_read(fresh, self.reader, workers, self.origins)) as done:
            for events in _numbered(done, self.tally):
                self._take(events)
        if self.ledger is not None:
            with self._told():
                self.ledger.commit(self.tally)
            counts = {"unchanged": self.unchanged, "changed": self.changed, "gone": self.gone}
            self.observe("log-ledger", read=read, **counts)

    def _result(self) -> LogRead:
        """Return what was learned, and keep what later scans can use of it.

        StateError where another scan took away what an earlier one had remembered.
        """
        ledger = self.ledger
        if ledger is None or self.span is not None:
            return LogRead(*self.tally.result())
        with ledger.state.view() if self.tally.recalls() else contextlib.nullcontext():
            read = LogRead(*self.tally.result(ledger.kept() if ledger.changed() else None))
        if self.tally.kept is not None:
            with self._told():
                ledger.roll_up(self.tally, self.tally.kept)
        return read

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Go on without the ledger when the state file fails: the files are still there."""
        try:
            yield
        except StateError as error:
            _log.warning(_WITHOUT, error)
            self.ledger = None

    def _recall(self, ledger: "Ledger", waiting: dict[str, Found]) -> None:
        """Take what is remembered and unchanged, and what was remembered and is gone."""
        unnamed: list[str] = []
        with ledger.state.view():
            rolled = self._take_rolled(ledger, waiting, unnamed) if self.span is None else None
            chosen: list[Remembered] = []
            for page in ledger.remembered(rolled):
                for one in page:
                    told = self._fate(one.file, waiting, unnamed, current=ledger.current(one.version))
                    chosen += [one._replace(told=told)] if told is not None else []
            for events in ledger.events(chosen, self.tally):
                self._count(events)
                self._note_taken(events.files, waiting)
        if unnamed:
            ledger.forget(unnamed)

    def _take_rolled(
        self, ledger: "Ledger", waiting: dict[str, Found], unnamed: list[str]
    ) -> "Rolled | None":
        """Take what an earlier scan added up, and return it; None where most of it counts no more."""
        rolled = ledger.rolled()
        if rolled is None or not self.tally.has_room(rolled):
            return None
        left: list[str] = []
        changed = self.changed
        files: list[FileRead] = []
        taken: list[bool] = []
        versions = map(ledger.current, rolled.objects.versions.tolist())
        for file, current in zip(rolled.objects.files, versions, strict=True):
            there = waiting.get(file.path)
            # As nearly all are; the others take their time.
            as_it_was = there is not None and (there.size_bytes, there.stamp) == (file.size_bytes, file.stamp)
            told = file if as_it_was and current else self._fate(file, waiting, left, current=current)
            taken.append(told is not None)
            if told is not None:
                files.append(told)
        if 2 * len(files) < len(taken):
            self.changed = changed
            return None
        unnamed += left
        ledger.recall(rolled, taken, files, self.tally)
        self._note_taken(files, waiting)
        return rolled

    def _note_taken(self, files: "Sequence[FileRead]", waiting: dict[str, Found]) -> None:
        """Note that files need not be read."""
        for file in files:
            gone = waiting.pop(file.path, None) is None or file.stamp == ""
            self.gone += gone
            self.unchanged += not gone
        self.files += len(files)
        self.events += sum(file.events for file in files)
        self._show()

    def _fate(
        self, file: FileRead, waiting: "Mapping[str, Found]", unnamed: list[str], *, current: bool
    ) -> FileRead | None:
        """Return how a remembered file counts; None for one that is read again or not named any more."""
        there = waiting.get(file.path)
        if there is None and not self._covers(file.path):
            unnamed += [] if any(store.names(file.path) for store in self.stores) else [file.path]
            return None
        if there is None:
            return _as_read(file, GONE, lost=False)
        if there.refused:
            return None if there.skipped else _as_read(file, there.refused, lost=True)
        if current and (file.size_bytes, file.stamp) == (there.size_bytes, there.stamp):
            return file
        self.changed += 1
        return None

    def _take(self, events: "Events") -> None:
        """Count what was read just now, and remember it."""
        self._count(events)
        for file in events.files:
            self.files += 1
            self.stored += file.size_bytes
            self.events += file.events
            self._show()
        if self.ledger is not None:
            with self._told():
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


def _as_read(file: FileRead, why: str, *, lost: bool) -> FileRead:
    """Return a file that cannot be read now as it was read before."""
    reason = f"{why}; {KEPT}"
    return file._replace(
        status="partial" if lost else file.status,
        reason=f"{file.reason}; {reason}" if file.reason else reason,
        lost=lost or file.lost,
        stamp="",
    )


def _numbered(done: Iterable[Done], tally: "Tally") -> "Iterator[Events]":
    """Yield batches with the kinds of the tally instead of those of the process that read them."""
    import numpy as np  # noqa: PLC0415 slow to import

    from connectors.logs.stamps import seconds  # noqa: PLC0415 as above
    from connectors.logs.tally import Events  # noqa: PLC0415 as above

    numbers: dict[int, array[int]] = {}
    for batch, folder in done:
        if batch.afresh:
            numbers.pop(folder, None)
        known = numbers.setdefault(folder, array("I"))
        known.extend(map(tally.kinds.number, batch.fresh))
        kinds = np.frombuffer(known, np.uint32)[np.frombuffer(batch.kinds, np.uint32)]
        yield Events(batch.files, batch.ids, seconds(batch.times), kinds)


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
