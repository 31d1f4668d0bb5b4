"""Take secret-bearing values out of raw records before they are stored."""

from collections.abc import Mapping
from typing import Any

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


def scrub(value: Any) -> Any:
    """Return a record without secret values; nothing else is changed.

    Key material, environment values, command lines, pipeline parameters and machine metadata go; their
    names stay. The analysis reads none of them.
    """
    if isinstance(value, Mapping):
        return {key: _field(_folded(key), inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [scrub(inner) for inner in value]
    return value


def _folded(key: object) -> str:
    return str(key).replace("_", "").replace("-", "").lower()


def _field(key: str, value: Any) -> Any:
    if key in _SECRET_KEYS and isinstance(value, str):
        return REMOVED
    if key in _VALUES:
        return _values(value)
    if key in _ARGUMENTS and isinstance(value, list):
        return [REMOVED] * len(value)
    if key == "metadata" and isinstance(value, Mapping):
        # Machine metadata: start-up scripts and keys, as a map or as `items` of key and value.
        return _values(value) if "items" not in value else {**value, "items": _values(value["items"])}
    return scrub(value)


def _values(value: Any) -> Any:
    """Blank the values of a map, or of a list of name and value pairs."""
    if isinstance(value, Mapping):
        return {key: REMOVED if isinstance(inner, str) else scrub(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [
            {key: REMOVED if key == "value" else scrub(inner) for key, inner in one.items()}
            if isinstance(one, Mapping)
            else one
            for one in value
        ]
    return scrub(value)
