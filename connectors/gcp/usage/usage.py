"""Turn log rows into usage: who called what, on which resource, with which key."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from connectors.facts import Activity, Caveat, Unmapped, Usage
from connectors.gcp.catalog import services
from connectors.gcp.grants.members import Aliases
from connectors.gcp.identities.credentials import Keys
from connectors.gcp.identities.identities import PROVIDER, is_ai_permission
from connectors.gcp.names import SERVICE_ACCOUNT_DOMAIN
from connectors.gcp.usage.callers import UNKNOWN_CALLER
from connectors.gcp.usage.delegation import PERMISSION, Delegations
from connectors.gcp.usage.events import AUDIT_CHANGE, LAST, SHOWN
from connectors.gcp.usage.methods import Known, needed, needs_none
from connectors.gcp.usage.shown import Shown
from connectors.interface import Evidence
from connectors.logs.rows import UsageRow
from connectors.logs.sums import UsageKey, UsageSum, added_up
from connectors.permissions import Permissions

TYPES = ("ADMIN_READ", "ADMIN_WRITE", "DATA_READ", "DATA_WRITE")


@dataclass
class Calls:
    """What the logs of all sources say."""

    usage: tuple[Usage, ...] = ()
    activity: tuple[Activity, ...] = ()
    """All that the logs show of identities, calls that no permission is known for included."""
    unmapped: tuple[Unmapped, ...] = ()
    unattributed: dict[str, int] = field(default_factory=dict)
    types: dict[str, set[str]] = field(default_factory=dict)
    """Permission types that the logs themselves name, by permission."""
    nameless: set[str] = field(default_factory=set)
    """Permissions that were called, and not refused, by a caller the record does not name."""
    recorded: dict[str, set[str]] = field(default_factory=dict)
    """Permissions that records of the data logs name, by project as the log names it."""
    foreign: dict[str, set[str]] = field(default_factory=dict)
    """By identity: permissions it used that no role definition of the evidence knows."""
    model_callers: dict[str, str] = field(default_factory=dict)
    """Who called a model or an agent, with the source whose log says so first."""
    callers: dict[str, str] = field(default_factory=dict)
    """Every service account and federated identity that the logs name as a caller, with the first source."""
    unmapped_services: dict[str, set[str]] = field(default_factory=dict)
    """By identity: services of which it made calls that we cannot turn into a permission for certain."""
    caveats: tuple[Caveat, ...] = ()


def read_calls(
    evidence: Sequence[Evidence],
    aliases: Aliases,
    keys: Keys,
    permissions: Permissions,
    emails: Mapping[str, str],
    primary: Mapping[str, str] = MappingProxyType({}),
) -> Calls:
    """Return the usage of every identity that the logs name, inventory or not.

    Entries that close a long-running operation repeat the permissions of the entry that opened it; they
    count only where that entry is not in the evidence. `emails` are those of accounts by unique id; `primary`
    has the preferred name of permissions that are another name of one.
    """
    reader = _Reader(aliases, keys, permissions, emails, primary)
    for source in evidence:
        reader.source = source.source
        for row in added_up(source.usage()):
            reader.read(row)
    return reader.calls()


class _Reader:
    def __init__(
        self,
        aliases: Aliases,
        keys: Keys,
        permissions: Permissions,
        emails: Mapping[str, str],
        primary: Mapping[str, str],
    ) -> None:
        self._aliases = aliases
        self._primary = primary
        self._keys = keys
        known = permissions.names(permissions.known)
        self._known = Known.of(known)
        # Kubernetes logs write resources in lower case, roles in camelCase.
        self._spelling = {name.lower(): name for name in known if name.startswith("container.")}
        self._sums: dict[UsageKey, UsageSum] = {}
        self._opened: set[tuple[str, str, str]] = set()
        self._closing: list[tuple[UsageKey, UsageRow]] = []
        self._unmapped: Counter[tuple[str, str]] = Counter()
        self._fallback: Counter[tuple[str, str]] = Counter()
        self._delegations = Delegations(aliases)
        self._shown = Shown(aliases, emails)
        self._result = Calls()
        self.source = ""

    def read(self, row: UsageRow) -> None:
        result = self._result
        if row.identity_type == AUDIT_CHANGE:
            return
        if not row.identity:
            self._nobody(row)
            return
        identity = self._aliases.of(row.identity)
        if identity.endswith(SERVICE_ACCOUNT_DOMAIN) or identity.startswith("principal://"):
            result.callers.setdefault(identity, self.source)
        self._delegations.read(row, identity)
        credential = self._keys.name(row.credential) if row.credential else ""
        if row.detail.endswith(SHOWN):
            self._shown.read(row, identity, credential, "", counts=False)
            return
        kind, closing = row.detail.removesuffix(LAST), row.detail.endswith(LAST)
        permission = self._permission(row, identity)
        self._shown.read(row, identity, credential, permission, counts=not closing)
        if not permission:
            return
        if kind in ("data_access", *TYPES):
            result.recorded.setdefault(row.account, set()).add(permission)
        if kind in TYPES:
            result.types.setdefault(permission, set()).add(kind)
        key = (identity, permission, row.resource, credential, row.via, row.operation)
        if closing:
            self._closing.append((key, row))
            return
        if row.outcome != "denied":
            if permission not in self._known.names:
                result.foreign.setdefault(identity, set()).add(permission)
            if is_ai_permission(permission):
                result.model_callers.setdefault(identity, self.source)
        self._opened.add((identity, permission, row.resource))
        self._sums.setdefault(key, UsageSum()).add(row)

    def _nobody(self, row: UsageRow) -> None:
        """Count a call whose caller the record does not name."""
        result = self._result
        if not row.permission:
            kind = row.identity_type or UNKNOWN_CALLER
            result.unattributed[kind] = result.unattributed.get(kind, 0) + row.count
        elif row.outcome != "denied":
            result.nameless.add(self._spelled(row.permission))
        self._shown.read(row, "", "", self._spelled(row.permission), counts=False)

    def _permission(self, row: UsageRow, identity: str) -> str:
        """Return the permission of a row; count it as unmapped where neither log nor table names one."""
        if row.permission:
            return self._spelled(row.permission)
        service, named, method = row.operation.partition(":")
        if not named:
            service, method = "", row.operation
        if needs_none(service):
            return ""
        found = needed(service, method, row.resource, self._known)
        if found:
            self._fallback[row.operation, found.permission] += row.count
        else:
            self._unmapped[self.source, row.operation] += row.count
        if row.outcome != "denied" and service and not (found and found.sure):
            prefix = services().prefix(service)
            self._result.unmapped_services.setdefault(identity, set()).add(prefix)
        return self._spelled(found.permission) if found else ""

    def _spelled(self, permission: str) -> str:
        found = self._spelling.get(permission.lower(), permission)
        return self._primary.get(found, found)

    def calls(self) -> Calls:
        """Return everything read."""
        for key, row in self._closing:
            if key[:3] not in self._opened:
                self._sums.setdefault(key, UsageSum()).add(row)
                self._shown.read(row, key[0], key[3], key[1], counts=True)
        usage = [total.usage(key) for key, total in sorted(self._sums.items())]
        recorded = {one.identity for one in usage if one.permission == PERMISSION and one.count > one.denied}
        self._result.usage = (*usage, *self._delegations.usage(recorded))
        self._result.activity = self._shown.activity()
        self._result.unmapped = tuple(
            Unmapped(PROVIDER, source, operation, count)
            for (source, operation), count in sorted(self._unmapped.items())
        )
        self._result.unattributed = dict(sorted(self._result.unattributed.items()))
        fallback = (
            Caveat(
                "a permission taken from a table, not from the log",
                f"{operation} ({count} calls)",
                f"the log names no permission for this method; the calls count as use of {permission}",
            )
            for (operation, permission), count in sorted(self._fallback.items())
        )
        self._result.caveats = (*fallback, *self._delegations.caveats(recorded))
        return self._result
