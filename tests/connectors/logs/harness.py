"""A tiny cloud: its records, its reader, and one call to read files of them."""

import gzip
import json
import os
import signal
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from connectors.facts import Window
from connectors.logs.engine import read_logs
from connectors.logs.ledger import Ledger
from connectors.logs.rows import Folded, LogFile, LogRead, RowKey
from connectors.logs.seen import SeenEvents

SHARED = (Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "aws").resolve()
YEAR = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
OLD = 1_700_000_000
"""When files were written that have been there for long."""
DEADLY = "kill the reader"
SPITEFUL = "raise in the reader"


class SmallRecord(msgspec.Struct):
    """What the tiny cloud logs."""

    id: str = ""
    time: str = ""
    who: str = ""
    what: str = ""


class SmallReader:
    """Reads SmallRecords; two operations are made to hurt."""

    name = "small"
    record_type: Any = SmallRecord
    containers: tuple[str, ...] = ("Records", "value")
    embedded = "Wrapped"

    def skip_file(self, path: str) -> str:
        return "a digest" if path.endswith("digest.json.gz") else ""

    def fold(self, record: SmallRecord) -> Folded | str:
        if not record.time:
            return "no time"
        if record.what == DEADLY:
            os.kill(os.getpid(), signal.SIGKILL)
        if record.what == SPITEFUL:
            raise RuntimeError(record.what)
        event = UUID(record.id).bytes if record.id else b""
        key = RowKey("", record.who, "user", "", record.what, "", "", "here", "", "", "allowed", "", "")
        return Folded(event, record.time, [key], ("", "here", "management", ""))


def event(number: int, what: str = "Get", who: str = "anna", time: str = "") -> dict[str, str]:
    """One record; times walk through the year by number."""
    hour, day = number % 24, 1 + number // 24 % 28
    return {
        "id": str(UUID(int=number * 0x1_0001_0001_0001 + 1)),
        "time": time or f"2026-03-{day:02}T{hour:02}:30:00Z",
        "who": who,
        "what": what,
    }


def document(events: Sequence[Any]) -> bytes:
    """Put records into the usual container."""
    return json.dumps({"Records": list(events)}, separators=(",", ":")).encode()


def zipped(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def read(
    *paths: Path, seen: SeenEvents | None = None, workers: int | None = 1, window: Window = YEAR
) -> LogRead:
    """Read with the tiny cloud's reader."""
    return read_logs(paths, SmallReader(), window, seen=seen or SeenEvents(), workers=workers)


def only(logs: LogRead) -> LogFile:
    """Return the fate of the one file that was read."""
    (file,) = logs.files
    return file


def total(logs: LogRead) -> int:
    """Return how many events were counted."""
    return sum(row.count for row in logs.rows)


def plain(logs: LogRead) -> bytes:
    """Return everything that was learned, as bytes to compare."""
    return msgspec.json.encode([list(logs.rows), logs.files, logs.presence])


def put(path: Path, *numbers: int, what: str = "Get", age: int = OLD) -> None:
    """Write a log file that has been there for long."""
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_bytes(zipped(document([event(number, what) for number in numbers])))
    os.utime(path, (age, age))


def again(
    *paths: Path,
    state: Path,
    seen: SeenEvents | None = None,
    window: Window = YEAR,
    scope: str = "s/logs",
    reread: bool = False,
) -> tuple[LogRead, dict[str, int]]:
    """Read with a ledger, and return what was read and how much of it anew."""
    told: dict[str, int] = {}
    ledger = Ledger.open(state, scope, SmallReader(), reread=reread)
    try:
        logs = read_logs(
            paths,
            SmallReader(),
            window,
            seen=seen or SeenEvents(),
            workers=1,
            ledger=ledger,
            observe=lambda name, **numbers: told.update(numbers) if name == "log-ledger" else None,
        )
    finally:
        ledger.close()
    return logs, told
