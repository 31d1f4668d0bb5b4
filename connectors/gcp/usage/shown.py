"""Note all that logs show of identities: calls that no permission is known for, chains, tokens made."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.facts import Activity
from connectors.gcp.grants.members import Aliases
from connectors.gcp.names import principal_id
from connectors.logs.rows import UsageRow

TAKING = {
    "iam.serviceAccounts.getAccessToken",
    "iam.serviceAccounts.getOpenIdToken",
    "iam.serviceAccounts.implicitDelegation",
    "iam.serviceAccounts.signBlob",
    "iam.serviceAccounts.signJwt",
}
"""Permissions whose use makes the user act as a service account."""
_MARK = "/serviceAccounts/"


@dataclass(slots=True)
class _Sum:
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    """Calls by operation and permission: those of one operation are taken for the same calls."""
    first: str = ""
    last: str = ""

    def add(self, row: UsageRow, *, calls: bool) -> None:
        of_operation = self.counts.setdefault(row.operation, {})
        of_operation[row.permission] = of_operation.get(row.permission, 0) + (row.count if calls else 0)
        self.first = min(self.first or row.first, row.first)
        self.last = max(self.last, row.last)

    @property
    def calls(self) -> int:
        return sum(max(of_operation.values()) for of_operation in self.counts.values())


class Shown:
    """What the rows show of each identity, with the key that they name."""

    def __init__(self, aliases: Aliases, emails: Mapping[str, str]) -> None:
        self._aliases = aliases
        self._emails = emails
        self._seen: dict[tuple[str, str], _Sum] = {}

    def read(self, row: UsageRow, identity: str, key: str, permission: str, *, counts: bool) -> None:
        """Note a row of a caller (empty where it is not named), and of whom else it shows.

        Whoever stands in the chain of a call acted. A token made for an account is activity of it. Neither is
        a call; nor is what does not count as one (`counts`).
        """
        if identity:
            self._add((identity, key), row, calls=counts)
        for actor in row.via.split(" > ") if row.via else ():
            self._add((self._aliases.of(actor), ""), row, calls=False)
        if permission in TAKING and row.outcome != "denied" and _MARK in row.resource:
            name = row.resource.rpartition(_MARK)[2].partition("/")[0]
            taken = self._aliases.of(principal_id(self._emails.get(name, name)))
            if taken != identity:
                self._add((taken, ""), row, calls=False)

    def _add(self, key: tuple[str, str], row: UsageRow, *, calls: bool) -> None:
        self._seen.setdefault(key, _Sum()).add(row, calls=calls)

    def activity(self) -> tuple[Activity, ...]:
        """Return everything noted, in a stable order."""
        return tuple(
            Activity(*key, seen.calls, seen.first, seen.last) for key, seen in sorted(self._seen.items())
        )
