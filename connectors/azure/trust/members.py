"""Read who is in which group, and which subscriptions stand below which management group."""

from collections.abc import Iterator, Mapping
from typing import Any

from connectors.azure.ids import Level, fields, last_segment, level, mappings, principal, resource_id, text
from connectors.azure.stock import Held, Inventory

_GROUP = "/providers/microsoft.management/managementgroups/"


def members(inventory: Inventory) -> None:
    """Work out the members of each group that an export lists, through nested groups.

    A group that is itself a member without being listed leaves open who else belongs.
    """
    direct: dict[str, set[str]] = {}
    nested: dict[str, set[str]] = {}
    for held in inventory.directory.get("group_members", ()):
        name = principal(held.data.get("id") or held.data.get("groupid") or held.data.get("objectid"))
        if name:
            direct.setdefault(name, set()).update(_listed(inventory, held, nested.setdefault(name, set())))
            inventory.members_short |= {name} if held.data.get("partial") is True else set()
    for name in direct:
        seen, waiting = {name}, [name]
        while waiting:
            for inner in sorted(nested.get(waiting.pop(), set()) - seen):
                seen.add(inner)
                waiting.append(inner)
        if seen & inventory.members_short or (seen - set(direct) and not _flat(inventory, name)):
            inventory.members_short.add(name)
        inventory.members[name] = set().union(*(direct.get(one, set()) for one in seen))


def _listed(inventory: Inventory, held: Held, nested: set[str]) -> Iterator[str]:
    """Yield the members that one record lists; groups among them go to `nested`.

    A service principal that no other export lists is kept as one.
    """
    for part in ("members", "transitivemembers"):
        for raw in mappings(held.data.get(part)):
            one = fields(raw)
            who = principal(one.get("id") or one.get("objectid"))
            if who and _is("group", one):
                nested.add(who)
            elif who:
                yield who
                if _is("serviceprincipal", one):
                    inventory.principals.setdefault(who, Held(held.source, one))


def _flat(inventory: Inventory, name: str) -> bool:
    """Return whether a group's own record lists the members of nested groups too."""
    return any(
        principal(held.data.get("id")) == name
        and ("transitivemembers" in held.data or held.data.get("transitive") is True)
        for held in inventory.directory.get("group_members", ())
    )


def _is(kind: str, member: Mapping[str, Any]) -> bool:
    words = (text(member.get("@odata.type")), text(member.get("objecttype")))
    return any(word.lower().endswith(kind) for word in words)


def group(inventory: Inventory, held: Held) -> None:
    """Keep a management group or subscription of a tree, as the list of descendants names it."""
    inventory.directory.setdefault("management_groups", []).append(held)


def group_tree(inventory: Inventory) -> None:
    """Work out what stands below each management group of the trees that were read whole."""
    parents: dict[str, str] = {}
    for held in inventory.directory.get("management_groups", ()):
        scope = _scope(held)
        parent = held.data.get("parent")
        above = resource_id(fields(parent).get("id")) if isinstance(parent, dict) else ""
        if scope:
            parents[scope] = above
        if scope and level(scope) is Level.MANAGEMENT_GROUP:
            inventory.below.setdefault(scope, set())
    for scope, above in parents.items():
        at, seen = above, {scope}
        while at and at not in seen:
            if at in inventory.below:
                inventory.below[at].add(scope)
            seen.add(at)
            at = parents.get(at, "")


def _scope(held: Held) -> str:
    """Return the scope of a record: subscriptions are named by id, or by their place in the tree."""
    identifier = resource_id(held.data.get("id"))
    if "/subscriptions" in text(held.data.get("type")).lower() or identifier.startswith("/subscriptions/"):
        return f"/subscriptions/{last_segment(held.data.get('name') or identifier)}"
    return identifier if identifier.startswith(_GROUP) else ""
