"""Read event times as whole seconds since 1970, and write them back."""

from collections.abc import Sequence
from datetime import UTC, datetime

DAY_SECONDS = 86_400
PACKED = 7
"""Bytes of a packed time: the digits of `YYYYMMDDhhmmss`, two in each."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = 2**32 // DAY_SECONDS * DAY_SECONDS - 1
"""The end of the last day that can be counted in 32 bits."""
_MOST_DAYS = 50_000
_WHOLE = len("2026-11-22T00:00:00Z")
_MARKS = ((10, b"T"), (13, b":"), (16, b":"), (19, b"Z"))
_DATE = 4
"""Bytes of a packed date."""
_RANGES = tuple(
    (at, bytes.fromhex("".join(f"{number:02}" for number in range(most))))
    for at, most in ((4, 24), (5, 60), (6, 60))
)
"""Where hours, minutes and seconds stand in a packed time, and all that there are."""
_MINUTE_NAMES = [f"T{at // 60:02}:{at % 60:02}" for at in range(24 * 60)]
_SECOND_NAMES = [f":{at:02}Z" for at in range(60)]


class Clock:
    """Packs times written `YYYY-MM-DDTHH:MM:SSZ`, those of a file together, for `stamps.seconds` to count.

    It does without numpy, which processes that only read files need not load.
    """

    def __init__(self) -> None:
        self._dates: set[bytes] = set()

    def packed(self, times: Sequence[str]) -> tuple[bytes, list[bool]]:
        """Return times packed, and which ones are between 1970 and 2106; no such list where all are."""
        try:
            return self._plain("".join(times), len(times)), []
        except ValueError:
            written = [_written(time) for time in times]
            good = [time for time in written if time]
            return self._plain("".join(good), len(good)), list(map(bool, written))

    def _plain(self, text: str, count: int) -> bytes:
        """Return so many times packed; ValueError where they have another form or are none."""
        letters = text.encode("ascii")
        for at, mark in _MARKS:
            if letters[at::_WHOLE] != mark * count:
                raise ValueError(_STRANGE)
        packed = bytes.fromhex(letters.translate(None, b"-T:Z").decode())
        if len(packed) != PACKED * count:
            raise ValueError(_STRANGE)
        for at, valid in _RANGES:
            if packed[at::PACKED].translate(None, valid):
                raise ValueError(_STRANGE)
        # Mostly, a file holds the events of one day.
        date = packed[:_DATE]
        if any(packed[at::PACKED] != date[at : at + 1] * count for at in range(_DATE)):
            for one in {packed[at : at + _DATE] for at in range(0, len(packed), PACKED)}:
                self._look(one)
        elif count:
            self._look(date)
        return packed

    def _look(self, date: bytes) -> None:
        """Raise ValueError for a packed date that is none between 1970 and 2106."""
        if date in self._dates:
            return
        text = date.hex()
        if parse(f"{text[:4]}-{text[4:6]}-{text[6:]}T00:00:00Z") < 0:
            raise ValueError(_STRANGE)
        if len(self._dates) >= _MOST_DAYS:
            self._dates.clear()
        self._dates.add(date)


_STRANGE = "a time in another form"


def _written(time: str) -> str:
    """Return a time of any form as `YYYY-MM-DDTHH:MM:SSZ`; an empty text when it is none."""
    second = parse(time)
    return stamp(day(second // DAY_SECONDS), second % DAY_SECONDS) if second >= 0 else ""


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
