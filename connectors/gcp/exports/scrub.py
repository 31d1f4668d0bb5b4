"""Take secret-bearing values out of raw records before they are stored."""

from collections.abc import Mapping
from typing import Any

from connectors.errors import EvidenceError

REMOVED = "[removed]"

_SECRET_KEYS = frozenset(
    {
        "privatekeydata",
        "privatekey",
        "keystring",
        "password",
        "rootpassword",
        "sharedsecret",
        "secrettext",
        "clientsecret",
        "accesstoken",
        "refreshtoken",
        "connectionstring",
        "clientkey",
        "userdata",
    }
)
"""Field names, lower case without underscores, whose value is a secret."""

_VALUES = frozenset({"env", "environmentvariables", "buildenvironmentvariables", "parametervalues"})
"""Fields whose inner values may be secrets, while their names are worth keeping."""

_ARGUMENTS = frozenset({"args", "command", "commands"})
"""Command lines: often hold tokens, never needed here."""

_NAMES = frozenset({"name", "namespace", "labels", "uid", "creationTimestamp"})

_DEEPEST = 150
"""Levels of nesting; no cloud's record comes near it."""


def scrub(value: Any, depth: int = 0) -> Any:
    """Return a record without secret values; nothing else is changed.

    Key material, environment values, command lines, pipeline parameters and machine metadata go; their
    names stay. The analysis reads none of them. Raises EvidenceError for a record nested beyond reason.
    """
    if depth > _DEEPEST:
        raise EvidenceError("a record is nested too deeply", hint="is this the right file?")
    if isinstance(value, Mapping):
        scrubbed = {key: _field(_folded(key), inner, depth + 1) for key, inner in value.items()}
        if "apiVersion" in value and isinstance(value.get("metadata"), Mapping):
            scrubbed["metadata"] = _named(value["metadata"])
        return scrubbed
    if isinstance(value, list):
        return [scrub(inner, depth + 1) for inner in value]
    return value


def _folded(key: object) -> str:
    return str(key).replace("_", "").replace("-", "").lower()


def _field(key: str, value: Any, depth: int) -> Any:
    if key in _SECRET_KEYS and isinstance(value, str):
        return REMOVED
    if key in _VALUES:
        return _values(value, depth)
    if key in _ARGUMENTS and isinstance(value, list):
        return [REMOVED] * len(value)
    if key == "metadata" and isinstance(value, Mapping):
        # Machine metadata: start-up scripts and keys, as a map or as `items` of key and value.
        if "items" in value:
            return {**scrub(value, depth), "items": _values(value["items"], depth)}
        return _values(value, depth)
    return scrub(value, depth)


def _named(metadata: Mapping[str, Any]) -> Any:
    """Return what names a Kubernetes object (Cloud Run prints these); its annotations may hold anything."""
    return {key: inner if key in _NAMES else REMOVED for key, inner in metadata.items()}


def _values(value: Any, depth: int) -> Any:
    """Blank the values of a map, or of a list of name and value pairs."""
    if isinstance(value, Mapping):
        return {
            key: REMOVED if isinstance(inner, str) else scrub(inner, depth + 1)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [
            {key: REMOVED if key == "value" else scrub(inner, depth + 1) for key, inner in one.items()}
            if isinstance(one, Mapping)
            else one
            for one in value
        ]
    return scrub(value, depth)
