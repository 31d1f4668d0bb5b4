"""Have Athena group the CloudTrail events of a table, and read the groups as if they were log files.

Imported only when a source asks for it: boto3 costs start-up time.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from connectors.aws.live.calls import Calls
from connectors.aws.live.collect import opened_calls
from connectors.aws.live.session import Session
from connectors.aws.live.settings import LiveSettings
from connectors.aws.logs.groups import Answer, group_of, missing_fields, partition_predicate, query_text
from connectors.aws.usage.events import CloudTrailReader
from connectors.facts import Window
from connectors.interface import Source
from connectors.live.failures import CallError
from connectors.logs.pushdown import Group, Query, read_groups

ENGINE = "athena"
_POLL_SECONDS = 2.0
_LONGEST_SECONDS = 1_800.0
"""Athena's own limit of a query (Athena user guide, "Service Quotas": DML query timeout)."""
_GB = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Table:
    """What the catalog says of a table: where its day stands, and what its records lack."""

    predicate: str
    missing: tuple[str, ...] = ()


def query_log(source: Source, window: Window, wait: Callable[[float], None] = time.sleep) -> Answer:
    """Run the query of one source over a window; what goes wrong is in the answer, never raised."""
    settings = LiveSettings.of(source)
    opened: list[Session] = []
    text = ""
    try:
        calls = opened_calls(settings, opened)
        table = describe_table(calls, settings, window)
        text = query_text(settings.log_table, table.predicate, window, table.missing)
        query = _run(calls, settings, text, wait)
        groups = list(_groups(calls, settings, query.id))
        notes = (f"the table lacks {', '.join(table.missing)} of userIdentity",) if table.missing else ()
        return Answer(read_groups(groups, CloudTrailReader(), query), query, notes=notes)
    except CallError as error:
        problem = f"{error}; {error.hint}" if error.hint else str(error)
        query = Query(ENGINE, settings.log_table, text)
        return Answer(read_groups((), CloudTrailReader(), query, problem), query, problem)
    finally:
        for session in opened:
            session.close()


def describe_table(calls: Calls, settings: LiveSettings, window: Window) -> Table:
    """Return how a table's days are told apart; CallError for one without: its scan would read everything."""
    database, _, name = settings.log_table.rpartition(".")
    missing: tuple[str, ...] = ()
    if settings.log_partition:
        predicate = partition_predicate([settings.log_partition], settings.log_partition_format, window)
    else:
        database = database.rpartition(".")[2]
        found = calls.one("glue", "GetTable", region=settings.log_region, DatabaseName=database, Name=name)
        table = found["Table"]
        keys = [str(key["Name"]) for key in table.get("PartitionKeys", ())]
        columns = {one["Name"].lower(): one.get("Type", "") for one in table["StorageDescriptor"]["Columns"]}
        missing = tuple(missing_fields(columns.get("useridentity", "")))
        given = table.get("Parameters") or {}
        forms = [given.get(f"projection.{key}.format", "") for key in keys]
        form = next(filter(None, forms), "")
        predicate = partition_predicate(keys, form, window)
    if not predicate:
        raise CallError(
            f"{settings.log_table} has no partition by day that is known, so a query would read all of it",
            "other",
            "glue:GetTable",
            hint="partition it by timestamp, day, date, or year, month and day; or name logs.partition",
        )
    return Table(predicate, missing)


def _run(calls: Calls, settings: LiveSettings, text: str, wait: Callable[[float], None]) -> Query:
    """Run a query to its end; one that scans more than it may is stopped."""
    database, _, _ = settings.log_table.rpartition(".")
    catalog, _, database = database.rpartition(".")
    context = {"Database": database, **({"Catalog": catalog} if catalog else {})}
    request: dict[str, Any] = {"QueryString": text, "QueryExecutionContext": context}
    if settings.log_workgroup:
        request["WorkGroup"] = settings.log_workgroup
    if settings.log_output:
        request["ResultConfiguration"] = {"OutputLocation": settings.log_output}
    started = calls.one("athena", "StartQueryExecution", region=settings.log_region, **request)
    query_id = str(started["QueryExecutionId"])
    waited = 0.0
    while True:
        found = calls.one(
            "athena", "GetQueryExecution", region=settings.log_region, QueryExecutionId=query_id
        )["QueryExecution"]
        scanned = int((found.get("Statistics") or {}).get("DataScannedInBytes") or 0)
        state = found["Status"]["State"]
        if state == "SUCCEEDED":
            return Query(ENGINE, settings.log_table, text, query_id, scanned)
        if state in ("FAILED", "CANCELLED"):
            why = found["Status"].get("StateChangeReason", "")
            raise CallError(f"Athena query {query_id} {state.lower()}: {why}", "other", "athena:query")
        if settings.log_max_scan_gb and scanned > settings.log_max_scan_gb * _GB:
            _stop(calls, settings, query_id)
            raise CallError(
                f"Athena query {query_id} was stopped: it scanned {scanned / _GB:.1f} GB",
                "other",
                "athena:query",
                hint="shorten the window, or raise logs.max_scan_gb",
            )
        if waited > _LONGEST_SECONDS:
            _stop(calls, settings, query_id)
            raise CallError(f"Athena query {query_id} did not end in half an hour", "other", "athena:query")
        wait(_POLL_SECONDS)
        waited += _POLL_SECONDS


def _stop(calls: Calls, settings: LiveSettings, query_id: str) -> None:
    calls.one("athena", "StopQueryExecution", region=settings.log_region, QueryExecutionId=query_id)


def _groups(calls: Calls, settings: LiveSettings, query_id: str) -> Iterator[Group]:
    """Yield the rows of a finished query; the first row of the first page holds the names."""
    names: list[str] = []
    for page in calls.pages(
        "athena", "GetQueryResults", region=settings.log_region, QueryExecutionId=query_id
    ):
        for row in page["ResultSet"]["Rows"]:
            values = [cell.get("VarCharValue") for cell in row["Data"]]
            if names:
                yield group_of(dict(zip(names, values, strict=True)))
            else:
                names = [str(value) for value in values]
