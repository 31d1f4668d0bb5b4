"""Write the times of AWS exports, in whatever form a tool printed them, as RFC 3339 UTC."""

from datetime import UTC, datetime
from typing import Any


def stamp(value: Any) -> str:
    """Return a time as `YYYY-MM-DDTHH:MM:SSZ`, or an empty string when it is none.

    The CLI writes offsets, older tools a blank for the `T`, SDK dumps seconds since 1970, and reports
    `N/A`, `no_information` or `not_supported` for what they do not know.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return _write(datetime.fromtimestamp(value, UTC))
        except (ValueError, OverflowError, OSError):
            return ""
    if not isinstance(value, str):
        return ""
    try:
        return _write(datetime.fromisoformat(value.strip()))
    except ValueError:
        return ""


def _write(moment: datetime) -> str:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
