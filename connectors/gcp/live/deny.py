"""Read deny policies: of all that stands above the scope, of its folders, and of its projects."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from connectors.gcp.grants.denies import unread_place
from connectors.gcp.live.calls import Calls
from connectors.gcp.live.gathering import Finds
from connectors.gcp.live.scope import Scope
from connectors.live.failures import CallError

_LIST = "iam.denypolicies.list"


def deny_policies(calls: Calls, scope: Scope, most: int) -> Finds:
    """Yield the deny policies of every place, with their rules; at most `most` places are asked.

    Five reads a minute are all there is. What stands highest is asked first, because it holds for most; a
    record names each place that is left out.
    """
    places = _places(scope)
    for place in places[:1] if calls.sample else places[:most]:
        yield from _of(calls, place)
    left = [] if calls.sample else places[most:]
    for place in left:
        yield unread_place(place)
    if left:
        text = (
            f"{len(left)} of {len(places)} places were not asked for deny policies (deny_places = {most}; the"
            f" API allows five reads a minute), first of all {left[0]}: what is granted there is shown as"
            f" conditional; set deny_places = {len(places)} to ask all of them in some"
            f" {max(1, len(places) // 5)} minutes"
        )
        yield CallError(text, "throttled", _LIST)


def _places(scope: Scope) -> list[str]:
    """Return every place a deny policy of the scope's resources may be attached to, highest first."""
    own = [] if scope.node.startswith("projects/") else [scope.node]
    projects = [f"projects/{project}" for project in scope.names()]
    folders = sorted(scope.folders - {scope.node, *scope.above})
    return list(dict.fromkeys([*reversed(scope.above), *own, *folders, *projects]))


def _of(calls: Calls, place: str) -> Iterator[Any]:
    # Asked by its URL: the client's REST transport escapes the place twice, and its gRPC has no fake.
    name = quote(f"cloudresourcemanager.googleapis.com/{place}", safe="")
    try:
        for page in calls.listed(_LIST, f"v2/policies/{name}/denypolicies", {}, place):
            for policy in page.get("policies") or ():
                yield from _with_rules(calls, policy, place)
    except CallError as error:
        yield error


def _with_rules(calls: Calls, policy: Mapping[str, Any], place: str) -> Finds:
    """Yield a policy as its own call gives it: a list leaves the rules out."""
    if isinstance(policy.get("rules"), list) or not policy.get("name"):
        yield policy
        return
    try:
        yield calls.fetched("iam.denypolicies.get", f"v2/{policy['name']}", place)
    except CallError as error:
        yield policy
        yield error
