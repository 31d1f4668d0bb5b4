"""The query that groups audit log entries in a BigQuery table, and the entries that its groups stand for."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib.resources import files
from typing import Any

from connectors.facts import Window
from connectors.logs.dated import EARLY, LATE
from connectors.logs.pushdown import Group

TABLE = r"[a-z][a-z0-9.:-]*\.[A-Za-z0-9_]+\.[A-Za-z0-9_]+(_\*)?"
"""`project.dataset.table`; with `_*` at its end for tables of one day each."""
_PAYLOAD = "protopayload_auditlog"
_COLUMNS = {
    "log_name": "logName",
    "insert_id": "insertId",
    "time": "timestamp",
    "op_first": "operation.first",
    "op_last": "operation.last",
    "project": "resource.labels.project_id",
    "location": "resource.labels.location",
    "region": "resource.labels.region",
    "zone": "resource.labels.zone",
    "service": f"{_PAYLOAD}.serviceName",
    "method": f"{_PAYLOAD}.methodName",
    "resource": f"{_PAYLOAD}.resourceName",
    "code": f"{_PAYLOAD}.status.code",
    "email": f"{_PAYLOAD}.authenticationInfo.principalEmail",
    "subject": f"{_PAYLOAD}.authenticationInfo.principalSubject",
    "selector": f"{_PAYLOAD}.authenticationInfo.authoritySelector",
    "key_name": f"{_PAYLOAD}.authenticationInfo.serviceAccountKeyName",
    "delegation": f"{_PAYLOAD}.authenticationInfo.serviceAccountDelegationInfo",
    "checks": f"{_PAYLOAD}.authorizationInfo",
    "deltas": f"{_PAYLOAD}.servicedata_v1_iam.policyDelta.auditConfigDeltas",
}
"""What stands in the text, and the column it is read from."""
_INNER = (
    "checks.permission",
    "checks.granted",
    "checks.resource",
    "checks.resourceAttributes.name",
    "checks.permissionType",
    "delegation.principalSubject",
    "delegation.firstPartyPrincipal.principalEmail",
    "deltas.action",
    "deltas.service",
    "deltas.logType",
    "deltas.exemptedMember",
)
"""Fields of repeated columns that the reader takes out of their JSON."""
_NEEDED = ("log_name", "insert_id", "time", "service", "method", "email", "checks")
"""Columns without which hardly any entry tells a use: their absence is told."""
_NULL = "CAST(NULL AS STRING)"
"""How far ahead of its arrival an entry may be dated (LogEntry reference: 24 hours)."""
_PARTITION_STARTS = {"HOUR": "%Y-%m-%d", "DAY": "%Y-%m-%d", "MONTH": "%Y-%m-01", "YEAR": "%Y-01-01"}


class UnknownTableError(ValueError):
    """A table that the query cannot be asked of."""


@dataclass(frozen=True, slots=True)
class Table:
    """What BigQuery says of one table: the query for it, and what its entries never held."""

    name: str
    text: str
    missing: tuple[str, ...]


def is_sharded(name: str) -> bool:
    """Tell whether a name stands for tables of one day each."""
    return name.endswith("_*")


def shards(name: str, window: Window) -> list[str]:
    """Return the table of each day of a window; entries stand in the table of their own day."""
    last = (window.end - timedelta(microseconds=1)).astimezone(UTC).date()
    first = window.start.astimezone(UTC).date()
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return [f"{name.removesuffix('*')}{day:%Y%m%d}" for day in days]


def describe(name: str, found: Mapping[str, Any], window: Window, *, shard: bool) -> Table:
    """Return the query for a table, by what tables.get says; UnknownTableError when it is no sink's table."""
    kind = found.get("type", "TABLE")
    if kind != "TABLE":
        raise UnknownTableError(f"{name} is a {str(kind).lower()}, not the table that a sink writes")
    fields = _paths(found.get("schema", {}).get("fields", ()))
    if _PAYLOAD not in fields:
        raise UnknownTableError(f"{name} has no column {_PAYLOAD}: no sink wrote audit logs to it")
    if fields.get("timestamp", ("", ""))[1] != "TIMESTAMP":
        raise UnknownTableError(f"{name} has no column timestamp with a time")
    columns = {place: _column(name, path, fields) for place, path in _COLUMNS.items()}
    for inner in _INNER:
        place, _, rest = inner.partition(".")
        if columns[place] != _NULL:
            _column(name, f"{_COLUMNS[place]}.{rest}", fields)
    predicate = "TRUE" if shard else _predicate(found, window)
    if not predicate:
        raise UnknownTableError(
            f"{name} has no partitions by time that are known, so a query would read all of it"
        )
    missing = tuple(_COLUMNS[place] for place in _NEEDED if columns[place] == _NULL)
    return Table(name, query_text(name, predicate, columns, window), missing)


def query_text(name: str, predicate: str, columns: Mapping[str, str], window: Window) -> str:
    """Return the query (`bigquery.sql`) for one table."""
    text = _template()
    filled = {
        **columns,
        "table": name,
        "partitions": predicate,
        "start": _moment(window.start),
        "end": _moment(window.end),
    }
    for place, value in filled.items():
        text = text.replace(f"<<{place}>>", value)
    return text


