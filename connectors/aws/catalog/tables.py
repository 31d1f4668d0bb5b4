"""Load the wing's data files: facts about AWS that are data, each with its source and date."""

import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import Any


@lru_cache(maxsize=32)
def table(name: str) -> dict[str, Any]:
    """Return the content of `catalog/<name>.toml`."""
    text = files("connectors.aws").joinpath("catalog", f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
