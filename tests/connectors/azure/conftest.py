"""Fixtures of the Azure wing's tests."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.azure.harness import SHARED, Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture(scope="session")
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip("the shared Azure data is not beside this checkout")
    return SHARED


@pytest.fixture(scope="session")
def built_in_roles(shared: Path) -> list[dict[str, Any]]:
    """928 built-in roles, iann0036/iam-dataset, MIT."""
    with gzip.open(shared / "azure_built_in_roles_raw.json.gz") as stream:
        roles: list[dict[str, Any]] = json.load(stream)
    return roles
