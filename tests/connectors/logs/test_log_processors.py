"""How many processes read logs: never more than the container's share of time and memory."""

import os
from pathlib import Path

import pytest

from connectors.logs.processors import MOST, PROCESS_BYTES, processors


@pytest.fixture(autouse=True)
def large_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(64), raising=False)


def counted(folder: Path, own: str, files: dict[str, str]) -> int:
    groups = folder / "cgroup"
    for name, text in files.items():
        path = groups / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "own").write_text(own)
    return processors(groups, folder / "own")


def test_a_machine_without_control_groups_uses_its_processors_up_to_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert processors(tmp_path / "none", tmp_path / "none") == MOST
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(3), raising=False)
    assert processors(tmp_path / "none", tmp_path / "none") == 3


@pytest.mark.parametrize(
    ("quota", "expected"),
    [
        ("200000 100000", 2),
        ("250000 100000", 3),
        ("50000 100000", 1),
        ("max 100000", MOST),
        ("", MOST),
        ("x", MOST),
    ],
)
def test_a_quota_of_time_is_rounded_up(tmp_path: Path, quota: str, expected: int) -> None:
    assert counted(tmp_path, "0::/\n", {"cpu.max": quota}) == expected


def test_the_tightest_group_above_counts(tmp_path: Path) -> None:
    files = {"a/cpu.max": "300000 100000", "a/b/cpu.max": "max 100000", "a/b/memory.max": "max"}
    assert counted(tmp_path, "0::/a/b\n", files) == 3


def test_half_of_the_memory_goes_to_readers(tmp_path: Path) -> None:
    assert counted(tmp_path, "0::/\n", {"memory.max": str(8 * PROCESS_BYTES)}) == 4
    assert counted(tmp_path, "0::/\n", {"memory.max": str(PROCESS_BYTES)}) == 1


def test_version_1_names_a_folder_for_each_controller(tmp_path: Path) -> None:
    files = {
        "cpu,cpuacct/cpu.cfs_quota_us": "400000\n",
        "cpu,cpuacct/cpu.cfs_period_us": "100000\n",
        "memory/memory.limit_in_bytes": "9223372036854771712\n",
    }
    assert counted(tmp_path, "4:memory:/docker/1\n3:cpu,cpuacct:/docker/1\n", files) == 4
    files["cpu,cpuacct/cpu.cfs_quota_us"] = "-1\n"
    assert counted(tmp_path, "3:cpu,cpuacct:/docker/1\n", files) == MOST


def test_a_strange_list_of_groups_changes_nothing(tmp_path: Path) -> None:
    assert counted(tmp_path, "nonsense\n0::/../..\n\n:::::\n", {}) == MOST
