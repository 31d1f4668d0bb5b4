"""Write outputs so that a reader sees the old file or the new one, never half of one."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from connectors.leftovers import beside, clear


def write_whole(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Write a file readable by its owner only: beside its place first, then moved there in one step.

    `mode` is for files that other programs read. Raises OSError naming the file; nothing is left behind then.
    """
    write_parts(path, (data,), mode=mode)


def write_parts(path: Path, parts: Iterable[bytes], *, mode: int = 0o600) -> None:
    """Write a file as `write_whole` does, while its parts are made; an error in that leaves nothing."""
    partial = beside(path, "partial")
    clear(path)
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        partial.chmod(mode)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def make_folder(path: Path) -> None:
    """Make a folder that only its owner can enter, with its parents; keep one that exists."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def write_standard_output(data: bytes) -> None:
    """Write bytes to standard output as they are."""
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
