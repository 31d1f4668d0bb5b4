"""Ask what custom roles may hold: in each project of the scope, and in the organization."""

from collections.abc import Iterator, Mapping
from typing import Any

from connectors.gcp.exports.shapes import CLOUD
from connectors.gcp.grants.testable import LIKE, RESOURCE
from connectors.gcp.live.calls import Calls
from connectors.gcp.live.gathering import Finds
from connectors.gcp.live.scope import Scope
from connectors.live.failures import CallError

_NAME = "iam.permissions.queryTestablePermissions"
_PATH = "v1/permissions:queryTestablePermissions"
_PAGE = 1000
"""The largest page the API gives."""
MOST_PROJECTS = 60
"""Projects asked; some fourteen pages each make this less than a minute of the quota."""


def testable_permissions(calls: Calls, scope: Scope) -> Finds:
    """Yield the permissions that can be tested on each project, and on the organization, page by page.

    Answers for projects are nearly the same: of every project after the first only what differs is yielded
    (`like` names the first, `permissions` what differs, `absent` what it lacks), and only of whole answers.
    """
    projects = scope.names()
    first: dict[str, Mapping[str, Any]] = {}
    like = ""
    for project in projects[:1] if calls.sample else projects[:MOST_PROJECTS]:
        node = f"projects/{project}"
        if not like:
            pages = []
            for page in _pages(calls, node):
                pages.append(page)
                yield page
            if pages and not isinstance(pages[-1], CallError):
                like, first = node, _by_name(pages)
            continue
        yield from _differing(list(_pages(calls, node)), node, like, first)
    if scope.organization and not calls.sample:
        yield from _pages(calls, scope.organization)
    left = len(projects) - MOST_PROJECTS
    if left > 0 and not calls.sample:
        text = (
            f"what custom roles may hold was asked in {MOST_PROJECTS} projects; in {left} more reductions are"
            f" undecided about it: gcloud iam list-testable-permissions {CLOUD}projects/ID --format=json for"
            " each, as testable_permissions"
        )
        yield CallError(text, "throttled", _NAME)


def _pages(calls: Calls, node: str) -> Iterator[Any]:
    """Yield the answers about one node as the API writes them, with its name; last what ended it early."""
    request = {"full_resource_name": CLOUD + node, "page_size": _PAGE}
    try:
        if calls.session.typed(_NAME):
            for page in calls.pages(_NAME, request, node):
                yield {RESOURCE: CLOUD + node, **page}
            return
        token = ""
        while True:
            body = {"fullResourceName": CLOUD + node, "pageSize": _PAGE}
            page = calls.posted(_NAME, _PATH, {**body, **({"pageToken": token} if token else {})}, node)
            yield {RESOURCE: CLOUD + node, **page}
            token = str(page.get("nextPageToken") or "")
            if not token or calls.sample:
                return
    except CallError as error:
        yield error


def _by_name(pages: list[Any]) -> dict[str, Mapping[str, Any]]:
    return {str(one.get("name")): one for page in pages for one in page.get("permissions") or ()}


def _differing(pages: list[Any], node: str, like: str, first: Mapping[str, Mapping[str, Any]]) -> Finds:
    """Yield how the answer about a node differs from that about another; all of it where it is not whole."""
    if not pages or isinstance(pages[-1], CallError):
        yield from pages
        return
    found = _by_name(pages)
    yield {
        RESOURCE: CLOUD + node,
        LIKE: CLOUD + like,
        "permissions": [one for name, one in sorted(found.items()) if first.get(name) != one],
        "absent": sorted(first.keys() - found.keys()),
    }
