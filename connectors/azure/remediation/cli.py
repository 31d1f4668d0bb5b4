"""Write changes as az commands, and their way back, quoted for bash.

Commands are chained with `&&`: when one fails, none of those after it runs, so nothing is deleted whose
replacement was not created. Between creating and deleting the script waits until Azure has spread the news.
Everything is named by id. What already stands is not made twice: each id is fixed beforehand.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import quote

from connectors.azure.reduction.standing import Kind
from connectors.reduction import Change
from connectors.shell import line

Words = tuple[str, ...]
VERSION = "2022-04-01"
WAIT_SECONDS = 600
"""Azure says that a change of role assignments may take ten minutes to be known everywhere."""


def commands(changes: Sequence[Change]) -> list[Words]:
    """Return the commands that make the changes, as lists of words."""
    return list(_waiting(((change, _forward(change)) for change in changes), Kind.DELETE_ASSIGNMENT))


def restore_commands(changes: Sequence[Change]) -> list[Words]:
    """Return the commands that take the changes back, last change first."""
    steps = ((change, _backward(change)) for change in reversed(changes))
    return list(_waiting(steps, Kind.CREATE_ASSIGNMENT))


def _waiting(steps: Iterable[tuple[Change, Iterable[Words]]], cuts: Kind) -> Iterator[Words]:
    """Yield commands, with a wait between the last that gives and the first that takes."""
    gave = waited = False
    for change, found in steps:
        if change.kind == cuts and gave and not waited:
            waited = True
            yield ("sleep", str(WAIT_SECONDS))
        gave = gave or change.kind in (Kind.CREATE_ASSIGNMENT, Kind.DELETE_ASSIGNMENT)
        yield from found


def script(found: Sequence[Words]) -> str:
    """Return commands as text for bash."""
    return " && \\\n".join(map(line, found)) + "\n"


def compact(value: Any) -> str:
    """Return JSON on one line, in ASCII."""
    return json.dumps(value, separators=(",", ":"))


def _put(identifier: str, properties: dict[str, Any]) -> Words:
    return (
        *("az", "rest", "--method", "put", "--url", address(identifier)),
        *("--body", compact({"properties": properties})),
    )


def _delete(identifier: str) -> Words:
    return ("az", "rest", "--method", "delete", "--url", address(identifier))


def address(identifier: str, version: str = VERSION) -> str:
    """Return an id as an address relative to Resource Manager: `az rest` knows the cloud's own host."""
    return f"{quote(identifier, safe='/()')}?api-version={version}"


def create_assignment(text: str) -> Words:
    """Return the command that makes an assignment as its document says, under its own id.

    az reads a value that begins with `@` from a file of that name, and takes one that begins with `-` for an
    option; such texts go into a request body instead.
    """
    held = json.loads(text)
    properties = dict(held["properties"])
    scope = properties.pop("scope")
    words: Words = (
        *("az", "role", "assignment", "create", "--name", held["name"]),
        *("--assignee-object-id", properties["principalId"]),
        *("--assignee-principal-type", properties["principalType"] or "ServicePrincipal"),
        *("--role", properties["roleDefinitionId"], "--scope", scope),
    )
    for key, option in (
        ("condition", "--condition"),
        ("conditionVersion", "--condition-version"),
        ("description", "--description"),
    ):
        if properties.get(key):
            words = (*words, option, properties[key])
    plain = not any(word.startswith(("@", "-")) for word in words[5::2])
    if plain and "delegatedManagedIdentityResourceId" not in properties:
        return words
    return _put(held["id"], properties)


def _forward(change: Change) -> Iterator[Words]:
    match Kind(change.kind):
        case Kind.CREATE_ROLE:
            yield _put(change.target, json.loads(change.after)["properties"])
        case Kind.CREATE_ASSIGNMENT:
            yield create_assignment(change.after)
        case Kind.DELETE_ASSIGNMENT:
            yield ("az", "role", "assignment", "delete", "--ids", change.target)
        case Kind.REMOVE_SECRET | Kind.REMOVE_CERTIFICATE:
            yield removal(change)
        case Kind.REMOVE_APP_ROLE:
            place = f"{_app_roles(change)}/{quote(change.target, safe='')}"
            yield ("az", "rest", "--method", "delete", "--url", place)
        case Kind.SWITCH_OFF_KEYS:
            yield _switch(change.after)


def _backward(change: Change) -> Iterator[Words]:
    match Kind(change.kind):
        case Kind.CREATE_ROLE:
            yield _delete(change.target)
        case Kind.CREATE_ASSIGNMENT:
            yield ("az", "role", "assignment", "delete", "--ids", change.target)
        case Kind.DELETE_ASSIGNMENT:
            yield create_assignment(change.before)
        case Kind.REMOVE_SECRET | Kind.REMOVE_CERTIFICATE:
            return
        case Kind.REMOVE_APP_ROLE:
            body = compact(json.loads(change.before)["properties"])
            yield ("az", "rest", "--method", "post", "--url", _app_roles(change), "--body", body)
        case Kind.SWITCH_OFF_KEYS:
            yield _switch(change.before, change.after)


def new_credential(change: Change) -> str:
    """Return the command that makes a credential in the place of a removed one; az prints it once."""
    place, _, holder = change.note.partition(":")
    words: Words = ("az", "ad", place, "credential", "reset", "--id", holder, "--append")
    if change.kind == Kind.REMOVE_CERTIFICATE:
        words = (*words, "--create-cert")
    return line(words)


def removal(change: Change) -> Words:
    """Return the command that removes a secret or certificate from where it is kept."""
    place, _, holder = change.note.partition(":")
    words = ("az", "ad", place, "credential", "delete", "--id", holder, "--key-id", change.target)
    return (*words, "--cert") if change.kind == Kind.REMOVE_CERTIFICATE else words


def _switch(text: str, other: str = "") -> Words:
    """Return the command that sets an account's switch as a document says, or else contrary to the other."""
    held = json.loads(text)
    ((name, value),) = held["properties"].items()
    if value is None:
        value = not json.loads(other)["properties"][name]
    return switch_words(held["id"], name, value)


def switch_words(identifier: str, name: str, value: bool) -> Words:  # noqa: FBT001 a value to write
    """Return the command that sets one property of a resource to true or false."""
    setting = f"properties.{name}={str(value).lower()}"
    return ("az", "resource", "update", "--ids", identifier, "--set", setting)


def _app_roles(change: Change) -> str:
    """Return where Graph keeps a principal's app roles (learn: graph/api/resources/approleassignment)."""
    who = json.loads(change.before)["properties"]["principalId"]
    return f"https://graph.microsoft.com/v1.0/servicePrincipals/{quote(who)}/appRoleAssignments"
