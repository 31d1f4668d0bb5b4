"""Read one log file after the other and fold each event into numbers as soon as it is decoded."""

import os
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import compress
from typing import Any, NamedTuple

from connectors.logs.clock import Clock
from connectors.logs.decode import Decoder
from connectors.logs.inflate import Inflated
from connectors.logs.rows import OTHER_LOG, STRANGE, UNREAD, EventKind, FoldedEvents, LogReader, RowKey
from connectors.logs.salvage import Fate
from connectors.logs.seen import packed_ids
from connectors.logs.walk import MTIME, Found

MOST_KINDS = 60_000
"""How many kinds of event a folder remembers before it starts afresh: bounds its memory."""

_REASONS_SHOWN = 3
_SURPRISE = " while reading it"
_DOCUMENTS = tuple(f".json{packed}" for packed in ("", ".gz"))
_LINES = tuple(f".{name}{packed}" for name in ("jsonl", "ndjson") for packed in ("", ".gz"))
_TORN = "but is named as a log: fetch or export it again, or take it out of the logs"


Place = tuple[str, str, str, str]
"""Account, region, log class and resource type."""


class Kind(NamedTuple):
    """What all events of one kind have in common: the rows they count in, and where they were seen."""

    keys: Sequence[RowKey]
    place: Place


class FileRead(NamedTuple):
    """How one file was read, before duplicates and the window are known."""

    path: str
    size_bytes: int
    status: str
    reason: str
    events: int
    rejected: int
    digest: str
    lost: bool
    stamp: str = ""
    """What changes when the file changes; empty where that cannot be told."""


class Batch(NamedTuple):
    """The events of some files in order, packed: one id, one time and one kind each."""

    files: list[FileRead]
    ids: bytearray
    """16 bytes an event."""
    times: bytearray
    """7 bytes an event: see `Clock`."""
    kinds: "array[int]"
    """Numbers of `Kind`s, in the order in which this folder met them since it last started afresh."""
    fresh: list[Kind]
    """The kinds met for the first time."""
    afresh: bool
    """True when kinds are numbered from 0 again, beginning with this batch."""


def empty_batch(file: FileRead) -> Batch:
    """Return the batch of one file that gave nothing."""
    return Batch([file], bytearray(), bytearray(), array("I"), [], afresh=False)


