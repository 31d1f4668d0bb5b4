"""The example config shows every key there is, and loads as it stands."""

import re

import pytest

from connectors.registry import PROVIDERS, connector
from scanner.config import load
from scanner.example import EXAMPLE, example


def test_the_example_loads(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text(example(PROVIDERS))
    assert [*PROVIDERS] == [source.provider for source in load(file).sources]


def test_the_example_loads_with_every_key_switched_on(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text(re.sub(r"^# (\w+ = |\[)", r"\1", example(PROVIDERS), flags=re.MULTILINE))
    assert len(PROVIDERS) == len(load(file).sources)


def test_the_live_sources_of_the_example_load(tmp_path):
    """They stand as comments, two blanks deep, so that a first scan of files asks nobody."""
    file = tmp_path / "config.toml"
    blocks = re.findall(r"(?:^#  .*\n)+", example(PROVIDERS), re.MULTILINE)
    file.write_text(re.sub(r"^#  ", "", "".join(blocks), flags=re.MULTILINE))
    sources = load(file).sources
    assert {"live"} == {source.mode for source in sources}
    assert ("arn:aws:iam::{account}:role/entdrift",) == sources[0].lists["role_arn"]
    assert "false" == sources[0].texts["organization"]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_setting_of_a_cloud_is_shown(provider):
    text = example((provider,))
    missing = [
        s.name
        for s in connector(provider).settings
        if not re.search(rf"^(# +)?{s.name} = ", text, re.MULTILINE)
    ]
    assert [] == missing


def test_the_file_at_the_top_is_the_one_that_ships():
    assert EXAMPLE.samefile(EXAMPLE.parents[1] / "config.example.toml")
