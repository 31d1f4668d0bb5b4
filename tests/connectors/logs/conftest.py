"""Where the tests of the ledger keep their logs and their state."""

import pytest


@pytest.fixture
def tree(tmp_path):
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state.sqlite"
