"""Say who can fetch account keys, which pass every role assignment by, and which keys were used."""

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.azure.catalog.tables import catalogue
from connectors.azure.grants.grants import Holding, Roles
from connectors.azure.ids import fields, text
from connectors.azure.inventory import Inventory
from connectors.azure.policy.patterns import Plane, Universe
from connectors.azure.usage.usage import Used
from connectors.facts import Caveat, PermissionSet

_MOST_NAMED = 5
_MOST_KEYS = 20


def key_caveats(inventory: Inventory, roles: Roles, held: Sequence[Holding], used: Used) -> list[Caveat]:
    """Return who can list keys of which accounts, and the keys that logs show in use.

    A listed key gives the whole data plane of its account unless the account has keys switched off.
    """
    return [*_listers(inventory, roles, held), *_connections(inventory), *_used_keys(used)]


def key_reach(inventory: Inventory, universe: Universe) -> dict[str, PermissionSet]:
    """Return by reach class the operations that hand out keys of accounts that accept them.

    Who may fetch a key can touch all that the account holds. Where no account of a type is known, some may
    accept keys.
    """
    found: dict[str, PermissionSet] = {}
    for account in _accounts():
        states = [
            keys_work(account, one.data)
            for one in inventory.resources.values()
            if text(one.data.get("type")).lower() == account["resource_type"]
        ]
        if not states or any(states):
            mask = universe.reaching(Plane.CONTROL, _operations(account))
            found[account["opens"]] = found.get(account["opens"], 0) | mask
    return found


def keyless(inventory: Inventory) -> frozenset[str]:
    """Return the resources of which the evidence says that they accept no keys."""
    switches = {str(account["resource_type"]): account for account in _accounts()}
    return frozenset(
        identifier
        for identifier, one in inventory.resources.items()
        if (account := switches.get(text(one.data.get("type")).lower())) and not keys_work(account, one.data)
    )


def _accounts() -> list[dict[str, Any]]:
    table = catalogue("keys")
    return [*table["account"], *table["endpoint"]]


def _operations(account: Mapping[str, Any]) -> list[str]:
    return [account["operation"], *account.get("more", ())]


def _listers(inventory: Inventory, roles: Roles, held: Sequence[Holding]) -> list[Caveat]:
    """Return who can fetch the keys of which accounts: one caveat for accounts with the same people.

    A grant on a management group counts: it is in the evidence because it reaches a subscription of it.
    """
    found = []
    given: dict[tuple[str, str], bool] = {}
    for account in _accounts():
        scopes: dict[str, set[str]] = {}
        for holding in held:
            key = (holding.assignment.id, account["operation"])
            if key not in given:
                given[key] = any(roles.gives(holding.assignment, one) for one in _operations(account))
            if given[key]:
                scopes.setdefault(holding.assignment.scope, set()).add(holding.identity)
        alike: dict[tuple[str, ...], list[str]] = {}
        for identifier, one in sorted(inventory.resources.items()):
            if text(one.data.get("type")).lower() == account["resource_type"] and keys_work(
                account, one.data
            ):
                who = {
                    name
                    for scope in scopes
                    if inventory.holds(scope, identifier) is not False
                    for name in scopes[scope]
                }
                alike.setdefault(tuple(sorted(who)), []).append(identifier)
        found += [
            _lister_caveat(account["operation"], [_named(inventory, name) for name in names], accounts)
            for names, accounts in alike.items()
        ]
    if len(found) > _MOST_KEYS:
        more = f"the keys of {len(found) - _MOST_KEYS} more sets of accounts can be fetched"
        return [*found[:_MOST_KEYS], Caveat(more, "account keys", "as above")]
    return found


def _named(inventory: Inventory, identity: str) -> str:
    """Return an identity's name beside its id, where the evidence has one."""
    held = inventory.principals.get(identity)
    name = text(held.data.get("displayname")) if held else ""
    return f"{name} ({identity})" if name else identity


def _lister_caveat(operation: str, names: Sequence[str], accounts: Sequence[str]) -> Caveat:
    who = f"{len(names)} identities" if len(names) > 1 else "1 identity"
    what = f"{who} can fetch account keys ({operation}): {_some(names)}"
    return Caveat(
        what if names else f"keys work that no identity of the evidence may fetch ({operation})",
        f"accounts that accept keys: {_some([one.rsplit('/', 1)[-1] for one in accounts])}",
        "a key opens the whole account without any role assignment, and calls made with it name no caller: "
        "data actions that look unused may be used through a key",
    )


_KEYED = {"apikey", "customkeys", "accesskey", "accountkey", "sas", "pat", "usernamepassword"}
"""Ways in which a connection signs in with something that is stored in it."""


def _connections(inventory: Inventory) -> list[Caveat]:
    """Return the connections that store a key: what an agent reaches through them without a role."""
    found: dict[str, list[str]] = {}
    for identifier, one in sorted(inventory.resources.items()):
        if "/providers/microsoft.servicelinker/linkers/" in identifier:
            target, kind = linked_with(one.data)
            if kind.lower() == "secret":
                owner, _, name = identifier.partition("/providers/microsoft.servicelinker/linkers/")
                found.setdefault(owner, []).append(f"{name} (secret) to {target}")
        kind = text(one.data.get("authtype"))
        if "/connections/" in identifier and kind.lower() in _KEYED:
            target = text(one.data.get("target")) or text(one.data.get("category")) or "an unnamed target"
            found.setdefault(identifier.split("/connections/")[0], []).append(
                f"{identifier.rsplit('/', 1)[-1]} ({kind}) to {target}"
            )
    return [
        Caveat(
            f"{len(targets)} connections sign in with a stored key: {_some(targets)}",
            owner.rsplit("/providers/", 1)[-1],
            "agents reach their targets through them without a role assignment; who may read the secrets of "
            "connections can do so too",
        )
        for owner, targets in list(found.items())[:_MOST_KEYS]
    ]


def linked_with(data: Mapping[str, Any]) -> tuple[str, str]:
    """Return what a Service Connector links an app to, and how the app signs in there."""
    service, way = data.get("targetservice"), data.get("authinfo")
    target = text(fields(service).get("id")) if isinstance(service, Mapping) else ""
    kind = text(fields(way).get("authtype")) if isinstance(way, Mapping) else ""
    return target or "an unnamed target", kind


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMED])
    return shown if len(names) <= _MOST_NAMED else f"{shown} and {len(names) - _MOST_NAMED} more"


def keys_work(account: Mapping[str, Any], data: Mapping[str, object]) -> bool:
    """Return whether an account accepts keys: yes, unless its switch is written and says no.

    Some services accept none until they are switched on.
    """
    value = data.get(str(account["switch"]))
    if "on" in account:
        return value is account["on"]
    off = account["off"]
    return value is not off if isinstance(off, bool) else text(value).lower() not in off


def _used_keys(used: Used) -> list[Caveat]:
    found = [
        Caveat(
            f"{key.rpartition('#')[2]} was used {count} times, last {last}",
            key.rpartition("#")[0],
            "the log does not say who used the key; the calls count for no identity",
        )
        for key, (count, last) in sorted(used.keys.items())
    ]
    if len(found) > _MOST_KEYS:
        rest = Caveat(f"{len(found) - _MOST_KEYS} more account keys were used", "resource logs", "as above")
        return [*found[:_MOST_KEYS], rest]
    return found