def is_own(text: str, tables: Sequence[str]) -> bool:
    """Tell whether a text is entdrift's own query for one of some tables, as the settings name them."""
    match = _own().fullmatch(text)
    if match is None:
        return False
    table = match["table"]
    return any(
        table == one
        or (is_sharded(one) and re.fullmatch(re.escape(one.removesuffix("*")) + r"\d{8}", table) is not None)
        for one in tables
    )


@lru_cache(maxsize=1)
def _own() -> re.Pattern[str]:
    """Return the expression for all texts that the query may become."""
    moment = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{6})?\+00"
    bound = rf"(?:e\.\w+|_PARTITIONTIME) (?:>=|<) TIMESTAMP '{moment}'"
    values = {
        "table": f"(?P<table>{TABLE})",
        "partitions": rf"(?:TRUE|\(?{bound} AND {bound}(?: OR _PARTITIONTIME IS NULL\))?)",
        "start": moment,
        "end": moment,
    }
    column = rf"(?:e(?:\.\w+)+|{re.escape(_NULL)})"
    parts = re.split(r"<<(\w+)>>", _template())
    written = (
        values.get(part, column) if number % 2 else re.escape(part) for number, part in enumerate(parts)
    )
    return re.compile("".join(written), re.ASCII)


@lru_cache(maxsize=1)
def _template() -> str:
    text = files("connectors.gcp").joinpath("logs", "queries", "bigquery.sql").read_text("utf-8")
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("--"))
    return "\n".join(lines) + "\n"


def _paths(fields: Sequence[Mapping[str, Any]], above: str = "") -> dict[str, tuple[str, str]]:
    """Return the path as written and the type of all columns, by their path in lower case."""
    found: dict[str, tuple[str, str]] = {}
    for one in fields:
        path = f"{above}{one['name']}"
        found[path.lower()] = (path, str(one.get("type", "")))
        found |= _paths(one.get("fields", ()), f"{path}.")
    return found


def _column(name: str, path: str, fields: Mapping[str, tuple[str, str]]) -> str:
    """Return how a column is read; NULL where it was never filled, and so never made."""
    written = fields.get(path.lower())
    if written is None:
        return _NULL
    if written[0] != path:
        raise UnknownTableError(f"{name} spells {path} as {written[0]}: no sink made it")
    return f"e.{path}"


def _predicate(found: Mapping[str, Any], window: Window) -> str:
    """Return the predicate that keeps a scan to the partitions of the window; empty where there are none."""
    partitions = found.get("timePartitioning")
    if not isinstance(partitions, Mapping):
        return ""
    column = str(partitions.get("field") or "")
    start, end = window.start, window.end
    if column.lower() == "timestamp":
        return f"e.timestamp >= TIMESTAMP '{_moment(start)}' AND e.timestamp < TIMESTAMP '{_moment(end)}'"
    if column and column.lower() != "receivetimestamp":
        return ""
    form = _PARTITION_STARTS.get(str(partitions.get("type") or "DAY"))
    if form is None:
        return ""
    floor = f"{(start - EARLY).astimezone(UTC).strftime(form)} 00:00:00+00"
    read = "e.receiveTimestamp" if column else "_PARTITIONTIME"
    bounds = f"{read} >= TIMESTAMP '{floor}' AND {read} < TIMESTAMP '{_moment(end + LATE)}'"
    # Rows that were streamed a moment ago have no partition yet.
    return bounds if column else f"({bounds} OR _PARTITIONTIME IS NULL)"


def _moment(time: datetime) -> str:
    text = time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return f"{text}.{time.microsecond:06}+00" if time.microsecond else f"{text}+00"


def group_of(row: Mapping[str, str | None]) -> Group:
    """Return the group that a row of the answer describes; every value is text, as BigQuery has it."""
    who = {
        "principalEmail": row["email"],
        "principalSubject": row["subject"],
        "authoritySelector": row["selector"],
        "serviceAccountKeyName": row["key_name"],
        "serviceAccountDelegationInfo": _json(row["delegation"]),
    }
    audit = {
        "serviceName": row["service"],
        "methodName": row["method"],
        "resourceName": row["resource"],
        "status": None if row["code"] is None else {"code": row["code"]},
        "authenticationInfo": _present(who) or None,
        "authorizationInfo": _json(row["checks"]),
    }
    if deltas := _json(row["deltas"]):
        audit["servicedata_v1_iam"] = {"policyDelta": {"auditConfigDeltas": deltas}}
    labels = {
        "project_id": row["project"],
        "location": row["location"],
        "region": row["region"],
        "zone": row["zone"],
    }
    record = {
        "logName": row["log_name"],
        "timestamp": row["first_seen"],
        "protoPayload": _present(audit),
        "operation": _present({"first": row["op_first"], "last": row["op_last"]}) or None,
        "resource": {"labels": _present(labels)},
    }
    return Group(_present(record), int(row["calls"] or 0), str(row["first_seen"]), str(row["last_seen"]))


def _json(text: str | None) -> Any:
    return json.loads(text) if text else None


def _present(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
