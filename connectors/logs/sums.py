"""Add up log rows into the usage of one permission."""

from dataclasses import dataclass

from connectors.facts import Usage
from connectors.logs.rows import UsageRow

UsageKey = tuple[str, str, str, str, str, str]
"""Identity, permission, resource, credential, via, operation."""


@dataclass(slots=True)
class UsageSum:
    """Calls with one key: how many, how many of them refused, and when."""

    count: int = 0
    denied: int = 0
    first: str = ""
    last: str = ""
    last_allowed: str = ""

    def add(self, row: UsageRow) -> None:
        """Add the calls of one row."""
        self.count += row.count
        self.first = min(self.first or row.first, row.first)
        self.last = max(self.last, row.last)
        if row.outcome == "denied":
            self.denied += row.count
        else:
            self.last_allowed = max(self.last_allowed, row.last)

    def usage(self, key: UsageKey) -> Usage:
        """Return the sum as the usage of its key."""
        identity, permission, resource, credential, via, operation = key
        return Usage(
            identity=identity,
            permission=permission,
            resource=resource,
            credential=credential,
            count=self.count,
            denied=self.denied,
            first_seen=self.first,
            last_seen=self.last,
            via=via,
            operation=operation,
            last_allowed=self.last_allowed,
        )
