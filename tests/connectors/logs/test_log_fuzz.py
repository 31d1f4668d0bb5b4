"""A short course of the fuzz run; `python -m tests.benchmarks.fuzz` takes a longer one."""

import pytest

from tests.benchmarks.fuzz import READERS, run


@pytest.mark.parametrize("reader", sorted(READERS))
def test_broken_files_cost_no_other_file(tmp_path, reader):
    assert 1 <= run(1, 11, tmp_path / "found.bin", [reader])
