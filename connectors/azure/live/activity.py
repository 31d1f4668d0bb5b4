"""Read the Activity Log of a subscription over REST: 90 days of writes, deletes and actions, page by page."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from connectors.azure.live.calls import Calls
from connectors.azure.usage.events import AzureLogs
from connectors.facts import Window
from connectors.interface import Observer
from connectors.live.event_days import Event, History, Place, read_days
from connectors.live.failures import CallError
from connectors.logs.rows import LogRead
from connectors.logs.seen import SeenEvents

if TYPE_CHECKING:
    from connectors.logs.ledger import Ledger

PART = "activity_logs"
_KEPT_DAYS = 90
_MARGIN = timedelta(minutes=5)
"""A question that begins before what is kept is refused; the clocks may differ."""
_CHUNK_DAYS = 30
_MOST_EVENTS = 500_000
"""More are not read over REST: at some 200 events a page that is hours."""
_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class ActivityLog:
    """What the Activity Logs gave; `errors` are the subscriptions that could not be read whole."""

    read: LogRead
    errors: tuple[CallError, ...]


def activity_logs(
    calls: Calls,
    subscriptions: Sequence[str],
    window: Window,
    now: datetime,
    seen: SeenEvents,
    observe: Observer,
    ledger: "Ledger | None" = None,
) -> ActivityLog:
    """Return the folded events of the subscriptions.

    Where one cannot be read whole, a log file that lost calls stands for it, so that nothing of the
    subscription counts as unused.
    """
    places = [Place(_path(one), _Subscription(calls, one, observe).events) for one in subscriptions]
    settings = calls.session.settings
    asked = json.dumps([settings.tenant, settings.arm, settings.authority])
    begins = now - timedelta(days=_KEPT_DAYS) + _MARGIN
    history = History(AzureLogs(), asked, __file__, begins, _CHUNK_DAYS, sample=calls.sample)
    found = read_days(
        places, history, window, now, seen=seen, ledger=ledger, each=calls.each, observe=observe
    )
    return ActivityLog(found.read, tuple(found.errors.values()))


@dataclass
class _Subscription:
    """Asks one subscription, up to a number of events."""

    calls: Calls
    name: str
    observe: Observer
    count: int = 0

    def events(self, start: datetime, end: datetime) -> Iterator[Event]:
        """Yield the events of a span."""
        call = "activityLog.list"
        self.observe("part", source=self.calls.session.settings.source, account=self.name, part=PART)
        if self.count > _MOST_EVENTS:
            raise CallError(
                f"the Activity Log of subscription {self.name} has more than {_MOST_EVENTS:,} events; "
                f"it was read up to {start:%Y-%m-%d}; export it with a diagnostic setting and name "
                "the files under activity_logs",
                "other",
                call,
            )
        wanted = f"eventTimestamp ge '{_written(start)}' and eventTimestamp le '{_written(end)}'"
        path = self.calls.path(call, subscription=self.name)
        for event in self.calls.values(call, path, query={"$filter": wanted}):
            self.count += 1
            yield Event(str(event.get("eventTimestamp", "")), json.dumps(event))


def _written(time: datetime) -> str:
    return time.astimezone(UTC).strftime(_TIME)


def _path(subscription: str) -> str:
    return f"activity-log/{subscription}.jsonl"
