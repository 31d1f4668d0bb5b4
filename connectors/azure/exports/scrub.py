"""Take secrets out of raw records before they are stored anywhere."""

import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "(removed)"
_DEEPEST = 60
_SECURE = {"securestring", "secureobject"}
"""Types of template and workflow parameters whose value is a secret."""

_SECRET = re.compile(
    r"(secret(text|value)?|password|passwd|pwd|primarykey|secondarykey|primarymasterkey|secondarymasterkey"
    r"|adminkey|querykey|accountkey|storagekey|accesskey|apikey|sharedkey|key[12]|connectionstrings?"
    r"|(primary|secondary)?connectionstring|sastoken|saskey|sasuri|token|accesstoken|refreshtoken"
    r"|instrumentationkey|protectedsettings|customdata|privatekey|clientsecret|adminpassword"
    r"|administratorloginpassword|qnaazuresearchendpointkey|\w*(password|secret|accesskey|apikey|masterkey"
    r"|sharedkey|sastoken|connectionstring|privatekey))",
    re.IGNORECASE,
)
_SETTINGS = {"appsettings", "environmentvariables", "env", "secrets", "connectionstrings", "credentials"}
_NO_SETTINGS = {"tags", "permissions"}
"""What stands in these is no setting: `secrets` of an access policy are the words get, list, …"""
_KEY_VALUE = re.compile(
    r"(?:AccountKey|SharedAccessKey|SharedAccessSignature|Password|Pwd|sig|InstrumentationKey)=[^;&\s\"]{6,}",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*")
"""A JSON web token."""


def scrubbed(value: Any, *, inside: str = "", depth: int = 0) -> Any:
    """Return a record without key material, connection strings, tokens and setting values.

    Names of settings stay, their values go. Key and certificate bytes (`keyCredentials[].key`) go; key
    ids and dates stay. `inside` is the list or map a value stands in; what is nested deeper than any
    Azure resource is not kept.
    """
    if depth > _DEEPEST:
        return HIDDEN
    if isinstance(value, Mapping):
        return {str(name): _field(str(name), item, value, inside, depth) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [scrubbed(item, inside=inside, depth=depth + 1) for item in value]
    if isinstance(value, str):
        value = _TOKEN.sub(HIDDEN, value)
        return _KEY_VALUE.sub(lambda found: f"{found[0].split('=', 1)[0]}={HIDDEN}", value)
    return value


def _field(name: str, item: Any, owner: Mapping[Any, Any], inside: str, depth: int) -> Any:
    folded = name.replace("_", "").replace("-", "").lower()
    if isinstance(item, Mapping | list | tuple):
        if folded in _SETTINGS and inside not in _NO_SETTINGS:
            return _setting_names(item)
        return scrubbed(item, inside=folded, depth=depth + 1)
    if not item or isinstance(item, bool | int | float):
        return item
    secret = (
        _SECRET.fullmatch(folded)
        or (inside == "keycredentials" and folded == "key")
        or (inside == "passwordcredentials" and folded == "hint")
        or (folded == "value" and ("keyName" in owner or str(owner.get("type")).lower() in _SECURE))
    )
    return HIDDEN if secret else scrubbed(item)


def _setting_names(item: Any) -> Any:
    """Return settings by name only."""
    if isinstance(item, Mapping):
        return dict.fromkeys((str(name) for name in item), HIDDEN)
    named = [entry["name"] if isinstance(entry, Mapping) and "name" in entry else None for entry in item]
    return [{"name": name, "value": HIDDEN} if isinstance(name, str) else HIDDEN for name in named]
