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


def test_the_last_line_names_the_sources_to_look_at_first(tmp_path):
    (tmp_path / "policies.json").write_text("[]")
    config = tmp_path / "config.toml"
    config.write_text(
        "[[source]]\nname = 'good'\nprovider = 'gcp'\niam_policies = 'policies.json'\n"
        + "".join(
            f"[[source]]\nname = 'bad-{number}'\nprovider = 'gcp'\niam_policies = 'none.json'\n"
            for number in range(14)
        )
    )
    result = CliRunner().invoke(cli, ["doctor", "--config", str(config)])
    last = result.stdout.splitlines()[-1]
    assert last.startswith("15 sources: 1 without a problem, 14 with a failure (bad-0, bad-1, ")
    assert last.endswith(" and 2 more)")
