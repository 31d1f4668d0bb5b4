"""Write a replacement's changes in every form people apply them in, and the way back."""

from collections.abc import Callable, Sequence

from connectors.gcp.exports.shapes import CLOUD
from connectors.gcp.reduction.standing import Bound, Kind
from connectors.gcp.remediation.break_glass import break_glass
from connectors.gcp.remediation.cli import commands, digest, level_and_id, restore_commands, script
from connectors.gcp.remediation.terraform import terraform
from connectors.reduction import Change, Document

_LARGEST = 40_000
"""Characters of role definitions beyond which a report does not repeat them as commands and Terraform."""


def render(changes: Sequence[Change], form: str, until: str = "") -> tuple[Document, ...]:
    """Return the changes in one form; KeyError for one that Google Cloud does not have."""
    if form == "break-glass":
        return _companion(changes, until)
    return _FORMS[form](changes)


def artifacts(changes: Sequence[Change]) -> tuple[Document, ...]:
    """Return the replacement: each new role and binding, and the commands that put all in place.

    Very long roles are written once; `entdrift reduce` writes their commands from the steps.
    """
    if sum(len(change.after) for change in changes) > _LARGEST:
        return _documents(changes)
    return (*_documents(changes), *_cli(changes), *_terraform(changes))


def rollback(changes: Sequence[Change]) -> tuple[Document, ...]:
    """Return the way back: each binding as it stands, with its digest, and the commands that restore all."""
    if not changes:
        return ()
    documents = [
        Document(
            "json",
            f"binding of {_of(change, change.before)}, sha256 {digest(_line(change.before))}",
            _line(change.before),
            change.target,
        )
        for change in changes
        if change.kind == Kind.REMOVE_BINDING
    ]
    return (*documents, Document("cli", "restore", script(restore_commands(changes)), changes[0].holder))


def _documents(changes: Sequence[Change]) -> tuple[Document, ...]:
    found = []
    for change in changes:
        if change.kind == Kind.CREATE_ROLE:
            level, name = level_and_id(change.target)
            found.append(
                Document("json", f"custom role {name} of {level}", _line(change.after), change.target)
            )
        elif change.kind == Kind.ADD_BINDING:
            text = _line(change.after)
            found.append(Document("json", f"binding of {_of(change, change.after)}", text, change.target))
    return tuple(found)


def _of(change: Change, text: str) -> str:
    return f"{Bound.read(change.target, text).role} on {change.target.removeprefix(CLOUD).removeprefix('//')}"


def _line(text: str) -> str:
    return text + "\n"


def _cli(changes: Sequence[Change]) -> tuple[Document, ...]:
    if not changes:
        return ()
    return (Document("cli", "apply", script(commands(changes)), changes[0].holder),)


def _terraform(changes: Sequence[Change]) -> tuple[Document, ...]:
    if not changes:
        return ()
    return (Document("terraform", "apply", terraform(changes), changes[0].holder),)


def _companion(changes: Sequence[Change], until: str) -> tuple[Document, ...]:
    text = break_glass(changes, until)
    name = f"until {until}" if until else "closed: fill in the time it shall end"
    return (Document("break-glass", name, text, changes[0].holder),) if text else ()


_FORMS: dict[str, Callable[[Sequence[Change]], tuple[Document, ...]]] = {
    "json": _documents,
    "cli": _cli,
    "terraform": _terraform,
    "rollback": rollback,
}
