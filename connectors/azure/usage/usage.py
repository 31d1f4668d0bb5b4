"""Turn folded log rows into usage: whose call it was, of which permission, through which assignment."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from connectors.azure.catalog.tables import catalogue
from connectors.azure.identities.workloads import Ties
from connectors.azure.ids import principal
from connectors.azure.inventory import Inventory
from connectors.azure.policy.patterns import Plane
from connectors.azure.usage.activity import ACCEPTED, STARTED
from connectors.azure.usage.sign_ins import SIGN_IN, SIGN_IN_THROUGH
from connectors.azure.usage.unnamed import ANYONE, APPLICATION, USER, Unnamed
from connectors.facts import Unmapped, Usage
from connectors.logs.rows import UsageRow
from connectors.permissions import Permissions


class Callers:
    """Resolves the callers that logs name to object ids of the inventory."""

    def __init__(self, inventory: Inventory, rows: Iterable[UsageRow], ties: Mapping[str, Ties]) -> None:
        self._known = {*inventory.principals, *ties, *(a.principal for a in inventory.rights)}
        self._by_name = {
            f"user:{one.name.lower()}": one.principal
            for one in inventory.rights
            if one.kind == "user" and "@" in one.name
        }
        self._by_application = {one.application: who for who, one in ties.items() if one.application}
        for row in rows:
            if row.operation == SIGN_IN and row.via.startswith("app:"):
                self._by_application.setdefault(row.via[4:], row.identity)
        for identifier, held in inventory.principals.items():
            application = principal(held.data.get("appid"))
            if application:
                self._by_application[application] = identifier
        self._joined = set(self._by_application.values())

    def may_be(self, identity: str, kind: str) -> tuple[str, ...]:
        """Return as what sort of caller that could not be resolved an identity may stand in the logs."""
        if kind == "user":
            return (USER, ANYONE)
        return (ANYONE,) if identity in self._joined or kind == "group" else (APPLICATION, ANYONE)

    def resolve(self, identity: str) -> str:
        """Return the object id behind `app:<application id>`, a bare application id, or `user:<name>`."""
        if identity.startswith("app:"):
            return self._by_application.get(identity[4:], identity)
        if identity.startswith("user:"):
            return self._by_name.get(identity, identity)
        if identity not in self._known:
            return self._by_application.get(identity, identity)
        return identity


def permission_of(row: UsageRow) -> str:
    """Return the permission a row used: the one its record names, or the mapped one, or ""."""
    if row.permission:
        return row.permission
    table, _, operation = row.operation.rpartition(":")
    tables = catalogue("operations")
    provider = table.partition(":")[0]
    known = [table] if table in tables else sorted(name for name in tables if name.startswith(f"{provider}:"))
    return next((tables[name][operation] for name in known if operation in tables[name]), "")


def plane_of(row: UsageRow, permission: str) -> Plane:
    """Return the plane of a permission that a log showed."""
    folded = permission.lower()
    if ":" not in row.operation or folded in _control() or folded.startswith(_NO_DATA_PLANE):
        return Plane.CONTROL
    return Plane.DATA


_NO_DATA_PLANE = "microsoft.machinelearningservices/"
"""Azure ML has no data actions: its endpoints check actions of the control plane (928 roles, 2026-08-22)."""


@lru_cache(maxsize=1)
def _control() -> frozenset[str]:
    return frozenset(name.lower() for name in catalogue("operations")["control"])


def _alternatives(permission: str) -> list[str]:
    found: list[str] = catalogue("alternatives")["actions"].get(permission, [])
    return found


@dataclass(slots=True)
class Used:
    """What the rows say."""

    usage: list[Usage] = field(default_factory=list)
    unmapped: list[Unmapped] = field(default_factory=list)
    unmapped_by: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    """By identity: (provider, operation) of calls that could not be mapped to a permission."""
    unmapped_by_unnamed: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    """The same by kind of caller, where it could not be joined to an identity."""
    unattributed: dict[str, int] = field(default_factory=dict)
    unnamed: Unnamed = field(default_factory=Unnamed)
    alternatives: dict[str, set[str]] = field(default_factory=dict)
    """By identity: actions that may have allowed a call whose record does not name the action."""
    keys: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Uses of account keys and SAS by key id: how often and last when."""

    def unmapped_of(self, identity: str, kinds: Iterable[str]) -> set[tuple[str, str]]:
        """Return the unmapped calls of an identity, and of callers of these kinds that may be it."""
        unnamed = (self.unmapped_by_unnamed.get(kind, set()) for kind in kinds)
        return set(self.unmapped_by.get(identity, ())).union(*unnamed)


@dataclass(slots=True)
class _Calls:
    ended: Counter[str] = field(default_factory=Counter)
    begun: Counter[str] = field(default_factory=Counter)
    first: str = ""
    last: str = ""
    allowed: str = ""
    opened: str = ""

    def add(self, row: UsageRow) -> None:
        if row.detail in (STARTED, ACCEPTED):
            self.begun[row.detail] += row.count
            self.opened = max(self.opened, row.last)
        else:
            self.ended[row.outcome] += row.count
            if row.outcome != "denied":
                self.allowed = max(self.allowed, row.last)
        self.first = min(self.first or row.first, row.first)
        self.last = max(self.last, row.last)


