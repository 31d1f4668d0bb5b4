"""Write what is new as Bicep: one file for each scope that is deployed to, since a file has one scope.

Bicep deletes nothing: the old assignments are named in comments, with the command that deletes them. A role
assignment on a single resource is written with its parent's type (`…/providers/roleAssignments`): that needs
no API version of the type.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from unicodedata import category

from connectors.azure.ids import Level, level, resource_id
from connectors.azure.reduction.standing import Kind
from connectors.azure.remediation.cli import VERSION, commands, script
from connectors.reduction import Change, Document

_ESCAPES = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_DEPLOY = {
    "managementGroup": "az deployment mg create --management-group-id {name} --location LOCATION",
    "subscription": "az deployment sub create --subscription {name} --location LOCATION",
    "resourceGroup": "az deployment group create --subscription {parent} --resource-group {name}",
}


def bicep(changes: Sequence[Change]) -> tuple[Document, ...]:
    """Return one file for each scope with new roles or assignments; the roles' files come first."""
    files: dict[tuple[str, str], list[str]] = {}
    for change in changes:
        if change.kind not in (Kind.CREATE_ROLE, Kind.CREATE_ASSIGNMENT):
            continue
        held = json.loads(change.after)
        where = held["id"].rpartition("/providers/")[0] or "/"
        key = _target(where)
        blocks = files.setdefault(key, [])
        number = len(blocks) + 1
        blocks.append(_resource(held, where, key[1], f"made{number}"))
    found = [
        Document("bicep", _title(number, key), _file(number, key, blocks, changes), changes[0].holder)
        for number, (key, blocks) in enumerate(files.items(), 1)
    ]
    return tuple(found)


def _title(number: int, key: tuple[str, str]) -> str:
    return f"{number}-{key[0]}.bicep"


def _target(scope: str) -> tuple[str, str]:
    """Return the kind and the path of the scope that a file for `scope` is deployed to."""
    segments = scope.strip("/").split("/")
    match level(resource_id(scope) or "/"):
        case Level.ROOT:
            return "tenant", "/"
        case Level.MANAGEMENT_GROUP:
            return "managementGroup", scope
        case Level.SUBSCRIPTION:
            return "subscription", scope
        case _ if len(segments) >= 4 and segments[2].lower() == "resourcegroups":
            return "resourceGroup", "/" + "/".join(segments[:4])
        case _:
            return "subscription", "/" + "/".join(segments[:2])


def _file(number: int, key: tuple[str, str], blocks: Sequence[str], changes: Sequence[Change]) -> str:
    kind, path = key
    segments = path.strip("/").split("/")
    parent = segments[1] if len(segments) > 1 else ""
    deploy = _DEPLOY.get(kind, "az deployment tenant create --location LOCATION")
    shown = deploy.format(name=segments[-1], parent=parent)
    lines = [
        f"// Deploy as file {number}, in this order: {_comment(shown)} --template-file {_title(number, key)}",
        f"targetScope = '{kind}'",
    ]
    old = [change for change in changes if change.kind not in (Kind.CREATE_ROLE, Kind.CREATE_ASSIGNMENT)]
    tail = [
        f"// When all files are deployed, ten minutes later: {_comment(line)}"
        for line in script(commands(old)).splitlines()
        if old
    ]
    return "\n\n".join(["\n".join(lines), *blocks, *(["\n".join(tail)] if tail else [])]) + "\n"


def _comment(text: str) -> str:
    """Return a text that cannot end its comment line."""
    return "".join(_letter(one) if category(one) in _HIDDEN else one for one in text)


def _resource(held: Mapping[str, Any], where: str, path: str, symbol: str) -> str:
    properties = {key: value for key, value in held["properties"].items() if key != "scope"}
    kind, name = held["type"], held["name"]
    below = where[len(path) :].strip("/").split("/") if where != path else []
    if below and below[0].lower() == "providers":
        provider, types, names = below[1], below[2::2], below[3::2]
        kind = "/".join([provider, *types, "providers", "roleAssignments"])
        name = "/".join([*names, "Microsoft.Authorization", name])
    body = {"name": name, "properties": properties}
    return f"resource {symbol} {quote(f'{kind}@{VERSION}')} = {_value(body, '')}"


def quote(text: str) -> str:
    """Return a text as a Bicep string: no text can end it or start an interpolation."""
    return "'" + "".join(_letter(one) for one in text).replace("${", "\\${") + "'"


def _letter(one: str) -> str:
    if one in _ESCAPES:
        return _ESCAPES[one]
    if category(one) == "Cs":
        return "\\u{fffd}"
    return f"\\u{{{ord(one):x}}}" if category(one) in _HIDDEN else one


def _value(value: Any, indent: str) -> str:
    inner = indent + "  "
    match value:
        case str():
            return quote(value)
        case Mapping() if value:
            lines = [f"{inner}{key}: {_value(item, inner)}" for key, item in value.items()]
            return "\n".join(["{", *lines, indent + "}"])
        case list() if value:
            return "\n".join(["[", *(f"{inner}{_value(item, inner)}" for item in value), indent + "]"])
        case Mapping():
            return "{}"
        case list():
            return "[]"
        case _:
            return json.dumps(value)
