"""Which logs the evidence holds, of which subscription, and from when to when."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from connectors.azure.activity import ADMINISTRATIVE
from connectors.facts import Window
from connectors.logs.rows import Presence


@dataclass(slots=True)
class Logs:
    """Which logs the evidence holds: the span of the Activity Log of each subscription, and the rest."""

    activity: dict[str, tuple[str, str]] = field(default_factory=dict)
    classes: dict[tuple[str, str, str], tuple[str, str]] = field(default_factory=dict)
    """First and last event by (account, log class, resource type or, for resource logs, resource)."""

    @classmethod
    def of(cls, presence: Iterable[Presence], window: Window) -> "Logs":
        """Return the logs with at least one event whose span meets the window."""
        start, end = (at.strftime("%Y-%m-%dT%H:%M:%SZ") for at in (window.start, window.end))
        logs = cls()
        for seen in presence:
            if seen.last < start or seen.first >= end:
                continue
            kind = (seen.account, seen.log_class, seen.resource_type)
            logs.classes[kind] = _wider(logs.classes.get(kind), seen)
            if seen.log_class == ADMINISTRATIVE and seen.account:
                logs.activity[seen.account] = _wider(logs.activity.get(seen.account), seen)
        return logs


def reaches_back(first: str, window: Window) -> bool:
    """Return whether records that begin at `first` cover the window: its first tenth may be quiet."""
    return datetime.fromisoformat(first) <= window.start + (window.end - window.start) / 10


def _wider(span: tuple[str, str] | None, seen: Presence) -> tuple[str, str]:
    return (seen.first, seen.last) if span is None else (min(span[0], seen.first), max(span[1], seen.last))
