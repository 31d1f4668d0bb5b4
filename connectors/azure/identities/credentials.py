"""List the secrets, certificates and federations of service principals, with age and last use."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from connectors.azure.coverage.presence import reaches_back
from connectors.azure.identities.workloads import federations
from connectors.azure.ids import fields, guid, mappings, principal, text
from connectors.azure.inventory import Inventory, utc
from connectors.azure.usage.sign_ins import FEDERATED, SERVICE_PRINCIPAL, SIGN_IN
from connectors.azure.usage.usage import Callers
from connectors.facts import Credential, Window
from connectors.logs.rows import Presence, UsageRow

_SECRET, _CERTIFICATE, _FEDERATION = "client-secret", "certificate", "federated"


def credentials(
    inventory: Inventory,
    rows: Iterable[UsageRow],
    presence: Iterable[Presence],
    callers: Callers,
    window: Window,
) -> tuple[Credential, ...]:
    """Return the credentials of each service principal: its own and those of its application.

    The last use is the last sign-in that named the key. Where service-principal sign-ins of the whole
    window are in the evidence, no sign-in means not used in the window.
    """
    used = _last_use(rows, callers)
    for key, last in _reported(inventory).items():
        used[key] = max(used.get(key, ""), last)
    covered = _covered(presence, window)
    found: dict[tuple[str, str], Credential] = {}
    for identity, data in _owners(inventory):
        for credential in _of(identity, data, used, covered=covered, window=window):
            found.setdefault((credential.identity, credential.id), credential)
    for identity, data in federations(inventory):  # their sign-ins name the key by another id
        held = {"federatedidentitycredentials": [data]}
        for credential in _of(identity, held, used, covered=False, window=window):
            found.setdefault((credential.identity, credential.id), credential)
    return tuple(found[key] for key in sorted(found))


def _owners(inventory: Inventory) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each service principal's own record and its application's, which holds most secrets."""
    for identity, held in sorted(inventory.principals.items()):
        yield identity, held.data
        application = inventory.applications.get(principal(held.data.get("appid")))
        if application is not None:
            yield identity, application.data


def _of(
    identity: str, data: Mapping[str, Any], used: Mapping[str, str], *, covered: bool, window: Window
) -> Iterator[Credential]:
    managed = text(data.get("serviceprincipaltype")).lower() == "managedidentity"
    for part, kind in (("passwordcredentials", _SECRET), ("keycredentials", _CERTIFICATE)):
        for raw in mappings(data.get(part)):
            one = fields(raw)
            key = guid(one.get("keyid")) or text(one.get("keyid")) or text(one.get("displayname"))
            expires = utc(one.get("enddatetime") or one.get("enddate"))
            if not key:
                continue
            yield Credential(
                identity=identity,
                id=key,
                kind=kind,
                status=_status(expires, window),
                long_lived=not managed,
                created=utc(one.get("startdatetime") or one.get("startdate")),
                expires=expires,
                last_used=used.get(key, ""),
                last_used_known=covered and not managed,
            )
    for raw in mappings(data.get("federatedidentitycredentials")):
        one = fields(raw)
        key = guid(one.get("id")) or text(one.get("id")) or text(one.get("name"))
        if key:
            yield Credential(
                identity=identity,
                id=key,
                kind=_FEDERATION,
                status="active",
                long_lived=False,
                last_used=used.get(FEDERATED + key, ""),
                last_used_known=covered,
            )


def _status(expires: str, window: Window) -> str:
    """Return whether a credential had expired by the end of the window; Azure cannot switch one off."""
    if not expires:
        return "unknown"
    return "expired" if expires <= window.end.strftime("%Y-%m-%dT%H:%M:%SZ") else "active"


def _last_use(rows: Iterable[UsageRow], callers: Callers) -> dict[str, str]:
    found: dict[str, str] = {}
    for row in rows:
        if (
            row.operation == SIGN_IN
            and row.outcome == "allowed"
            and row.credential
            and callers.resolve(row.identity)
        ):
            found[row.credential] = max(found.get(row.credential, ""), row.last)
    return found


def _reported(inventory: Inventory) -> dict[str, str]:
    """Return when Entra's own report last saw each key used; one it does not name may be in use."""
    found: dict[str, str] = {}
    for held in inventory.directory.get("credential_activity", ()):
        activity = held.data.get("signinactivity")
        key = guid(held.data.get("keyid"))
        last = utc(fields(activity).get("lastsignindatetime")) if isinstance(activity, Mapping) else ""
        if key and last:
            found[key] = max(found.get(key, ""), last)
    return found


def _covered(presence: Iterable[Presence], window: Window) -> bool:
    """Return whether service-principal sign-ins reach back to (nearly) the start of the window."""
    spans = [(seen.first, seen.last) for seen in presence if seen.log_class == SERVICE_PRINCIPAL]
    return bool(spans) and reaches_back(min(first for first, _ in spans), window)
