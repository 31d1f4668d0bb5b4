"""Read event times as whole seconds since 1970, and write them back."""

from datetime import UTC, datetime

DAY_SECONDS = 86_400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = 2**32 - 1
_MOST_MINUTES = 20_000


class Clock:
    """Reads `YYYY-MM-DDTHH:MM:SSZ` fast: events of one file share few minutes, so those are remembered."""

    def __init__(self) -> None:
        self._minutes: dict[str, int] = {}
        self._seconds = {f":{second:02}Z": second for second in range(60)}

    def seconds(self, time: str) -> int:
        """Return a time in seconds since 1970, or -1 when it is none between 1970 and 2106."""
        try:
            return self._minutes[time[:16]] + self._seconds[time[16:]]
        except KeyError:
            return self._first(time)

    def _first(self, time: str) -> int:
        """Read a time the slow way and remember its minute."""
        seconds = parse(time)
        if seconds >= 0 and len(time) == 20 and time[16:] in self._seconds:
            if len(self._minutes) >= _MOST_MINUTES:
                self._minutes.clear()
            self._minutes[time[:16]] = seconds - self._seconds[time[16:]]
        return seconds


def parse(time: str) -> int:
    """Return an ISO 8601 time in seconds since 1970 (fractions cut off), or -1 when it is none."""
    try:
        moment = datetime.fromisoformat(time)
    except ValueError:
        return -1
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        seconds = int((moment - _EPOCH).total_seconds() // 1)
    except OverflowError:
        return -1
    return seconds if 0 <= seconds <= _LATEST else -1


def day(number: int) -> str:
    """Return a day counted from 1970 as `YYYY-MM-DD`."""
    return datetime.fromtimestamp(number * DAY_SECONDS, UTC).strftime("%Y-%m-%d")


def within(second: int) -> str:
    """Return a second of a day as `HH:MM:SS`."""
    minute, second = divmod(second, 60)
    return f"{minute // 60:02}:{minute % 60:02}:{second:02}"
