"""The history during one scan: the lock, the opened state file, and what goes wrong with either."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from connectors.errors import BusyError, StateError
from connectors.lock import held
from connectors.state import State, open_state
from scanner.errors import ConfigError
from scanner.history.approvals import APPROVALS
from scanner.history.config import HistorySettings
from scanner.history.schema import HISTORY
from scanner.talk import Talk

STATE = "state.sqlite"
"""Name of the state file beside the report."""
VARIABLE = "ENTDRIFT_STATE"


@dataclass
class Session:
    """What a scan has of its history; without a `state` that opens, the scan goes on."""

    path: Path
    state: State | None = None
    notes: list[str] = field(default_factory=list)
    failed: bool = False


def place(output: Path, settings: HistorySettings, flag: str | None) -> str:
    """Return where the state is: the flag, the environment, the config, or beside the report."""
    found = flag or os.environ.get(VARIABLE) or settings.state or str(output / STATE)
    if "://" in found:
        raise ConfigError(
            f"{found}: a state in object storage is not supported in this version",
            hint="copy the file before and after the scan, one run at a time, and name the copy with --state",
        )
    return found


@contextlib.contextmanager
def session(path: Path, settings: HistorySettings, talk: Talk) -> Iterator[Session]:
    """Hold the state for the time of a scan.

    A state that cannot be opened does not end the scan: what was gathered is worth more than the history. It
    is said on stderr and in the report, and the exit code tells. Raises BusyError when another run holds it.
    """
    with contextlib.ExitStack() as stack:
        own = Session(path)
        try:
            lock = path.with_name(f".{path.name}.lock")
            stack.enter_context(held(lock, wait_seconds=settings.lock_wait_seconds, say=talk.say))
            own.state = stack.enter_context(open_state(path, HISTORY, APPROVALS))
        except BusyError:
            raise
        except StateError as error:
            problem(own, talk, error, "the scan goes on without history")
        else:
            if own.state.quarantine is not None:
                own.notes.append(str(own.state.quarantine))
                talk.warn(str(own.state.quarantine))
        yield own


def problem(own: Session, talk: Talk, error: StateError, effect: str) -> None:
    """Tell what is wrong with the history and what that means; the scan's exit code will say so too."""
    own.failed = True
    own.notes.append(f"{error}; {effect}")
    talk.error(f"{error}; {effect}" + (f" ({error.hint})" if error.hint else ""))
