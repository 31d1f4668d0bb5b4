"""Know which project, folder and organization each resource belongs to, by number and by id."""

import re
from collections.abc import Iterable

from connectors.gcp.exports.shapes import CLOUD, Place
from connectors.gcp.names import project_in

_BUCKET = re.compile(r"^//storage\.googleapis\.com/(?:projects/_/buckets/|buckets/)?([^/]+)$")


class Hierarchy:
    """Projects with their two names, and what stands above each of them.

    Exports write a project by id or by number, and tell a resource's ancestors in different fields; what
    several records say is put together here. A node is `projects/ID` (the number when no record gives an
    id), `folders/N` or `organizations/N`.
    """

    def __init__(self) -> None:
        self._ids: dict[str, set[str]] = {}
        self._sure: dict[str, str] = {}
        self._numbers: dict[str, list[str]] | None = None
        self._above: dict[str, set[str]] = {}
        self._projects: set[str] = set()
        self._resources: dict[str, str] = {}
        self._complete: set[str] = set()

    def learn_project(self, identifier: str, number: str, *, sure: bool = False) -> None:
        """Note that a project's id and number belong together; `sure` when its own record says so."""
        if identifier and number.isdigit() and not identifier.isdigit():
            self._numbers = None
            self._ids.setdefault(number, set()).add(identifier)
            if sure:
                self._sure.setdefault(number, identifier)

    def learn_resource(self, name: str, place: Place) -> None:
        """Note where a resource stands, as its record says."""
        number = place.project
        identifier = project_in(name)
        if name.startswith(CLOUD):
            identifier = name.removeprefix(CLOUD).removeprefix("projects/")
        if number.isdigit() and identifier and not identifier.isdigit():
            self.learn_project(identifier, number, sure=name.startswith(CLOUD))
        if place.project and not name.startswith(CLOUD):
            self._resources.setdefault(_resource_key(name), place.project)
        if place.project:
            self._projects.add(place.project)
        own = name.removeprefix(CLOUD) if name.startswith(CLOUD) else ""
        if own.startswith("projects/"):
            self._projects.add(own.removeprefix("projects/"))
        chain = list(dict.fromkeys(one for one in (own, *place.ancestors) if one))
        for at, node in enumerate(chain):
            # Search results do not order the folders; then only the nearest node's ancestors are certain.
            if at == 0 or place.whole or node.startswith("projects/"):
                self._above.setdefault(node, set()).update(chain[at + 1 :])
        if place.whole:
            self._complete.update(chain)

    def learn_projects(self, names: Iterable[str]) -> None:
        """Note that these projects exist (seen in logs)."""
        self._projects.update(name for name in names if name and "/" not in name)

    def project(self, name: str) -> str:
        """Return a project's id for its id or number; the number where the records do not agree on an id."""
        ids = self._ids.get(name, set())
        return self._sure.get(name) or (next(iter(ids)) if len(ids) == 1 else name)

    def number(self, project: str) -> str:
        """Return a project's number, or an empty string where no record gives it."""
        if project.isdigit():
            return project
        return next(iter(self._by_id().get(project, ())), "")

    def _by_id(self) -> dict[str, list[str]]:
        """Return the numbers of every project id, sorted."""
        if self._numbers is None:
            self._numbers = {}
            for number in sorted(self._ids):
                self._numbers.setdefault(self.project(number), []).append(number)
        return self._numbers

    def node(self, name: str) -> str:
        """Return the canonical node for `projects/X`, `folders/N` or `organizations/N`."""
        kind, _, rest = name.partition("/")
        return f"projects/{self.project(rest)}" if kind == "projects" else name

    def resource(self, name: str) -> str:
        """Return a full resource name with the project's id for its number, so that copies compare equal."""
        if name.startswith(CLOUD):
            return CLOUD + self.node(name.removeprefix(CLOUD))
        written = project_in(name)
        if written.isdigit():
            return name.replace(f"projects/{written}", f"projects/{self.project(written)}", 1)
        return name

    def node_of(self, resource: str, place: Place | None = None) -> str:
        """Return the node a resource is, or stands in; an empty string when no record tells.

        For a project, folder or organization itself that is its own node.
        """
        if resource.startswith(CLOUD):
            return self.node(resource.removeprefix(CLOUD))
        project = (place.project if place else "") or self._resources.get(_resource_key(resource), "")
        project = project or project_in(resource)
        if project:
            return f"projects/{self.project(project)}"
        return self.node(place.ancestors[0]) if place and place.ancestors else ""

    def above(self, node: str) -> frozenset[str]:
        """Return every known ancestor of a node, without the node itself."""
        found: set[str] = set()
        waiting = [node]
        while waiting:
            for name in self._names(waiting.pop()):
                for one in self._above.get(name, ()):
                    canonical = self.node(one)
                    if canonical not in found and canonical != node:
                        found.add(canonical)
                        waiting.append(canonical)
        return frozenset(found)

    def knows_ancestors(self, node: str) -> bool:
        """Return whether records told a node's whole chain: up to the organization, or that it has none."""
        if any(name in self._complete for name in self._names(node)):
            return True
        return any(one.startswith("organizations/") for one in (node, *self.above(node)))

    def projects(self) -> list[str]:
        """Return every project the evidence knows, by canonical name, sorted."""
        return sorted({self.project(name) for name in self._projects})

    def projects_below(self, node: str) -> list[str]:
        """Return the known projects at or below a node, sorted."""
        if node.startswith("projects/"):
            return [node.removeprefix("projects/")]
        return [name for name in self.projects() if node in self.above(f"projects/{name}")]

    def within(self, node: str, outer: str) -> bool:
        """Return whether a node is `outer` or stands below it."""
        return node == outer or outer in self.above(node)

    def _names(self, node: str) -> list[str]:
        """Return every spelling of a node that records may have used."""
        if not node.startswith("projects/"):
            return [node]
        project = node.removeprefix("projects/")
        return [
            node,
            *(f"projects/{number}" for number in self._by_id().get(project, ()) if number != project),
        ]


def _resource_key(name: str) -> str:
    """Return one key for the spellings of a bucket; other names as they are."""
    bucket = _BUCKET.match(name)
    return f"//storage.googleapis.com/{bucket[1]}" if bucket else name
