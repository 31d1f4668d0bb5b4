"""Say who can fetch account keys, which pass every role assignment by, and which keys were used."""

from collections.abc import Mapping, Sequence

from connectors.azure.catalogue import catalogue
from connectors.azure.grants import Holding, Roles
from connectors.azure.ids import holds, text
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
    found = []
    given: dict[tuple[str, str], bool] = {}
    for account in catalogue("keys")["account"]:
        operation = account["operation"]
        for holding in held:
            key = (holding.assignment.id, operation)
            if key not in given:
                given[key] = roles.gives(holding.assignment, operation)
        listers = [holding for holding in held if given[holding.assignment.id, operation]]
        open_accounts = sorted(
            identifier
            for identifier, one in inventory.resources.items()
            if text(one.data.get("type")).lower() == account["resource_type"]
            and _keys_work(account, one.data)
            and any(holds(holding.assignment.scope, identifier) for holding in listers)
        )
        if listers and open_accounts:
            found.append(_lister_caveat(operation, listers, open_accounts))
    return found


def _lister_caveat(operation: str, listers: Sequence[Holding], accounts: Sequence[str]) -> Caveat:
    names = sorted({holding.identity for holding in listers})
    return Caveat(
        f"{len(names)} identities can fetch account keys ({operation}): {_some(names)}",
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
