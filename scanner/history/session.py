"""The history during one scan: the lock, the opened state file, and what goes wrong with either."""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from connectors.errors import BusyError, ConflictError, StateError
from connectors.lock import held
from connectors.state import State, open_state
from connectors.state_store import FORMS, ObjectState, is_address, is_known, object_state
from scanner.errors import ConfigError
from scanner.history.approvals import APPROVALS
from scanner.history.config import HistorySettings
from scanner.history.schema import HISTORY
from scanner.talk import Talk

STATE = "state.sqlite"
"""Name of the state file beside the report."""
VARIABLE = "ENTDRIFT_STATE"
_TRIES = 5


@dataclass
class Session:
    """What a scan has of its history; without a `state` that opens, the scan goes on."""

    path: Path
    state: State | None = None
    notes: list[str] = field(default_factory=list)
    failed: bool = False
    remote: ObjectState | None = None
    version: str = ""

    def close(self) -> None:
        """Close the state, whichever it is by now."""
        if self.state is not None:
            self.state.close()

    def fetch(self) -> None:
        """Take the object in storage as the state; without one begin a new state."""
        if self.remote is not None:
            self.close()
            for suffix in ("", "-wal", "-shm"):
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
            self.version = self.remote.read(self.path)
        self.state = open_state(self.path, HISTORY, APPROVALS)

    def put_back(self, again: Callable[[State], None]) -> None:
        """Write the state to its object; where another run was quicker, do the work again on its result."""
        for _ in range(_TRIES):
            if self.remote is None or self.state is None:
                return
            try:
                self.version = self.remote.write(_upload(self.path), self.version)
            except ConflictError:
                self.fetch()
                again(self.state)
            else:
                return
        raise ConflictError(f"{self.path}: {_TRIES} other runs wrote the state meanwhile")


def place(output: Path, settings: HistorySettings, flag: str | None) -> str:
    """Return where the state is: the flag, the environment, the config, or beside the report."""
    found = flag or os.environ.get(VARIABLE) or settings.state or str(output / STATE)
    if is_address(found) and not is_known(found):
        shown = found.partition("?")[0]  # behind it a SAS token may stand
        raise ConfigError(f"{shown}: no address of a state", hint=FORMS)
    return found


@contextlib.contextmanager
def local(where: str, *, write: bool = False) -> Iterator[Path]:
    """Give the state file of a place: the file itself, or a copy of the object, put back when `write`.

    Raises ConflictError when the object was written by somebody else meanwhile; nothing was changed then.
    """
    if not is_address(where):
        yield Path(where)
        return
    with tempfile.TemporaryDirectory(prefix="entdrift-") as folder:
        path = Path(folder) / STATE
        remote = object_state(where)
        version = remote.read(path)
        yield path
        if write:
            remote.write(_upload(path), version)


def _upload(path: Path) -> Path:
    """Return a whole copy of a state file without its write-ahead log."""
    copy = path.with_name(f".{path.name}.upload")
    with open_state(path, HISTORY, APPROVALS) as state:
        state.copy_to(copy)
    return copy


@contextlib.contextmanager
def session(where: str, output: Path, settings: HistorySettings, talk: Talk) -> Iterator[Session]:
    """Hold the state for the time of a scan.

    A state that cannot be opened does not end the scan: what was gathered is worth more than the history. It
    is said on stderr and in the report, and the exit code tells. Raises BusyError when another run holds it.
    """
    with contextlib.ExitStack() as stack:
        path = output / f".remote.{STATE}" if is_address(where) else Path(where)
        own = Session(path)
        try:
            lock = path.with_name(f".{path.name}.lock")
            stack.enter_context(held(lock, wait_seconds=settings.lock_wait_seconds, say=talk.say))
            own.remote = object_state(where) if is_address(where) else None
            own.fetch()
        except BusyError:
            raise
        except StateError as error:
            problem(own, talk, error, "the scan goes on without history")
        if own.state is not None:
            stack.callback(own.close)
            if own.state.quarantine is not None:
                own.notes.append(str(own.state.quarantine))
                talk.warn(str(own.state.quarantine))
        yield own


def problem(own: Session, talk: Talk, error: StateError, effect: str) -> None:
    """Tell what is wrong with the history and what that means; the scan's exit code will say so too."""
    own.failed = True
    own.notes.append(f"{error}; {effect}")
    talk.error(f"{error}; {effect}" + (f" ({error.hint})" if error.hint else ""))
