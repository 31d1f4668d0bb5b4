"""Read the Activity Log of a subscription over REST: 90 days of writes, deletes and actions, page by page."""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from connectors.azure.calls import Calls
from connectors.azure.events import AzureLogs
from connectors.facts import Window
from connectors.interface import Observer
from connectors.live.failures import CallError
from connectors.logs.engine import read_logs
from connectors.logs.rows import LogFile, LogRead
from connectors.logs.seen import SeenEvents

PART = "activity_logs"
_KEPT_DAYS = 90
_SLICE_DAYS = 30
_MOST_EVENTS = 500_000
"""More are not read over REST: at some 200 events a page that is hours."""
_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class History:
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
) -> History:
    """Return the folded events of the subscriptions.

    Where one cannot be read whole, a log file that lost calls stands for it, so that nothing of the
    subscription counts as unused.
    """
    start = max(window.start, now - timedelta(days=_KEPT_DAYS) + timedelta(minutes=5))
    span = (start, min(window.end, now))
    with tempfile.TemporaryDirectory(prefix="entdrift-activity-") as folder:

        def fetch(subscription: str) -> CallError | None:
            observe("part", source=calls.session.settings.source, account=subscription, part=PART)
            return _fetch(calls, subscription, span, Path(folder) / f"{subscription}.jsonl")

        failed = dict(zip(subscriptions, calls.each(fetch, subscriptions), strict=False))
        read = read_logs([Path(folder)], AzureLogs(), window, seen=seen, workers=1, observe=observe)
    errors = {name: error for name, error in failed.items() if error is not None}
    files = [_renamed(file, errors) for file in read.files]
    named = {file.path for file in files}
    files += [
        LogFile(_path(name), 0, "failed", str(error), 0, 0, 0, 0, lost=True)
        for name, error in errors.items()
        if _path(name) not in named
    ]
    return History(read._replace(files=sorted(files)), tuple(errors.values()))


def _fetch(calls: Calls, subscription: str, span: tuple[datetime, datetime], path: Path) -> CallError | None:
    """Write a subscription's events to a file, slice by slice; return what ended it early."""
    at, end = span
    events = 0
    with path.open("w", encoding="utf-8") as file:
        while at < end:
            until = min(at + timedelta(days=_SLICE_DAYS), end)
            wanted = (
                f"eventTimestamp ge '{at.strftime(_TIME)}' and eventTimestamp le '{until.strftime(_TIME)}'"
            )
            name = "activityLog.list"
            try:
                for event in calls.values(
                    name, calls.path(name, subscription=subscription), query={"$filter": wanted}
                ):
                    file.write(json.dumps(event) + "\n")
                    events += 1
            except CallError as error:
                return error
            if calls.sample:
                break
            if events > _MOST_EVENTS and until < end:
                return CallError(
                    f"the Activity Log of subscription {subscription} has more than {_MOST_EVENTS:,} events; "
                    f"it was read up to {until:%Y-%m-%d}; export it with a diagnostic setting and name "
                    "the files under activity_logs",
                    "other",
                    name,
                )
            at = until
    return None


def _path(subscription: str) -> str:
    return f"activity-log/{subscription}.jsonl"


def _renamed(file: LogFile, errors: dict[str, CallError]) -> LogFile:
    """Name a file by its subscription instead of where it lay for a moment."""
    subscription = Path(file.path).stem
    reason = file.reason.replace(file.path, _path(subscription))
    named = msgspec.structs.replace(file, path=_path(subscription), reason=reason)
    error = errors.get(subscription)
    if error is None:
        return named
    return msgspec.structs.replace(named, status="partial", reason=str(error), lost=True)
