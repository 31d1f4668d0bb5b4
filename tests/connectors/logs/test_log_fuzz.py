"""A short course of the fuzz run; `python -m tests.benchmarks.fuzz` takes a longer one."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.fuzz import READERS


@pytest.mark.parametrize("reader", sorted(READERS))
def test_broken_files_cost_no_other_file(tmp_path, reader):
    """In a process of its own: its bound on memory holds for the whole process."""
    course = [sys.executable, "-m", "tests.benchmarks.fuzz", "--seconds", "1", "--seed", "11"]
    ended = subprocess.run(
        [*course, "--keep", str(tmp_path / "found.bin"), "--reader", reader],
        cwd=Path(__file__).resolve().parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == ended.returncode, ended.stderr
    assert int(re.match(r"\d+", ended.stdout)[0]) >= 1
