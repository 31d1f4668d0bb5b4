"""Find the log files that paths name."""

import os
import stat
from collections.abc import Callable, Sequence
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

MTIME = "mtime"
"""Begins the stamp of a file in the file system."""


class Found(NamedTuple):
    """One path to read, or the reason why it cannot be."""

    path: str
    size_bytes: int
    refused: str = ""
    skipped: bool = False
    """True when the refusal is nothing to worry about."""
    stamp: str = ""
    """What changes when the content changes: time of change in nanoseconds, or the etag of an object."""
    local: str = ""
    """Where the content lies for now, if `path` names an object in a store."""


def find_files(paths: Sequence[Path]) -> list[Found]:
    """Return every file under these files and folders once, sorted by path.

    Hidden files and folders are passed over, as the shell does. A link to a file is read; a link to a
    folder inside a tree is named but not followed, so loops end: calls may stand where it leads, unless that
    is read anyway. Pipes, sockets and devices are refused.
    """
    found: list[tuple[Found, _Inode]] = []
    tops = [os.path.realpath(path) for path in paths]
    for path in paths:
        _look_below(str(path), tops, found)
    found.sort(key=itemgetter(0))
    unique: list[Found] = []
    inodes: set[_Inode] = set()
    last = ""
    for one, inode in found:
        if one.path != last and inode not in inodes:
            unique.append(one)
            if inode[1]:  # file systems without inodes say 0
                inodes.add(inode)
        last = one.path
    return unique


_Inode = tuple[int, int]
"""Device and number: the same for two names of one file."""
_NO_INODE = (0, 0)


def _look_below(top: str, tops: Sequence[str], found: list[tuple[Found, _Inode]]) -> None:
    """Add what one configured path names, walking folders without recursion."""
    # Strings and os functions all the way: a Path object per log file costs more than reading it takes.
    if not os.path.isdir(top):  # noqa: PTH112
        found.append(_told(top, partial(os.stat, top)))
        return
    folders = [top]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    elif entry.is_symlink() and os.path.isdir(entry.path):  # noqa: PTH112 entry.is_dir() fails on rings
                        found.append((_link(entry.path, tops), _NO_INODE))
                    else:
                        found.append(_told(entry.path, entry.stat))
        except OSError as error:
            refused = f"the folder cannot be listed ({error.strerror})"
            found.append((Found(folder, 0, refused), _NO_INODE))


def _link(path: str, tops: Sequence[str]) -> Found:
    """Return a link to a folder, which is not followed; nothing is missed where the folder itself is read."""
    leads_to = os.path.realpath(path)
    inside = any(leads_to == top or leads_to.startswith(top.rstrip(os.sep) + os.sep) for top in tops)
    return Found(path, 0, "link to a folder, not followed: name the folder itself", skipped=inside)


def _told(path: str, ask: Callable[[], os.stat_result]) -> tuple[Found, _Inode]:
    try:
        status = ask()
    except OSError as error:
        return Found(path, 0, f"cannot be opened ({error.strerror})"), _NO_INODE
    if not stat.S_ISREG(status.st_mode):
        return Found(path, 0, "is no regular file"), _NO_INODE
    found = Found(path, status.st_size, stamp=f"{MTIME}:{status.st_mtime_ns}")
    return found, (status.st_dev, status.st_ino)
