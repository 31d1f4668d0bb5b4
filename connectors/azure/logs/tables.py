"""The queries that group the records of Log Analytics tables, and the records that their groups stand for."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from importlib.resources import files
from typing import Any

from connectors.azure.catalog.tables import catalogue
from connectors.facts import Window
from connectors.logs.pushdown import Group

ACTIVITY = ("AzureActivity",)
SIGN_INS = ("AADServicePrincipalSignInLogs", "AADManagedIdentitySignInLogs")
"""Tables that hold what is otherwise read from the clouds' own APIs."""
USAGE = "usage"
_COUNTS = ("calls", "first_seen", "last_seen", "day", "overflow")
"""Columns of an answer that are no part of a record."""
_MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{6})?Z"
_COLUMN = re.compile(r"<<(\w+)>>")


@lru_cache(maxsize=1)
def known_tables() -> Mapping[str, str]:
    """Return the query of each table that may be asked (`catalog/log_tables.toml`), in the table's order."""
    return {one["name"]: one["query"] for one in catalogue("log_tables")["table"]}


def missing_columns(name: str, columns: Iterable[str]) -> list[str]:
    """Return the columns that a table lacks and without which it tells no use."""
    needs = next(one["needs"] for one in catalogue("log_tables")["table"] if one["name"] == name)
    return sorted(set(needs) - set(columns))


def query_text(name: str, columns: Iterable[str], span: Window) -> str:
    """Return the query of a table over a span; a column that the workspace lacks is read as empty."""
    there = set(columns)
    filled = {"table": name, "start": moment(span.start), "end": moment(span.end)}

    def fill(hole: re.Match[str]) -> str:
        column = hole[1]
        return filled.get(column) or (f"tostring({column})" if column in there else '""')

    return _COLUMN.sub(fill, _template(known_tables()[name]))


def usage_text(names: Iterable[str], span: Window) -> str:
    """Return the query for how much tables took in over a span."""
    filled = {
        "tables": ", ".join(f'"{name}"' for name in names),
        "start": moment(span.start),
        "end": moment(span.end),
    }
    return _COLUMN.sub(lambda hole: filled[hole[1]], _template(USAGE))


def is_own(text: str) -> bool:
    """Tell whether a text is one of entdrift's own queries of tables it knows."""
    return any(pattern.fullmatch(text) for pattern in _own())


@lru_cache(maxsize=1)
def _own() -> tuple[re.Pattern[str], ...]:
    """Return an expression for all texts that each query may become."""
    patterns = []
    for query in (*dict.fromkeys(known_tables().values()), USAGE):
        names = "|".join(name for name, one in known_tables().items() if one == query)
        every = "|".join(known_tables())
        values = {
            "table": f"(?:{names})",
            "tables": f'"(?:{every})"(?:, "(?:{every})")*',
            "start": _MOMENT,
            "end": _MOMENT,
        }
        parts = _COLUMN.split(_template(query))
        written = (
            values.get(part, rf'(?:tostring\({part}\)|"")') if number % 2 else re.escape(part)
            for number, part in enumerate(parts)
        )
        patterns.append(re.compile("".join(written), re.ASCII))
    return tuple(patterns)


@lru_cache(maxsize=16)
def _template(query: str) -> str:
    text = files("connectors.azure").joinpath("logs", "queries", f"{query}.kql").read_text("utf-8")
    words = "|".join(sorted(catalogue("graph_calls")["properties"]))
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("//"))
    return "\n".join(lines).replace("<<properties>>", words) + "\n"


def moment(time: datetime) -> str:
    """Return a time as the queries and the time span of a request have it."""
    text = time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{time.microsecond:06}Z" if time.microsecond else f"{text}Z"


def group_of(name: str, row: Mapping[str, Any]) -> Group:
    """Return the group that a row of an answer describes: the record is the row, as the table has it."""
    record = {key: value for key, value in row.items() if key not in _COUNTS and value not in (None, "")}
    first, last = str(row["first_seen"]), str(row["last_seen"])
    return Group({**record, "TimeGenerated": first, "Type": name}, int(row["calls"]), first, last)
