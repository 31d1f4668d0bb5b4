"""Find what runs as which identity, and which of it is an AI workload."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from connectors.facts import Caveat, Signal, SignalKind, Workload
from connectors.gcp.catalog import table
from connectors.gcp.coverage.fixes import names
from connectors.gcp.exports.shapes import Resource
from connectors.gcp.inventory import Inventory
from connectors.gcp.names import Agent, agent, principal_id, project_in


@dataclass(frozen=True, slots=True)
class Runtime:
    """A resource that runs as an identity."""

    identity: str
    workload: Workload
    signal: Signal | None
    """Set when the kind of resource runs nothing but AI workloads."""
    labels: Mapping[str, str]
    source: str


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of resource that runs as an identity, from the table of AI signals."""

    type: str
    kind: str
    ai: bool
    fields: tuple[tuple[str, ...], ...]
    default: str
    name: re.Pattern[str] | None


@cache
def _kinds() -> tuple[Kind, ...]:
    return tuple(
        Kind(
            type=entry["type"],
            kind=entry["kind"],
            ai=entry.get("ai", False),
            fields=tuple(tuple(path.split(".")) for path in entry["fields"]),
            default=entry.get("default", ""),
            name=re.compile(entry["name"]) if "name" in entry else None,
        )
        for entry in table("ai_signals")["resource"]
    )


def find_runtimes(inventory: Inventory, caveats: list[Caveat], seen: Iterable[str] = ()) -> list[Runtime]:
    """Return every resource of the inventory with the identity it runs as, in a stable order.

    `seen` are principals of bindings and logs, which may name the agent that a resource does not write
    out. What cannot be read of a resource that must have an identity is a caveat.
    """
    agents = {parts: one for one in sorted(seen, reverse=True) if (parts := agent(one))}
    found: dict[tuple[str, str], Runtime] = {}
    unknown: dict[bool, set[str]] = {}
    for source, kind, resource in _fullest(inventory):
        identities = sorted(set(_identities(inventory, kind, resource, agents)))
        for identity in identities:
            runtime = _runtime(kind, resource, identity, source)
            found.setdefault((runtime.workload.id, identity), runtime)
        if not identities and kind.ai:
            unknown.setdefault(resource.described, set()).add(resource.name)
    caveats += [_unknown(sorted(resources), described=one) for one, resources in unknown.items()]
    return [found[key] for key in sorted(found)]


def _fullest(inventory: Inventory) -> Iterator[tuple[str, Kind, Resource]]:
    """Yield every resource that runs as an identity once: the copy that names the identity before others.

    Asset Inventory may leave out what the service itself writes, and write the project by its id.
    """
    best: dict[tuple[str, str], tuple[int, str, Kind, Resource]] = {}
    for source, resource in inventory.resources:
        kind = _kind(resource)
        if kind is None:
            continue
        named = [at for at, path in enumerate(kind.fields) if _at(resource.data, path)]
        rank = len(kind.fields) - named[0] + 1 if named else int(resource.described)
        path = resource.name.removeprefix("//").partition("/")[2] if resource.asset_type else resource.name
        key = (kind.type, inventory.hierarchy.resource(path))
        if key not in best or rank > best[key][0]:
            best[key] = (rank, source, kind, resource)
    for _, source, kind, resource in best.values():
        yield source, kind, resource


def _kind(resource: Resource) -> Kind | None:
    """Return the kind of a resource: by its asset type, or by its name and fields where it has no type."""
    for kind in _kinds():
        if resource.asset_type:
            if resource.asset_type == kind.type:
                return kind
        elif kind.name is not None and kind.name.search(resource.name) and _fits(kind, resource):
            return kind
    return None


def _fits(kind: Kind, resource: Resource) -> bool:
    """Return whether an untyped resource is of a kind: many services have `instances` or `jobs`."""
    return kind.type.startswith("aiplatform.") or any(_at(resource.data, path) for path in kind.fields)


