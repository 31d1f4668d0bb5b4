"""Say from the first page of an event history how long reading all of it may take."""

from collections.abc import Sequence
from datetime import datetime
from math import ceil

from connectors.facts import Window
from connectors.logs.rows import LogFile, Presence

_DAY_SECONDS = 86_400


def first_look(
    logs: Sequence[tuple[Sequence[LogFile], Sequence[Presence]]],
    begin: str,
    window: Window,
    *,
    page: int,
    seconds_a_page: float,
) -> str:
    """Return a clause about the place that was tried (its log file begins with `begin`); empty without one.

    `page` is the least number of events of a page that is full. A full one is taken for the pace of the whole
    window, which it seldom is exactly; one that is not full holds all of the newest days.
    """
    for files, seen in logs:
        for file in files:
            if file.path.startswith(begin) and file.records:
                return f"; {file.path}: {_pace(file.records, seen, window, page, seconds_a_page)}"
    return ""


def _pace(records: int, seen: Sequence[Presence], window: Window, page: int, seconds_a_page: float) -> str:
    if records < page:
        return f"{records:,} events in its newest days, one page"
    first = datetime.fromisoformat(min(one.first for one in seen))
    last = datetime.fromisoformat(max(one.last for one in seen))
    whole = (window.end - window.start).total_seconds()
    events = ceil(records * whole / max(1.0, (last - first).total_seconds()))
    pages = ceil(events / records)
    days = ceil(whole / _DAY_SECONDS)
    return (
        f"at the pace of its first page some {events:,} events in {days} days, {pages:,} pages, about"
        f" {_lasting(pages * seconds_a_page)} the first time and a part of it later"
    )


def _lasting(seconds: float) -> str:
    if seconds < 90:
        return f"{ceil(seconds)} s"
    return f"{ceil(seconds / 60)} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
