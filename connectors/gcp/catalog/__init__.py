"""The tables of the gcp wing, each a data file with its source and date, read once."""

import re
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

MCP = "/mcp"
Test = Callable[[str], bool]
"""Whether a name is one of a table's."""


@cache
def table(name: str) -> dict[str, Any]:
    """Return a data file's content; `name` has no suffix."""
    return tomllib.loads(files(__package__).joinpath(f"{name}.toml").read_text("utf-8"))


def matcher(patterns: Iterable[str]) -> Test:
    """Return a test for globs: `*` is any text, `?` one character, everything else itself."""
    exact = set()
    globs = []
    for pattern in patterns:
        if "*" in pattern or "?" in pattern:
            globs.append(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."))
        else:
            exact.add(pattern)
    if not globs:
        return exact.__contains__
    compiled = re.compile("|".join(globs))
    return lambda name: name in exact or compiled.fullmatch(name) is not None


@dataclass(frozen=True)
class Services:
    """How service names, permission prefixes and service-agent domains relate."""

    prefixes: dict[str, str]
    audited_as: dict[str, list[str]]
    agents: Test
    defaults: tuple[str, ...]
    internal: tuple[str, ...]

    def prefix(self, host: str) -> str:
        """Return a service's permission prefix: `cloudresourcemanager.googleapis.com` → `resourcemanager`.

        The MCP server of each service logs as a service of its own, `bigquery.googleapis.com/mcp`.
        """
        if host.endswith(MCP):
            return "mcp"
        return self.prefixes.get(host) or host.partition(".")[0]

    def audited(self, prefix: str) -> Sequence[str]:
        """Return the services whose audit configuration covers permissions with this prefix."""
        return self.audited_as.get(prefix) or (f"{prefix}.googleapis.com",)

    def is_agent_domain(self, domain: str) -> bool:
        """Return whether e-mails of this domain are Google's own service agents."""
        return self.agents(domain)

    def is_default_domain(self, domain: str) -> bool:
        """Return whether e-mails of this domain are accounts Google makes for workloads without another."""
        return domain in self.defaults

    def is_internal_domain(self, domain: str) -> bool:
        """Return whether e-mails of this domain are Google's own callers."""
        return domain in self.internal


@cache
def services() -> Services:
    """Return the service table."""
    data = table("services")
    return Services(
        prefixes=data["prefixes"],
        audited_as=data["audited_as"],
        agents=matcher(data["agents"]["domains"]),
        defaults=tuple(data["agents"]["defaults"]),
        internal=tuple(data["agents"]["internal"]),
    )
