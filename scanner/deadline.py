"""End collection at a time limit: what was gathered until then is kept, and the rest is named."""

import contextlib
import re
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

from scanner.errors import ConfigError

_AGAIN_SECONDS = 0.05


class TimeUp(BaseException):
    """The time limit was reached; no `except Exception` of an SDK may swallow it."""


def duration(text: str) -> float:
    """Return the seconds of `90`, `90s`, `30m` or `2h`. Raises ConfigError for anything else."""
    found = re.fullmatch(r"(\d{1,9})([smh]?)", text.strip())
    if found is None or int(found[1]) == 0:
        raise ConfigError(f"--max-duration {text}: no duration", hint="for example 90, 45m or 2h")
    return float(int(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]])


@contextlib.contextmanager
def limited(seconds: float | None) -> Iterator[None]:
    """Raise TimeUp inside the block after some seconds, but not while a record is being written.

    Needs a system with timers (not Windows) and the main thread; elsewhere there is no limit.
    """
    in_main = threading.current_thread() is threading.main_thread()
    if seconds is None or sys.platform == "win32" or not in_main:
        yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        del number
        if _writing(frame):
            signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)
            return
        raise TimeUp

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _writing(frame: FrameType | None) -> bool:
    """Tell whether the bundle is writing; between two records of `add` it is not, and may be stopped."""
    while frame is not None:
        if frame.f_globals.get("__name__") == "connectors.bundle":
            return frame.f_code.co_name != "add"
        frame = frame.f_back
    return False
