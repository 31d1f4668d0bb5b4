"""Know what a custom role may hold, and write the definitions of new ones."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache

from connectors.gcp.catalog import Test, matcher, table
from connectors.gcp.exports import shapes
from connectors.gcp.grants.testable import ANYWHERE, PART, Holdable, aliases, read_answers
from connectors.gcp.names import permission_name
from connectors.interface import Evidence, Record

_IN_TITLES = re.compile(r"[^A-Za-z0-9 ._@()-]+", re.ASCII)
_IN_IDS = re.compile(r"[^A-Za-z0-9]+", re.ASCII)
_ROLE = re.compile(r"((?:projects|organizations)/[^/]+)/roles/([^/]+)")
_LONGEST_STEM = 40


@cache
def _organization_only() -> Test:
    return matcher(table("custom_roles")["organization_only"])


class Support:
    """Which permissions custom roles may hold, as far as the evidence tells."""

    def __init__(self, evidence: Sequence[Evidence], project: Callable[[str], str] = str) -> None:
        """Read all sources; `project` returns a project's id for its id or number."""
        self._answers = {_node(node, project): one for node, one in read_answers(evidence).items()}
        self._aliases = aliases(self._answers)
        self._held: set[str] = set()
        self._spelling: dict[str, str] = {}
        self._names: dict[str, set[str]] = {}
        for source in evidence:
            for record in source.records(PART):
                listed = record.get("permissions")
                for one in listed if isinstance(listed, list) else [record]:
                    self._spell(str(one.get("name") or "") if isinstance(one, Mapping) else "")
            for part in ("roles", "resources"):
                for record in source.records(part):
                    self._read_role(record)

    def _read_role(self, record: Record) -> None:
        role = shapes.role(record)
        match = _ROLE.fullmatch(str(role.get("name") or "")) if role is not None else None
        included = role.get("includedPermissions", role.get("included_permissions")) if role else None
        names = [one for one in included if isinstance(one, str)] if isinstance(included, list) else []
        for name in names:
            self._spell(name)
        if match is not None:
            self._names.setdefault(match[1], set()).add(match[2])
            if match[1].startswith("projects/"):
                self._held.update(self._aliases.get(n, n) for n in map(permission_name, names))

    def _spell(self, name: str) -> None:
        """Keep the spelling with a domain: roles are written with it where Google's own are."""
        if "/" in name:
            self._spelling[permission_name(name)] = name

    def spelled(self, permission: str) -> str:
        """Return a permission as a role's definition spells it."""
        return self._spelling.get(permission, permission)

    def allows(self, permission: str, level: str) -> bool | None:
        """Return whether a custom role of a level may hold a permission; None where nobody tells.

        What Google says about the very project or organization decides. A list that does not say of what it
        is counts as one of a project: whole for all projects, and with what organizations may hold too.
        """
        if self.idle(permission, level):
            return False
        known = self._known(permission, level)
        if known is not None:
            return known.level in ("SUPPORTED", "TESTING")
        own = self._answers.get(level)
        if own is not None and own.whole:
            return False
        if permission in self._held:
            return True
        listed = self._answers.get(ANYWHERE)
        return False if listed is not None and listed.whole and level.startswith("projects/") else None

    def _known(self, permission: str, level: str) -> Holdable | None:
        for place in (level, ANYWHERE):
            answer = self._answers.get(place)
            found = answer.permissions.get(permission) if answer is not None else None
            if found is not None:
                return found
        return None

    def idle(self, permission: str, level: str) -> bool:
        """Return whether a permission has no effect where it is bound: it is checked above projects only."""
        project = level.startswith("projects/")
        return project and _organization_only()(permission) and not self._known_below(permission, level)

    def _known_below(self, permission: str, project: str) -> bool:
        own = self._answers.get(project)
        if own is not None and own.whole:
            return permission in own.permissions
        listed = self._answers.get(ANYWHERE)
        return listed is not None and listed.whole and permission in listed.permissions

    def unsteady(self, permission: str, level: str) -> str:
        """Return why Google may change a permission: `TESTING`, `ALPHA`, `DEPRECATED`; or nothing."""
        known = self._known(permission, level)
        if known is None or (known.level != "TESTING" and known.stage in ("GA", "BETA")):
            return ""
        return "TESTING" if known.level == "TESTING" else known.stage

    def off(self, permission: str, level: str) -> bool:
        """Return whether Google says that the permission's service is not enabled in a project."""
        own = self._answers.get(level)
        known = own.permissions.get(permission) if own is not None else None
        return known is not None and known.api_disabled

    def taken(self, level: str) -> frozenset[str]:
        """Return the ids of the custom roles that a project or organization has, deleted ones included."""
        return frozenset(self._names.get(level, ()))


def _node(node: str, project: Callable[[str], str]) -> str:
    kind, _, name = node.partition("/")
    return f"projects/{project(name)}" if kind == "projects" else node


def role_id(stem: str, key: str, taken: Iterable[str]) -> str:
    """Return a free id for a new role: readable, and the same for the same key."""
    digest = hashlib.sha256(key.encode()).hexdigest()[:8]
    words = [word for word in _IN_IDS.split(stem) if word]
    name = "_".join(words)[:_LONGEST_STEM].strip("_") or "identity"
    wanted = f"{name}_reduced_{digest}"
    held = set(taken)
    number = 1
    while (found := wanted if number == 1 else f"{wanted}_{number}") in held:
        number += 1
    return found


def definition(identity: str, permissions: Iterable[str], support: Support) -> str:
    """Return a role's definition as JSON, which `gcloud iam roles create --file` reads as it is."""
    limits = table("custom_roles")
    name = _IN_TITLES.sub("-", identity)
    title = f"Reduced access of {name}"[: limits["title_bytes"]]
    description = f"What {name} used, and what its logs cannot show; written by entdrift."
    return json.dumps(
        {
            "title": title,
            "description": description[: limits["description_bytes"]],
            "stage": "GA",
            "includedPermissions": [support.spelled(one) for one in sorted(permissions)],
        },
        indent=1,
    )


def permissions_of(text: str) -> list[str]:
    """Return the permissions of a definition, in the one spelling used for sets."""
    return [permission_name(one) for one in json.loads(text)["includedPermissions"]]


def size(text: str) -> int:
    """Return the bytes that count against a role's size: title, description and permission names."""
    raw = json.loads(text)
    texts = [raw["title"], raw["description"], *raw["includedPermissions"]]
    return sum(len(one.encode()) for one in texts)


def chunks(names: Sequence[str], support: Support) -> Iterator[list[str]]:
    """Yield sorted names in as few groups as fit a role each."""
    limits = table("custom_roles")
    room = limits["size_bytes"] - limits["title_bytes"] - limits["description_bytes"]
    held: list[str] = []
    used = 0
    for name in sorted(names):
        length = len(support.spelled(name).encode())
        if held and (len(held) >= limits["permissions"] or used + length > room):
            yield held
            held, used = [], 0
        held.append(name)
        used += length
    if held:
        yield held
