"""Read answers of the Log Analytics query API, which keep column names apart from the rows."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from connectors.azure.usage.events import QUERY_ANSWER, AzureLogs
from connectors.errors import EvidenceError
from connectors.facts import Window
from connectors.files import read_json
from connectors.logs.engine import read_logs
from connectors.logs.rows import LogFile, LogRead
from connectors.logs.seen import SeenEvents


def read_answers(files: Sequence[LogFile], window: Window, seen: SeenEvents) -> LogRead | None:
    """Read the files that were refused as query answers, None when there are none.

    Each is laid out as the rows that `az monitor log-analytics query` would have written, and read as
    those. It keeps its own name in the result.
    """
    answers = [file for file in files if QUERY_ANSWER in file.reason and Path(file.path).is_file()]
    if not answers:
        return None
    with TemporaryDirectory(prefix="entdrift-") as folder:
        laid_out = {str(Path(folder) / f"{number:06}.jsonl"): file for number, file in enumerate(answers)}
        for target, file in laid_out.items():
            Path(target).write_text("".join(f"{json.dumps(row)}\n" for row in _rows(file)), "utf-8")
        read = read_logs([Path(target) for target in laid_out], AzureLogs(), window, seen=seen)
        renamed = [_renamed(file, laid_out[file.path]) for file in read.files]
    return LogRead(read.rows, renamed, read.presence)


def _rows(file: LogFile) -> Iterator[dict[str, Any]]:
    """Yield the rows of every table of an answer, or of a list of answers."""
    try:
        value = read_json(Path(file.path))
    except EvidenceError:
        return
    for answer in value if isinstance(value, list) else [value]:
        tables = answer.get("tables") if isinstance(answer, dict) else None
        for table in tables if isinstance(tables, list) else []:
            columns = table.get("columns") if isinstance(table, dict) else None
            names = [one.get("name") for one in columns or () if isinstance(one, dict)]
            for row in table.get("rows") or () if names else ():
                if isinstance(row, list):
                    yield {str(name): item for name, item in zip(names, row, strict=False)}


def _renamed(read: LogFile, origin: LogFile) -> LogFile:
    """Return what became of a laid-out file under the name of its origin."""
    return msgspec.structs.replace(
        read,
        path=origin.path,
        size_bytes=origin.size_bytes,
        digest=origin.digest,
        reason=read.reason.replace(read.path, origin.path),
    )
