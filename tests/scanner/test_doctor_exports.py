"""`doctor` says of exported files what was read, and does not end in silence when nothing was."""

import pytest
from click.testing import CliRunner

from connectors.registry import PROVIDERS
from scanner.cli import cli

KEYS = {"aws": "authorization_details", "gcp": "iam_policies", "azure": "role_assignments"}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_missing_file_is_named_and_what_follows_is_said(provider, tmp_path):
    config = tmp_path / "config.toml"
    config.write_text(f"[[source]]\nname = 'a'\nprovider = '{provider}'\n{KEYS[provider]} = 'none.json'\n")
    result = CliRunner().invoke(cli, ["doctor", "--config", str(config)])
    assert 4 == result.exit_code
    assert f"{tmp_path / 'none.json'}: no such file" in result.stdout
    assert f"what {provider} logs can show\n  " in result.stdout
