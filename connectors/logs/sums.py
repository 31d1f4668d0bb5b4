"""Add up log rows into the usage of one permission."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

import msgspec

from connectors.facts import Usage
from connectors.logs.rows import RowKey, UsageRow

UsageKey = tuple[str, str, str, str, str, str]
"""Identity, permission, resource, credential, via, operation."""

_KEY = attrgetter(*RowKey._fields)


def added_up(rows: Iterable[UsageRow]) -> Iterator[UsageRow]:
    """Yield rows that follow each other and differ in their day alone as one, with the day of the first.

    Sorted rows of 90 days become a tenth as many, so this is for whoever does not ask for days.
    """
    for _, same in groupby(rows, _KEY):
        row, *others = same
        if not others:
            yield row
            continue
        together = (row, *others)
        yield msgspec.structs.replace(
            row,
            count=sum(one.count for one in together),
            first=min(one.first for one in together),
            last=max(one.last for one in together),
        )


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
