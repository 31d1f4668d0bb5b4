"""Say which audit logs the evidence holds, per project and class of log."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from connectors.facts import Caveat, Coverage, CoverageState, Window
from connectors.gcp.coverage.auditing import ALL, Auditing
from connectors.gcp.coverage.classes import ADMIN_WRITE, DATA_TYPES
from connectors.gcp.coverage.fixes import fix, names
from connectors.gcp.coverage.fixes import reason as reason_of
from connectors.gcp.coverage.log_sinks import leaving_out
from connectors.gcp.inventory import Inventory
from connectors.gcp.usage.events import LAST, OTHER_FORMAT
from connectors.interface import Evidence

PROVIDER = "gcp"
_LATE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Given:
    """Which logs the evidence holds, inside the window."""

    first: Mapping[str, str]
    """By node: time of its first record."""
    data: Mapping[str, str]
    """By node with data access records: time of the first."""
    admin: frozenset[str]
    """Nodes of sources that hold records of an always-on log: what was exported did not leave it out."""
    unreadable: Mapping[str, frozenset[str]]
    """By node: which logs have files that could not be read whole; "" where a file may hold any of them."""
    excluded: Mapping[str, str]
    """By node: what of its `_Default` sink may drop Data Access records."""
    cut: Mapping[str, str]
    """By node: since when Data Access records are there, where their bucket threw earlier ones away."""


def read_given(evidence: Sequence[Evidence], inventory: Inventory, window: Window) -> Given:
    """Return which logs of which projects the evidence holds."""
    hierarchy = inventory.hierarchy
    start, end = _stamp(window.start), _stamp(window.end)
    first: dict[str, str] = {}
    data: dict[str, str] = {}
    unreadable: dict[str, frozenset[str]] = {}
    admin: set[str] = set()
    for source in evidence:
        nodes: set[str] = set()
        always = False
        bad = frozenset(
            _log_of(file.path) for file in source.log_files() if file.lost or file.reason == OTHER_FORMAT
        )
        inside = _Inside(source)
        for seen in source.presence():
            if seen.last < start or seen.first >= end or not seen.account:
                continue
            data_access = seen.log_class == "data_access"
            if seen.first < start and seen.last >= end and not inside.holds(seen.account, data=data_access):
                continue
            node = seen.account if "/" in seen.account else hierarchy.node(f"projects/{seen.account}")
            since = max(seen.first, start)
            first[node] = min(first.get(node, since), since)
            if data_access:
                data[node] = min(data.get(node, since), since)
            elif seen.log_class:
                always = True
            nodes.add(node)
            unreadable[node] = unreadable.get(node, frozenset()) | bad
        admin |= nodes if always else set()
    excluded = leaving_out(inventory)
    return Given(first, data, frozenset(admin), unreadable, excluded, _cut(data, inventory, window))


def _cut(data: Mapping[str, str], inventory: Inventory, window: Window) -> dict[str, str]:
    """Return where Data Access records begin as late as their bucket's retention lets them.

    Records of a sink may reach further back than the bucket: then nothing was thrown away.
    """
    found: dict[str, str] = {}
    for record in inventory.beside.get("log_buckets", ()):
        name, days = str(record.data.get("name") or ""), record.data.get("retentionDays", 30)
        node = inventory.hierarchy.node("/".join(name.split("/")[:2]))
        if not name.endswith("/buckets/_Default") or not isinstance(days, int) or node not in data:
            continue
        kept = window.end - timedelta(days=days)
        if kept > window.start + _LATE and data[node] >= _stamp(kept - timedelta(days=1)):
            found[node] = data[node]
    return found


def begun_late(given: Given, window: Window) -> Iterator[Caveat]:
    """Say where Data Access records begin well after the window: their bucket keeps 30 days unless told.

    Admin Activity is kept for 400 days, so one export may hold spans of very different length.
    Source: docs.cloud.google.com/logging/quotas (log retention periods).
    """
    limit = _stamp(window.start + _LATE)
    late = sorted((since, node) for node, since in given.data.items() if since > limit)
    if late:
        yield Caveat(
            "Data Access records begin later than the window",
            names([f"{node} at {since}" for since, node in late]),
            "earlier use of what only they record was not seen: it is judged from there on",
        )


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
    since = given.data[node]
    late = auditing.view(node).switched_on(place or ALL, kind)
    dropped = node in given.excluded
    if dropped or node in given.cut or late:
        kept = "data-access-logs-not-kept" if node in given.cut else "data-access-logs-switched-on"
        code = "data-access-logs-excluded" if dropped else kept
        since, text = max(since, late), reason_of(code, node, "")
        return Coverage(
            PROVIDER, project, place, kind, CoverageState.PARTIAL, since, text, fix(code, [node], ())
        )
    if exempted:
        reason = f"switched on, except for {', '.join(sorted(set(exempted)))}"
        change = fix("exempted-from-audit", [node], ())
        return Coverage(PROVIDER, project, place, kind, CoverageState.PARTIAL, since, reason, change)
    return Coverage(PROVIDER, project, place, kind, CoverageState.ON, since, "switched on")
