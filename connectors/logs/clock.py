"""Read event times as whole seconds since 1970, and write them back."""

from collections.abc import Sequence
from datetime import UTC, datetime

DAY_SECONDS = 86_400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = 2**32 - 1
_MOST_MINUTES = 50_000
_MINUTES = {f"T{at // 60:02}:{at % 60:02}": at * 60 for at in range(24 * 60)}
_SECONDS = {f":{at:02}Z": at for at in range(60)}
_MINUTE_NAMES = list(_MINUTES)
_SECOND_NAMES = list(_SECONDS)


class Clock:
    """Reads `YYYY-MM-DDTHH:MM:SSZ` by looking its parts up: a file holds the events of a few minutes."""

    def __init__(self) -> None:
        self._minutes: dict[str, int] = {}

    def seconds(self, time: str) -> int:
        """Return a time in seconds since 1970, or -1 when it is none between 1970 and 2106."""
        try:
            return self._minutes[time[:16]] + _SECONDS[time[16:]]
        except KeyError:
            return self._first(time)

    def all_seconds(self, times: Sequence[str]) -> list[int]:
        """Return many times at once: see `seconds`."""
        minutes = self._minutes
        begun = [time[:16] for time in times]
        for minute in set(begun).difference(minutes):  # most files begin one that was not met before
            self._first(f"{minute}:00Z")
        try:
            return [minutes[minute] + _SECONDS[time[16:]] for minute, time in zip(begun, times, strict=True)]
        except KeyError:
            return [self.seconds(time) for time in times]

    def _first(self, time: str) -> int:
        """Read a time the slow way and remember its minute."""
        seconds = parse(time)
        if seconds >= 0 and time[16:] in _SECONDS and time[10:16] in _MINUTES:
            if len(self._minutes) >= _MOST_MINUTES:
                self._minutes.clear()
            self._minutes[time[:16]] = seconds - seconds % 60
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
