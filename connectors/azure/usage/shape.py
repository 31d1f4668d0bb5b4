"""Which field stands where in log records that have the same keys."""

from collections.abc import Iterable
from typing import Any

from connectors.azure.usage.noted import Noted
from connectors.azure.usage.record import SPELLINGS

_MOST_CATEGORIES = 200


class Shape:
    """What records with the same keys have in common."""

    __slots__ = ("any_category", "category", "correlation", "names", "noted", "time")

    def __init__(self, keys: Iterable[str]) -> None:
        held = frozenset(keys)
        spelled = ((name, tuple(filter(held.__contains__, ways))) for name, ways in SPELLINGS.items())
        self.names = {name: ways for name, ways in spelled if ways}
        """By each name of a field the keys that stand for it, most telling first."""
        self.time, self.category, self.correlation = (
            self.names.get(name, ("",))[0] for name in ("time", "category", "correlation")
        )
        self.noted: dict[str, Noted] = {}
        """What is looked at in records of one category: in others it is something else."""
        self.any_category = Noted()

    def pick(self, record: dict[str, Any], name: str) -> Any:
        """Return a field under the first of its keys that holds something, or None."""
        for key in self.names.get(name, ()):
            value = record[key]
            if value is not None and value != "":
                return value
        return None

    def note(self, category: str) -> Noted:
        """Begin to note what is looked at in records of a category."""
        if len(self.noted) >= _MOST_CATEGORIES:
            self.noted.clear()
        noted = self.noted[category] = Noted()
        return noted
