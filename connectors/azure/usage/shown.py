"""Note all that logs show of principals: calls that no permission is known for, sign-ins, use by people."""

from collections.abc import Iterable
from dataclasses import dataclass

from connectors.azure.usage.activity import ACCEPTED, STARTED
from connectors.azure.usage.sign_ins import SIGN_IN, SIGN_IN_THROUGH
from connectors.azure.usage.usage import Callers
from connectors.facts import Activity
from connectors.logs.rows import UsageRow


@dataclass(slots=True)
class _Sum:
    calls: int = 0
    first: str = ""
    last: str = ""

    def add(self, calls: int, first: str, last: str) -> None:
        self.calls += calls
        self.first = min(self.first or first, first)
        self.last = max(self.last, last)


def shown(rows: Iterable[UsageRow], callers: Callers) -> tuple[Activity, ...]:
    """Return what the rows show of each principal, with the credential that got it a token.

    Sign-ins count as no call, and so do the records of a call's begin. What people do through an application,
    and tokens for an API, are activity of its principal: without it they could not be.
    """
    written: dict[tuple[str, str], _Sum] = {}
    for row in rows:
        signs_in = row.operation == SIGN_IN
        if row.identity:
            calls = 0 if signs_in or row.detail in (STARTED, ACCEPTED) else row.count
            key = (row.identity, row.credential if signs_in and row.outcome == "allowed" else "")
            written.setdefault(key, _Sum()).add(calls, row.first, row.last)
        if not signs_in and row.via.startswith("app:"):
            written.setdefault((row.via, ""), _Sum()).add(0, row.first, row.last)
        if row.workload and (signs_in or row.operation == SIGN_IN_THROUGH):
            written.setdefault((row.workload, ""), _Sum()).add(0, row.first, row.last)
    found: dict[tuple[str, str], _Sum] = {}
    for (identity, credential), seen in written.items():
        key = (callers.resolve(identity), credential)
        found.setdefault(key, _Sum()).add(seen.calls, seen.first, seen.last)
    return tuple(Activity(*key, seen.calls, seen.first, seen.last) for key, seen in sorted(found.items()))
