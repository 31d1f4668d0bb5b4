"""Ask an event history only for the days that are not remembered; read all days as if they were log objects.

CloudTrail's LookupEvents, Cloud Logging's entries.list and the Activity Log answer a question about a span of
time. Each UTC day of each place (region, project, subscription) is an object of the log ledger. One that was
asked for long enough after its end is not asked for again; the others are, each time.
"""

import contextlib
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, NamedTuple

from connectors.errors import StateError
from connectors.facts import Window
from connectors.interface import Observer, silent
from connectors.live.failures import CallError
from connectors.logs.dated import LATE, REMEMBERED
from connectors.logs.engine import read_logs
from connectors.logs.objects import ObjectError
from connectors.logs.rows import GONE, KEPT, LogFile, LogRead, LogReader
from connectors.logs.seen import SeenEvents
from connectors.logs.walk import Found

if TYPE_CHECKING:
    from connectors.logs.ledger import Ledger

_DAY = timedelta(days=1)
_SKEW = timedelta(hours=1)
"""So far the clock of a service may be from ours, and so long an entry may take from being received to being
listed."""
_STAMP = re.compile(r"asked:(\d+)\+*")
_EMPTY = b"[]"


class Event(NamedTuple):
    """One event as a line of JSON, and its time as the service writes it (RFC 3339, UTC)."""

    time: str
    line: str


Ask = Callable[[datetime, datetime], Iterator[Event]]
"""Yields the events from one time to another; more at the edges do no harm. CallError ends it."""
Late = Callable[[datetime, datetime, datetime], Iterator[Event]]
"""Yields events of a span (second and third time) that were received after the first time."""


@dataclass(frozen=True, slots=True)
class Place:
    """What has an event history of its own."""

    name: str
    """Path of its log file in reports."""
    ask: Ask
    late: Late | None = None


@dataclass(frozen=True, slots=True)
class History:
    """How one kind of event history is read."""

    reader: LogReader
    asked: str
    """Everything beside place and day on which an answer depends: changed, and nothing is remembered."""
    code: str
    """File of the module that asks."""
    begins: datetime
    """What is older cannot be asked for."""
    chunk_days: int
    """So many days are asked for at once. One that fails costs nothing of the others."""
    sample: bool = False
    """Ask for the newest days only, and remember nothing."""

    @property
    def digest(self) -> str:
        """Name of this way of asking."""
        found = blake2b(self.asked.encode(), digest_size=8)
        for path in (__file__, self.code):
            found.update(Path(path).read_bytes())
        return found.hexdigest()


class DaysRead(NamedTuple):
    """What a history gave, with one log file for each place, and by place what could not be asked."""

    read: LogRead
    errors: dict[str, CallError]


def read_days(  # noqa: PLR0913 most are keywords that go on to the reader
    places: Sequence[Place],
    history: History,
    window: Window,
    now: datetime,
    *,
    seen: SeenEvents,
    ledger: "Ledger | None",
    each: Callable[[Callable[[Place], None], Sequence[Place]], object],
    observe: Observer = silent,
) -> DaysRead:
    """Return the events of all places within the window, each day from the ledger or from the service.

    `each` calls a function with every place, side by side or not. A place that could not be asked whole is a
    log file that lost calls.
    """
    with tempfile.TemporaryDirectory(prefix="entdrift-events-") as folder:
        store = _Days(places, history, window, now, Path(folder), _stamps(ledger))
        each(store.ask, places)
        read = read_logs(
            [store],
            history.reader,
            window,
            seen=seen,
            ledger=None if history.sample else ledger,
            workers=1,
            observe=observe,
            only_window=True,
        )
    if ledger is not None and store.checked:
        with contextlib.suppress(StateError):  # late events are looked for from the older time on then
            ledger.restamp(store.checked)
    return DaysRead(read._replace(files=_by_place(read.files, store.errors)), store.errors)


