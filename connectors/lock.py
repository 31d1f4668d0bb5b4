"""One run at a time: a lock file that the system releases when its holder ends, however it ends."""

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from connectors.errors import BusyError, StateError

_RETRY_SECONDS = 0.5


@contextlib.contextmanager
def held(path: Path, *, wait_seconds: float, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock `path` while the block runs; wait for another holder up to `wait_seconds`.

    `say` is told once for whom we wait. Raises BusyError when the other one does not end in time. The lock is
    the system's, not the file's existence: a killed holder leaves the file, and nobody waits for it.
    """
    file = _opened(path)
    try:
        if not _taken(file):
            holder = _holder(file)
            if wait_seconds > 0:
                say(f"{path}: held by {holder}; waiting up to {wait_seconds:g} s for it to end")
            _wait(file, path, holder, wait_seconds)
        os.ftruncate(file, 0)
        os.pwrite(file, f"process {os.getpid()}\n".encode(), 0)
        yield
        with contextlib.suppress(OSError):
            os.ftruncate(file, 0)
    finally:
        os.close(file)


def _opened(path: Path) -> int:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StateError(
            f"{path}: the lock cannot be made ({error.strerror})", hint="check the rights of the folder"
        ) from error


def _taken(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait(file: int, path: Path, holder: str, wait_seconds: float) -> None:
    until = time.monotonic() + wait_seconds
    while not _taken(file):
        left = until - time.monotonic()
        if left <= 0:
            raise BusyError(
                f"{path}: another run holds the state ({holder})",
                hint="wait for it to end, give --lock-wait SECONDS, or use another --output and --state",
            )
        time.sleep(min(_RETRY_SECONDS, left))


def _holder(file: int) -> str:
    with contextlib.suppress(OSError):
        return os.pread(file, 100, 0).decode("ascii", "replace").strip() or "another process"
    return "another process"
