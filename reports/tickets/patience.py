"""Wait as trackers ask: between writes, after a rate limit, and longer after each failure."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from reports.tickets.tracker import TrackerDownError, TrackerError

T = TypeVar("T")
_FIRST_WAIT_SECONDS = 1.0


@dataclass(slots=True)
class Patience:
    """How often a request is tried and how long at most is waited before it is tried again."""

    attempts: int = 5
    longest_seconds: float = 120.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    waited: Callable[[float, str], None] | None = None
    """Told the seconds and the reason before each wait."""
    _last_write: float | None = field(default=None, init=False)

    def ask(self, request: Callable[[], T]) -> T:
        """Make a request that may be repeated without harm; try again after temporary failures.

        The wait is what the tracker says (`Retry-After`), else 1, 2, 4 … seconds. A tracker that asks for
        more than the longest wait, or fails to the end, ends the run: what is done stays done.
        """
        for attempt in range(1, self.attempts + 1):
            try:
                return request()
            except TrackerError as error:
                self._wait_or_give_up(error, attempt)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def write(self, request: Callable[[], T], pause_seconds: float, *, done: Callable[[], T | None]) -> T:
        """Make a request that must not be done twice: after an unsure failure look whether it was done."""
        for attempt in range(1, self.attempts + 1):
            self._pause(pause_seconds)
            try:
                return request()
            except TrackerError as error:
                self._wait_or_give_up(error, attempt)
                if error.unsure and (made := self.ask(done)) is not None:
                    return made
            finally:
                self._last_write = self.clock()
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _pause(self, seconds: float) -> None:
        if self._last_write is not None:
            left = self._last_write + seconds - self.clock()
            if left > 0:
                self.sleep(left)

    def _wait_or_give_up(self, error: TrackerError, attempt: int) -> None:
        if not error.temporary or isinstance(error, TrackerDownError):
            raise error
        asked = error.wait_seconds
        if asked is not None and asked > self.longest_seconds:
            raise TrackerDownError(
                f"{error}; it asks to wait {asked:,.0f} seconds",
                hint="run again after that time: what is done is not done twice",
            ) from error
        if attempt == self.attempts:
            raise TrackerDownError(
                f"{error}; given up after {attempt} attempts", hint=error.hint or "run again later"
            ) from error
        wait = _FIRST_WAIT_SECONDS * 2 ** (attempt - 1) if asked is None else asked
        wait = min(wait, self.longest_seconds)
        if self.waited:
            self.waited(wait, str(error))
        self.sleep(wait)
