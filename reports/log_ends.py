"""Say of each source where its logs end: the time of a file says when something was copied, no more."""

from datetime import datetime, timedelta

from reports.document import Report, SourceEntry
from reports.once import once

_STALE = timedelta(days=14)


@once
def _ends(report: Report) -> dict[tuple[str, str, str], str]:
    """Return the last log record by cloud, source and account, of those with identities in the report."""
    found: dict[tuple[str, str, str], str] = {}
    for entry in report.identities:
        if entry.observed is not None:
            key = (entry.provider, entry.source, entry.account)
            found[key] = max(found.get(key, ""), entry.observed.end)
    return found


def logs_end(report: Report, source: SourceEntry) -> str:
    """Return when the logs of a source's account end; empty where the report does not know."""
    return _ends(report).get((source.provider, source.name, source.account), "")


def ends_early(report: Report, source: SourceEntry) -> bool:
    """Tell whether the logs end two weeks or more before the window does."""
    end = logs_end(report, source)
    try:
        return bool(end) and datetime.fromisoformat(report.window.end) - datetime.fromisoformat(end) >= _STALE
    except ValueError:
        return False


def worst_first(report: Report) -> list[SourceEntry]:
    """Return the sources: those not read whole, then those whose logs end early, then the others."""
    return sorted(report.sources, key=lambda one: (_RANK.index(one.status), not ends_early(report, one)))


_RANK = ("failed", "partial", "skipped", "ok")
