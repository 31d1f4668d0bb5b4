"""Take secrets out of raw records before they are stored anywhere."""

import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "(removed)"
_SECURE = {"securestring", "secureobject"}
"""Types of template and workflow parameters whose value is a secret."""

_SECRET = re.compile(
    r"(secret(text|value)?|password|passwd|pwd|primarykey|secondarykey|primarymasterkey|secondarymasterkey"
    r"|adminkey|querykey|accountkey|storagekey|accesskey|apikey|sharedkey|key[12]|connectionstrings?"
    r"|(primary|secondary)?connectionstring|sastoken|saskey|sasuri|token|accesstoken|refreshtoken"
    r"|instrumentationkey|protectedsettings|customdata|privatekey|clientsecret|adminpassword"
    r"|administratorloginpassword|qnaazuresearchendpointkey|credentials)",
    re.IGNORECASE,
)
_SETTINGS = {"appsettings", "environmentvariables", "env", "secrets", "connectionstrings", "metadata"}
_KEY_VALUE = re.compile(
    r"(?:AccountKey|SharedAccessKey|SharedAccessSignature|Password|Pwd|sig|InstrumentationKey)=[^;&\s\"]{6,}",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*")
"""A JSON web token."""


def scrubbed(value: Any, *, inside: str = "") -> Any:
    """Return a record without key material, connection strings, tokens and setting values.

    Names of settings stay, their values go. Key and certificate bytes (`keyCredentials[].key`) go; key
    ids, hints of their kind and dates stay.
    """
    if isinstance(value, Mapping):
        if "value" in value and (
            _SECURE & {str(v).lower() for k, v in value.items() if k == "type"} or "keyName" in value
        ):
            value = {**value, "value": HIDDEN}
        return {str(name): _field(str(name), item, inside) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [scrubbed(item, inside=inside) for item in value]
    if isinstance(value, str):
        value = _TOKEN.sub(HIDDEN, value)
        return _KEY_VALUE.sub(lambda found: f"{found[0].split('=', 1)[0]}={HIDDEN}", value)
    return value


def _field(name: str, item: Any, inside: str) -> Any:
    folded = name.replace("_", "").replace("-", "").lower()
    if folded in _SETTINGS:
        return _setting_names(item)
    if inside == "keycredentials" and folded == "key":
        return HIDDEN if item else item
    if isinstance(item, str) and item and _SECRET.fullmatch(folded):
        return HIDDEN
    if folded in ("hint", "thumbprint") and inside == "passwordcredentials":
        return HIDDEN if item else item
    return scrubbed(item, inside=folded if isinstance(item, list | tuple) else inside)


def _setting_names(item: Any) -> Any:
    """Return settings by name only."""
    if isinstance(item, Mapping):
        return dict.fromkeys((str(name) for name in item), HIDDEN)
    if isinstance(item, list | tuple):
        return [
            {"name": entry["name"], "value": HIDDEN}
            if isinstance(entry, Mapping) and "name" in entry
            else HIDDEN
            for entry in item
        ]
    return HIDDEN if item else item
