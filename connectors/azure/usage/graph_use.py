"""Say which app roles for Microsoft Graph the logged calls used, may have used, and cannot have needed.

A record names the call and not the permission that let it through. Of the roles that a principal holds, those
that Graph's permission table names for the call may have been it: the only one was, each of several may have.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import msgspec

from connectors.azure.catalog.tables import catalogue
from connectors.azure.usage.graph_activity import GRAPH_OPERATION
from connectors.azure.usage.graph_paths import Allowing, allowing, known_permissions
from connectors.azure.usage.unnamed import APPLICATION
from connectors.azure.usage.usage import Callers
from connectors.logs.rows import UsageRow

GRAPH_ROLE = "Microsoft.Graph/appRoles/"
_SHOWN = 3
_FIX = "compare the calls that unmapped_events lists with the permissions reference before removing it"
_UNJOINED = (
    "caller-not-joined",
    "the log shows calls of Microsoft Graph by an application, by its client id only",
    "add service_principals: az ad sp list --all -o json",
)

Reason = tuple[str, str, str]


@dataclass(slots=True)
class _Of:
    """What the calls of one principal say of its roles, by their value."""

    one_of: dict[str, set[str]] = field(default_factory=dict)
    """Roles that may have let a call through, with the calls that leave it open."""
    beside: dict[str, set[str]] = field(default_factory=dict)
    """Roles that a call may have needed besides."""
    unexplained: set[str] = field(default_factory=set)
    """Calls of which nobody can say what they needed."""


class GraphUse:
    """Holds the logged calls of Graph against the app roles of their callers.

    `held` are the app roles for Graph by principal: the id of the grant by the role's value.
    """

    def __init__(
        self, held: Mapping[str, Mapping[str, str]], rows: Iterable[UsageRow], callers: Callers
    ) -> None:
        self._held = held
        self._callers = callers
        self._of: dict[str, _Of] = {}
        self._told: dict[tuple[str, str, str], tuple[str, str] | None] = {}
        self._unjoined = False
        for row in rows:
            if row.operation.startswith(GRAPH_OPERATION) and row.identity_type != "user":
                self._read(row)

    def rows(self, rows: Iterable[UsageRow]) -> Iterator[UsageRow]:
        """Yield all rows; calls of Graph with the role they used, left out where several may be it."""
        for row in rows:
            key = (self._callers.resolve(row.identity), row.operation, row.outcome)
            if key not in self._told:
                yield row
                continue
            told = self._told[key]
            if told is not None:
                yield msgspec.structs.replace(row, permission=told[0], grant=told[1])

    def called(self, identity: str) -> bool:
        """Return whether a principal called Graph."""
        return identity in self._of

    def hidden(self, identity: str, role: str) -> Reason | None:
        """Return why the calls do not say whether a role was needed; None when they do."""
        if self._unjoined and APPLICATION in self._callers.may_be(identity, ""):
            return _UNJOINED
        told = self._of.get(identity)
        if told is None:
            return None
        if told.unexplained:
            reason = f"it called Graph, and nobody can say what {_some(told.unexplained)} needed"
            return "graph-call-not-explained", reason, _FIX
        if role not in known_permissions():
            reason = "Graph's permission table does not name it, so that nobody can say which calls need it"
            return "graph-permission-not-known", reason, _FIX
        return _open(role, told)

    def _read(self, row: UsageRow) -> None:
        identity = self._callers.resolve(row.identity)
        key = (identity, row.operation, row.outcome)
        if key in self._told:
            return
        if not identity or ":" in identity:
            self._unjoined = True
            return
        of = self._of.setdefault(identity, _Of())
        method, _, rest = row.operation.removeprefix(GRAPH_OPERATION).partition(" ")
        path, _, query = rest.partition(" ")
        call = f"{method.upper()} {path}"
        table = catalogue("graph_calls")
        if path in table["no_permission"]:
            self._told[key] = None
            return
        known = None if _fits(path, table["by_body"]) else allowing(method, path)
        held = self._held.get(identity, {})
        able = sorted(known.allow & set(held)) if known else []
        if known is None or (not able and row.outcome != "denied"):
            of.unexplained.add(call)
        elif not able:
            if len(known.allow) == 1:
                self._told[key] = (GRAPH_ROLE + min(known.allow), "")
        else:
            self._told[key] = (GRAPH_ROLE + able[0], held[able[0]]) if len(able) == 1 else None
            for role in able if len(able) > 1 else ():
                of.one_of.setdefault(role, set()).add(call)
            for role in set(held) - set(able):
                if _besides(role, known, method, path, query.split()):
                    of.beside.setdefault(role, set()).add(call)


def _open(role: str, told: _Of) -> Reason | None:
    """Return which calls leave a role open, None when none does."""
    if role in told.one_of:
        mine = told.one_of[role]
        others = sorted(other for other, calls in told.one_of.items() if other != role and calls & mine)
        reason = f"used: one of it and {', '.join(others)} let {_some(mine)} through; no log says which"
        return "one-of-several-permissions", reason, "keep the least of them that allows the calls"
    if role in told.beside:
        reason = f"{_some(told.beside[role])} may have needed it besides what let the call through"
        return "may-be-needed-besides", reason, "try the calls without it before removing it"
    return None


def _besides(role: str, known: Allowing, method: str, path: str, asked: Iterable[str]) -> bool:
    """Return whether a call may have needed a role beside the one that let it through.

    The table says so; or the call asks for properties or related objects that need their own permission.
    """
    table = catalogue("graph_calls")
    if role in known.beside or role not in known_permissions():
        return True
    reads = method == "get"
    if reads and "?expand" in asked:
        return "read" in role.lower()
    properties = table["properties"]
    if any(_fits(role, properties.get(word.removeprefix("?"), ())) for word in asked):
        return True
    family = table["directory"]["permissions"]
    if not _fits(role, family) or not any(_fits(one, family) for one in known.allow):
        return False
    return path.count("/") > 2 if reads else ".read." not in role.lower()


def _fits(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns)


def _some(calls: Iterable[str]) -> str:
    listed = sorted(calls)
    return ", ".join(listed[:_SHOWN]) + (f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else "")