def _stamps(ledger: "Ledger | None") -> Mapping[str, str]:
    try:
        return ledger.stamps() if ledger is not None else {}
    except StateError:
        return {}  # told where the ledger is read


@dataclass
class _Days:
    """The days of all places as a store of objects; a day's stamp is when it was asked for."""

    places: Sequence[Place]
    history: History
    window: Window
    now: datetime
    folder: Path
    known: Mapping[str, str]
    errors: dict[str, CallError] = field(default_factory=dict)
    checked: dict[str, str] = field(default_factory=dict)
    address: str = "event history"

    def __post_init__(self) -> None:
        end = min(self.window.end, self.now)
        self._first = self.window.start.astimezone(UTC).date()
        self._last = (end - timedelta(microseconds=1)).astimezone(UTC).date()
        self._digest = self.history.digest
        self._named = {place.name: place for place in self.places}
        self._numbers = {place.name: number for number, place in enumerate(self.places)}
        self._found: dict[str, list[Found]] = {}

    def ask(self, place: Place) -> None:
        """Ask a place for the days that are not known, as long as it answers."""
        days = [self._first + _DAY * number for number in range((self._last - self._first).days + 1)]
        known = {day for day in days if self._key(place, day) in self.known}
        try:
            known -= self._late(place, known)
            if self.history.sample:
                days = days[-self.history.chunk_days :]
            for chunk in [
                chunk for run in _runs(days, known) for chunk in _cut(run, self.history.chunk_days)
            ]:
                self._chunk(place, chunk)
        except CallError as error:
            self.errors[place.name] = error
        keys = sorted(self._key(place, day) for day in known)
        self._found.setdefault(place.name, []).extend(Found(key, 0, stamp=self.known[key]) for key in keys)

    def _chunk(self, place: Place, days: Sequence[date]) -> None:
        """Ask for some days that follow each other, and write the events of each to a file of its own."""
        end = min(_start(days[-1]) + _DAY, self.now)
        if self.history.sample:
            end = min(end, self.window.end)
        begin = max(_start(days[0]), self.history.begins)
        if begin >= end:
            return
        found = self._found.setdefault(place.name, [])
        try:
            self._write(place, days, place.ask(begin, end))
        except (CallError, OSError) as error:
            found += [Found(self._key(place, day), 0) for day in days if self._path(place, day).exists()]
            raise error if isinstance(error, CallError) else _not_stored(error) from error
        for day in days:
            if _start(day) + _DAY > begin:
                settled = _start(day) >= begin and _start(day) + _DAY + LATE <= self.now
                key = self._key(place, day)
                found.append(Found(key, 0, stamp=self._stamp(self.known.get(key, "")) if settled else ""))

    def _write(self, place: Place, days: Sequence[date], events: Iterator[Event]) -> None:
        """Write events by day; those of other days are left out, as another question gives them."""
        named = {day.isoformat(): day for day in days}
        with contextlib.ExitStack() as stack:
            files: dict[date, IO[str]] = {}
            for event in events:
                day = named.get(event.time[:10])
                if day is None and _is_day(event.time[:10]):
                    continue
                day = day or days[-1]  # the reader will name it
                if day not in files:
                    files[day] = stack.enter_context(self._path(place, day).open("w", encoding="utf-8"))
                files[day].write(f"{event.line}\n")

    def _late(self, place: Place, known: set[date]) -> set[date]:
        """Return the known days of which the service received more since they were asked for."""
        if place.late is None or not known:
            return set()
        keys = [self._key(place, day) for day in known]
        since = min(_asked(self.known[key]) for key in keys) - _SKEW
        events = place.late(since, _start(min(known)), _start(max(known)) + _DAY)
        times = {event.time[:10] for event in events}
        late = {day for day in known if day.isoformat() in times}
        # A late day keeps its stamp until it was asked for again: that may fail.
        self.checked.update((self._key(place, day), self._stamp()) for day in known - late)
        return late

    def _stamp(self, before: str = "") -> str:
        """Return a stamp that is another than before, also where a day is asked for twice in a second."""
        stamp = f"asked:{int(self.now.timestamp())}"
        return f"{before}+" if before.startswith(stamp) else stamp

    def _key(self, place: Place, day: date) -> str:
        return f"{place.name}/{day}?{self._digest}"

    def _path(self, place: Place, day: date) -> Path:
        return self.folder / f"{self._numbers[place.name]:05}-{day}"

    def objects(self) -> Iterator[Found]:
        """Yield the days, known and new."""
        for place in self.places:
            yield from self._found.get(place.name, ())

    def covers(self, path: str) -> bool:
        """Return whether a day was asked for in this way and is in the window."""
        return self._asks(path, self._first, self._last)

    def names(self, path: str) -> bool:
        """Return whether a day was asked for in this way, and not too long ago to be of use again."""
        return self._asks(path, self._last - REMEMBERED, date.max)

    def _asks(self, path: str, first: date, last: date) -> bool:
        begun, _, digest = path.partition("?")
        return digest == self._digest and first <= date.fromisoformat(begun.rpartition("/")[2]) <= last

    def fetch(self, found: Found, target: BinaryIO) -> None:
        """Write the events of a day into a file; one that the ledger gave up on meanwhile is asked for."""
        name, _, rest = found.path.rpartition("/")
        place, day = self._named[name], date.fromisoformat(rest.partition("?")[0])
        local = self._path(place, day)
        if found.path in self.known and not local.exists():
            try:
                self._write(place, [day], place.ask(_start(day), _start(day) + _DAY))
            except CallError as error:
                raise ObjectError(str(error)) from error
        if not local.exists():
            target.write(_EMPTY)
            return
        with local.open("rb") as source:
            shutil.copyfileobj(source, target)


