"""Read the dates and times that people write, in flags and files."""

from datetime import UTC, date, datetime, time, timedelta


def moment(value: object, *, whole_day: bool = False) -> datetime:
    """Return a UTC time from a date, a time or RFC 3339 text; times without a zone are UTC.

    With `whole_day` a bare date means the end of that day, so that `end = 2026-11-22` includes the 22nd.
    Raises ValueError with a sentence a user understands.
    """
    if isinstance(value, str):
        text = value.strip()
        try:
            value = (
                date.fromisoformat(text) if len(text) <= len("2026-11-22") else datetime.fromisoformat(text)
            )
        except ValueError:
            raise ValueError(f"{text!r} is no date or RFC 3339 time (2026-11-22T00:00:00Z)") from None
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC) + timedelta(days=int(whole_day))
    raise ValueError("must be a date or time (2026-11-22 or 2026-11-22T00:00:00Z)")


_DAY_ENDS = "T23:59:59Z"


def last_moment(text: str) -> datetime:
    """Return the last second that a date or time names: of a bare date the end of that day.

    Raises ValueError with a sentence a user understands.
    """
    bare = len(text.strip()) <= len("2026-11-22")
    return moment(text, whole_day=True) - timedelta(seconds=int(bare))


def inclusive(until: str) -> str:
    """Return an end as its last second; entries of earlier versions hold the midnight after the last day."""
    if not until.endswith("T00:00:00Z"):
        return until
    return (moment(until) - timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


def spoken(until: str) -> str:
    """Return an end as people say it: the last day, where it is the end of one."""
    return until.removesuffix(_DAY_ENDS) if until.endswith(_DAY_ENDS) else until
