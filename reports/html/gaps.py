"""What could not be seen, grouped so that one change that would show it stands on one line."""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from reports.document import CoverageEntry, LogFileEntry, Report, SourceEntry
from reports.html.words import PROVIDERS, count, listed

_STATE_WORDS = {"off": "off", "partial": "on in part", "unknown": "not known to be on"}
_STATE_EFFECTS = {
    "off": "Use that only this log would show is not observable; it never counts as unused.",
    "partial": "Some use may not have been recorded.",
    "unknown": "The evidence does not say whether it was on; what it alone would show is not observable.",
}
_READ_WORDS = {"failed": "could not be read", "partial": "was read in part", "skipped": "was skipped"}
_STATES = ("off", "partial", "unknown")
_STATUSES = ("failed", "partial", "skipped")


class Gap(NamedTuple):
    """One thing the report is blind to: what, where, what that does to the result, what would help."""

    what: str
    where: str
    effect: str
    fix: str = ""


def gaps(report: Report) -> list[Gap]:
    """Return all gaps, the ones that hide most first: sources, files, logs, limits, events."""
    return [
        *_sources(report.sources),
        *_files(report.log_files),
        *_logs(report.coverage),
        *(Gap(limit.what, limit.where, limit.effect) for limit in report.limits_of_analysis),
        *_events(report),
    ]


def _sources(sources: Iterable[SourceEntry]) -> list[Gap]:
    found = []
    for status in _STATUSES:
        for source in sources:
            if source.status != status:
                continue
            parts = [
                f"{part.part}: {part.reason}" for part in source.parts if part.status != "ok" and part.reason
            ]
            found.append(
                Gap(
                    f"Source {source.name} {_READ_WORDS[status]}",
                    f"{PROVIDERS.get(source.provider, source.provider)} {source.account}".strip(),
                    "; ".join(filter(None, (source.reason, listed(parts)))) or "No reason was recorded.",
                )
            )
    return found


def _files(files: Iterable[LogFileEntry]) -> list[Gap]:
    grouped: dict[tuple[str, str, str], list[LogFileEntry]] = defaultdict(list)
    for file in files:
        grouped[file.status, file.source, file.reason].append(file)
    ordered = sorted(grouped.items(), key=lambda group: (_STATUSES.index(group[0][0]), group[0]))
    return [
        Gap(
            _file_title(group, status),
            f"{source}: {listed([file.path for file in group], most=2)}",
            f"{reason} {count(sum(file.records for file in group), 'record')} of it counted.",
        )
        for (status, source, reason), group in ordered
    ]


def _file_title(group: list[LogFileEntry], status: str) -> str:
    words = _READ_WORDS[status]
    return f"{count(len(group), 'log file')} {words if len(group) == 1 else words.replace('was', 'were')}"


def _logs(coverage: Iterable[CoverageEntry]) -> list[Gap]:
    grouped: dict[tuple[int, str, str, str, str], list[CoverageEntry]] = defaultdict(list)
    for entry in coverage:
        if entry.state in _STATES:
            key = (_STATES.index(entry.state), entry.provider, entry.log_class, entry.reason, entry.fix)
            grouped[key].append(entry)
    return [
        Gap(
            f"{PROVIDERS.get(provider, provider)} log “{log_class}” is {_STATE_WORDS[_STATES[state]]}",
            _places(group),
            f"{reason} {_STATE_EFFECTS[_STATES[state]]}".strip(),
            fix,
        )
        for (state, provider, log_class, reason, fix), group in sorted(
            grouped.items(), key=lambda group: group[0]
        )
    ]


def _places(group: list[CoverageEntry]) -> str:
    accounts = sorted({entry.account for entry in group})
    places = sorted({entry.place for entry in group if entry.place and entry.place != entry.account})
    where = listed(accounts, most=3)
    return f"{listed(places, most=2)} ({where})" if places else where


def _events(report: Report) -> list[Gap]:
    events = report.summary.log_events
    found = []
    if events.unmapped:
        operations = [entry.operation for entry in report.unmapped_events]
        found.append(
            Gap(
                f"{count(events.unmapped, 'log event')} of an operation without a known permission",
                listed(operations, most=3),
                "These calls are shown but are no evidence for or against any permission.",
            )
        )
    if events.unattributed:
        kinds = [f"{number:,} {kind}" for kind, number in sorted(events.unattributed_by_kind.items())]
        found.append(
            Gap(
                f"{count(events.unattributed, 'log event')} without a caller that can be named",
                listed(kinds),
                "They are nobody's use: an identity behind them may be used more than shown.",
            )
        )
    if events.rejected:
        found.append(
            Gap(
                f"{count(events.rejected, 'log record')} could not be read as an event",
                "all sources",
                "Counted, not interpreted.",
            )
        )
    return found
