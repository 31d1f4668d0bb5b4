"""What a killed run left half-written beside a place: taken away before the place is written again."""

import contextlib
import glob
import os
import shutil
from pathlib import Path


def beside(path: Path, kind: str) -> Path:
    """Return this process's own name for something unfinished (`partial`, `previous`) beside a place."""
    return path.with_name(f".{path.name}.{os.getpid()}.{kind}")


def clear(path: Path) -> None:
    """Remove the unfinished files and folders of processes that no longer run.

    Where a kill came between taking the old one away and putting the new one there, the old one is put back.
    """
    name = glob.escape(f".{path.name}.")
    for left in sorted(path.parent.glob(f"{name}*.previous")):
        if _abandoned(left) and not path.exists():
            with contextlib.suppress(OSError):
                left.rename(path)
    for left in sorted((*path.parent.glob(f"{name}*.previous"), *path.parent.glob(f"{name}*.partial"))):
        if _abandoned(left):
            _remove(left)


def _abandoned(left: Path) -> bool:
    number = left.name.split(".")[-2]
    if os.name == "nt" or not (number.isascii() and number.isdigit()):
        return False  # Windows cannot be asked: there os.kill would send an interrupt
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        return False
    return int(number) == os.getpid()  # nobody else has our number: it was left by an earlier holder of it


def _remove(left: Path) -> None:
    if left.is_dir() and not left.is_symlink():
        shutil.rmtree(left, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            left.unlink()
