"""Find what a live source covers: what stands above its scope, and the projects in it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.gcp.exports.shapes import CLOUD
from connectors.gcp.live.calls import Calls
from connectors.gcp.live.gathering import Finds
from connectors.interface import Record
from connectors.live.failures import CallError

_KINDS = {"projects": "Project", "folders": "Folder", "organizations": "Organization"}
_DEEPEST = 12
"""Folders nest ten deep (Resource Manager limits)."""


@dataclass
class Scope:
    """The scope of a source as it turns out while it is read."""

    node: str
    """As configured."""
    above: list[str] = field(default_factory=list)
    """What stands above it, nearest first, as far as it could be read."""
    whole: bool = False
    """Whether `above` ends where nothing more can stand above."""
    projects: dict[str, str] = field(default_factory=dict)
    """Projects in it: id (number where no id is known) to number (empty where it is not known)."""
    locations: dict[str, set[str]] = field(default_factory=dict)
    """By project: locations in which AI resources were found."""
    gone: set[str] = field(default_factory=set)
    """Projects that are being deleted, by id and number: nothing in them answers any more."""
    folders: set[str] = field(default_factory=set)
    """Folders that stand in it, or above."""
    roles: set[str] = field(default_factory=set)
    """Roles that are bound somewhere in it, or above."""

    @property
    def organization(self) -> str:
        """The organization, or an empty string where it is not known."""
        return next((one for one in (self.node, *self.above) if one.startswith("organizations/")), "")

    def learn_project(self, identifier: str, number: str) -> None:
        """Note a project under its id; one that was known by its number only is renamed."""
        key = identifier or number
        if not key:
            return
        if identifier and number and number in self.projects:
            del self.projects[number]
        if not identifier and number in self.projects.values():
            return
        self.projects[key] = self.projects.get(key) or number

    def learn_folders(self, nodes: Iterable[str]) -> None:
        """Note the folders among some nodes."""
        self.folders.update(node for node in nodes if re.fullmatch(r"folders/\d+", node))

    def names(self) -> list[str]:
        """Return the projects in it, sorted."""
        return sorted(name for name, number in self.projects.items() if not {name, number} & self.gone)


def asset(node: str, data: Mapping[str, Any], chain: Iterable[str], *, whole: bool) -> Record:
    """Return a project, folder or organization in the form of an asset."""
    kind = _KINDS[node.partition("/")[0]]
    record: dict[str, Any] = {
        "name": CLOUD + node,
        "assetType": f"cloudresourcemanager.googleapis.com/{kind}",
        "resource": {"data": dict(data)},
    }
    return {**record, "ancestors": list(chain)} if whole else record


def ancestry(calls: Calls, scope: Scope) -> Finds:
    """Yield the nodes from the scope upwards.

    Where one cannot be read, what stands above it stays unknown; a project may stand in nothing.
    """
    read: list[tuple[str, dict[str, Any]]] = []
    node, error = scope.node, None
    while node and len(read) < _DEEPEST:
        try:
            data = calls.fetched(f"cloudresourcemanager.{node.partition('/')[0]}.get", f"v3/{node}", node)
        except CallError as failed:
            error = failed
            break
        read.append((node, data))
        node = str(data.get("parent") or "")
        if node:
            scope.above.append(node)
    scope.whole = error is None and not node
    numbered = [str(data.get("name") or name) for name, data in read]
    for at, (name, data) in enumerate(read):
        if not name.startswith("projects/"):
            yield asset(name, data, numbered[at:], whole=scope.whole)
            continue
        number = numbered[at].removeprefix("projects/")
        identifier = str(data.get("projectId") or name.removeprefix("projects/"))
        scope.learn_project(identifier, number)
        own = {**data, "projectNumber": number}
        yield asset(f"projects/{identifier}", own, numbered[at:], whole=scope.whole)
    if error is not None:
        yield error
    if scope.node.startswith("projects/") and not scope.projects:
        name = scope.node.removeprefix("projects/")
        scope.learn_project("" if name.isdigit() else name, name if name.isdigit() else "")
