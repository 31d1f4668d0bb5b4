"""One scan of the demo evidence, and its baselines, shared by the tests of baselines."""

import pytest
from click.testing import CliRunner

from scanner.cli import cli


def run(*arguments):
    """Run a verb as a user does."""
    return CliRunner().invoke(cli, ["--quiet", *map(str, arguments)])


@pytest.fixture
def entdrift():
    return run


@pytest.fixture(scope="session")
def scanned(tmp_path_factory):
    """Scan the demo once; the folder is not to be changed."""
    folder = tmp_path_factory.mktemp("scan") / "out"
    assert 0 == run("demo", "--output", folder).exit_code
    return folder


@pytest.fixture(scope="session")
def granted(scanned, tmp_path_factory):
    """Write what is granted now as baselines; the folder is not to be changed."""
    folder = tmp_path_factory.mktemp("granted")
    assert 0 == run("baseline", "write", "--granted", "--from", scanned, "--output", folder).exit_code
    return folder