class Folder:
    """Reads files for one cloud; one instance per process."""

    def __init__(self, reader: LogReader) -> None:
        self._reader = reader
        self._fold_all: Callable[[Sequence[Any]], FoldedEvents] | None = getattr(reader, "fold_all", None)
        self._decoder = Decoder(reader)
        self._clock = Clock()
        self._numbers: dict[tuple[Sequence[RowKey], Place], int] = {}
        self._keys: list[Sequence[RowKey]] = []
        self._places: list[Place] = []
        self._mark = object()
        """Stands in the kinds that have a number here; another one when numbering starts afresh."""

    def read(self, found: Iterable[Found]) -> Batch:
        """Read files into one batch; nothing that a file holds stops the others from being read."""
        afresh = len(self._keys) >= MOST_KINDS or not self._keys
        if afresh:
            self._numbers.clear()
            self._keys.clear()
            self._places.clear()
            self._mark = object()
        known = len(self._keys)
        batch = Batch([], bytearray(), bytearray(), array("I"), [], afresh)
        batch.files.extend(self._file(one, batch) for one in found)
        batch.fresh.extend(map(Kind, self._keys[known:], self._places[known:]))
        return batch

    def _file(self, one: Found, batch: Batch) -> FileRead:
        if one.refused:
            status = "skipped" if one.skipped else "failed"
            return FileRead(one.path, one.size_bytes, status, one.refused, 0, 0, "", not one.skipped)
        if skip := self._reader.skip_file(one.path):
            return FileRead(one.path, one.size_bytes, "skipped", skip, 0, 0, "", False)
        before = len(batch.kinds)
        rejected: Counter[str] = Counter()
        fate = Fate()
        problem = digest = stamp = ""
        try:
            with open(one.local or one.path, "rb", buffering=0) as stream:  # noqa: PTH123 - strings, see walk
                started = os.fstat(stream.fileno())
                inflated = Inflated(stream.read, started.st_size)
                blocks = inflated.blocks()
                for records in self._decoder.records(blocks, fate):
                    self._events(records, batch, rejected, fate)
                for _ in blocks:  # what the decoder left, for the digest
                    pass
                ended = os.fstat(stream.fileno())
            digest = inflated.digest
            problem = inflated.problem
            if (started.st_mtime_ns, started.st_size) != (ended.st_mtime_ns, ended.st_size):
                problem = "changed while it was read: read it again"
            else:
                stamp = one.stamp if one.local else f"{MTIME}:{started.st_mtime_ns}"
        except OSError as error:
            problem = f"cannot be read ({error.strerror})"
        except MemoryError:
            problem = "too large for the memory of this machine: split it"
        except Exception as error:  # noqa: BLE001 - one file's surprise must not stop the others; it is named
            problem = f"could not be read ({type(error).__name__})"
        events = len(batch.kinds) - before
        if fate.foreign and not problem and not fate.lost:
            problem = _doubt(one, fate)
        unread = any(why.endswith((_SURPRISE, UNREAD)) for why in rejected)
        status, reason = _fate(problem, fate, events, rejected, unread=unread)
        lost = status != "skipped" and (bool(problem or fate.lost or fate.reason) or unread)
        return FileRead(
            one.path, one.size_bytes, status, reason, events, rejected.total(), digest, lost, stamp
        )

    def _events(self, records: Sequence[Any], batch: Batch, rejected: Counter[str], fate: Fate) -> None:
        """Fold records into a batch; one that cannot be folded is rejected with its reason."""
        ids, times, found, refused = self._folded(records)
        if STRANGE in refused and (closer := self._decoder.again(fate)) is not None:
            ids, times, found, refused = self._folded(closer)
        if refused:
            rejected.update(refused)
        mark, number = self._mark, self._number
        kinds = [kind.number if kind.folder is mark else number(kind) for kind in found]
        packed, good = self._clock.packed(times)
        if False in good:
            rejected[f"no usable time{UNREAD}"] += good.count(False)
            ids, kinds = list(compress(ids, good)), list(compress(kinds, good))
        batch.ids.extend(packed_ids(ids))
        batch.times.extend(packed)
        batch.kinds.fromlist(kinds)

    def _folded(self, records: Sequence[Any]) -> FoldedEvents:
        """Return the events of records; together where the reader can do that, else one by one."""
        if self._fold_all is None:
            return self._one_by_one(records)
        try:
            return self._fold_all(records)
        except Exception:  # noqa: BLE001 - one by one, it is told which record did it
            return self._one_by_one(records)

    def _one_by_one(self, records: Sequence[Any]) -> FoldedEvents:
        found = FoldedEvents([], [], [], [])
        for record in records:
            try:
                folded = self._reader.fold(record)
            except Exception as error:  # noqa: BLE001 - one hostile record must not lose its file
                found.rejected.append(type(error).__name__ + _SURPRISE)
                continue
            if isinstance(folded, str):
                found.rejected.append(folded)
            else:
                found.ids.append(folded.event_id)
                found.times.append(folded.time)
                found.kinds.append(EventKind(folded.keys, folded.place))
        return found

    def _number(self, met: EventKind) -> int:
        """Return the number of a kind, giving it a new one on first sight."""
        kind = (tuple(met.keys), met.place)
        number = self._numbers.get(kind)
        if number is None:
            number = self._numbers[kind] = len(self._keys)
            self._keys.append(kind[0])
            self._places.append(met.place)
        met.number, met.folder = number, self._mark
        return number


def _doubt(one: Found, fate: Fate) -> str:
    """Return what is wrong with a file that is named as a log and holds no JSON at all.

    A failed export or download leaves nothing, or the text of an error; a file of a torn one begins anywhere.
    """
    path = one.path.lower()
    empty = fate.foreign == "is empty" and (
        path.endswith(_DOCUMENTS) or (path.endswith(".gz") and not one.size_bytes)
    )
    torn = fate.foreign == "is not JSON" and path.endswith((*_DOCUMENTS, *_LINES))
    return f"{fate.foreign}, {_TORN}" if empty or torn else ""


def _fate(problem: str, fate: Fate, events: int, rejected: Counter[str], *, unread: bool) -> tuple[str, str]:
    """Return a file's status and every reason there is for it."""
    reasons = []
    if problem:
        reasons.append(problem)
    if fate.lost:
        said = f"{_records(fate.lost)} could not be read"
        # What broke the file broke the record, too: where in it says nothing more.
        reasons.append(said if problem else f"{said}: {fate.reason}")
    elif fate.reason:
        reasons.append(fate.reason)
    status = "partial" if reasons or unread else "ok"
    if fate.foreign and not events and not problem and not fate.lost:
        return "skipped", fate.foreign
    if rejected:
        most = "; ".join(f"{count} x {why}" for why, count in rejected.most_common(_REASONS_SHOWN))
        total = rejected.total()
        reasons.append(f"{_records(total)} {'is no event' if total == 1 else 'are no events'}: {most}")
    if not events and reasons:
        foreign = not problem and all(why.startswith(OTHER_LOG) for why in rejected) and rejected
        status = "skipped" if foreign and not fate.lost and not fate.reason else "failed"
    return status, "; ".join(reasons)


def _records(count: int) -> str:
    return "1 record" if count == 1 else f"{count:,} records"
