"""Ask the Azure wing for reductions, and judge them with code of its own.

Nothing here uses the wing's matching: patterns are regular expressions, scopes are lists of segments.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from connectors.azure.connector import CONNECTOR
from connectors.facts import Facts, Window
from connectors.reduction import Question, Reductions, Replacement
from tests.connectors.azure.harness import WINDOW, Memory, facts_of, unused


def question_of(facts: Facts, identity: str, **more: Any) -> Question:
    """Return the question the scanner asks: everything unused may go."""
    usage = tuple(row for row in facts.usage if row.identity == identity)
    return Question(identity, facts.permissions.mask(unused(facts, identity)), usage, **more)


def ask(memory: Memory, *identities: str, window: Window = WINDOW, **more: Any) -> tuple[Facts, Reductions]:
    """Return the facts of evidence and what the wing answers about some identities."""
    facts = facts_of(memory, window=window)
    questions = [question_of(facts, identity, **more) for identity in identities]
    return facts, CONNECTOR.reduce([memory], facts, questions, window)


def only(memory: Memory, identity: str, **more: Any) -> Replacement:
    """Return the replacement of one identity."""
    _, answers = ask(memory, identity, **more)
    assert not answers.failed
    return answers.found[identity]


def nothing_changes(answers: Reductions) -> bool:
    """Tell whether no step is offered to anybody, and none failed."""
    return not answers.failed and not any(one.changes for one in answers.found.values())


class Store:
    """A Resource Manager's role assignments and definitions, judged by regular expressions."""

    def __init__(self, assignments: Iterable[Mapping[str, Any]], roles: Iterable[Mapping[str, Any]]) -> None:
        self.assignments = {one["id"].lower(): dict(one) for one in assignments}
        self.roles = {one["name"].lower(): one["permissions"] for one in roles}

    def allows(self, principal: str, operation: str, resource: str, plane: str = "actions") -> set[str]:
        """Return under which conditions a call is allowed: "" for none; empty: it is refused."""
        found = set()
        for one in self.assignments.values():
            if one["principalId"].lower() != principal.lower() or not below(one["scope"], resource):
                continue
            for block in self.roles.get(one["roleDefinitionId"].rsplit("/", 1)[-1].lower(), ()):
                minus = "not" + plane[0].upper() + plane[1:]
                gives = any(fits(pattern, operation) for pattern in block[plane])
                if gives and not any(fits(pattern, operation) for pattern in block[minus]):
                    found.add(one.get("condition") or "")
        return found

    def apply(self, changes: Iterable[Any]) -> None:
        """Make the steps of a replacement."""
        for change in changes:
            if change.kind == "create-role-definition":
                held = json.loads(change.after)
                self.roles[held["name"].lower()] = held["properties"]["permissions"]
            elif change.kind == "create-role-assignment":
                held = json.loads(change.after)
                self.assignments[held["id"].lower()] = {"id": held["id"], **held["properties"]}
            elif change.kind == "delete-role-assignment":
                del self.assignments[change.target.lower()]


def fits(pattern: str, name: str) -> bool:
    text = "".join(".*" if letter == "*" else re.escape(letter) for letter in pattern)
    return re.fullmatch(text, name, re.IGNORECASE) is not None


def below(scope: str, resource: str) -> bool:
    outer = [part for part in scope.lower().split("/") if part]
    inner = [part for part in resource.lower().split("/") if part]
    return inner[: len(outer)] == outer