def _identities(
    inventory: Inventory, kind: Kind, resource: Resource, agents: Mapping[Agent, str]
) -> Iterator[str]:
    """Yield the identities a resource runs as."""
    named = [value for path in kind.fields for value in _at(resource.data, path)]
    if named:
        # The first field that is filled in decides; later ones are older spellings of it.
        path = next(path for path in kind.fields if _at(resource.data, path))
        yield from (_identity(inventory, value) for value in _at(resource.data, path))
        return
    if not resource.described:
        return
    number = _number(inventory, resource)
    if _identity_type(resource.data) == "AGENT_IDENTITY":
        yield from _agent(inventory, resource, number, agents)
    elif kind.default and number:
        yield kind.default.format(number=number)


def _number(inventory: Inventory, resource: Resource) -> str:
    """Return the number of a resource's project; Vertex AI writes it into the resource's own name."""
    project = inventory.hierarchy.node_of(resource.name, resource.place).removeprefix("projects/")
    written = project_in(str(resource.data.get("name") or ""))
    return inventory.hierarchy.number(project) or (written if written.isdigit() else "")


def _identity_type(data: Mapping[str, Any]) -> str:
    spec = data.get("spec")
    held = spec if isinstance(spec, Mapping) else data
    return str(held.get("identityType") or held.get("identity_type") or "")


def _agent(
    inventory: Inventory, resource: Resource, number: str, agents: Mapping[Agent, str]
) -> Iterator[str]:
    """Yield the agent principal of a resource that says it has one without writing its name.

    Its trust domain is the organization's, or the project's own where it certainly stands in none. Of other
    platforms the form of the name is known from bindings and logs only.
    """
    node = inventory.hierarchy.node_of(resource.name, resource.place)
    above = [one for one in sorted(inventory.hierarchy.above(node)) if one.startswith("organizations/")]
    owner = f"org-{above[0].removeprefix('organizations/')}" if above else f"project-{number}"
    match = re.search(r"locations/.+$", resource.name)
    if not number or not match:
        return
    platform = resource.asset_type.partition(".")[0] or "aiplatform"
    name = f"resources/{platform}/projects/{number}/{match[0]}"
    written = f"principal://agents.global.{owner}.system.id.goog/{name}"
    parts = agent(written)
    if parts and parts in agents:
        yield agents[parts]
    elif platform == "aiplatform" and (above or inventory.hierarchy.knows_ancestors(node)):
        yield written


def _identity(inventory: Inventory, written: str) -> str:
    """Return the Identity.id for a service account or agent as a resource writes it.

    Some write `projects/P/serviceAccounts/EMAIL`; `default` stands for the default compute account.
    """
    del inventory
    return principal_id(written.rpartition("/serviceAccounts/")[2])


def _at(data: Any, path: tuple[str, ...]) -> list[str]:
    """Return the texts at a path; a part that ends in `[]` walks a list. snake_case is read too."""
    if not path:
        return [data] if isinstance(data, str) and data and data != "default" else []
    if not isinstance(data, Mapping):
        return []
    key = path[0].removesuffix("[]")
    inner = data.get(key, data.get(_snake(key)))
    if not path[0].endswith("[]"):
        return _at(inner, path[1:])
    return [text for one in inner for text in _at(one, path[1:])] if isinstance(inner, list) else []


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()


def _runtime(kind: Kind, resource: Resource, identity: str, source: str) -> Runtime:
    name = resource.name.removeprefix("//").partition("/")[2] if resource.asset_type else resource.name
    title = resource.data.get("displayName") or resource.data.get("display_name")
    shown = title if isinstance(title, str) and title else name.rpartition("/")[2]
    signal = Signal(SignalKind.DECLARED, f"runs {kind.type}", name) if kind.ai else None
    return Runtime(identity, Workload(kind.kind, name, shown), signal, resource.labels, source)


def _unknown(resources: Sequence[str], *, described: bool) -> Caveat:
    if not described:
        return Caveat(
            "an AI resource without its own content",
            names(resources),
            "what it runs as is unknown: export resources with `--read-mask='*'` or as an asset export",
        )
    return Caveat(
        "an AI resource that names no identity",
        names(resources),
        "it runs as an account of its service, or as whoever calls it; the evidence does not name it",
    )
