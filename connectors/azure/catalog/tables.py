"""The wing's own tables: dated data files under `catalog/`, read once."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def catalogue(name: str) -> dict[str, Any]:
    """Return one table of `catalog/` by its name without suffix."""
    return tomllib.loads((files("connectors.azure") / "catalog" / f"{name}.toml").read_text("utf-8"))
