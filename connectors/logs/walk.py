"""Find the log files that paths name."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple


class Found(NamedTuple):
    """One path to read, or the reason why it cannot be."""

    path: str
    size_bytes: int
    refused: str = ""
    skipped: bool = False


def find_files(paths: Sequence[Path]) -> list[Found]:
    """Return every file under these files and folders once, sorted by path.

    Hidden files and folders are passed over, as the shell does. A link to a file is read; a link to a
    folder inside a tree is named but not followed, so loops end. Pipes, sockets and devices are refused.
    """
    found: dict[str, Found] = {}
    for path in paths:
        for one in _below(str(path)):
            found.setdefault(one.path, one)
    unique = []
    inodes: set[tuple[int, int]] = set()
    for _, one in sorted(found.items()):
        if not one.refused:
            status = _stat(one.path)
            if status is not None and status.st_ino:
                inode = (status.st_dev, status.st_ino)
                if inode in inodes:
                    continue
                inodes.add(inode)
        unique.append(one)
    return unique


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116 - a Path object per log file costs more than the call
    except OSError:
        return None


def _below(top: str) -> Iterator[Found]:
    """Yield what one configured path names, walking folders without recursion."""
    if not os.path.isdir(top):  # noqa: PTH112 - strings all the way down, see _stat
        yield _file(top)
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
                    elif entry.is_dir():
                        yield Found(
                            entry.path, 0, "link to a folder, not followed: name its target", skipped=True
                        )
                    else:
                        yield _file(entry.path)
        except OSError as error:
            yield Found(folder, 0, f"folder cannot be listed ({error.strerror})")


def _file(path: str) -> Found:
    try:
        status = os.stat(path)  # noqa: PTH116 - see _stat
    except OSError as error:
        return Found(path, 0, f"cannot be opened ({error.strerror})")
    if (status.st_mode & 0o170000) != 0o100000:
        return Found(path, 0, "not a regular file")
    return Found(path, status.st_size)
