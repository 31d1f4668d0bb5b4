"""On a log held out, our reductions allow nothing new and refuse no more than keeping what was called."""

import importlib.util
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SHARED = HERE.parents[2].parent / "shared" / "data"


@pytest.fixture(scope="module")
def yardstick():
    specification = importlib.util.spec_from_file_location("yardstick", HERE / "yardstick.py")
    module = importlib.util.module_from_spec(specification)
    sys.modules["yardstick"] = module
    specification.loader.exec_module(module)
    return module


@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data is not on this machine")
def test_generated_log_with_known_needs(yardstick, tmp_path):
    scores = yardstick.yardstick(yardstick.generated(), 65, tmp_path)
    assert 0 == sum(score.new_access for score in scores.values())
    assert 0 == scores["keep-all"].broken
    ours, safe = scores["ours, without backtest"], scores["ours, safe only"]
    assert ours.broken <= scores["action-level"].broken <= scores["exact-usage"].broken
    assert safe.broken <= ours.broken
    assert 0 < safe.reduced < ours.reduced
    assert ours.left < scores["service-level"].left
