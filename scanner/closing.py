"""Say in one line why a scan ends with an exit code that is not 0: what a cron mail or a CI log ends with."""

from collections.abc import Iterator

from reports.document import SEVERITIES, Report, SourceEntry
from reports.overview import counted
from scanner.exits import Exit

_NAMED = 5
"""Sources that are named; the report names them all."""


def closing_line(report: Report, code: Exit, fail_on: str) -> str:
    """Return the line, or nothing where all is well or where the fault was told when it happened."""
    match code:
        case Exit.FINDINGS:
            return f"exit {code:d}: open findings at or above {fail_on}: {_findings(report, fail_on)}"
        case Exit.INCOMPLETE:
            return f"exit {code:d}: evidence is not whole (--strict): {'; '.join(_missing(report))}"
        case Exit.NO_SOURCE:
            return f"exit {code:d}: no source could be read: {_sources(_once(report.sources))}"
        case _:
            return ""


def _findings(report: Report, fail_on: str) -> str:
    """Count what `--fail-on` counts, which is more than one severity."""
    counts = report.summary.findings
    names: list[str] = [*SEVERITIES]
    severities = names[: names.index(fail_on) + 1]
    return ", ".join(f"{number:,} {name}" for name in severities if (number := getattr(counts, name)))


def _missing(report: Report) -> Iterator[str]:
    every = _once(report.sources)
    broken = [source for source in every if source.status != "ok"]
    if broken:
        yield f"{len(broken):,} of {counted(len(every), 'source')}: {_sources(broken)}"
    unreadable = report.summary.log_events.unreadable_files
    if unreadable:
        yield f"{counted(unreadable, 'log file')} could not be read whole"


def _once(sources: list[SourceEntry]) -> list[SourceEntry]:
    """Return each source once: one of several accounts has an entry for each, all with its own status."""
    return list({source.name: source for source in reversed(sources)}.values())[::-1]


def _sources(sources: list[SourceEntry]) -> str:
    """Name sources with what is wrong with each, the failed ones first."""
    worst = sorted(sources, key=lambda source: source.status != "failed")
    named = ", ".join(f"{source.name} {source.status} ({_short(source.reason)})" for source in worst[:_NAMED])
    left = len(sources) - _NAMED
    return named + (f" and {left:,} more" if left > 0 else "")


def _short(reason: str, limit: int = 200) -> str:
    return reason if len(reason) <= limit else f"{reason[: limit - 3]}..."
