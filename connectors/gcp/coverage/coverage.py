"""Say which audit logs the evidence holds, per project and class of log."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from connectors.facts import Caveat, Coverage, CoverageState, Window
from connectors.gcp.coverage.auditing import ALL, Auditing
from connectors.gcp.coverage.classes import ADMIN_WRITE, DATA_TYPES
from connectors.gcp.coverage.fixes import fix, names
from connectors.gcp.coverage.fixes import reason as reason_of
from connectors.gcp.coverage.log_sinks import leaving_out
from connectors.gcp.hierarchy import Hierarchy
from connectors.gcp.inventory import Inventory
from connectors.gcp.usage.events import LAST, OTHER_FORMAT
from connectors.interface import Evidence
from connectors.logs.spans import Span, falls_short, silence

PROVIDER = "gcp"
_LATE = timedelta(days=7)
_DAY = timedelta(days=1)
_OFTEN = 10
_DEFAULT_DAYS = 30
"""How long a `_Default` bucket keeps records, unless it was changed."""


@dataclass(frozen=True, slots=True)
class Given:
    """Which logs the evidence holds, inside the window."""

    first: Mapping[str, str]
    """By node: time of its first record."""
    data: Mapping[str, Span]
    """By node with data access records: their span."""
    admin: frozenset[str]
    """Nodes of sources that hold records of an always-on log: what was exported did not leave it out."""
    unreadable: Mapping[str, frozenset[str]]
    """By node: which logs have files that could not be read whole; "" where a file may hold any of them."""
    excluded: Mapping[str, str]
    """By node: what of its `_Default` sink may drop Data Access records."""
    cut: Mapping[str, str]
    """By node: since when Data Access records are there, where their bucket threw earlier ones away."""
    kept: frozenset[str]
    """Nodes whose bucket keeps Data Access records for all of the window."""
    short: Mapping[str, str]
    """By node: how its Data Access records fall short of its other logs."""
    silent: Mapping[str, str]
    """By node: days without any record in the midst of days with records."""

    whole: Mapping[str, Span]
    """By node: the span of all its logs together."""

    def watched(self, node: str, window: Window) -> Span | None:
        """Return the span in which Data Access calls would be seen, where it begins well after the window.

        Where the bucket keeps them long enough, no record means no call.
        """
        span = self.data.get(node)
        if span is None or node in self.kept or span.first <= _stamp(window.start + _LATE):
            return None
        return self.whole[node]._replace(first=span.first)


def read_given(evidence: Sequence[Evidence], inventory: Inventory, window: Window) -> Given:
    """Return which logs of which projects the evidence holds."""
    hierarchy = inventory.hierarchy
    start, end = _stamp(window.start), _stamp(window.end)
    first: dict[str, str] = {}
    data: dict[str, Span] = {}
    whole: dict[str, Span] = {}
    exported: set[str] = set()
    days = _Days(hierarchy, window)
    unreadable: dict[str, frozenset[str]] = {}
    admin: set[str] = set()
    for source in evidence:
        days.read(source)
        nodes: set[str] = set()
        always = False
        bad = frozenset(
            _log_of(file.path) for file in source.log_files() if file.lost or file.reason == OTHER_FORMAT
        )
        sink = any(_log_of(file.path) == "data_access" for file in source.log_files())
        inside = _Inside(source)
        for seen in source.presence():
            if seen.last < start or seen.first >= end or not seen.account:
                continue
            data_access = seen.log_class == "data_access"
            if seen.first < start and seen.last >= end and not inside.holds(seen.account, data=data_access):
                continue
            node = seen.account if "/" in seen.account else hierarchy.node(f"projects/{seen.account}")
            span = Span(max(seen.first, start), min(seen.last, end), seen.events)
            first[node] = min(first.get(node, span.first), span.first)
            whole[node] = span.wider(whole.get(node))
            if data_access:
                data[node] = span.wider(data.get(node))
                exported |= {node} if sink else set()
            elif seen.log_class:
                always = True
            nodes.add(node)
            unreadable[node] = unreadable.get(node, frozenset()) | bad
        admin |= nodes if always else set()
    cut, kept = _retention(data, whole, exported, inventory, window)
    length = window.end - window.start
    return Given(
        first,
        data,
        frozenset(admin),
        unreadable,
        leaving_out(inventory),
        cut,
        kept,
        _short(days, data, whole, kept, length),
        days.silences(),
        whole,
    )


def _retention(
    data: Mapping[str, Span],
    whole: Mapping[str, Span],
    exported: Collection[str],
    inventory: Inventory,
    window: Window,
) -> tuple[dict[str, str], frozenset[str]]:
    """Return where Data Access records begin as late as their bucket lets them, and where it keeps them all.

    Records of a sink may reach further back than the bucket: then nothing was thrown away. A bucket that no
    record tells of keeps 30 days, unless somebody changed that: records that begin just then, after those of
    other logs, are taken for cut off. Files of a sink (`exported`) come from no bucket.
    """
    days = {
        node: _DEFAULT_DAYS
        for node, span in data.items()
        if node not in exported and span.first > _later(whole[node].first)
    }
    for record in inventory.beside.get("log_buckets", ()):
        name, told = str(record.data.get("name") or ""), record.data.get("retentionDays", _DEFAULT_DAYS)
        if name.endswith("/buckets/_Default") and isinstance(told, int):
            days[inventory.hierarchy.node("/".join(name.split("/")[:2]))] = told
    cut, whole_window = {}, set()
    for node, number in days.items():
        kept = window.end - timedelta(days=number)
        if kept <= window.start:
            whole_window.add(node)
        elif kept > window.start + _LATE and node in data and data[node].first >= _stamp(kept - _DAY):
            cut[node] = data[node].first
    return cut, frozenset(whole_window)


def _later(time: str) -> str:
    """Return what begins well after a time."""
    return _stamp(datetime.fromisoformat(time) + _LATE)


def _short(
    days: "_Days",
    data: Mapping[str, Span],
    whole: Mapping[str, Span],
    kept: Collection[str],
    length: timedelta,
) -> dict[str, str]:
    """Return where Data Access records fall short of other logs although they are there on most days else.

    Where they are seldom, a silent beginning or end may be quiet.
    """
    found = {}
    for node, span in data.items():
        own = days.data(node, span)
        if node not in kept and own.events >= _OFTEN and own.events * 2 >= _days(span):
            found[node] = falls_short(own, whole[node], length)
    return {node: how for node, how in found.items() if how}


def _days(span: Span) -> int:
    return (datetime.fromisoformat(span.last) - datetime.fromisoformat(span.first)).days + 1


def gaps(given: Given, window: Window) -> Iterator[Caveat]:
    """Say where records may be missing: Data Access records that begin well after the window, silent days.

    Admin Activity is kept for 400 days, so one export may hold spans of very different length.
    Source: docs.cloud.google.com/logging/quotas (log retention periods).
    """
    limit = _stamp(window.start + _LATE)
    late = sorted((span.first, node) for node, span in given.data.items() if span.first > limit)
    if late:
        yield Caveat(
            "Data Access records begin later than the window",
            names([f"{node} at {since}" for since, node in late]),
            "earlier use of what only they record was not seen: it is judged from there on",
        )
    for node, when in sorted(given.silent.items()):
        yield Caveat(
            "days without any audit log record between days with records",
            f"{node}: {when}",
            "if the logs of these days were not exported, calls made then are missing: export them again",
        )


class _Days:
    """On which days which logs of a project have records: a burst on one day says little of others."""

    def __init__(self, hierarchy: Hierarchy, window: Window) -> None:
        self._hierarchy = hierarchy
        self._start, self._end = _stamp(window.start)[:10], _stamp(window.end)[:10]
        self._nodes: dict[str, str] = {}
        self._found: dict[str, dict[str, set[str]]] = {}

    def read(self, source: Evidence) -> None:
        for account, detail, day in {(row.account, row.detail, row.day) for row in source.usage()}:
            if self._start <= day <= self._end:
                kinds = self._found.setdefault(self._node(account), {})
                kinds.setdefault(detail.removesuffix(LAST), set()).add(day)

    def data(self, node: str, span: Span) -> Span:
        """Return the span of Data Access records with the number of days that have some."""
        kinds = self._found.get(node, {})
        return span._replace(events=len(set().union(*(kinds.get(kind, set()) for kind in _DATA))))

    def silences(self) -> dict[str, str]:
        """Return by node the days without any record that stand out."""
        found = {node: silence(set().union(*kinds.values())) for node, kinds in sorted(self._found.items())}
        return {node: days for node, days in found.items() if days}

    def _node(self, account: str) -> str:
        found = self._nodes.get(account)
        if found is None:
            found = account if "/" in account else self._hierarchy.node(f"projects/{account}")
            self._nodes[account] = found
        return found


class _Inside:
    """Which projects have records inside of the window, where those before and after it do not tell."""

    def __init__(self, source: Evidence) -> None:
        self._source = source
        self._rows: set[tuple[str, bool]] | None = None

    def holds(self, account: str, *, data: bool) -> bool:
        """Return whether a log of a project, or a Data Access log of it, has a record in the window."""
        if self._rows is None:
            kinds = {(row.account, row.detail.removesuffix(LAST)) for row in self._source.usage()}
            self._rows = {(name, kind in _DATA) for name, kind in kinds}
        return (account, True) in self._rows or (not data and (account, False) in self._rows)


_DATA = ("data_access", *DATA_TYPES)
_LOG_IN_PATH = re.compile(r"cloudaudit\.googleapis\.com(?:/|%2F)(activity|data_access|system_event|policy)\b")


def _log_of(path: str) -> str:
    """Return which log a sink's object holds, by its path; empty when the path does not say."""
    match = _LOG_IN_PATH.search(path)
    return match[1] if match else ""


