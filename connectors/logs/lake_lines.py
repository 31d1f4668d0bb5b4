"""Have Spark group the JSON lines of exported logs; one of each kind is read like a line of a log file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from math import ceil
from typing import Any

import msgspec

from connectors.errors import EvidenceError
from connectors.facts import Window
from connectors.interface import Check, Outcome, Sink, Source, Status
from connectors.logs.lake import Listing, check_size, lake_check, list_files, named, open_spark, told
from connectors.logs.lake_settings import SPARK, LakeSettings
from connectors.logs.pushdown import Group, Query, read_groups
from connectors.logs.rows import LogRead, LogReader

PART = "log_query"
_VIEW = "entdrift_lines"
_ENDINGS = tuple(f".{name}{packed}" for name in ("json", "jsonl", "ndjson") for packed in ("", ".gz"))


@dataclass(frozen=True, slots=True)
class LineLog:
    """One cloud's exported logs: how a line is read, and the query that groups lines.

    The query answers with torn (a file with lines that it does not know), record, calls, first_seen and
    last_seen.
    """

    reader: LogReader
    text: str


@dataclass(frozen=True, slots=True)
class LakeAnswer:
    """What Spark gave, the query as evidence, and why it is not whole; `note` is no loss of calls."""

    read: LogRead
    query: Query
    problem: str = ""
    note: str = ""


def line_text(package: str, window: Window, columns: Mapping[str, str] | None = None) -> str:
    """Return a cloud's query (`queries/spark.sql`) over a window."""
    text = files(package).joinpath("logs", "queries", "spark.sql").read_text("utf-8")
    text = "".join(line for line in text.splitlines(keepends=True) if not line.lstrip().startswith("--"))
    filled = {"start": _moment(window.start), "end": _moment(window.end), **(columns or {})}
    for place, value in filled.items():
        text = text.replace(f"<<{place}>>", value)
    return text


def _moment(time: datetime) -> str:
    """Return the first full second that is not before a time: events are told to the second."""
    return datetime.fromtimestamp(ceil(time.timestamp()), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def collect_lake(source: Source, sink: Sink, log: LineLog, lake: LakeSettings, window: Window) -> None:
    """Store what Spark counted; the query itself is evidence too."""
    answer = query_lines(log, lake, window)
    sink.add_logs(source.name, answer.read.rows, answer.read.files, answer.read.presence)
    sink.add(source.name, PART, [answer.query.record()])
    events = sum(file.records for file in answer.read.files)
    newest = max((seen.last for seen in answer.read.presence), default="")
    status = Status.OK if not answer.problem else Status.PARTIAL if events else Status.FAILED
    reason = "; ".join(filter(None, (answer.problem, answer.note)))
    sink.outcome(Outcome(source.name, PART, status, events, reason, newest))


def query_lines(log: LineLog, lake: LakeSettings, window: Window) -> LakeAnswer:
    """Run the query over a window; what goes wrong is in the answer, never raised."""
    query = Query(SPARK, lake.place, log.text)
    try:
        spark = open_spark()
        listing = look(spark, lake, window)
        _view(spark, listing)
        rows = [row.asDict() for row in spark.sql(log.text).collect()]
        number = str(spark.conf.get("spark.app.id", ""))
        query = Query(SPARK, lake.place, log.text, number, listing.size_bytes)
        groups, unread = _groups(rows, log.reader)
        problem = _lost(rows, listing, unread)
        note = f"{len(listing.paths)} files"
        return LakeAnswer(read_groups(groups, log.reader, query, problem), query, problem, note)
    except Exception as error:  # noqa: BLE001 Spark raises what Java raised; it costs these logs, not the scan
        problem = f"{error}; {error.hint}" if isinstance(error, EvidenceError) else told(error)
        return LakeAnswer(read_groups((), log.reader, query, problem), query, problem)


def look(spark: Any, lake: LakeSettings, window: Window) -> Listing:
    """Say which files would be read; EvidenceError where there are none, or too much."""
    listing = list_files(spark, lake.paths, window, endings=_ENDINGS)
    if not listing.paths:
        raise EvidenceError(f"{lake.place}: no log file of the window", hint="check logs.path and the window")
    check_size(listing, lake.max_scan_gb)
    return listing


def examine_lake(lake: LakeSettings, window: Window, loss: str) -> Check:
    """Look which files hold the window, and how many bytes; no query is run."""
    return lake_check(lambda: (lake.place, look(open_spark(), lake, window), ()), lake.max_scan_gb, loss)


def _view(spark: Any, listing: Listing) -> None:
    """Lay the lines of the files out as a table; empty ones hold nothing."""
    # Without the option, folders such as m=11 would become columns.
    read = spark.read.option("recursiveFileLookup", "true").text(list(listing.paths))
    lines = read.selectExpr("_metadata.file_path AS path", "value").where("trim(value) <> ''")
    lines.createOrReplaceTempView(_VIEW)


def _groups(rows: Sequence[Mapping[str, Any]], reader: LogReader) -> tuple[list[Group], int]:
    """Return the groups, and of how many records the one that stands for them cannot be read as a whole."""
    groups: list[Group] = []
    unread = 0
    for row in rows:
        if row["torn"] is not None:
            continue
        calls = int(row["calls"])
        try:
            msgspec.json.decode(row["record"], type=reader.record_type)
            record = msgspec.json.decode(row["record"], type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            unread += calls
            continue
        groups.append(Group(record, calls, str(row["first_seen"]), str(row["last_seen"])))
    return groups, unread


def _lost(rows: Sequence[Mapping[str, Any]], listing: Listing, unread: int) -> str:
    """Return which calls are missing."""
    torn = {str(row["torn"]): int(row["calls"]) for row in rows if row["torn"] is not None}
    found = []
    if torn:
        lines = sum(torn.values())
        found.append(f"{lines} lines are torn, or no records of an export: {named(sorted(torn))}")
    if unread:
        found.append(f"{unread} records have fields of a form that is not known")
    if listing.left_out:
        found.append(f"{listing.left_out} files are no JSON and were not read")
    return "; ".join(found)
