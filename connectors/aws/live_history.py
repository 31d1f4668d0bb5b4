"""Read the event history of an account with LookupEvents: 90 days of management events, region by region."""

import json
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from connectors.aws.calls import Calls
from connectors.aws.events import CloudTrailReader
from connectors.aws.live_trails import enabled_regions
from connectors.facts import Window
from connectors.live.failures import CallError
from connectors.logs.engine import read_logs
from connectors.logs.rows import LogFile, LogRead
from connectors.logs.seen import SeenEvents

PART = "event_history"
_PAGE = 50
_PACE_SECONDS = 0.5
"""LookupEvents allows two requests a second, account and region (CloudTrail user guide, quotas)."""
_KEPT_DAYS = 90


@dataclass(frozen=True, slots=True)
class History:
    """What the event history of one account gave; `errors` are the regions that could not be read whole."""

    read: LogRead
    errors: tuple[CallError, ...]


def event_history(
    calls: Calls, window: Window, now: datetime, seen: SeenEvents, wait: Callable[[float], None]
) -> History:
    """Return the folded events of all enabled regions, whatever `regions` says.

    A region that was left out would make its calls look like no calls. Where one cannot be read whole, a log
    file that lost calls stands for it, so that nothing of the account counts as unused.
    """
    start = max(window.start, now - timedelta(days=_KEPT_DAYS))
    regions, problem = enabled_regions(calls, ("all",))
    errors = [problem] if problem is not None else []
    with tempfile.TemporaryDirectory(prefix="entdrift-history-") as folder:

        def fetch(region: str) -> CallError | None:
            return _fetch(calls, region, (start, min(window.end, now)), Path(folder) / f"{region}.json", wait)

        found = dict(zip(regions, calls.each(fetch, regions), strict=False))
        read = read_logs([Path(folder)], CloudTrailReader(), window, seen=seen, workers=1)
    failed = {region: error for region, error in found.items() if error is not None}
    files = [_renamed(file, calls.account, failed) for file in read.files]
    named = {file.path for file in files}
    for region, error in [*failed.items(), *([("other-regions", problem)] if problem is not None else [])]:
        path = _path(calls.account, region)
        if path not in named:
            files.append(LogFile(path, 0, "failed", str(error), 0, 0, 0, 0, lost=True))
    errors += failed.values()
    return History(read._replace(files=sorted(files)), tuple(errors))


def _fetch(
    calls: Calls,
    region: str,
    span: tuple[datetime, datetime],
    path: Path,
    wait: Callable[[float], None],
) -> CallError | None:
    """Write a region's events to a file, page by page; return what ended it early."""
    token: dict[str, str] = {}
    wrapped: list[dict[str, str]] = []
    error = None
    while True:
        began = time.monotonic()
        try:
            page = calls.one(
                "cloudtrail",
                "LookupEvents",
                region=region,
                StartTime=span[0],
                EndTime=span[1],
                MaxResults=_PAGE,
                **token,
            )
        except CallError as failed:
            error = failed
            break
        wrapped += [{"CloudTrailEvent": str(event.get("CloudTrailEvent", ""))} for event in page["Events"]]
        if not page.get("NextToken") or calls.sample:
            break
        token = {"NextToken": page["NextToken"]}
        wait(max(0.0, _PACE_SECONDS - (time.monotonic() - began)))
    if wrapped:
        path.write_text(json.dumps({"Events": wrapped}), "utf-8")
    return error


def _path(account: str, region: str) -> str:
    return f"event-history/{account}/{region}.json"


def _renamed(file: LogFile, account: str, failed: Mapping[str, CallError]) -> LogFile:
    """Name a file by its account and region instead of where it lay for a moment."""
    region = Path(file.path).stem
    named = msgspec.structs.replace(file, path=_path(account, region))
    error = failed.get(region)
    if error is None:
        return named
    return msgspec.structs.replace(named, status="partial", reason=str(error), lost=True)
