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
