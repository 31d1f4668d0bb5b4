"""Tell whether one place of the resource hierarchy holds another, as far as the evidence knows."""

import re

from connectors.gcp.exports.shapes import CLOUD
from connectors.gcp.hierarchy import Hierarchy

_BUCKET = re.compile(r"^(?://storage\.googleapis\.com/)?projects/_/buckets/([^/]+)(/.*)?$")
_NODE = re.compile(r"^(projects|folders|organizations)/[^/]+$")


def holds(hierarchy: Hierarchy, outer: str, inner: str) -> bool | None:
    """Return whether a scope holds another; None where no record says what stands above the inner one."""
    outer, inner = _plain(outer), _plain(inner)
    if outer == inner or inner.startswith(outer.rstrip("/") + "/"):
        return True
    if not _NODE.match(outer):
        return False
    node = hierarchy.node_of(CLOUD + inner) if _NODE.match(inner) else hierarchy.node_of(_resource(inner))
    if not node:
        return None
    wanted = hierarchy.node(outer)
    if hierarchy.within(node, wanted):
        return True
    if wanted.startswith("projects/"):
        return False
    return False if hierarchy.knows_ancestors(node) else None


def _plain(scope: str) -> str:
    """Return a scope without the host of the resource manager, buckets in one spelling."""
    scope = scope.removeprefix(CLOUD)
    bucket = _BUCKET.match(scope)
    return f"//storage.googleapis.com/{bucket[1]}{bucket[2] or ''}" if bucket else scope


def _resource(name: str) -> str:
    """Return the bucket of an object, other names as they are."""
    host = "//storage.googleapis.com/"
    return host + name.removeprefix(host).partition("/")[0] if name.startswith(host) else name
