"""Write a replacement's changes in every form people apply them in, and the way back."""

from collections.abc import Callable, Sequence
from functools import lru_cache

from connectors.aws.reduction.standing import Kind
from connectors.aws.remediation.break_glass import break_glass, opened_boundary
from connectors.aws.remediation.cli import (
    commands,
    digest,
    holder_of,
    policy_name,
    restore_commands,
    script,
)
from connectors.aws.remediation.cloudformation import cloudformation
from connectors.aws.remediation.terraform import terraform
from connectors.reduction import Change, Document

_WITH_DOCUMENT = {Kind.PUT_INLINE, Kind.NEW_VERSION, Kind.ATTACH_NEW, Kind.NARROW_TRUST}
_GOES = {Kind.PUT_INLINE, Kind.DELETE_INLINE, Kind.NEW_VERSION, Kind.DETACH, Kind.NARROW_TRUST}


def render(changes: Sequence[Change], form: str, until: str = "") -> tuple[Document, ...]:
    """Return the changes in one form; KeyError for one that is not known."""
    if form == "break-glass":
        return _companion(changes, until)
    return _FORMS[form](changes)


def _companion(changes: Sequence[Change], until: str) -> tuple[Document, ...]:
    name = f"until {until}" if until else "closed: fill in the time it shall end"
    boundary = opened_boundary(changes, until)
    texts = [*break_glass(changes, until), *([boundary] if boundary else [])]
    return tuple(Document("break-glass", name, text + "\n", changes[0].holder) for text in texts)


def artifacts(changes: Sequence[Change]) -> tuple[Document, ...]:
    """Return the replacement: each new document, and the commands that put all in place."""
    if not changes:
        return ()
    holder = changes[0].holder
    documents = [
        Document("json", _title(change), _line(change.after), _place(change))
        for change in changes
        if change.kind in _WITH_DOCUMENT
    ]
    return (
        *documents,
        Document("cli", "apply", script(commands(changes)), holder),
        Document("terraform", "apply", terraform(changes), holder),
    )


def rollback(changes: Sequence[Change]) -> tuple[Document, ...]:
    """Return the way back: each document as it stands, with its digest, and the commands that restore it."""
    if not changes:
        return ()
    documents = [
        Document(
            "json",
            f"{_title(change)}, sha256 {digest(_line(change.before))}",
            _line(change.before),
            _place(change),
        )
        for change in changes
        if change.kind in _GOES and change.before
    ]
    return (*documents, Document("cli", "restore", script(restore_commands(changes)), changes[0].holder))


@lru_cache(maxsize=1024)
def _line(text: str) -> str:
    """Return a document as a file holds it; many identities hold the same one, and so one text."""
    return text + "\n"


def _place(change: Change) -> str:
    """Return what a document applies to: the policy's ARN, or the identity that holds it."""
    return change.target if change.target.startswith("arn:") else change.holder


def _title(change: Change) -> str:
    kind, name = holder_of(change.holder)
    match Kind(change.kind):
        case Kind.PUT_INLINE | Kind.DELETE_INLINE:
            return f"inline policy {change.target} of {kind} {name}"
        case Kind.NARROW_TRUST:
            return f"trust policy of role {name}"
        case _:
            return f"managed policy {policy_name(change.target)}"


def _of_form(form: str) -> Callable[[Sequence[Change]], tuple[Document, ...]]:
    def chosen(changes: Sequence[Change]) -> tuple[Document, ...]:
        return tuple(document for document in artifacts(changes) if document.form == form)

    return chosen


def _template(changes: Sequence[Change]) -> tuple[Document, ...]:
    if not changes:
        return ()
    return (Document("cloudformation", "apply", cloudformation(changes), changes[0].holder),)


_FORMS = {
    "json": _of_form("json"),
    "cli": _of_form("cli"),
    "terraform": _of_form("terraform"),
    "cloudformation": _template,
    "rollback": rollback,
}
