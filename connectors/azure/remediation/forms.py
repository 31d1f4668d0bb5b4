"""Write a replacement's changes in every form people apply them in, and the way back."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence

from connectors.azure.ids import resource_id
from connectors.azure.reduction.claims import short
from connectors.azure.reduction.standing import Kind
from connectors.azure.remediation.bicep import bicep
from connectors.azure.remediation.break_glass import break_glass
from connectors.azure.remediation.cli import commands, new_credential, restore_commands, script
from connectors.azure.remediation.terraform import terraform
from connectors.reduction import Change, Document
from connectors.shell import quote

_NEW = {Kind.CREATE_ROLE, Kind.CREATE_ASSIGNMENT}


def render(changes: Sequence[Change], form: str, until: str = "") -> tuple[Document, ...]:
    """Return the changes in one form; KeyError for one that Azure does not have."""
    if form == "break-glass":
        return break_glass(changes, until)
    return _FORMS[form](changes)


def artifacts(changes: Sequence[Change]) -> tuple[Document, ...]:
    """Return the replacement: each new document, and the commands that put all in place."""
    if not changes:
        return ()
    holder = changes[0].holder
    names = _role_names(changes)
    documents = [
        Document("json", _title(change.after, names), change.after + "\n", change.target)
        for change in changes
        if change.kind in _NEW
    ]
    return (
        *documents,
        Document("cli", "apply", script(commands(changes)), holder),
        Document("terraform", "apply", terraform(changes), holder),
    )


def rollback(changes: Sequence[Change]) -> tuple[Document, ...]:
    """Return the way back: each assignment as it stands, with its digest, and the commands for it."""
    documents = [
        Document(
            "json",
            f"{_title(change.before, {})}, sha256 {digest(change.before + chr(10))}",
            change.before + "\n",
            change.target,
        )
        for change in changes
        if change.kind in (Kind.DELETE_ASSIGNMENT, Kind.REMOVE_APP_ROLE, Kind.SWITCH_OFF_KEYS)
    ]
    found, told = restore_commands(changes), list(_new_secrets(changes))
    if not found and not told:
        return ()
    text = script(found) if found else ""
    return (*documents, Document("cli", "restore", "".join(told) + text, changes[0].holder))


def _new_secrets(changes: Sequence[Change]) -> Iterator[str]:
    """Yield for each removed secret or certificate how to have a new one, since none comes back."""
    for change in changes:
        if change.kind in (Kind.REMOVE_SECRET, Kind.REMOVE_CERTIFICATE):
            yield (
                f"# {quote(change.target)} cannot be restored. Create a new one, which is printed once: "
                f"{new_credential(change)}\n"
            )


def digest(text: str) -> str:
    """Return the SHA-256 of a document's text."""
    return hashlib.sha256(text.encode()).hexdigest()


def _role_names(changes: Sequence[Change]) -> dict[str, str]:
    """Return the names of the roles that the changes make, by id."""
    return {
        change.target.lower(): json.loads(change.after)["properties"]["roleName"]
        for change in changes
        if change.kind == Kind.CREATE_ROLE
    }


def _title(text: str, names: Mapping[str, str]) -> str:
    held = json.loads(text)
    properties = held["properties"]
    if "appRoleId" in properties:
        return f"app role assignment {held['name']}"
    if "roleDefinitionId" not in properties and "roleName" not in properties:
        return f"switch {next(iter(properties))} of {held['name']}"
    if "roleName" in properties:
        return f"role definition {properties['roleName']}"
    identifier = properties["roleDefinitionId"]
    role = names.get(identifier.lower(), f"role {identifier.rpartition('/')[2]}")
    return f"role assignment on {short(resource_id(properties['scope']) or '/')} of {role}"


def _of_form(form: str) -> Callable[[Sequence[Change]], tuple[Document, ...]]:
    def chosen(changes: Sequence[Change]) -> tuple[Document, ...]:
        return tuple(document for document in artifacts(changes) if document.form == form)

    return chosen


_FORMS: dict[str, Callable[[Sequence[Change]], tuple[Document, ...]]] = {
    "json": _of_form("json"),
    "cli": _of_form("cli"),
    "terraform": _of_form("terraform"),
    "bicep": bicep,
    "rollback": rollback,
}
