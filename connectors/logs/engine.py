"""Read log files of any number and shape into folded usage rows."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from connectors.facts import Window
from connectors.interface import Observer, silent
from connectors.logs.decode import Decoder
from connectors.logs.inflate import Inflated
from connectors.logs.rows import Folded, LogFile, LogRead, LogReader, Presence, RowKey, UsageRow
from connectors.logs.seen import NO_ID, SeenEvents
from connectors.logs.walk import Found, find_files


class _Cell:
    __slots__ = ("count", "first", "last")

    def __init__(self, time: str) -> None:
        self.count = 0
        self.first = self.last = time

    def add(self, time: str) -> None:
        self.count += 1
        self.first = min(self.first, time)
        self.last = max(self.last, time)


class _Read(NamedTuple):
    status: str
    reason: str
    digest: str
    rejected: int
    events: list[Folded]


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
    counts, later ones are duplicates of their file. Events outside the half-open window are read, counted
    in `Presence`, and make no row.
    """
    del workers
    start, end = _stamp(window.start), _stamp(window.end)
    rows: dict[tuple[RowKey, str], _Cell] = {}
    presence: dict[tuple[str, str, str, str], _Cell] = {}
    files: list[LogFile] = []
    decoder = Decoder(reader)
    found = find_files(paths)
    stored = events = 0
    for one in found:
        read = _read_file(one, reader, decoder)
        known = set(seen.duplicates(b"".join(event.event_id or NO_ID for event in read.events)))
        again = seen.file_again(read.digest)
        outside = duplicates = 0
        for at, event in enumerate(read.events):
            if at in known or (again and not event.event_id):
                duplicates += 1
                continue
            presence.setdefault(event.place, _Cell(event.time)).add(event.time)
            if start <= event.time < end:
                for key in event.keys:
                    rows.setdefault((key, event.time[:10]), _Cell(event.time)).add(event.time)
            else:
                outside += 1
        files.append(
            LogFile(
                path=one.path,
                size_bytes=one.size_bytes,
                status=read.status,
                reason=read.reason,
                records=len(read.events),
                duplicates=duplicates,
                outside_window=outside,
                rejected=read.rejected,
                digest=read.digest,
            )
        )
        stored += one.size_bytes
        events += len(read.events)
        observe("log-file", files=len(files), total=len(found), bytes=stored, events=events)
    return LogRead(
        rows=sorted(
            UsageRow(*key, day, cell.count, cell.first, cell.last) for (key, day), cell in rows.items()
        ),
        files=files,
        presence=sorted(
            Presence(*place, cell.count, cell.first, cell.last) for place, cell in presence.items()
        ),
    )


def _stamp(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _read_file(one: Found, reader: LogReader, decoder: Decoder) -> _Read:
    if one.refused:
        return _Read("skipped" if one.skipped else "failed", one.refused, "", 0, [])
    if skip := reader.skip_file(one.path):
        return _Read("skipped", skip, "", 0, [])
    try:
        with Path(one.path).open("rb") as stream:
            inflated = Inflated(stream)
            data = b"".join(inflated.blocks())
    except OSError as error:
        return _Read("failed", f"cannot be read ({error.strerror})", "", 0, [])
    decoded = decoder.decode(data)
    events: list[Folded] = []
    rejected: Counter[str] = Counter()
    for record in decoded.records:
        try:
            folded = reader.fold(record)
        except Exception as error:  # noqa: BLE001 - one hostile record must not lose its file
            folded = f"{type(error).__name__} while reading it"
        if isinstance(folded, str):
            rejected[folded] += 1
        else:
            events.append(folded)
    status, reason = _fate(inflated.problem, decoded.foreign, decoded.lost, decoded.reason)
    if rejected:
        most = "; ".join(f"{count} x {why}" for why, count in rejected.most_common(3))
        reason = "; ".join(filter(None, (reason, f"{rejected.total()} records are no events: {most}")))
    if status == "partial" and not events:
        status = "failed"
    return _Read(status, reason, inflated.digest, rejected.total(), events)


def _fate(problem: str, foreign: str, lost: int, reason: str) -> tuple[str, str]:
    if problem:
        return "partial", problem
    if foreign:
        return "skipped", foreign
    if lost:
        return "partial", f"{lost} records lost: {reason}"
    return ("partial" if reason else "ok"), reason
