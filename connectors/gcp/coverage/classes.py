"""Know to which audit log a call of each permission is written."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from connectors.facts import PermissionSet, Usage
from connectors.gcp.catalog import Test, matcher, table
from connectors.permissions import Permissions

ADMIN_WRITE = "ADMIN_WRITE"
DATA_TYPES = ("ADMIN_READ", "DATA_READ", "DATA_WRITE")
"""The types that are written only where a Data Access configuration names them."""
EVERY = frozenset((*DATA_TYPES, ADMIN_WRITE))


@dataclass(frozen=True, slots=True)
class Group:
    """Permissions of one service whose calls may be of the same types."""

    service: str
    types: frozenset[str]
    permissions: PermissionSet


@dataclass(frozen=True, slots=True)
class Classes:
    """Every permission of the catalogue, by what would record its use."""

    groups: tuple[Group, ...]
    unlogged: tuple[tuple[str, PermissionSet], ...]
    """By reason: permissions that leave no audit record, whatever is configured."""
    unproved: PermissionSet
    """Permissions of which only a record of a project shows that their calls are recorded there."""
    default_on: PermissionSet
    """Permissions whose use is recorded without any configuration."""
    above_project: PermissionSet
    """Permissions whose use is recorded at the organization or folder."""


def classify(permissions: Permissions, seen: Mapping[str, set[str]]) -> Classes:
    """Return the classes of all permissions known so far.

    `seen` holds the permission types that the logs themselves name; these go before the table. They do not
    make a permission one that is always recorded: that some call names it says nothing about the others.
    """
    everything = (1 << len(permissions)) - 1
    groups: dict[tuple[str, frozenset[str]], list[str]] = {}
    unlogged: dict[str, list[str]] = {}
    default_on, above, unproved = [], [], []
    default_test, above_test, unproved_test = map(_test, ("default_on", "above_project", "unproved"))
    for name in permissions.names(everything):
        types, reason = types_of(name)
        if reason:
            unlogged.setdefault(reason, []).append(name)
        if name in seen:
            types = frozenset(seen[name])
        groups.setdefault((permissions.service(name), types), []).append(name)
        if default_test(name):
            default_on.append(name)
        if above_test(name):
            above.append(name)
        if unproved_test(name):
            unproved.append(name)
    return Classes(
        groups=tuple(
            Group(service, types, permissions.mask(names))
            for (service, types), names in sorted(groups.items(), key=lambda i: (i[0][0], sorted(i[0][1])))
        ),
        unlogged=tuple((reason, permissions.mask(names)) for reason, names in sorted(unlogged.items())),
        unproved=permissions.mask(unproved),
        default_on=permissions.mask(default_on),
        above_project=permissions.mask(above),
    )


def within(usage: Iterable[Usage], permissions: Permissions) -> dict[str, dict[str, PermissionSet]]:
    """Return by identity and by permission it used: what the same calls check without naming it."""
    known = permissions.names((1 << len(permissions)) - 1)
    masks = {call: permissions.mask(filter(test, known)) for call, test in _within().items()}
    found: dict[str, dict[str, PermissionSet]] = {}
    for row in usage:
        if row.count > row.denied and row.permission in masks:
            found.setdefault(row.identity, {})[row.permission] = masks[row.permission]
    return found


@cache
def _within() -> Mapping[str, Test]:
    rows = table("permission_classes")["within"]
    return {call: matcher(row["permissions"]) for row in rows for call in row["calls"]}


@cache
def types_of(name: str) -> tuple[frozenset[str], str]:
    """Return (the types a permission may have, why its use is never recorded or an empty string).

    A permission that no pattern fits may be of any type.
    """
    reason = next((reason for test, reason in _unlogged() if test(name)), "")
    verb = name.rpartition(".")[2]
    for test, verbs, types in _types():
        if test(name) or verbs(verb):
            return types, reason
    return EVERY, reason


@cache
def _unlogged() -> tuple[tuple[Test, str], ...]:
    return tuple(
        (matcher(entry["permissions"]), entry["reason"]) for entry in table("permission_classes")["unlogged"]
    )


@cache
def _types() -> tuple[tuple[Test, Test, frozenset[str]], ...]:
    return tuple(_type_rows())


def _type_rows() -> Iterator[tuple[Test, Test, frozenset[str]]]:
    for entry in table("permission_classes")["types"]:
        yield (
            matcher(entry.get("permissions", ())),
            matcher(entry.get("verbs", ())),
            frozenset(entry["types"]),
        )


@cache
def _test(name: str) -> Test:
    return matcher(table("permission_classes")[name]["permissions"])
