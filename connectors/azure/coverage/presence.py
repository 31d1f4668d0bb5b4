"""Which logs the evidence holds, of which subscription, and from when to when."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from connectors.azure.usage.activity import ADMINISTRATIVE
from connectors.facts import Window
from connectors.logs.rows import Presence
from connectors.logs.spans import Span, falls_short

_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(slots=True)
class Logs:
    """Which logs the evidence holds: the span of the Activity Log of each subscription, and the rest."""

    window: Window
    activity: dict[str, Span] = field(default_factory=dict)
    classes: dict[tuple[str, str, str], Span] = field(default_factory=dict)
    """By account, log class, and resource type or, for resource logs, resource."""
    observed: dict[str, Span] = field(default_factory=dict)
    """All logs of an account together; "" is all accounts."""

    @classmethod
    def of(cls, presence: Iterable[Presence], window: Window) -> "Logs":
        """Return the logs with at least one event whose span meets the window."""
        start, end = (at.strftime(_TIME) for at in (window.start, window.end))
        logs = cls(window)
        for seen in presence:
            if seen.last < start or seen.first >= end:
                continue
            span = Span(max(seen.first, start), min(seen.last, end), seen.events)
            whole = Span(seen.first, seen.last, seen.events)
            kind = (seen.account, seen.log_class, seen.resource_type)
            logs.classes[kind] = whole.wider(logs.classes.get(kind))
            for account in (seen.account, ""):
                logs.observed[account] = span.wider(logs.observed.get(account))
            if seen.log_class == ADMINISTRATIVE and seen.account:
                logs.activity[seen.account] = whole.wider(logs.activity.get(seen.account))
        return logs

    def gap(self, span: Span) -> str:
        """Return what a log's records leave open of the window in words, or "" when they span it."""
        tenth = (self.window.end - self.window.start) / 10
        found = []
        if datetime.fromisoformat(span.first) > self.window.start + tenth:
            found.append(
                f"the first record is of {span.first[:10]}, the window starts {self.window.start:%Y-%m-%d}"
            )
        if datetime.fromisoformat(span.last) < self.window.end - tenth:
            found.append(
                f"the last record is of {span.last[:10]}, the window ends {self.window.end:%Y-%m-%d}"
            )
        return "; ".join(found)

    def within(self, name: str, span: Span) -> dict[str, Window]:
        """Return the part of the window that a span covers under a name: no time where it covers none."""
        start = max(datetime.fromisoformat(span.first), self.window.start)
        end = min(datetime.fromisoformat(span.last), self.window.end)
        return {name: Window(start, max(start, end))}

    def lags(self, span: Span, account: str) -> str:
        """Return how a log's records fall short of what else is seen of an account, or "" if they do not."""
        whole = self.observed.get(account)
        return falls_short(span, whole, self.window.end - self.window.start) if whole is not None else ""


def reaches_back(first: str, window: Window) -> bool:
    """Return whether records that begin at `first` cover the window: its first tenth may be quiet."""
    return datetime.fromisoformat(first) <= window.start + (window.end - window.start) / 10
