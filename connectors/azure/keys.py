"""Say who can fetch account keys, which pass every role assignment by, and which keys were used."""

from collections.abc import Mapping, Sequence

from connectors.azure.catalogue import catalogue
from connectors.azure.grants import Holding, Roles
from connectors.azure.ids import text
from connectors.azure.inventory import Inventory
from connectors.azure.usage import Used
from connectors.facts import Caveat

_MOST_NAMED = 5
_MOST_KEYS = 20


def key_caveats(inventory: Inventory, roles: Roles, held: Sequence[Holding], used: Used) -> list[Caveat]:
    """Return who can list keys of which accounts, and the keys that logs show in use.

    A listed key gives the whole data plane of its account unless the account has keys switched off.
    """
    return [*_listers(inventory, roles, held), *_used_keys(used)]


def _listers(inventory: Inventory, roles: Roles, held: Sequence[Holding]) -> list[Caveat]:
    """Return who can fetch the keys of which accounts: one caveat for accounts with the same people.

    A grant on a management group counts: it is in the evidence because it reaches a subscription of it.
    """
    found = []
    given: dict[tuple[str, str], bool] = {}
    for account in catalogue("keys")["account"]:
        operation = account["operation"]
        scopes: dict[str, set[str]] = {}
        for holding in held:
            key = (holding.assignment.id, operation)
            if key not in given:
                given[key] = roles.gives(holding.assignment, operation)
            if given[key]:
                scopes.setdefault(holding.assignment.scope, set()).add(holding.identity)
        alike: dict[tuple[str, ...], list[str]] = {}
        for identifier, one in sorted(inventory.resources.items()):
            if text(one.data.get("type")).lower() == account["resource_type"] and _keys_work(
                account, one.data
            ):
                who = {
                    name
                    for scope in scopes
                    if inventory.holds(scope, identifier) is not False
                    for name in scopes[scope]
                }
                alike.setdefault(tuple(sorted(who)), []).append(identifier)
        found += [_lister_caveat(operation, names, accounts) for names, accounts in alike.items() if names]
    if len(found) > _MOST_KEYS:
        more = f"the keys of {len(found) - _MOST_KEYS} more sets of accounts can be fetched"
        return [*found[:_MOST_KEYS], Caveat(more, "account keys", "as above")]
    return found


def _lister_caveat(operation: str, names: Sequence[str], accounts: Sequence[str]) -> Caveat:
    who = f"{len(names)} identities" if len(names) > 1 else "1 identity"
    return Caveat(
        f"{who} can fetch account keys ({operation}): {_some(names)}",
        f"accounts that accept keys: {_some([one.rsplit('/', 1)[-1] for one in accounts])}",
        "a key opens the whole account without any role assignment, and calls made with it name no caller: "
        "data actions that look unused may be used through a key",
    )


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMED])
    return shown if len(names) <= _MOST_NAMED else f"{shown} and {len(names) - _MOST_NAMED} more"


def _keys_work(account: Mapping[str, object], data: Mapping[str, object]) -> bool:
    """Return whether an account accepts keys: yes, unless its switch is written and says no."""
    return data.get(str(account["switch"])) is not account["off"]


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
