"""Say how much memory this process may still take, on this machine and in its container."""

from collections.abc import Iterator
from pathlib import Path

_GROUPS = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")
_MACHINE = Path("/proc/meminfo")
_STATUS = Path("/proc/self/status")

_FILES = (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes"))
"""Limit and use of a control group, in version 2 and version 1."""


def resident() -> int:
    """Return the bytes of memory that this process holds; 0 where the system does not say."""
    return _line(_STATUS, "VmRSS:")


def spare_bytes(groups: Path = _GROUPS, own: Path = _OWN, machine: Path = _MACHINE) -> int:
    """Return the bytes that are left on the machine, and in every control group that this process is in.

    What a group uses holds files that were read, which the kernel would drop, so it is rather too little.
    """
    left = [_line(machine, "MemAvailable:")]
    for folder in _folders(groups, own):
        for limit, used in _FILES:
            most, now = _read(folder / limit).strip(), _read(folder / used).strip()
            if most.isdigit() and now.isdigit():
                left.append(int(most) - int(now))
    return min(left)


def _folders(groups: Path, own: Path) -> Iterator[Path]:
    """Yield the folders of the control groups that count memory, each with all above it."""
    for line in _read(own).splitlines():
        _, controllers, group = (line + "::").split(":")[:3]
        if controllers in ("", "memory"):
            base = groups / controllers if controllers else groups
            folder = base / group.strip("/")
            while folder.is_relative_to(base):
                yield folder
                folder = folder.parent


def _line(file: Path, name: str) -> int:
    found = (line.split() for line in _read(file).splitlines() if line.startswith(name))
    return next((int(words[1]) << 10 for words in found), 0)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, ValueError):
        return ""
