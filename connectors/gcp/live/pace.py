"""Keep calls below the quotas of Google's APIs."""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

_SPAN_SECONDS = 60.0


@dataclass
class Pace:
    """Lets through so many calls a minute of each quota; a call that is too early waits its turn.

    A quota without a number has no limit.
    """

    per_minute: Mapping[str, int]
    wait: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    _made: dict[str, deque[float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, quota: str) -> None:
        """Wait until one more call of a quota may be made, and count it."""
        if quota not in self.per_minute:
            return
        with self._lock:
            made = self._made.setdefault(quota, deque())
            now = self.clock()
            while made and now - made[0] >= _SPAN_SECONDS:
                made.popleft()
            delay = 0.0
            if len(made) >= self.per_minute[quota]:
                delay = max(0.0, made.popleft() + _SPAN_SECONDS - now)
            made.append(now + delay)
        if delay:
            self.wait(delay)