def _stamp(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def coverage_rows(nodes: Iterable[str], auditing: Auditing, given: Given) -> list[Coverage]:
    """Return for each node whether each class of audit log was recorded and given."""
    rows: list[Coverage] = []
    for node in nodes:
        project = node.removeprefix("projects/")
        rows.append(_admin_row(project, node, given))
        rows += [_data_row(project, node, kind, auditing, given) for kind in DATA_TYPES]
        rows += _service_rows(project, node, auditing, given)
    return sorted(rows)


def _admin_row(project: str, node: str, given: Given) -> Coverage:
    since = given.first.get(node, "")
    if node not in given.admin:
        reason = "no record of this project's Admin Activity log is in the evidence"
        change = fix("no-logs-for-account", [node], ())
        return Coverage(PROVIDER, project, "", ADMIN_WRITE, CoverageState.UNKNOWN, since, reason, change)
    if given.unreadable.get(node, frozenset()) & {"", "activity"}:
        reason, change = "log files could not be read whole", fix("log-file-unreadable", [node], ())
        return Coverage(PROVIDER, project, "", ADMIN_WRITE, CoverageState.PARTIAL, since, reason, change)
    reason = "Admin Activity is always recorded"
    return Coverage(PROVIDER, project, "", ADMIN_WRITE, CoverageState.ON, since, reason)


def _data_row(project: str, node: str, kind: str, auditing: Auditing, given: Given) -> Coverage:
    on = [one for one in auditing.view(node).switches if one.type == kind and one.service == ALL]
    some = [one for one in auditing.view(node).switches if one.type == kind and one.service != ALL]
    change = fix("data-access-logs-off", [node], ())
    if on:
        exempted = [name for one in on for name in one.exempted]
        return _on_row(project, node, "", kind, exempted, given, auditing)
    if some:
        reason = "on for single services only"
        return Coverage(PROVIDER, project, "", kind, CoverageState.PARTIAL, "", reason, change)
    if auditing.view(node).told:
        reason = "no audit configuration of the project or above it names this type (BigQuery has its own)"
        return Coverage(PROVIDER, project, "", kind, CoverageState.OFF, "", reason, change)
    reason = "the audit configuration of the project and of all above it is not in the evidence"
    if node in given.data:
        reason += "; data access records of it were given, so some services do record"
        return Coverage(PROVIDER, project, "", kind, CoverageState.UNKNOWN, "", reason, change)
    return Coverage(PROVIDER, project, "", kind, CoverageState.UNKNOWN, "", reason, change)


def _service_rows(project: str, node: str, auditing: Auditing, given: Given) -> list[Coverage]:
    """Return a row for each service that is switched on by its own name."""
    exempted: dict[tuple[str, str], list[str]] = {}
    for one in auditing.view(node).switches:
        if one.service != ALL and one.type in DATA_TYPES:
            exempted.setdefault((one.service, one.type), []).extend(one.exempted)
    return [
        _on_row(project, node, service, kind, names, given, auditing)
        for (service, kind), names in sorted(exempted.items())
    ]


def _on_row(
    project: str,
    node: str,
    place: str,
    kind: str,
    exempted: Sequence[str],
    given: Given,
    auditing: Auditing,
) -> Coverage:
    if node not in given.data:
        reason = "switched on, but no data access record of this project is among the logs given"
        change = fix("data-access-logs-not-given", [node], ())
        return Coverage(PROVIDER, project, place, kind, CoverageState.PARTIAL, "", reason, change)
    since = given.data[node].first
    late = auditing.view(node).switched_on(place or ALL, kind)
    if code := _shortened(given, node, late=bool(late)):
        since, text = max(since, late), reason_of(code, node, "")
        return Coverage(
            PROVIDER, project, place, kind, CoverageState.PARTIAL, since, text, fix(code, [node], ())
        )
    if exempted:
        reason = f"switched on, except for {', '.join(sorted(set(exempted)))}"
        change = fix("exempted-from-audit", [node], ())
        return Coverage(PROVIDER, project, place, kind, CoverageState.PARTIAL, since, reason, change)
    return Coverage(PROVIDER, project, place, kind, CoverageState.ON, since, "switched on")


def _shortened(given: Given, node: str, *, late: bool) -> str:
    """Return why Data Access records of a type that is on do not reach over the whole window."""
    if node in given.excluded:
        return "data-access-logs-excluded"
    if node in given.cut:
        return "data-access-logs-not-kept"
    if late:
        return "data-access-logs-switched-on"
    return "data-access-logs-partial" if node in given.short else ""
