"""Have BigQuery group the entries of a sink's tables, and read the groups as if they were log files."""

import hashlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import quote

from connectors.facts import Window
from connectors.gcp.live.calls import Calls
from connectors.gcp.live.settings import LiveSettings
from connectors.gcp.logs.groups import Table, UnknownTableError, describe, group_of, is_sharded, shards
from connectors.gcp.usage.events import AuditLogReader
from connectors.live.failures import CallError
from connectors.logs.pushdown import Group, Query, read_groups
from connectors.logs.rows import LogRead

ENGINE = "bigquery"
PART = "log_query"
_TABLE = "bigquery.tables.get"
_QUERY = "bigquery.jobs.query"
_RESULTS = "bigquery.jobs.getQueryResults"
_GB = 1_000_000_000
_ROWS = 10_000
_TURN_MILLISECONDS = 20_000
"""How long one call waits for a query to end."""
_TURNS = 90
"""So many calls, half an hour together, and a query is given up."""
_THREADS = 4


@dataclass(frozen=True, slots=True)
class Asked:
    """One table to ask: where it is, its query, and what BigQuery says the query will scan."""

    place: str
    table: Table
    location: str
    scanned_bytes: int


@dataclass
class Plan:
    """All tables of a source, and what cannot be asked."""

    asked: list[Asked] = field(default_factory=list)
    errors: dict[str, CallError] = field(default_factory=dict)
    """By table."""
    absent: int = 0
    """Days of which no table is there: a sink makes one with the first entry of a day."""

    @property
    def scanned_bytes(self) -> int:
        """What all queries will scan."""
        return sum(one.scanned_bytes for one in self.asked)

    @property
    def notes(self) -> list[str]:
        """Return what is no loss of calls, but good to know."""
        missing = sorted({column for one in self.asked for column in one.table.missing})
        found = [f"never filled, and so read as empty: {', '.join(missing)}"] if missing else []
        return [*found, f"{self.absent} days without a table"] if self.absent else found


@dataclass(frozen=True, slots=True)
class Answer:
    """What one table gave, the query as evidence, and what went wrong."""

    read: LogRead
    query: Query
    error: CallError | None = None


def plan_queries(calls: Calls, window: Window) -> Plan:
    """Look at each table of a source, and have its query checked without running it."""
    settings = calls.session.settings
    plan = Plan()
    for name in settings.log_tables:
        shard = is_sharded(name)
        look = partial(_plan, calls, window, shard=shard)
        with ThreadPoolExecutor(_THREADS) as pool:
            found = list(pool.map(look, shards(name, window) if shard else [name]))
        there = [one for one in found if one is not None]
        if not there:
            hint = "name a table as project.dataset.table; `_*` at its end stands for tables of one day each"
            plan.errors[name] = CallError(
                f"there is no table {name} in the window", "other", _TABLE, hint=hint
            )
            continue
        plan.absent += len(found) - len(there)
        for one in there:
            if isinstance(one, Asked):
                plan.asked.append(one)
            else:
                plan.errors[one[0]] = one[1]
    return plan


def query_logs(calls: Calls, window: Window) -> tuple[Plan, list[Answer]]:
    """Run the query of each table over a window; what goes wrong is in the answers, never raised."""
    plan = plan_queries(calls, window)
    answers = [_lost(Query(ENGINE, place, ""), error) for place, error in plan.errors.items()]
    limit = calls.session.settings.log_max_scan_gb * _GB
    if limit and plan.scanned_bytes > limit:
        error = CallError(
            f"no query was run: together they would scan {plan.scanned_bytes / _GB:.1f} GB",
            "other",
            _QUERY,
            hint="shorten the window, or raise logs.max_scan_gb",
        )
        return plan, [
            *answers,
            *(_lost(Query(ENGINE, one.place, one.table.text), error) for one in plan.asked),
        ]
    with ThreadPoolExecutor(_THREADS) as pool:
        answers += pool.map(lambda one: _answer(calls, one), plan.asked)
    return plan, answers


