"""Say how many processes may read log files at a time on this machine, or in this container."""

import os
from collections.abc import Iterator
from pathlib import Path

MOST = 8
"""From about so many on, the process that counts what the others read is the bottleneck."""
PROCESS_BYTES = 150 << 20
"""What one reading process may take; half of the memory that is allowed goes to them."""

_GROUPS = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")
_ABSENT = 1 << 60
"""Version 1 of control groups writes no limit as a number near 2**63."""


def processors(groups: Path = _GROUPS, own: Path = _OWN) -> int:
    """Return how many processes may read: processors allowed to this one, a container's quota, its memory.

    A container with two processors' worth of time on a machine of 64 is shown all 64; as many processes
    would share that time and be killed for their memory. Source: the Linux kernel's documentation of control
    groups, version 2 (`cpu.max`, `memory.max`) and 1 (`cpu.cfs_quota_us`, `memory.limit_in_bytes`), 2026-11.
    """
    found = min(MOST, _allowed())
    for folder in _folders(groups, own):
        found = min(found, _by_time(folder, found), _by_memory(folder, found))
    return max(found, 1)


def _allowed() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1


def _folders(groups: Path, own: Path) -> Iterator[Path]:
    """Yield the folders of this process's control groups, each with all above it: any may set a limit."""
    for line in _read(own).splitlines():
        _, controllers, group = (line + "::").split(":")[:3]
        base = groups / controllers if controllers else groups
        folder = base / group.strip("/")
        while folder.is_relative_to(base):
            yield folder
            folder = folder.parent


def _by_time(folder: Path, otherwise: int) -> int:
    """Return how many processors' worth of time a group gets, rounded up."""
    quota, period = (_read(folder / "cpu.max") + " x x").split()[:2]
    if quota == "x":
        quota, period = (
            _read(folder / "cpu.cfs_quota_us").strip(),
            _read(folder / "cpu.cfs_period_us").strip(),
        )
    if not (quota.isdigit() and period.isdigit() and int(period)):
        return otherwise
    return -(-int(quota) // int(period))


def _by_memory(folder: Path, otherwise: int) -> int:
    """Return how many processes half of a group's memory is enough for."""
    limit = (_read(folder / "memory.max") or _read(folder / "memory.limit_in_bytes")).strip()
    if not limit.isdigit() or int(limit) > _ABSENT:
        return otherwise
    return int(limit) // 2 // PROCESS_BYTES


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, ValueError):
        return ""
