"""Have a Log Analytics workspace group the events of its tables; read the groups as log files are read."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from connectors.azure.live.calls import Calls
from connectors.azure.logs.settings import LOG_ANALYTICS
from connectors.azure.logs.tables import (
    group_of,
    known_tables,
    missing_columns,
    moment,
    query_text,
    usage_text,
)
from connectors.azure.usage.events import AzureLogs
from connectors.facts import Window
from connectors.live.failures import CallError
from connectors.logs.pushdown import Query, read_groups
from connectors.logs.rows import LogRead

PART = "log_query"
_METADATA, _QUERY = "logAnalytics.metadata", "logAnalytics.query"
_GB = 1_000_000_000
_MEGABYTE = 1_000_000
_PREFER = {"Prefer": "wait=600, include-statistics=true"}
_THREADS = 3
"""Of five queries that a caller may run at a time (learn, service-limits)."""
_SHORTEST = timedelta(hours=1)
"""A span this short is not divided further."""
_MOST_PARTS = 500
"""So many queries of one table, and the rest of it is given up."""
_TOO_MUCH = re.compile(
    "HTTP 504|GatewayTimeout|HTTP 413|TooLarge|TOO_LARGE|ResponseSize|RUNAWAY|LOW_MEMORY"
    "|exceeded the (?:internal|allowed)",
    re.IGNORECASE,
)
"""Words of errors that a shorter span does away with: 500,000 rows, 64 MB, ten minutes, a node's memory."""
_PLAN = re.compile(r"\b(?:basic|auxiliary)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answer:
    """What one query gave, the query as evidence, and what went wrong."""

    read: LogRead
    query: Query
    error: CallError | None = None


@dataclass
class Plan:
    """What a workspace holds of the tables that are asked."""

    columns: dict[str, frozenset[str]] = field(default_factory=dict)
    """By table that is there and asked."""
    sizes: dict[str, int] = field(default_factory=dict)
    """Bytes that each took in over the window: what a query scans."""
    absent: list[str] = field(default_factory=list)
    errors: dict[str, CallError] = field(default_factory=dict)
    """By table; under the workspace's id what holds for all of them."""
    unsized: str = ""
    """Why sizes are not known."""

    @property
    def scanned_bytes(self) -> int:
        """What all queries will scan."""
        return sum(self.sizes.values())

    @property
    def notes(self) -> list[str]:
        """Return what is no loss of calls, but good to know."""
        found = [f"not in the workspace: {', '.join(self.absent)}"] if self.absent else []
        return [*found, f"how much is scanned is not known: {self.unsized}"] if self.unsized else found


@dataclass
class Counted:
    """The answers of all queries of a source, and what is to be said of them."""

    answers: list[Answer] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def plan_logs(calls: Calls, window: Window) -> Plan:
    """Look which tables a workspace has, and how much each took in over the window; no events are read."""
    settings = calls.session.settings
    plan = Plan()
    workspace = settings.log_workspace
    try:
        there = _tables(calls, workspace)
    except CallError as error:
        plan.errors[workspace] = error
        return plan
    for name in settings.log_tables or known_tables():
        if name not in there:
            plan.absent.append(name)
        elif missing := missing_columns(name, there[name]):
            text = f"the table {name} of workspace {workspace} lacks {', '.join(missing)}"
            plan.errors[name] = CallError(text, "other", _METADATA)
        else:
            plan.columns[name] = there[name]
    if settings.log_tables:
        for name in plan.absent:
            text = f"there is no table {name} in workspace {workspace}"
            plan.errors[name] = CallError(text, "other", _METADATA, hint="take it out of logs.table")
    elif not plan.columns and not plan.errors:
        text = f"workspace {workspace} has no table that entdrift reads"
        plan.errors[workspace] = CallError(text, "other", _METADATA)
    if plan.columns:
        _measure(calls, plan, window)
    return plan


def over_limit(calls: Calls, plan: Plan) -> CallError | None:
    """Return why no query may be run: more would be scanned than may be, or nobody knows how much."""
    limit = calls.session.settings.log_max_scan_gb
    if not limit or (not plan.unsized and plan.scanned_bytes <= limit * _GB):
        return None
    said = f"together they would scan {plan.scanned_bytes / _GB:.1f} GB"
    if plan.unsized:
        said = f"how much they would scan is not known ({plan.unsized})"
    hint = "shorten the window, name fewer tables, or raise logs.max_scan_gb"
    return CallError(f"no query was run: {said}; {hint}", "other", _QUERY, hint=hint)


def count_logs(calls: Calls, window: Window) -> Counted:
    """Run the query of each table over a window; what goes wrong is in the answers, never raised."""
    plan = plan_logs(calls, window)
    workspace = calls.session.settings.log_workspace
    counted = Counted(notes=plan.notes)
    for name, error in plan.errors.items():
        place = workspace if name == workspace else f"{workspace}/{name}"
        counted.answers.append(_lost(Query(LOG_ANALYTICS, place, ""), error))
    refused = over_limit(calls, plan)
    if refused is not None:
        for name, columns in plan.columns.items():
            query = Query(LOG_ANALYTICS, f"{workspace}/{name}", query_text(name, columns, window))
            counted.answers.append(_lost(query, refused))
        return counted
    with ThreadPoolExecutor(_THREADS) as pool:
        for name, answers in zip(
            plan.columns, pool.map(lambda one: _ask(calls, plan, one, [window]), plan.columns), strict=True
        ):
            counted.answers += answers
            if len(answers) > 1:
                counted.notes.append(f"{name} was asked in {len(answers)} parts: as a whole it was too much")
    return counted


def _tables(calls: Calls, workspace: str) -> dict[str, frozenset[str]]:
    """Return the columns of each table of a workspace."""
    path = calls.path(_METADATA, id=workspace)
    found: dict[str, frozenset[str]] = {}
    for page in calls.pages(_METADATA, path):
        for table in page.get("tables") or ():
            columns = table.get("columns") or () if isinstance(table, Mapping) else ()
            if columns:
                found[str(table.get("name"))] = frozenset(str(one.get("name")) for one in columns)
    return found


def _measure(calls: Calls, plan: Plan, window: Window) -> None:
    """Fill in how much each table took in: what a query scans (learn, basic-logs-query, pricing model)."""
    try:
        rows, _, _ = _rows(calls, usage_text(plan.columns, window), window)
        plan.sizes = {str(row["name"]): int(float(row["megabytes"] or 0) * _MEGABYTE) for row in rows}
    except (CallError, KeyError, TypeError, ValueError) as error:
        plan.unsized = str(error)


def _ask(calls: Calls, plan: Plan, name: str, spans: list[Window]) -> list[Answer]:
    """Ask a table over some spans; in halves where the answer, or the work for it, would be too much."""
    answers = []
    asked = 0
    while spans:
        span = spans.pop(0)
        asked += 1
        found = _answer(calls, plan, name, span)
        too_much = found.error is not None and _TOO_MUCH.search(str(found.error)) is not None
        if too_much and asked < _MOST_PARTS and span.end - span.start > _SHORTEST:
            spans[:0] = _halves(span)
        else:
            answers.append(found)
    return answers


def _answer(calls: Calls, plan: Plan, name: str, span: Window) -> Answer:
    """Return what a table says of one span."""
    workspace = calls.session.settings.log_workspace
    text = query_text(name, plan.columns[name], span)
    place = f"{workspace}/{name} {moment(span.start)}/{moment(span.end)}"
    query = Query(LOG_ANALYTICS, place, text)
    try:
        rows, identifier, statistics = _rows(calls, text, span)
        query = Query(LOG_ANALYTICS, place, text, identifier, plan.sizes.get(name, 0), statistics)
        problem = _overflow(rows)
        groups = [group_of(name, row) for row in rows]
        error = CallError(problem, "other", _QUERY) if problem else None
        return Answer(read_groups(groups, AzureLogs(), query, problem), query, error)
    except CallError as error:
        return _lost(query, _explained(error, name))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        why = f"an answer of {place} could not be read ({type(error).__name__}: {error!s:.200})"
        return _lost(query, CallError(f"{why}; please report it", "other", _QUERY))


def _halves(span: Window) -> tuple[Window, Window]:
    """Return a span in two, divided at a full hour."""
    hours = max(1, int((span.end - span.start) / _SHORTEST / 2))
    middle = span.start.replace(minute=0, second=0, microsecond=0) + _SHORTEST * hours
    middle = middle if span.start < middle < span.end else span.start + (span.end - span.start) / 2
    return Window(span.start, middle), Window(middle, span.end)


def _explained(error: CallError, name: str) -> CallError:
    if not _PLAN.search(str(error)):
        return error
    hint = f"only tables with the plan Analytics can be counted; export {name} and name the files instead"
    return CallError(f"{error}; {hint}", error.kind, error.call, hint=hint)


def _overflow(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return what cannot be read of the shared table, whose columns ran out."""
    lost = sum(int(row["calls"]) for row in rows if row.get("overflow"))
    if not lost:
        return ""
    return (
        f"{lost} records of AzureDiagnostics name no caller and hold fields in AdditionalFields, which is "
        "not read: send the logs to resource-specific tables"
    )


def _lost(query: Query, error: CallError) -> Answer:
    return Answer(read_groups((), AzureLogs(), query, str(error)), query, error)


def _rows(calls: Calls, text: str, span: Window) -> tuple[list[dict[str, Any]], str, str]:
    """Return the rows of an answer, its id, and what is told of the work; CallError for half an answer."""
    path = calls.path(_QUERY, id=calls.session.settings.log_workspace)
    body = {"query": text, "timespan": f"{moment(span.start)}/{moment(span.end)}"}
    digest = hashlib.sha256(text.encode()).hexdigest()
    answer, identifier = calls.query(path, body, _PREFER | {"x-ms-client-request-id": digest[:32]})
    if answer.get("error"):
        why = " ".join(str(answer["error"]).split())[:600]
        raise CallError(f"only part of an answer came: {why}", "other", _QUERY)
    tables = answer.get("tables") or ()
    rows = []
    for table in tables[:1]:
        names = [str(one["name"]) for one in table["columns"]]
        rows = [dict(zip(names, row, strict=True)) for row in table["rows"]]
    return rows, identifier, _statistics(answer)


def _statistics(answer: Mapping[str, Any]) -> str:
    """Return how many records were looked at, as the workspace tells it."""
    told: Any = answer
    for key in ("statistics", "query", "inputDatasetStatistics", "rows", "scanned"):
        told = told.get(key) if isinstance(told, Mapping) else None
    return f"{told:,} records scanned" if isinstance(told, int) else ""
