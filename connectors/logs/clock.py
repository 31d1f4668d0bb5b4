"""Read event times as whole seconds since 1970, and write them back."""

from collections.abc import Sequence
from datetime import UTC, datetime

DAY_SECONDS = 86_400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = 2**32 - 1
_MOST_HOURS = 50_000
_HOUR = len("2026-11-22T00")
_IN_HOUR = {f":{at // 60:02}:{at % 60:02}Z": at for at in range(3600)}
_MINUTE_NAMES = [f"T{at // 60:02}:{at % 60:02}" for at in range(24 * 60)]
_SECOND_NAMES = [f":{at:02}Z" for at in range(60)]


class Clock:
    """Reads `YYYY-MM-DDTHH:MM:SSZ` by looking its parts up: a quarter has some two thousand hours."""

    def __init__(self) -> None:
        self._hours: dict[str, int] = {}

    def seconds(self, time: str) -> int:
        """Return a time in seconds since 1970, or -1 when it is none between 1970 and 2106."""
        try:
            return self._hours[time[:_HOUR]] + _IN_HOUR[time[_HOUR:]]
        except KeyError:
            return self._first(time)

    def all_seconds(self, times: Sequence[str]) -> list[int]:
        """Return many times at once: see `seconds`."""
        hours = self._hours
        try:
            return [hours[time[:13]] + _IN_HOUR[time[13:]] for time in times]
        except KeyError:
            return [self.seconds(time) for time in times]

    def _first(self, time: str) -> int:
        """Read a time the slow way and remember its hour."""
        seconds = parse(time)
        if seconds >= 0 and time[_HOUR:] in _IN_HOUR and time[10:11] == "T":
            if len(self._hours) >= _MOST_HOURS:
                self._hours.clear()
            self._hours[time[:_HOUR]] = seconds - seconds % 3600
        return seconds


def parse(time: str) -> int:
    """Return an ISO 8601 time in seconds since 1970 (fractions cut off), or -1 when it is none."""
    try:
        moment = datetime.fromisoformat(time.strip())
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


def stamp(written_day: str, second: int) -> str:
    """Return a day and a second of it as `YYYY-MM-DDTHH:MM:SSZ`."""
    minute, second = divmod(second, 60)
    return f"{written_day}{_MINUTE_NAMES[minute]}{_SECOND_NAMES[second]}"
