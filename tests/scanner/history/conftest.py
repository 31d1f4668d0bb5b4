"""Fixtures of the history tests."""

import pytest
from changing_account import Account


@pytest.fixture
def account(tmp_path):
    return Account(tmp_path)
