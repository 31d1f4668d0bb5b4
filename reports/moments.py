"""Read the report's times, which are RFC 3339 in UTC or empty when unknown."""

from datetime import UTC, datetime


def epoch_seconds(time: str) -> int | None:
    """Give a time as seconds since 1970; None for one that is unknown or not readable."""
    try:
        moment = datetime.fromisoformat(time)
    except ValueError:
        return None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def epoch_milliseconds(time: str) -> int | None:
    """Give a time as milliseconds since 1970; None for one that is unknown or not readable."""
    seconds = epoch_seconds(time)
    return None if seconds is None else seconds * 1_000
