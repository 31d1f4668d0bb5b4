"""What is left of memory is the least that the machine and any control group leave."""

import sys

import pytest

from connectors.spare_memory import resident, spare_bytes

GIB = 1 << 30


@pytest.fixture
def left(tmp_path):
    """Return what is left for a process in a group, on a machine with 4 GiB available."""

    def left(own, files=None):
        (tmp_path / "meminfo").write_text("MemTotal: 8388608 kB\nMemAvailable:    4194304 kB\n")
        (tmp_path / "own").write_text(own)
        for name, value in (files or {}).items():
            path = tmp_path / "groups" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{value}\n")
        return spare_bytes(tmp_path / "groups", tmp_path / "own", tmp_path / "meminfo")

    return left


def test_without_limits_the_machine_decides(left):
    assert left("0::/\n") == 4 * GIB
    assert left("0::/job\n", {"job/memory.max": "max", "job/memory.current": GIB}) == 4 * GIB


def test_a_group_above_counts_too(left):
    own = {"job/scan/memory.max": 3 * GIB, "job/scan/memory.current": GIB}
    above = {"job/memory.max": 2 * GIB, "job/memory.current": GIB}
    assert left("0::/job/scan\n", own | above) == GIB


def test_version_one(left):
    files = {"memory.limit_in_bytes": GIB, "memory.usage_in_bytes": GIB // 4}
    found = left(
        "9:cpu:/job\n8:memory:/job\n", {f"memory/job/{name}": value for name, value in files.items()}
    )
    assert found == GIB * 3 // 4


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc")
def test_this_process_holds_something():
    assert resident() > 1 << 20
