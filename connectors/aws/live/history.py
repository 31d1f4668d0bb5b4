"""Read the event history of an account with LookupEvents: 90 days of management events, region by region."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from connectors.aws.live.calls import Calls
from connectors.aws.live.trails import enabled_regions
from connectors.aws.usage.events import CloudTrailReader
from connectors.facts import Window
from connectors.live.event_days import Event, History, Place, read_days
from connectors.live.failures import CallError
from connectors.logs.rows import LogFile, LogRead
from connectors.logs.seen import SeenEvents

if TYPE_CHECKING:
    from connectors.logs.ledger import Ledger

PART = "event_history"
PAGE = 50
PACE_SECONDS = 0.5
"""LookupEvents allows two requests a second, account and region (CloudTrail user guide, quotas)."""
_KEPT_DAYS = 90
_CHUNK_DAYS = 30


@dataclass(frozen=True, slots=True)
class EventHistory:
    """What the event history of one account gave; `errors` are the regions that could not be read whole."""

    read: LogRead
    errors: tuple[CallError, ...]


def event_history(
    calls: Calls,
    window: Window,
    now: datetime,
    seen: SeenEvents,
    wait: Callable[[float], None],
    ledger: "Ledger | None" = None,
) -> EventHistory:
    """Return the folded events of all enabled regions, whatever `regions` says.

    A region that was left out would make its calls look like no calls. Where one cannot be read whole, a log
    file that lost calls stands for it, so that nothing of the account counts as unused.
    """
    regions, problem = enabled_regions(calls, ("all",))
    places = [Place(_path(calls.account, region), _Region(calls, region, wait).events) for region in regions]
    found = read_days(places, _history(calls, now), window, now, seen=seen, ledger=ledger, each=calls.each)
    files, errors = found.read.files, list(found.errors.values())
    if problem is not None:
        path = _path(calls.account, "other-regions")
        lost = LogFile(path, 0, "failed", str(problem), 0, 0, 0, 0, lost=True)
        files, errors = sorted([*files, lost]), [problem, *errors]
    return EventHistory(found.read._replace(files=files), tuple(errors))


def _history(calls: Calls, now: datetime) -> History:
    settings = calls.session.settings
    asked = json.dumps([calls.account, settings.profile, settings.roles, settings.endpoint_url])
    begins = now - timedelta(days=_KEPT_DAYS)
    return History(CloudTrailReader(), asked, __file__, begins, _CHUNK_DAYS, sample=calls.sample)


@dataclass
class _Region:
    """Asks one region, page by page, no faster than it allows."""

    calls: Calls
    region: str
    wait: Callable[[float], None]
    asked: float = float("-inf")

    def events(self, start: datetime, end: datetime) -> Iterator[Event]:
        """Yield the events of a span."""
        token: dict[str, str] = {}
        while True:
            page = self._page(start, end, token)
            for event in page["Events"]:
                text = str(event.get("CloudTrailEvent", ""))
                yield Event(_time(event, start), json.dumps({"CloudTrailEvent": text}))
            if not page.get("NextToken") or self.calls.sample:
                return
            token = {"NextToken": page["NextToken"]}

    def _page(self, start: datetime, end: datetime, token: dict[str, str]) -> dict[str, Any]:
        self.wait(max(0.0, self.asked + PACE_SECONDS - time.monotonic()))
        self.asked = time.monotonic()
        return self.calls.one(
            "cloudtrail",
            "LookupEvents",
            region=self.region,
            StartTime=start,
            EndTime=end,
            MaxResults=PAGE,
            **token,
        )


def _time(event: dict[str, Any], start: datetime) -> str:
    """Return when an event happened, as far as the list says; it is told again where the event is read."""
    at = event.get("EventTime")
    return (at if isinstance(at, datetime) else start).astimezone(UTC).isoformat()


def _path(account: str, region: str) -> str:
    return f"event-history/{account}/{region}.json"
