"""Write Azure's ids one way: GUIDs dashed and lower case, resource ids lower case, records flat.

Azure compares all of them without case, and its own exports disagree on case, dashes and nesting.
"""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Any

_GUID = re.compile(
    r"([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})|[0-9a-z]{8}(?:-[0-9a-z]{4}){3}-[0-9a-z]{12}",
    re.IGNORECASE,
)
_SUBSCRIPTION = re.compile(r"^/?subscriptions/([^/]+)", re.IGNORECASE)
_RESOURCE_GROUP = re.compile(r"^/subscriptions/[^/]+/resourcegroups/[^/]+", re.IGNORECASE)

ROOT = "/"
EVERYONE = "00000000-0000-0000-0000-000000000000"
"""The principal of a deny assignment that holds for all principals (its type is `SystemDefined`)."""


def guid(text: object) -> str:
    """Return a GUID lower-case with dashes, the last segment of an id path that is one, or "".

    Written without dashes it must be hexadecimal; with dashes letters beyond f pass too, since that is
    how redacted ids look.
    """
    if not isinstance(text, str):
        return ""
    found = _GUID.fullmatch(text.strip().strip("{}").rstrip("/").rsplit("/", 1)[-1])
    if found is None:
        return ""
    return "-".join(found.groups()).lower() if found[1] else found[0].lower()


def last_segment(text: object) -> str:
    """Return the last segment of an id path in lower case: its GUID in canonical form when it is one."""
    if not isinstance(text, str):
        return ""
    return guid(text) or text.strip().rstrip("/").rsplit("/", 1)[-1].lower()


def resource_id(text: object) -> str:
    """Return a resource id or scope in lower case with one leading and no trailing slash, or ""."""
    if not isinstance(text, str) or not text.strip():
        return ""
    return "/" + text.strip().strip("/").lower()


def subscription(scope: str) -> str:
    """Return the subscription id a resource id or scope lies in, or "" above subscriptions."""
    found = _SUBSCRIPTION.match(scope)
    return (guid(found[1]) or found[1].lower()) if found else ""


def resource_type(identifier: str) -> str:
    """Return the provider type of a resource id (`microsoft.storage/storageaccounts/blobservices`), or ""."""
    segments = identifier.lower().strip("/").split("/")
    if "providers" not in segments:
        return ""
    at = len(segments) - 1 - segments[::-1].index("providers")
    provider, rest = segments[at + 1 : at + 2], segments[at + 2 :]
    return "/".join([*provider, *rest[::2]])


def principal(text: object) -> str:
    """Return a principal's id in canonical form: its GUID, or the text itself where it is none."""
    return guid(text) or (text.strip().lower() if isinstance(text, str) else "")


class Level(StrEnum):
    """How high in the scope tree a grant stands; the words are used in reports."""

    ROOT = "the tenant root"
    MANAGEMENT_GROUP = "a management group"
    SUBSCRIPTION = "a subscription"
    RESOURCE_GROUP = "a resource group"
    RESOURCE = "one resource"


def level(scope: str) -> Level:
    """Return the level of a canonical scope."""
    if scope == ROOT:
        return Level.ROOT
    if scope.startswith("/providers/microsoft.management/managementgroups/"):
        return Level.MANAGEMENT_GROUP
    segments = scope.strip("/").split("/")
    if segments[0] != "subscriptions":
        return Level.RESOURCE
    if len(segments) <= 2:
        return Level.SUBSCRIPTION
    group = _RESOURCE_GROUP.match(scope)
    return Level.RESOURCE_GROUP if group and group[0] == scope else Level.RESOURCE


def holds(outer: str, inner: str) -> bool | None:
    """Return whether one canonical scope holds another, None when the evidence cannot say.

    A scope holds all below it, by whole segments. The tenant root holds everything. Which
    subscriptions and groups stand below a management group is not written in a scope path.
    """
    if outer in (ROOT, inner) or inner.startswith(outer + "/"):
        return True
    if level(outer) == Level.MANAGEMENT_GROUP:
        return False if inner == ROOT else None
    return False


def fields(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record with its `properties` laid flat and its keys lower-case without underscores.

    One spelling for the four ways the same record is exported: `az` (flat camelCase), REST (nested in
    `properties`), SDK `as_dict()` (snake_case) and PowerShell (PascalCase).
    """
    flat: dict[str, Any] = {}
    inner = record.get("properties") or record.get("Properties")
    for source in (inner, record):
        if isinstance(source, Mapping):
            flat.update({fold(str(key)): value for key, value in source.items() if value is not None})
    return flat


@lru_cache(maxsize=4096)
def fold(key: str) -> str:
    """Return a field name without case and underscores."""
    return key.replace("_", "").lower()


def strings(value: object) -> list[str]:
    """Return the strings of a list (or the one string), everything else left out."""
    if isinstance(value, str):
        return [value]
    return [item for item in value if isinstance(item, str)] if isinstance(value, Iterable) else []


def mappings(value: object) -> list[Mapping[str, Any]]:
    """Return the objects of a list (or the one object), everything else left out."""
    if isinstance(value, Mapping):
        return [value]
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []


def text(value: object) -> str:
    """Return a string field, or "" for anything else."""
    return value if isinstance(value, str) else ""