def _not_stored(error: OSError) -> CallError:
    text = f"events cannot be stored for reading ({error.strerror}); free some space in TMPDIR"
    return CallError(text, "other", "store", hint="free some space in TMPDIR")


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _start(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _asked(stamp: str) -> datetime:
    found = _STAMP.fullmatch(stamp)
    return datetime.fromtimestamp(int(found[1]) if found else 0, UTC)


def _runs(days: Sequence[date], known: set[date]) -> Iterator[list[date]]:
    """Yield the days that are not known, those in a row together."""
    run: list[date] = []
    for day in days:
        if day not in known:
            run.append(day)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _cut(run: Sequence[date], most: int) -> Iterator[Sequence[date]]:
    for at in range(0, len(run), most):
        yield run[at : at + most]


def _by_place(files: Sequence[LogFile], errors: Mapping[str, CallError]) -> list[LogFile]:
    """Return one log file for each place that gave events or could not be asked whole."""
    held: dict[str, list[LogFile]] = {name: [] for name in errors}
    for file in files:
        held.setdefault(file.path.partition("?")[0].rpartition("/")[0], []).append(file)
    found = [_joined(name, days, errors.get(name)) for name, days in held.items()]
    return sorted(file for file in found if file.records or file.reason)


def _joined(name: str, days: Sequence[LogFile], error: CallError | None) -> LogFile:
    records, rejected = sum(day.records for day in days), sum(day.rejected for day in days)
    gone = sum(day.reason.endswith(KEPT) for day in days)
    reasons = dict.fromkeys(day.reason for day in days if day.reason and not day.reason.endswith(KEPT))
    told = [*([str(error)] if error is not None else []), *reasons]
    told += [f"{gone} days are {GONE}; {KEPT}"] if gone else []
    partial = error is not None or any(day.status in ("partial", "failed") for day in days)
    return LogFile(
        path=name,
        size_bytes=0,
        status="ok" if not partial else "partial" if records else "failed",
        reason="; ".join(told),
        records=records,
        duplicates=sum(day.duplicates for day in days),
        outside_window=0,
        rejected=rejected,
        lost=error is not None or any(day.lost for day in days),
    )
