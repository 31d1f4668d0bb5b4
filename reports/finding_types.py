"""Name finding types: a finding's own title speaks of one identity, formats also need the type's name."""

import functools
import tomllib
from pathlib import Path

_TABLE = Path(__file__).with_name("finding_types.toml")


def name(rule: str) -> str:
    """Give the name of a finding type, or its id for one that is newer than this program."""
    return _types().get(rule, {}).get("name", rule)


def sentence(rule: str) -> str:
    """Say in one sentence what findings of a type state, or give its id for one that is newer."""
    return _types().get(rule, {}).get("sentence", rule)


@functools.cache
def _types() -> dict[str, dict[str, str]]:
    return dict(tomllib.loads(_TABLE.read_text("utf-8")))
