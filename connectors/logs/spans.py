"""From when to when a log has records, and whether that falls short of what else was seen of an account."""

from collections.abc import Collection
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

_BY_CHANCE = 0.05
_SILENT_DAYS = 3
_MANY_DAYS = 7


class Span(NamedTuple):
    """From when to when a log has records, and how many."""

    first: str
    last: str
    events: int

    def wider(self, other: "Span | None") -> "Span":
        """Return the span of two together."""
        if other is None:
            return self
        return Span(min(self.first, other.first), max(self.last, other.last), self.events + other.events)


def falls_short(span: Span, whole: Span, length: timedelta) -> str:
    """Return how a log's records fall short of all that is seen of an account, or "" if they do not.

    `length` is that of the window. A statement about use is made for the time in which an account was seen. A
    log that is silent at the beginning or end of it was quiet, or was not exported. It counts as not exported
    where that many records would have fallen by chance into the rest less than once in twenty times.
    """
    gaps = (
        datetime.fromisoformat(span.first) - datetime.fromisoformat(whole.first),
        datetime.fromisoformat(whole.last) - datetime.fromisoformat(span.last),
    )
    missing = sum(gap / length for gap in gaps if gap > length / 10)
    if not missing or max(0.0, 1 - missing) ** span.events >= _BY_CHANCE:
        return ""
    return (
        f"the records given are of {span.first[:10]} to {span.last[:10]}, those of other logs of "
        f"{whole.first[:10]} to {whole.last[:10]}"
    )


def silence(days: Collection[str]) -> str:
    """Return the one stretch of days without a record that stands out among days with records, or "".

    It stands out when it is three days or more, and three times as long as every other one: logs of a project
    that is busy on workdays only have none.
    """
    known = [date.fromisoformat(day) for day in sorted(days)]
    gaps = sorted(((later - earlier).days - 1, earlier) for earlier, later in pairwise(known))
    if not gaps:
        return ""
    longest, before = gaps[-1]
    if longest < _SILENT_DAYS or (len(gaps) > 1 and longest <= 3 * gaps[-2][0]) or len(known) < _MANY_DAYS:
        return ""
    return f"{before + timedelta(days=1)} to {before + timedelta(days=longest)}"
