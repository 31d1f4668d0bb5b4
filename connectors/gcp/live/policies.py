"""Read allow policies with audit configurations, and principal access boundaries."""

from collections.abc import Iterator
from typing import Any

from connectors.gcp.exports.shapes import CLOUD, policies
from connectors.gcp.live.calls import Calls
from connectors.gcp.live.gathering import Finds
from connectors.gcp.live.scope import Scope, asset
from connectors.gcp.names import project_in
from connectors.interface import Record
from connectors.live.failures import CallError

_PAGE = 500
_NODES = [f"cloudresourcemanager.googleapis.com/{kind}" for kind in ("Project", "Folder", "Organization")]
_VERSION = 3
"""Policies of older versions hide their conditions."""


def allow_policies(calls: Calls, scope: Scope) -> Finds:
    """Yield every policy of the scope, those of its nodes with audit configurations, and those above it."""
    request = {"scope": scope.node, "page_size": _PAGE}
    try:
        for page in calls.pages("cloudasset.searchAllIamPolicies", request, scope.node):
            yield from _learned(page.get("results"), scope)
    except CallError as error:
        yield error
    listed = False
    nodes = {"parent": scope.node, "content_type": "IAM_POLICY", "asset_types": _NODES, "page_size": _PAGE}
    try:
        for page in calls.pages("cloudasset.assets.list", nodes, scope.node):
            listed = True
            yield from _learned(page.get("assets"), scope)
    except CallError as error:
        listed = False
        yield error
    chain = [scope.node, *scope.above]
    for at, node in enumerate(chain):
        if at or not listed:
            yield from _node_policy(calls, scope, node, chain[at:])


def _learned(records: Any, scope: Scope) -> Iterator[Record]:
    """Yield records; note the projects, folders, roles and nodes they name."""
    for record in records or ():
        for policy in policies(record):
            scope.roles |= {str(one.get("role")) for one in policy.bindings}
            own = policy.resource.removeprefix(CLOUD) if policy.resource.startswith(CLOUD) else ""
            scope.learn_folders((own, *policy.place.ancestors))
            named = (own if own.startswith("projects/") else "").removeprefix("projects/")
            named = named or project_in(policy.resource)
            number = policy.place.project
            identifier = named if not named.isdigit() else ""
            scope.learn_project(identifier, number if number.isdigit() else named if named.isdigit() else "")
        yield record


def _node_policy(calls: Calls, scope: Scope, node: str, chain: list[str]) -> Finds:
    kind = node.partition("/")[0]
    body = {"options": {"requestedPolicyVersion": _VERSION}}
    try:
        policy = calls.posted(
            f"cloudresourcemanager.{kind}.getIamPolicy", f"v3/{node}:getIamPolicy", body, node
        )
    except CallError as error:
        yield error
        return
    record = asset(node, {}, chain, whole=scope.whole)
    shown = {key: value for key, value in record.items() if key != "resource"}
    yield from _learned([{**shown, "iamPolicy": policy}], scope)


def access_boundaries(calls: Calls, scope: Scope) -> Finds:
    """Yield the principal access boundaries of the organization and whom each is bound to."""
    parent = scope.organization
    if not parent:
        if calls.dead is not None:
            yield calls.dead
        elif not scope.whole:
            text = "principal access boundaries belong to an organization, and the scope's is not known"
            yield CallError(text, "other", "iam.principalAccessBoundaryPolicies.list")
        return
    listed = calls.pages(
        "iam.principalAccessBoundaryPolicies.list", {"parent": f"{parent}/locations/global"}, parent
    )
    for page in listed:
        for policy in page.get("principalAccessBoundaryPolicies") or ():
            yield policy
            yield from _bindings(calls, str(policy.get("name") or ""), parent)


def _bindings(calls: Calls, policy: str, parent: str) -> Finds:
    name = "iam.principalAccessBoundaryPolicies.searchPolicyBindings"
    try:
        for page in calls.pages(name, {"name": policy}, parent):
            yield from page.get("policyBindings") or ()
    except CallError as error:
        yield error
