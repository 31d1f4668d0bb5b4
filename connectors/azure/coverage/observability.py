"""Say which permissions of a grant today's logs could not have shown, and which change would show them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from connectors.azure.catalog.tables import catalogue
from connectors.azure.coverage.coverage import EXPORT
from connectors.azure.coverage.presence import Logs
from connectors.azure.coverage.settings import DataLogs
from connectors.azure.grants.grants import Holding
from connectors.azure.ids import subscription
from connectors.azure.inventory import Inventory
from connectors.azure.policy.patterns import Plane, Universe
from connectors.azure.usage.events import REFUSED
from connectors.azure.usage.sign_ins import LIVE_FILES
from connectors.facts import Blind, PermissionSet
from connectors.logs.rows import LogFile
from connectors.logs.spans import Span

_IN_PATH = re.compile(r"subscriptions[/_=]([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
_MISSING = "could not be read whole; a call may stand in what is missing"
_AGAIN = "export or download the files that log_files names again, then scan again"
_ABOVE = (
    "above-subscriptions",
    "calls on the tenant or on a management group are recorded in its own Activity Log, which is not read",
    "look at the Activity Log of the management group before removing it",
)
_LIST = (
    "add the Activity Log of every subscription, and list the subscriptions in resources: az graph query "
    "-q \"resourcecontainers | where type =~ 'microsoft.resources/subscriptions'\""
)


class Observability:
    """Answers for each holding which of its permissions today's logs could not have shown."""

    def __init__(
        self,
        universe: Universe,
        logs: Logs,
        inventory: Inventory,
        data_logs: DataLogs,
        lost: Mapping[str, str],
    ) -> None:
        self._logs = logs
        self._data_logs = data_logs
        self._lost = lost
        self._control = universe.plane(Plane.CONTROL)
        self._patterns = universe.patterns
        self._unlogged = _unlogged(universe)
        self._above = universe.listed_by(Plane.CONTROL, catalogue("above_subscriptions")["operations"])
        self._subscriptions = {
            subscription(identifier)
            for identifier, held in inventory.resources.items()
            if str(held.data.get("type", "")).lower() == "microsoft.resources/subscriptions"
        }
        self._below = inventory.below
        self._blind: dict[tuple[str, PermissionSet, str], tuple[Blind, ...]] = {}

    def of(self, holding: Holding, account: str) -> tuple[Blind, ...]:
        """Return what cannot be seen of a holding, most specific reason first.

        `account` is the subscription by whose logs statements about the holder's use are made.
        """
        held = holding.given.granted | holding.given.conditional
        key = (holding.assignment.scope, held, account)
        found = self._blind.get(key)
        if found is None:
            found = self._blind[key] = tuple(self._reasons(holding.assignment.scope, held, account))
        return found

    def watched(self, held: Iterable[Holding], visible: PermissionSet) -> Span | None:
        """Return the time that all logs span by which use of `visible` would have been seen; None for none.

        A statement about use holds for the shortest of them.
        """
        spans: list[Span] = []
        for holding in held:
            seen = holding.given.granted & visible
            scope = holding.assignment.scope
            spans += self._data_logs.spans(scope, seen)
            if seen & self._control:
                inside = subscription(scope)
                names = {inside} if inside else self._reached(scope) or set()
                spans += [self._logs.activity[name] for name in names if name in self._logs.activity]
        if not spans:
            return None
        return Span(max(one.first for one in spans), min(one.last for one in spans), len(spans))

    def _reasons(self, scope: str, held: PermissionSet, account: str) -> list[Blind]:
        control = held & self._control
        found = [
            Blind(group.permissions & held, group.code, group.reason, group.fix)
            for group in self._unlogged
            if group.permissions & held
        ]
        patterns = held & self._patterns
        if patterns:
            found.append(
                Blind(
                    patterns,
                    "wildcard-not-expanded",
                    "this pattern may give operations that the evidence does not list, so nobody can say "
                    "whether they were used",
                    "add the full catalogue: az provider operation list > operations.json, and name it as "
                    "provider_operations",
                )
            )
        found += self._data_logs.blind(scope, held, account)
        inside = subscription(scope)
        if not inside and held & self._above:
            found.append(Blind(held & self._above, *_ABOVE))
        unseen = self._activity(scope, account)
        if control and unseen:
            found.append(Blind(control, *unseen))
        lost = self._lost.get(inside) if inside else next(iter(self._lost.values()), "")
        if lost:
            found.append(Blind(held, "log-files-unreadable", f"{lost} {_MISSING}", _AGAIN))
        return found

    def _reached(self, scope: str) -> set[str] | None:
        """Return the subscriptions a scope above them reaches, None when the evidence cannot say."""
        if scope in self._below:
            return {found for one in self._below[scope] if (found := subscription(one))}
        return self._subscriptions or None

    def _activity(self, scope: str, account: str) -> tuple[str, str, str] | None:
        """Return why Activity Log records of a scope are missing, or None when they are all there."""
        inside = subscription(scope)
        if inside and inside not in self._logs.activity:
            reason = f"no Activity Log record of subscription {inside} in the window is in the evidence"
            return "no-logs-for-account", reason, EXPORT.format(sub=inside)
        reached = self._reached(scope)
        if not inside and not (reached is not None and reached <= set(self._logs.activity)):
            reason = (
                f"the grant reaches every subscription below {scope}; the evidence does not show that it "
                "holds the Activity Logs of all of them"
            )
            return "subscriptions-not-listed", reason, _LIST
        for name in [inside] if inside else sorted(reached or ()):
            short = self._logs.lags(self._logs.activity[name], account)
            if short:
                reason = f"the Activity Log of subscription {name} is not whole: {short}"
                return "activity-log-partial", reason, EXPORT.format(sub=name)
        return None


def lost_logs(files: Iterable[LogFile], accounts: Iterable[str]) -> dict[str, str]:
    """Return by subscription the first log file that lost calls, or is not read, and may hold some of it.

    Exports of diagnostic settings name the subscription in their path, in capitals or not; a file that
    names none may hold records of any.
    """
    known = sorted(accounts)
    found: dict[str, str] = {}
    for file in sorted(files):
        if (file.lost or file.reason in REFUSED) and not file.path.startswith(LIVE_FILES):
            path = file.path.lower()
            named = {*_IN_PATH.findall(path), *(account for account in known if account in path)}
            for account in sorted(named) or known:
                found.setdefault(account, file.path)
    return found


@dataclass(frozen=True, slots=True)
class _Unlogged:
    code: str
    reason: str
    fix: str
    permissions: PermissionSet


def _unlogged(universe: Universe) -> tuple[_Unlogged, ...]:
    """Return the operations that never make a record, by reason."""
    found = []
    for group in catalogue("unlogged")["group"]:
        mask = universe.listed_by(Plane(group["plane"]), group["operations"])
        found.append(_Unlogged(group["code"], group["reason"], group["fix"], mask))
    return tuple(found)
