"""Name an event's resource from its request parameters through the catalogue's ARN templates.

The template `arn:${Partition}:bedrock:${Region}:${Account}:agent/${AgentId}` is filled from `agentId` or from
`agentIdentifier`. Exact or nothing: a resource that is wrong would narrow a grant to the wrong thing. So only
services whose bare names are always of the caller's own account (`templates` in `event_resources.toml`), only
types that the action itself lists, only where every variable is filled and a single ARN comes out.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from connectors.aws.catalog.service_actions import ResourceKind, ServiceCatalogue, service_actions
from connectors.aws.catalog.tables import table
from connectors.aws.usage.actions import EventActions, Sureness

_VARIABLE = re.compile(r"\$\{(\w+)\}")
_PLACE = {"Partition": "partition", "Region": "region", "Account": "account"}
_GENERAL = {"Id", "Name", "ResourceId", "ResourceName", "Version", "Alias", "Scope", "Type", "RandomString"}
"""Variables that say nothing of the thing they name: a parameter of that name may be about something else."""
_VALUE = re.compile(r"[\w.+=@-]{1,256}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Shape:
    """One ARN template; each part of `slots` are the parameters that may fill one of its variables."""

    pieces: tuple[str, ...]
    """Text before, between and after the variables; the place of the event is filled in with `format`."""
    slots: tuple[tuple[str, ...], ...]
    small: bool
    """True where the service writes names in small letters into its ARNs."""

    def arn(self, values: Mapping[str, str | None], place: Mapping[str, str]) -> str:
        """Return the ARN, or an empty text where a variable is not filled by a plain name."""
        text = self.pieces[0]
        for keys, piece in zip(self.slots, self.pieces[1:], strict=True):
            found = {value for key in keys if (value := values.get(key))}
            value = found.pop() if len(found) == 1 else ""
            if value.startswith("arn:"):
                return self._given(value)
            if not _VALUE.fullmatch(value) or (self.small and value != value.lower()):
                return ""
            text += value + piece
        return text.format(**place) if place["account"] or "{account}" not in text else ""

    def _given(self, value: str) -> str:
        """Return an ARN that stands in the place of a name, if it is one of this template."""
        written = re.split(r"\{\w*\}", "{}".join(self.pieces))
        pattern = "[^/:]+".join(map(re.escape, written))
        return value if re.fullmatch(pattern, value) else ""


@lru_cache(maxsize=4096)
def shapes_of(source: str, operation: str) -> tuple[Shape, ...]:
    """Return the templates of an operation's resource; none where its resource cannot be told exactly.

    None either for operations that need several permissions, or one on several resources at once.
    """
    data = table("event_resources")["templates"]
    prefix = data["services"].get(source)
    if prefix is None:
        return ()
    needed = _actions().needed(f"{source}:{operation}")
    if needed.sureness is not Sureness.EACH or len(needed.permissions) != 1:
        return ()
    permission = needed.permissions[0].lower()
    action = service_actions(prefix).get(permission.partition(":")[2])
    if action is None or not permission.startswith(f"{prefix}:"):
        return ()
    required = [kind for kind in action.kinds if kind.required]
    if len(required) > 1:
        return ()
    small = prefix in data["small_letters"]
    return tuple(shape for kind in action.kinds if (shape := _shape(kind, small=small)) is not None)


@lru_cache(maxsize=1)
def _actions() -> EventActions:
    return EventActions(ServiceCatalogue())


def _shape(kind: ResourceKind, *, small: bool) -> Shape | None:
    parts = _VARIABLE.split(kind.arn)
    pieces, slots = [parts[0]], []
    for name, text in zip(parts[1::2], parts[2::2], strict=True):
        if name in _PLACE:
            pieces[-1] += f"{{{_PLACE[name]}}}{text}"
        elif name in _GENERAL:
            return None
        else:
            slots.append(_parameters(name))
            pieces.append(text)
    return Shape(tuple(pieces), tuple(slots), small) if slots else None


def _parameters(variable: str) -> tuple[str, ...]:
    """Return the request parameters that mean a template's variable, as CloudTrail writes them."""
    name = variable[0].lower() + variable[1:]
    return (name, f"{name[:-2]}Identifier") if name.endswith("Id") else (name,)


def keys_of(shapes: Sequence[Shape]) -> tuple[str, ...]:
    """Return the parameters that templates read, each once."""
    return tuple(dict.fromkeys(key for shape in shapes for slot in shape.slots for key in slot))


def filled(shapes: Sequence[Shape], values: Mapping[str, str | None], place: Mapping[str, str]) -> str:
    """Return the one ARN that the templates give; empty where they give none, or different ones."""
    found = {arn for shape in shapes if (arn := shape.arn(values, place))}
    return found.pop() if len(found) == 1 else ""


def as_name(value: Any) -> str | None:
    """Return a request parameter as a name; None for what is none."""
    if isinstance(value, str):
        return value or None
    return str(value) if type(value) is int else None


@lru_cache(maxsize=1)
def all_keys() -> dict[str, tuple[str, ...]]:
    """Return by event source every parameter that some template of its service reads, sorted."""
    found = {}
    for source, prefix in sorted(table("event_resources")["templates"]["services"].items()):
        kinds = (kind for action in service_actions(prefix).values() for kind in action.kinds)
        shapes = [shape for kind in kinds if (shape := _shape(kind, small=False)) is not None]
        found[source] = tuple(sorted(keys_of(shapes)))
    return found