def _plan(calls: Calls, window: Window, name: str, *, shard: bool) -> Asked | tuple[str, CallError] | None:
    """Return a table and its estimate, what is wrong with it, or None where there is none."""
    project, dataset, table = name.rsplit(".", 2)
    scope = f"projects/{project}"
    path = f"bigquery/v2/projects/{quote(project)}/datasets/{dataset}/tables/{table}"
    try:
        found = calls.fetched(_TABLE, path, scope)
        described = describe(name, found, window, shard=shard)
        location = str(found.get("location") or "")
        answer = _post(calls, name, described.text, location, dry=True)
        return Asked(name, described, location, int(answer.get("totalBytesProcessed") or 0))
    except CallError as error:
        return None if error.kind == "absent" and error.call == _TABLE else (name, error)
    except UnknownTableError as error:
        hint = "name a table that a log sink writes, partitioned or of one day each"
        return name, CallError(f"{error}; {hint}", "other", _TABLE, hint=hint)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return name, _unread(name, _TABLE, error)


def _answer(calls: Calls, asked: Asked) -> Answer:
    query = Query(ENGINE, asked.place, asked.table.text)
    try:
        first = _post(calls, asked.place, asked.table.text, asked.location, dry=False)
        job = first.get("jobReference") or {}
        scanned = int(first.get("totalBytesProcessed") or asked.scanned_bytes)
        query = Query(ENGINE, asked.place, asked.table.text, str(job.get("jobId") or ""), scanned)
        groups = list(_groups(calls, asked, first))
        return Answer(read_groups(groups, AuditLogReader(), query), query)
    except CallError as error:
        return _lost(query, error)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return _lost(query, _unread(asked.place, _RESULTS, error))


def _unread(place: str, call: str, error: Exception) -> CallError:
    text = f"{call} on {place}: an answer could not be read ({type(error).__name__}: {error!s:.200})"
    return CallError(f"{text}; please report it", "other", call)


def _lost(query: Query, error: CallError) -> Answer:
    return Answer(read_groups((), AuditLogReader(), query, str(error)), query, error)


def _post(calls: Calls, place: str, text: str, location: str, *, dry: bool) -> dict[str, Any]:
    """Have a query checked (`dry`) or run; what it may scan is bound by BigQuery itself."""
    settings = calls.session.settings
    body: dict[str, Any] = {"query": text, "useLegacySql": False, "dryRun": dry}
    if location:
        body["location"] = location
    if settings.log_max_scan_gb:
        body["maximumBytesBilled"] = str(settings.log_max_scan_gb * _GB)
    if not dry:
        # Asked again after a lost answer, BigQuery gives the same job instead of a second one.
        body |= {
            "requestId": hashlib.sha256(text.encode()).hexdigest()[:32],
            "timeoutMs": _TURN_MILLISECONDS,
            "maxResults": _ROWS,
        }
    project = billed_project(settings, place)
    return calls.posted(_QUERY, f"bigquery/v2/projects/{quote(project)}/queries", body, f"projects/{project}")


def billed_project(settings: LiveSettings, place: str) -> str:
    """Return the project that queries run in and are billed to: the quota project, or that of the table."""
    return settings.quota_project or place.rsplit(".", 2)[0]


def _groups(calls: Calls, asked: Asked, first: Mapping[str, Any]) -> Iterator[Group]:
    """Yield the rows of a query, page by page, once it has ended."""
    job = first.get("jobReference") or {}
    project = billed_project(calls.session.settings, asked.place)
    path = f"bigquery/v2/projects/{quote(project)}/queries/{quote(str(job.get('jobId') or ''), safe='')}"
    page, turns, read = first, 0, 0
    while True:
        done = page.get("jobComplete") is True
        if done:
            names = [str(one["name"]) for one in page["schema"]["fields"]]
            for row in page.get("rows") or ():
                read += 1
                values = [cell.get("v") for cell in row["f"]]
                yield group_of(dict(zip(names, values, strict=True)))
        token = str(page.get("pageToken") or "")
        if done and not token:
            break
        turns = 0 if done else turns + 1
        if turns > _TURNS:
            raise CallError(f"the query of {asked.place} did not end in half an hour", "other", _RESULTS)
        where = str(job.get("location") or asked.location)
        options = {
            "maxResults": _ROWS,
            "timeoutMs": _TURN_MILLISECONDS,
            **({"location": where} if where else {}),
            **({"pageToken": token} if done else {}),
        }
        page = next(calls.listed(_RESULTS, path, options, f"projects/{project}"))
    told = page.get("totalRows")
    if told is not None and int(told) != read:
        text = f"the query of {asked.place} has {told} rows, and {read} came"
        raise CallError(text, "other", _RESULTS)