def read_usage(
    rows: Iterable[UsageRow],
    callers: Callers,
    inventory: Inventory,
    permissions: Permissions,
    keyless: Collection[str] = (),
) -> Used:
    """Return the usage of every caller that a log names.

    A call that begins and ends leaves two or three records: it counts once, by its last record. A call
    whose end is missing (still running, or the end is outside the files) counts once too, as a use whose
    result is unknown. A call without a caller counts as made with a key, but not to a resource that accepts
    none (`keyless`).
    """
    reader = _Reader(callers, inventory, permissions, keyless)
    for row in rows:
        if row.operation not in (SIGN_IN, SIGN_IN_THROUGH) and row.operation not in _no_permission():
            reader.read(row)
    return reader.used()


@lru_cache(maxsize=1)
def _no_permission() -> frozenset[str]:
    """Return the operations that need no permission (a log-on step), which are no use of any."""
    return frozenset(catalogue("operations")["no_permission"])


class _Reader:
    """Gathers rows into calls."""

    def __init__(
        self, callers: Callers, inventory: Inventory, permissions: Permissions, keyless: Collection[str]
    ) -> None:
        self._keyless = keyless
        self._callers = callers
        self._permissions = permissions
        self._assignments = {one.guid: one for one in inventory.rights}
        self._used = Used()
        self._unmapped: Counter[tuple[str, str]] = Counter()
        self._unattributed: Counter[str] = Counter()
        self._calls: dict[tuple[str, ...], _Calls] = {}

    def read(self, row: UsageRow) -> None:
        """Count one row for its caller; for a group too when the call went through the group's assignment."""
        permission = permission_of(row)
        assignment = self._assignments.get(row.grant)
        identity = self._callers.resolve(row.identity) or (assignment.principal if assignment else "")
        source, _, operation = row.operation.rpartition(":")
        if permission:
            named = self._permissions.spelling(permission)
            self._used.unnamed.add(row, identity, named, keyless=self._to_keyless(row))
        else:
            self._unmapped[source, operation] += row.count
        if not identity:
            self._nobody(row)
        elif not permission:
            provider = source.partition(":")[0]
            self._used.unmapped_by.setdefault(identity, set()).add((provider, operation))
            kind, colon, _ = identity.partition(":")
            if colon:
                self._used.unmapped_by_unnamed.setdefault(kind, set()).add((provider, operation))
        else:
            spelled = self._permissions.spelling(permission)
            grant = assignment.id if assignment else row.grant
            rest = (grant, operation if source else spelled)
            others = () if row.permission or row.outcome == "denied" else _alternatives(permission)
            self._used.alternatives.setdefault(identity, set()).update(others)
            self._add((identity, spelled, row.resource, row.via, *rest), row)
            if assignment and assignment.is_group and assignment.principal != identity:
                self._add((assignment.principal, spelled, row.resource, identity, *rest), row)

    def _to_keyless(self, row: UsageRow) -> bool:
        """Return whether a call was made to a resource that accepts no keys."""
        return any(row.resource == one or row.resource.startswith(f"{one}/") for one in self._keyless)

    def _add(self, key: tuple[str, ...], row: UsageRow) -> None:
        self._calls.setdefault(key, _Calls()).add(row)

    def _nobody(self, row: UsageRow) -> None:
        if row.detail not in (STARTED, ACCEPTED):
            self._unattributed[row.identity_type] += row.count
        if row.credential:
            count, last = self._used.keys.get(row.credential, (0, ""))
            self._used.keys[row.credential] = (count + row.count, max(last, row.last))

    def used(self) -> Used:
        """Return what was gathered, in a stable order."""
        used = self._used
        used.usage = _usage(self._calls)
        used.unmapped = [
            Unmapped("azure", source, name, count) for (source, name), count in sorted(self._unmapped.items())
        ]
        used.unattributed = dict(sorted(self._unattributed.items()))
        return used


def _usage(calls: Mapping[tuple[str, ...], _Calls]) -> list[Usage]:
    """Count each call once: ends, and the begins beyond them of the same caller, operation and resource."""
    ended: Counter[tuple[str, ...]] = Counter()
    for key, call in calls.items():
        ended[key[:4]] += call.ended.total()
    found = []
    for key, call in sorted(calls.items()):
        identity, permission, resource, via, grant, operation = key
        open_calls = max(0, max(call.begun.values(), default=0) - ended[key[:4]])
        count = call.ended.total() + open_calls
        if not count:
            continue
        found.append(
            Usage(
                identity=identity,
                permission=permission,
                resource=resource,
                credential="",
                count=count,
                denied=call.ended["denied"],
                first_seen=call.first,
                last_seen=call.last,
                via=via,
                grant=grant,
                operation=operation,
                last_allowed=max(call.allowed, call.opened if open_calls else ""),
            )
        )
    return found
