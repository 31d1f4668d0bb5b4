"""Find out who made a call: the one stable key is the object id, everything else is a fallback."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from connectors.azure.ids import guid, principal, resource_id
from connectors.azure.usage.noted import word

_OBJECT_ID = ("oid", "objectidentifier", "http://schemas.microsoft.com/identity/claims/objectidentifier")
_APPLICATION = ("appid", "azp")
_USER_NAME = (
    "upn",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn",
    "uniquename",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
)
_DELEGATED = ("scp", "http://schemas.microsoft.com/identity/claims/scope")


class Caller(NamedTuple):
    """Who called: `identity` is an object id, `app:<application id>`, `user:<name>` or empty."""

    identity: str
    kind: str
    via: str = ""
    """The application through which a user called."""
    workload: str = ""
    """The resource whose managed identity called, where the token says it (`xms_mirid`)."""


NOBODY = Caller("", "unknown")


def caller_of(
    claims: Mapping[str, Any], *, caller: str = "", evidence: Mapping[str, Any] | None = None
) -> Caller:
    """Return the caller of a record from its claims, its `caller` field and its RBAC evidence.

    The evidence names the principal of the *assignment*, which is the group when access came through
    one: it stands for the caller only when it is no group.
    """
    evidence = evidence or {}
    found = principal(_first(claims, _OBJECT_ID))
    application = principal(_first(claims, _APPLICATION))
    user = next(
        (name for name in (_first(claims, _USER_NAME), caller, word(claims.get("name"))) if "@" in name), ""
    )
    kind = _kind(claims, evidence, user)
    workload = resource_id(claims.get("xmsazrid")) or resource_id(claims.get("xmsmirid"))
    via = f"app:{application}" if kind == "user" and application else ""
    if found:
        return Caller(found, kind, via, workload)
    if application and kind != "user":
        return Caller(f"app:{application}", "app", "", workload)
    holder = word(evidence.get("principaltype")).lower()
    if holder and holder not in ("group", "foreigngroup") and principal(evidence.get("principalid")):
        return Caller(principal(evidence.get("principalid")), kind, via, workload)
    if guid(caller):
        return Caller(guid(caller), "app" if kind == "unknown" else kind, via, workload)
    if user:
        return Caller(f"user:{user.lower()}", "user", via, workload)
    return Caller("", kind, via, workload)


def _kind(claims: Mapping[str, Any], evidence: Mapping[str, Any], user: str) -> str:
    token = word(claims.get("idtyp")).lower()
    if token in ("app", "user"):
        return token
    if user or _first(claims, _DELEGATED):
        return "user"
    holder = word(evidence.get("principaltype")).lower()
    if holder == "user":
        return "user"
    return "app" if holder == "serviceprincipal" or _first(claims, _APPLICATION) else "unknown"


def _first(claims: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next((word(claims[name]) for name in names if claims.get(name)), "")
