"""A short course of the fuzz run; `python -m tests.benchmarks.fuzz` takes a longer one."""

from tests.benchmarks.fuzz import run


def test_broken_files_cost_no_other_file(tmp_path):
    assert 1 <= run(2, 11, tmp_path / "found.bin")
