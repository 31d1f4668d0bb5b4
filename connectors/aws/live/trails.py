"""Read which regions are enabled, and what the trails of each record."""

from collections.abc import Sequence
from typing import Any

from connectors.aws.live.calls import Calls
from connectors.aws.live.gathering import Finds, Found
from connectors.live.failures import CallError


def enabled_regions(calls: Calls, wanted: Sequence[str]) -> tuple[list[str], CallError | None]:
    """Return the regions to look in: those listed, or all that are enabled for the account.

    When they cannot be listed, the session's own region is looked in, and the error says so.
    """
    if "all" not in wanted:
        return sorted(set(wanted)), None
    try:
        answer = calls.one("ec2", "DescribeRegions", AllRegions=False)
    except CallError as error:
        here = calls.session.region
        text = f"{error}; only {here} was looked in, list regions in the config file to name others"
        return [here], CallError(text, error.kind, error.call, hint=error.hint)
    return sorted(str(region["RegionName"]) for region in answer["Regions"]), None


def trails(calls: Calls, regions: Sequence[str]) -> Finds:
    """Yield trails with their selectors and status, each once; a copy in another region is the same trail."""
    found: dict[str, dict[str, Any]] = {}

    def describe(region: str) -> list[dict[str, Any]] | CallError:
        try:
            answer = calls.one("cloudtrail", "DescribeTrails", region=region, includeShadowTrails=True)
        except CallError as error:
            return error
        return list(answer.get("trailList") or ())

    for answer in calls.each(describe, regions, always_all=True):
        if isinstance(answer, CallError):
            yield answer
            continue
        for trail in answer:
            found.setdefault(str(trail.get("TrailARN")), trail)
    for arn, trail in sorted(found.items()):
        yield Found("Trails", "cloudtrail:DescribeTrails", trail)
        home = str(trail.get("HomeRegion") or "")
        try:
            selectors = calls.one("cloudtrail", "GetEventSelectors", region=home, TrailName=arn)
            yield Found("Trails", "cloudtrail:GetEventSelectors", {**selectors, "TrailARN": arn})
        except CallError as error:
            yield error
        try:
            status = calls.one("cloudtrail", "GetTrailStatus", region=home, Name=arn)
            yield Found("Trails", "cloudtrail:GetTrailStatus", {**status, "TrailARN": arn})
        except CallError as error:
            yield error
