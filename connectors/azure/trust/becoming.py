"""Tell which applications and managed identities each principal may become, by credentials it may give them.

Owners of an application or service principal, and who may change all of them in the directory, can add a
secret; who may write federated credentials of a managed identity lets a token of its own choice in. Source:
learn, entra/identity/enterprise-apps/overview-assign-app-owners and
entra/workload-id/workload-identity-federation.
"""

from collections.abc import Iterable, Iterator, Mapping

from connectors.azure.catalog.tables import catalogue
from connectors.azure.grants.grants import Given, Holding
from connectors.azure.ids import fields, guid, mappings, principal, text
from connectors.azure.inventory import Inventory
from connectors.facts import Grant, PermissionSet, Step
from connectors.permissions import Permissions


def steps_of_all(
    inventory: Inventory,
    held: Iterable[tuple[Holding, Given]],
    directory: Mapping[str, PermissionSet],
    written: Iterable[Grant],
    permissions: Permissions,
) -> dict[str, tuple[Step, ...]]:
    """Return by principal whom it may become, for certain or under a condition that is not decided.

    Only those from which it goes on: administrators, and those that may become others themselves.
    `held` is each holding with what denies leave of it, `directory` what each principal holds on APIs and in
    the directory, `written` are all grants.
    """
    table = catalogue("directory")["becoming"]
    everyone = _mask(permissions, table["applications"])
    writers = {who for who, mask in directory.items() if mask & everyone}
    owners = dict(_owners(inventory))
    federating = list(_federating(inventory, held, _mask(permissions, table["managed_identities"])))
    powers = writers | {who for owned in owners.values() for who in owned} | {who for who, _, _ in federating}
    worth = powers | {grant.identity for grant in written if grant.admin}
    found: dict[str, dict[str, bool]] = {}
    for target in sorted(_applications(inventory) & worth):
        for who in writers | owners.get(target, set()):
            found.setdefault(who, {})[target] = True
    for who, target, sure in federating:
        if target in worth:
            reached = found.setdefault(who, {})
            reached[target] = reached.get(target, False) or sure
    return {
        who: tuple(Step(target, sure) for target, sure in sorted(reached.items()) if target != who)
        for who, reached in sorted(found.items())
        if set(reached) - {who}
    }


def _mask(permissions: Permissions, names: Iterable[str]) -> PermissionSet:
    return permissions.mask(name for name in names if permissions.find(name) is not None)


def _applications(inventory: Inventory) -> set[str]:
    """Return the service principals that take credentials: not managed identities, nor agent identities."""
    return {
        who
        for who, held in inventory.principals.items()
        if text(held.data.get("serviceprincipaltype")).lower() == "application"
        and held.data.get("accountenabled") is not False
    }


def _owners(inventory: Inventory) -> Iterator[tuple[str, set[str]]]:
    """Yield every service principal with who owns it or its application."""
    for who, held in inventory.principals.items():
        application = inventory.applications.get(guid(held.data.get("appid")))
        records = (held.data, *((application.data,) if application else ()))
        owned = {
            principal(fields(one).get("id")) for data in records for one in mappings(data.get("owners"))
        } - {"", who}
        if owned:
            yield who, owned


def _federating(
    inventory: Inventory, held: Iterable[tuple[Holding, Given]], mask: PermissionSet
) -> Iterator[tuple[str, str, bool]]:
    """Yield who may write federated credentials of which managed identity, and whether that is sure."""
    identities = [
        (identifier, principal(one.data.get("principalid")))
        for identifier, one in sorted(inventory.resources.items())
        if text(one.data.get("type")).lower() == "microsoft.managedidentity/userassignedidentities"
    ]
    for holding, left in held:
        for identifier, target in identities if (left.granted | left.conditional) & mask else ():
            inside = inventory.holds(holding.assignment.scope, identifier) if target else False
            if inside is not False:
                yield holding.identity, target, bool(inside and left.granted & mask)
