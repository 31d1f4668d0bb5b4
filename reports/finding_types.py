"""Name finding types: a finding's own title speaks of one identity, formats also need the type's name."""

import functools
import tomllib
from pathlib import Path

_TABLE = Path(__file__).with_name("finding_types.toml")


def name(rule: str) -> str:
    """Give the name of a finding type, or its id for one that is newer than this program."""
    return names().get(rule, rule)


@functools.cache
def names() -> dict[str, str]:
    """Give the names of all finding types by id."""
    return dict(tomllib.loads(_TABLE.read_text("utf-8")))
