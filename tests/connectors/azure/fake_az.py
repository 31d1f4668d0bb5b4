"""Run a script of az commands in bash with a fake az, and apply what it was called with to a store."""

import json
import subprocess
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.connectors.azure.reducing import Store, below

_SHELL = r"""
az() { printf '%s\0' "$@"; printf '\1\0'; }
sleep() { printf 'sleep\0%s\0\1\0' "$@"; }
"""


def words_of(script: str) -> list[list[str]]:
    """Return the arguments of each command of a script, as bash itself reads it."""
    done = subprocess.run(
        ["/bin/bash", "--norc", "-c", f"set -eu{_SHELL}{script}"],
        check=True,
        capture_output=True,
        env={"PATH": "/nonexistent", "LC_ALL": "C.UTF-8"},
    )
    assert not done.stderr
    found: list[list[str]] = [[]]
    for word in done.stdout.decode().split("\0")[:-1]:
        if word == "\1":
            found.append([])
        else:
            found[-1].append(word)
    return found[:-1]


class Refused(Exception):
    """Azure would not do it."""


class FakeAzure(Store):
    """Does what Azure does with role definitions and assignments, as far as reductions ask it to."""

    def __init__(self, assignments: Any, roles: Any) -> None:
        super().__init__(assignments, roles)
        self.assignable = {one["name"].lower(): one["assignableScopes"] for one in roles}
        self.waited = 0
        self.least: list[int] = []

    def run(self, script: str) -> None:
        """Run a script and apply its commands in order."""
        for words in words_of(script):
            match words:
                case ["sleep", seconds]:
                    self.waited += int(seconds)
                case ["rest", "--method", method, "--url", url, *rest]:
                    path = urlsplit(url)
                    assert path.query == "api-version=2022-04-01"
                    self._rest(method, unquote(path.path), json.loads(rest[1]) if rest else {})
                case ["role", "assignment", "create", *options]:
                    self._create(dict(zip(options[::2], options[1::2], strict=True)))
                case ["role", "assignment", "delete", "--ids", name]:
                    if self.assignments.pop(name.lower(), None) is None:
                        raise Refused(name)
                case _:
                    raise AssertionError(words)

    def _rest(self, method: str, path: str, body: Mapping[str, Any]) -> None:
        kind, name = path.split("/")[-2:]
        if kind == "roleAssignments":
            held = body["properties"]
            scope = path.rpartition("/providers/Microsoft.Authorization/")[0] or "/"
            self._assign(path, {**held, "scope": scope})
        elif method == "put":
            properties = body["properties"]
            assert properties["type"] == "CustomRole"
            assert len(properties["permissions"]) == 1
            self.roles[name.lower()] = properties["permissions"]
            self.assignable[name.lower()] = properties["assignableScopes"]
        else:
            if any(one["roleDefinitionId"].endswith(name) for one in self.assignments.values()):
                raise Refused(f"role {name} has assignments")
            del self.roles[name.lower()]

    def _create(self, options: dict[str, str]) -> None:
        scope = options.pop("--scope")
        name = options.pop("--name")
        held = {
            "principalId": options.pop("--assignee-object-id"),
            "principalType": options.pop("--assignee-principal-type"),
            "roleDefinitionId": options.pop("--role"),
        }
        for option, key in (
            ("--condition", "condition"),
            ("--condition-version", "conditionVersion"),
            ("--description", "description"),
        ):
            if option in options:
                held[key] = options.pop(option)
        assert options == {}
        path = f"{scope.rstrip('/')}/providers/Microsoft.Authorization/roleAssignments/{name}"
        self._assign(path, {**held, "scope": scope})

    def _assign(self, path: str, held: dict[str, Any]) -> None:
        role = held["roleDefinitionId"].rsplit("/", 1)[-1].lower()
        if role not in self.roles:
            raise Refused(f"no role {role}")
        if not any(below(scope, held["scope"]) for scope in self.assignable[role]):
            raise Refused(f"role {role} is not assignable at {held['scope']}")
        same = (held["principalId"], role, held["scope"].lower())
        for one in self.assignments.values():
            there = one["roleDefinitionId"].rsplit("/", 1)[-1].lower()
            if same == (one["principalId"], there, one["scope"].lower()):
                raise Refused("RoleAssignmentExists")
        self.assignments[path.lower()] = {"id": path, **held}
