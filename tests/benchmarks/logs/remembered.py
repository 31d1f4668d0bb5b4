"""What a scan with nothing new costs, and what it is compared with: the same rows in a plain SQLite table."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from connectors.aws.usage.events import CloudTrailReader
from connectors.azure.usage.events import AzureLogs
from connectors.facts import Window
from connectors.gcp.usage.events import AuditLogReader
from connectors.logs.engine import read_logs
from connectors.logs.ledger import Ledger
from connectors.logs.rows import LogReader, UsageRow
from connectors.logs.seen import SeenEvents

NOTHING_NEW, ROLLUP = "engine, nothing new", "rows from SQLite"
CLOUDS: dict[str, Callable[[], LogReader]] = {
    "aws": CloudTrailReader,
    "gcp": AuditLogReader,
    "azure": AzureLogs,
}
_EVER = Window(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
_FIELDS = UsageRow.__struct_fields__


def remember(cloud: str, tree: Path) -> None:
    """Read a tree with a ledger, which knows every file then, and put its rows in a table of their own."""
    reader = CLOUDS[cloud]()
    with closing(Ledger.open(_beside(tree, "state"), "bench/logs", reader)) as ledger:
        logs = read_logs([tree], reader, _EVER, seen=SeenEvents(reads=1), ledger=ledger)
    _beside(tree, "rollup").unlink(missing_ok=True)
    with closing(sqlite3.connect(_beside(tree, "rollup"))) as plain, plain:
        plain.execute(f"CREATE TABLE rollup ({', '.join(f'{field} ANY' for field in _FIELDS)}) STRICT")
        marks = ",".join("?" * len(_FIELDS))
        plain.executemany(f"INSERT INTO rollup VALUES ({marks})", map(msgspec.structs.astuple, logs.rows))


def remembered_readers(cloud: str) -> dict[str, Callable[[Path], int]]:
    """Return what reads a tree that was remembered, and what reads its rows from the table."""

    def nothing_new(tree: Path) -> int:
        reader = CLOUDS[cloud]()
        with closing(Ledger.open(_beside(tree, "state"), "bench/logs", reader)) as ledger:
            logs = read_logs([tree], reader, _EVER, seen=SeenEvents(reads=1), ledger=ledger)
            for _ in logs.rows:
                pass
        return sum(file.records for file in logs.files)

    def rollup(tree: Path) -> int:
        with closing(sqlite3.connect(_beside(tree, "rollup"))) as plain:
            count = _FIELDS.index("count")
            return sum(row[count] for row in plain.execute("SELECT * FROM rollup"))

    return {NOTHING_NEW: nothing_new, ROLLUP: rollup}


def _beside(tree: Path, what: str) -> Path:
    return tree.parent / f"{tree.name}.{what}.sqlite"
