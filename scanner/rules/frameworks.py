"""Which controls and risks of public frameworks a finding is evidence for, read from `frameworks.toml`."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal, NamedTuple


class Reference(NamedTuple):
    """One control or risk, always with the version of its framework, since ids move between versions."""

    framework: str
    version: str
    control: str
    name: str
    relation: Literal["direct", "supports"]


def references(rule: str, provider: str) -> tuple[Reference, ...]:
    """Return what findings of a rule are evidence for, in the order of the data file.

    Benchmarks that speak about one cloud are cited for findings of that cloud only.
    """
    return _by_provider(provider).get(rule, ())


@cache
def _by_provider(provider: str) -> dict[str, tuple[Reference, ...]]:
    data = tomllib.loads(files("scanner.rules").joinpath("frameworks.toml").read_text("utf-8"))
    found: dict[str, tuple[Reference, ...]] = {}
    for row in data["map"]:
        framework = data["framework"][row["framework"]]
        if framework.get("provider", provider) == provider:
            reference = Reference(
                framework=framework["name"],
                version=framework["version"],
                control=row["control"],
                name=framework["control"][row["control"]]["name"],
                relation=row["relation"],
            )
            found[row["finding"]] = (*found.get(row["finding"], ()), reference)
    return found
