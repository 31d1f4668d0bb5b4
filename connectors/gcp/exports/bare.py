"""Tell of which resource a policy is that does not say it itself."""

from collections.abc import Sequence
from pathlib import Path

from connectors.errors import EvidenceError
from connectors.gcp.exports import shapes
from connectors.gcp.names import project_of_email
from connectors.interface import Record, Source

_NODES = ("projects", "folders", "organizations")
_RESOURCES = {
    "serviceAccounts": (
        "iam.googleapis.com/ServiceAccount",
        "//iam.googleapis.com/projects/{project}/{path}",
    ),
    "secrets": (
        "secretmanager.googleapis.com/Secret",
        "//secretmanager.googleapis.com/projects/{project}/{path}",
    ),
    "datasets": ("bigquery.googleapis.com/Dataset", "//bigquery.googleapis.com/projects/{project}/{path}"),
    "topics": ("pubsub.googleapis.com/Topic", "//pubsub.googleapis.com/projects/{project}/{path}"),
    "subscriptions": (
        "pubsub.googleapis.com/Subscription",
        "//pubsub.googleapis.com/projects/{project}/{path}",
    ),
    "buckets": ("storage.googleapis.com/Bucket", "//storage.googleapis.com/{name}"),
}
"""By collection: asset type and full name, as Asset Inventory writes them."""
_ENDINGS = (".gz", ".json", ".jsonl", ".ndjson", ".dump")


def placed(record: Record, after: Sequence[Record], path: Path, source: Source) -> Record:
    """Return a policy with its resource where only its place in the file or the file's own tells it."""
    if shapes.bare_policy(record):
        return _scoped(record, path, source)
    if not shapes.chained_policy(record):
        return record
    chain = [record]
    for one in after:
        if not shapes.chained_policy(one) or one["type"] == "project":
            break
        chain.append(one)
    nodes = [f"{one['type']}s/{one['id']}" for one in chain]
    return {**_node(nodes[0], record["policy"]), "ancestors": nodes}


def _scoped(record: Record, path: Path, source: Source) -> Record:
    """Return a bare policy with the resource it belongs to.

    Cloud Storage writes it into the policy; otherwise the file's place tells it (`projects/P.json`,
    `projects/P/secrets/S.json`, `serviceAccounts/EMAIL.json`), then the setting `scope` in the same form.
    """
    place = _place(path)
    written = "" if "/buckets/" in place else str(record.get("resourceId") or "")
    for scope in (written, place, source.texts.get("scope", "")):
        found = _named(scope, record)
        if found is not None:
            return found
    raise EvidenceError(
        f"{path}: a policy that does not say of which resource it is",
        hint='set scope = "projects/ID", name the file projects/ID.json or projects/ID/secrets/NAME.json,'
        " or export with gcloud asset",
    )


def _place(path: Path) -> str:
    """Return the scope that a file's place stands for, or an empty string."""
    name = path.name
    for ending in _ENDINGS:
        name = name.removesuffix(ending)
    folders = path.parts[:-1]
    if folders[-1:] and folders[-1] in _NODES:
        return f"{folders[-1]}/{name}"
    if not (folders[-1:] and folders[-1] in _RESOURCES):
        return ""
    project = folders[-2] if folders[-3:-2] == ("projects",) else "_"
    return f"projects/{project}/{folders[-1]}/{name}"


def _named(scope: str, policy: Record) -> Record | None:
    """Return a policy as an asset, for a node or a resource of a known kind; None for any other text."""
    kind, _, rest = scope.partition("/")
    if kind not in _NODES or not rest:
        return None
    if "/" not in rest:
        return _node(scope, policy)
    project, _, path = rest.partition("/")
    collection, _, name = path.partition("/")
    if kind != "projects" or collection not in _RESOURCES or not name:
        return None
    project = project if project != "_" else project_of_email(name)
    asset, form = _RESOURCES[collection]
    if not project and "{project}" in form:
        return None
    place = {"project": f"projects/{project}"} if project else {}
    return {
        "name": form.format(project=project, path=path, name=name),
        "assetType": asset,
        "iamPolicy": policy,
        **place,
    }


def _node(scope: str, policy: Record) -> Record:
    kind = scope.partition("/")[0][:-1].capitalize()
    return {
        "name": shapes.CLOUD + scope,
        "assetType": f"cloudresourcemanager.googleapis.com/{kind}",
        "iamPolicy": policy,
    }
