"""Give what the services' own list commands print the form of an inventory resource."""

import re
from collections.abc import Mapping
from typing import Any

from connectors.interface import Record

_CLOUD = "//cloudresourcemanager.googleapis.com/"
_LINK = re.compile(r"^https://(?:www|compute|container)\.googleapis\.com/.*?(projects/.+)$")
_LINKED = (
    (re.compile(r"/instances/[^/]+$"), "compute.googleapis.com/Instance"),
    (re.compile(r"/instanceTemplates/[^/]+$"), "compute.googleapis.com/InstanceTemplate"),
    (re.compile(r"/clusters/[^/]+$"), "container.googleapis.com/Cluster"),
    (re.compile(r"/nodePools/[^/]+$"), "container.googleapis.com/NodePool"),
)
_LOCATION = "cloud.googleapis.com/location"


def listed(record: Record) -> Record:
    """Return a listed resource as an asset with its full name; any other record as it is.

    `gcloud run services list` prints Kubernetes objects whose namespace is the project's number, `gcloud
    compute` and `gcloud container` a link to the resource, `gcloud projects list` the project's two names.
    The last and `gcloud resource-manager folders list` also tell what stands above.
    """
    if "assetType" in record or "asset_type" in record:
        return record
    name, kind = _project(record) or _folder(record) or _knative(record) or _linked(record) or ("", "")
    return {"name": name, "assetType": kind, "resource": {"data": record}} if name else record


def _project(record: Record) -> tuple[str, str] | None:
    identifier = record.get("projectId")
    if not isinstance(identifier, str) or "projectNumber" not in record:
        return None
    return f"{_CLOUD}projects/{identifier}", "cloudresourcemanager.googleapis.com/Project"


def _folder(record: Record) -> tuple[str, str] | None:
    name = record.get("name")
    if not isinstance(name, str) or not name.startswith("folders/") or "parent" not in record:
        return None
    return f"{_CLOUD}{name}", "cloudresourcemanager.googleapis.com/Folder"


def _knative(record: Record) -> tuple[str, str] | None:
    version, kind, metadata = record.get("apiVersion"), record.get("kind"), record.get("metadata")
    if not isinstance(version, str) or not isinstance(kind, str) or not isinstance(metadata, Mapping):
        return None
    name, project = metadata.get("name"), metadata.get("namespace")
    if not version.startswith(("serving.knative.dev/", "run.googleapis.com/")) or not (name and project):
        return None
    place = labels(record).get(_LOCATION, "-")
    path = f"projects/{project}/locations/{place}/{kind[:1].lower()}{kind[1:]}s/{name}"
    return f"//run.googleapis.com/{path}", f"run.googleapis.com/{kind}"


def _linked(record: Record) -> tuple[str, str] | None:
    link = record.get("selfLink")
    match = _LINK.match(link) if isinstance(link, str) else None
    if match is None:
        return None
    kind = next((kind for pattern, kind in _LINKED if pattern.search(match[1])), "")
    return (f"//{kind.partition('/')[0]}/{match[1]}", kind) if kind else None


def labels(data: Mapping[str, Any]) -> Mapping[str, str]:
    """Return a resource's labels: its own field, or those of a Kubernetes object's metadata."""
    held = data.get("labels")
    if not isinstance(held, Mapping):
        metadata = data.get("metadata")
        held = metadata.get("labels") if isinstance(metadata, Mapping) else None
    return {str(key): str(value) for key, value in held.items()} if isinstance(held, Mapping) else {}
