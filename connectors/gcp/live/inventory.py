"""Read the resources that run as identities: from Asset Inventory, Agent Engines from Vertex AI too."""

from collections.abc import Iterator, Sequence
from typing import Any

from connectors.gcp.catalog import table
from connectors.gcp.exports.shapes import CLOUD, FOLDER, PROJECT
from connectors.gcp.live.calls import Calls
from connectors.gcp.live.gathering import Finds
from connectors.gcp.live.scope import Scope
from connectors.gcp.names import project_in
from connectors.interface import Record
from connectors.live.failures import CallError

_PAGE = 500
_ENGINES = "aiplatform.googleapis.com/ReasoningEngine"
_VERTEX = "//aiplatform.googleapis.com/"
_SEARCH = "cloudasset.searchAllResources"


def asset_types() -> list[str]:
    """Return the asset types that are looked for: all that run as an identity, and projects and folders."""
    return sorted({one["type"] for one in table("ai_signals")["resource"]} | {PROJECT, FOLDER})


def resources(calls: Calls, scope: Scope, locations: Sequence[str]) -> Finds:
    """Yield every resource that may run as an identity, with its own content.

    Asset Inventory refuses a search for types it does not know: then each type is searched for by itself, and
    those it does not know are left to the other ways.
    """
    try:
        yield from _searched(calls, scope, asset_types())
    except CallError as error:
        if error.kind != "other":
            yield error
        else:
            yield from _one_by_one(calls, scope)
    yield from _engines(calls, scope, locations)


def _one_by_one(calls: Calls, scope: Scope) -> Finds:
    for kind in asset_types():
        try:
            yield from _searched(calls, scope, [kind])
        except CallError as error:
            if error.kind != "other":
                yield error
                return


def _searched(calls: Calls, scope: Scope, types: Sequence[str]) -> Iterator[Record]:
    request = {"scope": scope.node, "asset_types": list(types), "read_mask": "*", "page_size": _PAGE}
    for page in calls.pages(_SEARCH, request, scope.node):
        for record in page.get("results") or ():
            _learn(scope, record)
            yield record


def _learn(scope: Scope, record: Any) -> None:
    """Note a resource's project and folders, and the locations in which it has something of Vertex AI."""
    name, number = str(record.get("name") or ""), str(record.get("project") or "").removeprefix("projects/")
    if record.get("assetType") == PROJECT and record.get("state") not in (None, "", "ACTIVE"):
        scope.gone |= {name.removeprefix(f"{CLOUD}projects/"), number}
    scope.learn_folders([name.removeprefix(CLOUD), *map(str, record.get("folders") or ())])
    own = name.removeprefix(CLOUD).removeprefix("projects/") if name.startswith(f"{CLOUD}projects/") else ""
    written = own or project_in(name)
    scope.learn_project(
        "" if written.isdigit() else written, number or (written if written.isdigit() else "")
    )
    if name.startswith(_VERTEX) and "/locations/" in name:
        project = written if written in scope.projects else number
        key = next((one for one, num in scope.projects.items() if project in (one, num)), written)
        scope.locations.setdefault(key, set()).add(name.split("/locations/")[1].partition("/")[0])


def _engines(calls: Calls, scope: Scope, locations: Sequence[str]) -> Finds:
    """Yield Agent Engines as Vertex AI describes them: only there stands the identity they run as.

    In Asset Inventory `spec.effectiveIdentity` may be missing.
    """
    for project in scope.names()[:1] if calls.sample else scope.names():
        for location in sorted({*locations, *scope.locations.get(project, ())} - {"global"}):
            path = f"v1/projects/{project}/locations/{location}/reasoningEngines"
            node = f"projects/{project}"
            try:
                for page in calls.listed("aiplatform.reasoningEngines.list", path, {}, node, location):
                    for engine in page.get("reasoningEngines") or ():
                        yield _as_asset(engine)
            except CallError as error:
                if error.kind != "absent":
                    yield error


def _as_asset(engine: Any) -> Record:
    return {
        "name": f"{_VERTEX}{engine.get('name')}",
        "assetType": _ENGINES,
        "resource": {"data": engine},
    }
