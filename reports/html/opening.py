"""The first lines of the page: what was scanned, and how granted stands beside used over all of it."""

from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from reports.document import SEVERITIES, VERDICTS, CoverageEntry, LogEventCounts, PermissionCounts, Report
from reports.html.words import PROVIDERS, count, day, listed
from reports.html.words import VERDICTS as VERDICT_WORDS

_LEAST_PERCENT = 1.0


class Segment(NamedTuple):
    """One part of the stacked bar, placed in percent."""

    verdict: str
    left: str
    width: str


class Opening(NamedTuple):
    """The opening's sentences and numbers."""

    scanned: str
    window: str
    sources: str
    events: str
    logs: str
    verdicts: list[tuple[str, str, int]]
    bar: list[Segment]
    severities: list[tuple[str, int]]
    open_findings: int


def opening(report: Report) -> Opening:
    """Return what the first screen says."""
    summary = report.summary
    severities = [(severity, getattr(summary.findings, severity)) for severity in SEVERITIES]
    return Opening(
        scanned=_scanned(report),
        window=f"{report.window.days:g} days, {day(report.window.start)} to {day(report.window.end)}",
        sources=_sources(report),
        events=_events(report),
        logs=_logs(report.coverage),
        verdicts=[
            (verdict, VERDICT_WORDS[verdict], getattr(summary.permissions, verdict)) for verdict in VERDICTS
        ],
        bar=bar(summary.permissions),
        severities=[(severity, number) for severity, number in severities if number],
        open_findings=sum(number for _, number in severities),
    )


def bar(counts: PermissionCounts) -> list[Segment]:
    """Return the stacked bar's parts in percent; the same rule as `script/picture.js`.

    What exists is never drawn narrower than 1 %, and the widest part pays for it.
    """
    values = [getattr(counts, verdict) for verdict in VERDICTS]
    total = sum(values)
    if not total:
        return []
    widths = [max(100 * value / total, _LEAST_PERCENT) if value else 0.0 for value in values]
    widths[widths.index(max(widths))] -= sum(widths) - 100
    lefts = accumulate(widths, initial=0.0)
    return [
        Segment(verdict, f"{left:.2f}%", f"{width:.2f}%")
        for verdict, left, width in zip(VERDICTS, lefts, widths, strict=False)
        if width
    ]


def _scanned(report: Report) -> str:
    clouds = sorted({source.provider for source in report.sources})
    accounts = {(source.provider, source.account) for source in report.sources if source.account}
    names = listed([PROVIDERS.get(cloud, cloud) for cloud in clouds]) or "No cloud"
    found = count(report.summary.identities, "identity", "identities")
    where = f"{names}, {count(len(accounts), 'account')}"
    return f"{where}, {found} found, {report.summary.ai_identities:,} of them AI workloads"


def _sources(report: Report) -> str:
    """Say how many sources were read whole and name the others' states."""
    names: dict[str, str] = {}
    for source in report.sources:
        if names.get(source.name, "ok") == "ok":
            names[source.name] = source.status
    whole = sum(1 for status in names.values() if status == "ok")
    rest = [
        f"{number} {status}"
        for status in ("failed", "partial", "skipped")
        if (number := sum(1 for one in names.values() if one == status))
    ]
    return f"{whole:,} of {count(len(names), 'source')} read whole" + (
        f" ({', '.join(rest)})" if rest else ""
    )


def _logs(coverage: Sequence[CoverageEntry]) -> str:
    """Say of how many logs the evidence shows that they were on, by place and class."""
    if not coverage:
        return "the evidence does not say which logs were on"
    number: Counter[str] = Counter(entry.state for entry in coverage)
    words = {"on": "on", "partial": "in part", "off": "off", "unknown": "not known"}
    return "logs asked about: " + ", ".join(
        f"{number[state]:,} {text}" for state, text in words.items() if number[state]
    )


def _events(report: Report) -> str:
    events = report.summary.log_events
    text = f"{count(events.read, 'log event')} from {count(events.files, 'file')}"
    if events.unreadable_files:
        text += f", {events.unreadable_files:,} of them not read whole"
    return text


def event_facts(events: LogEventCounts) -> list[tuple[str, int, str]]:
    """Return what became of the log events as (term, number, what it means)."""
    return [
        ("Log events read", events.read, f"in {count(events.files, 'file')}"),
        ("Duplicates", events.duplicates, "copies of an event already counted, not counted again"),
        ("Outside the window", events.outside_window, "earlier or later than the window, not counted"),
        ("Unmapped", events.unmapped, "of an operation without a known permission"),
        ("Unattributed", events.unattributed, "without a caller that can be named"),
        ("Rejected", events.rejected, "records that are no usable event"),
        ("Damaged files", events.unreadable_files, "not read whole"),
    ]
