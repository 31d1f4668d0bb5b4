"""Tell for how long an identity's calls could have been seen: statements hold for the shortest log."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from connectors.facts import Entitlement, PermissionSet, Window
from connectors.gcp.coverage.classes import ADMIN_WRITE, Classes
from connectors.gcp.coverage.coverage import Given
from connectors.gcp.grants.grants import Holding
from connectors.gcp.hierarchy import Hierarchy
from connectors.logs.spans import Span


def watched(
    entitlements: Mapping[str, Entitlement],
    holdings: Mapping[str, Sequence[Holding]],
    classes: Classes,
    given: Given,
    hierarchy: Hierarchy,
    window: Window,
) -> dict[str, Window]:
    """Return the time watched of identities whose use Data Access records tell, where these span less."""
    data = _data(classes)
    found: dict[str, Window] = {}
    for identity, entitlement in entitlements.items():
        hidden = 0
        for blind in entitlement.blind:
            hidden |= blind.permissions
        seen = entitlement.granted & ~hidden & data
        nodes = (
            {one.node for one in holdings.get(identity, ()) if one.grant.permissions & seen}
            if seen
            else set()
        )
        spans = [
            span
            for node in nodes
            for name in _projects(node, hierarchy)
            if (span := given.watched(name, window))
        ]
        if spans:
            found[identity] = _common(spans)
    return found


def _data(classes: Classes) -> PermissionSet:
    found = 0
    for group in classes.groups:
        if ADMIN_WRITE not in group.types:
            found |= group.permissions
    return found


def _projects(node: str, hierarchy: Hierarchy) -> list[str]:
    return (
        [node]
        if node.startswith("projects/")
        else [f"projects/{one}" for one in hierarchy.projects_below(node)]
    )


def _common(spans: Sequence[Span]) -> Window:
    """Return what several spans have in common: no time where that is nothing."""
    start = datetime.fromisoformat(max(one.first for one in spans))
    return Window(start, max(start, datetime.fromisoformat(min(one.last for one in spans))))
