"""Read what Google itself says about use: Recommender, Activity Analyzer, request counts, log retention."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.facts import Window
from connectors.gcp.live.calls import Calls
from connectors.gcp.live.gathering import Finds
from connectors.gcp.live.scope import Scope
from connectors.live.failures import CallError

_PAGE = 1000
_INSIGHTS = {
    "recommender.iamPolicyInsights.list": "google.iam.policy.Insight",
    "recommender.iamServiceAccountInsights.list": "google.iam.serviceAccount.Insight",
}
_ACTIVITIES = {
    "policyanalyzer.serviceAccountActivities.query": "serviceAccountLastAuthentication",
    "policyanalyzer.serviceAccountKeyActivities.query": "serviceAccountKeyLastAuthentication",
}
_FILTER = (
    'metric.type="serviceruntime.googleapis.com/api/request_count" AND resource.type="consumed_api"'
    ' AND resource.label.credential_id=starts_with("serviceaccount:")'
)
_GROUPS = [
    "resource.label.service",
    "resource.label.method",
    "resource.label.credential_id",
    "metric.label.response_code_class",
]


def insights(calls: Calls, scope: Scope) -> Finds:
    """Yield the Recommender's insights about policies and service accounts, of projects and of the scope."""
    above = [] if scope.node.startswith("projects/") else [scope.node]
    nodes = [*above, *(f"projects/{project}" for project in _projects(calls, scope))]
    for name, kind in _INSIGHTS.items():
        for node in nodes:
            if kind == "google.iam.serviceAccount.Insight" and not node.startswith("projects/"):
                continue
            path = f"v1/{node}/locations/global/insightTypes/{kind}/insights"
            yield from _items(calls, name, path, {"pageSize": _PAGE}, (node, "insights"))


def activities(calls: Calls, scope: Scope) -> Finds:
    """Yield when Activity Analyzer last saw each service account and key authenticate."""
    for project in _projects(calls, scope):
        for name, kind in _ACTIVITIES.items():
            path = f"v1/projects/{project}/locations/global/activityTypes/{kind}/activities:query"
            yield from _items(calls, name, path, {"pageSize": _PAGE}, (f"projects/{project}", "activities"))


def request_counts(calls: Calls, scope: Scope, window: Window, now: datetime) -> Finds:
    """Yield how many requests each service account made to each method of each service, day by day.

    The services count themselves, without any audit configuration; Monitoring keeps about six weeks.
    """
    query = {
        "filter": _FILTER,
        "interval.startTime": _stamp(window.start),
        "interval.endTime": _stamp(min(window.end, now)),
        "aggregation.alignmentPeriod": "86400s",
        "aggregation.perSeriesAligner": "ALIGN_SUM",
        "aggregation.crossSeriesReducer": "REDUCE_SUM",
        "aggregation.groupByFields": _GROUPS,
        "pageSize": _PAGE,
    }
    for project in _projects(calls, scope):
        node = f"projects/{project}"
        yield from _items(
            calls, "monitoring.timeSeries.list", f"v3/{node}/timeSeries", query, (node, "timeSeries")
        )


def log_buckets(calls: Calls, scope: Scope) -> Finds:
    """Yield the log buckets of every project, with how long they keep records, and its sinks."""
    for project in _projects(calls, scope):
        node = f"projects/{project}"
        yield from _items(
            calls, "logging.buckets.list", f"v2/{node}/locations/-/buckets", {}, (node, "buckets")
        )
        yield from _items(calls, "logging.sinks.list", f"v2/{node}/sinks", {}, (node, "sinks"))


def _items(
    calls: Calls, name: str, path: str, query: Mapping[str, Any], place: tuple[str, str]
) -> Iterator[Mapping[str, Any] | CallError]:
    node, items = place
    try:
        for page in calls.listed(name, path, query, node):
            yield from page.get(items) or ()
    except CallError as error:
        if error.kind != "absent":  # not offered at this node
            yield error


def _projects(calls: Calls, scope: Scope) -> list[str]:
    return scope.names()[:1] if calls.sample else scope.names()


def _stamp(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
