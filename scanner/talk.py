"""What the program says to a person while it works: always on stderr, silent unless wanted."""

import contextlib
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from reports.escape import terminal

if TYPE_CHECKING:
    from reports.document import Report

_REFRESH_SECONDS = 0.2


@dataclass
class Talk:
    """How much to say, and the progress line being shown."""

    quiet: bool = False
    verbose: bool = False
    no_color: bool = False
    _shown: float = field(default=0.0, repr=False)
    _open: bool = field(default=False, repr=False)

    @property
    def color(self) -> bool:
        """Whether colours are wanted: not with --no-color, not with a non-empty NO_COLOR variable."""
        return not self.no_color and not os.environ.get("NO_COLOR")

    def say(self, text: str) -> None:
        """Print one line unless --quiet."""
        self._end_line()
        if not self.quiet:
            sys.stderr.write(terminal(text) + "\n")

    def warn(self, text: str) -> None:
        """Print one warning line unless --quiet."""
        self.say(f"warning: {text}")

    def error(self, text: str) -> None:
        """Print one error line, even with --quiet."""
        self._end_line()
        sys.stderr.write(f"entdrift: error: {terminal(text)}\n")

    def last(self, text: str) -> None:
        """Print the line that says why the exit code is not 0, even with --quiet."""
        self._end_line()
        sys.stderr.write(f"entdrift: {terminal(text)}\n")

    def summary(self, report: "Report", written: Sequence[Path]) -> None:
        """Print what the report says in one screen, and where the files are, unless --quiet."""
        self._end_line()
        if not self.quiet:
            from rich.console import Console  # noqa: PLC0415 rich is slow to import

            from reports.terminal import write  # noqa: PLC0415 as above

            console = Console(file=sys.stderr, no_color=not self.color, highlight=False)
            write(report, console, files=[str(path) for path in written])

    def observe(self, event: str, /, **numbers: int | str) -> None:
        """Show progress: one line that is rewritten, only on a terminal."""
        if self.quiet or not sys.stderr.isatty():
            return
        now = time.monotonic()
        if event == "log-file" and now - self._shown < _REFRESH_SECONDS:
            return
        self._shown = now
        text = " ".join(
            f"{key} {value:,}" if isinstance(value, int) else str(value) for key, value in numbers.items()
        )
        sys.stderr.write(f"\r\x1b[K{terminal(event.replace('-', ' '))}: {terminal(text)}")
        sys.stderr.flush()
        self._open = True

    def _end_line(self) -> None:
        if self._open:
            sys.stderr.write("\r\x1b[K")
            self._open = False


@contextlib.contextmanager
def heard(talk: Talk) -> Iterator[None]:
    """Say what the connectors log as warnings, each text once: a full disk fails the logs of every source."""
    import logging  # noqa: PLC0415 every verb starts here, and few log

    said: set[str] = set()

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            text = record.getMessage()
            if text not in said:
                said.add(text)
                talk.warn(text)

    lines = Lines(logging.WARNING)
    logger = logging.getLogger("connectors")
    logger.addHandler(lines)
    try:
        yield
    finally:
        logger.removeHandler(lines)
