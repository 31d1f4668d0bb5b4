"""Write changes as AWS CLI commands, and their way back, quoted for bash.

Commands are chained with `&&`: when one fails, none of those after it runs, so nothing is detached whose
replacement was not attached.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from connectors.aws.arns import parse_arn
from connectors.aws.reduction.standing import Kind
from connectors.reduction import Change
from connectors.shell import line

Words = tuple[str, ...]
_OPTION = re.compile(r"--[a-z]+(-[a-z]+)+")


def commands(changes: Sequence[Change]) -> list[Words]:
    """Return the commands that make the changes, as lists of words."""
    return [command for change in changes for command in _forward(change)]


def restore_commands(changes: Sequence[Change]) -> list[Words]:
    """Return the commands that take the changes back, last change first."""
    return [command for change in reversed(changes) for command in _backward(change)]


def script(found: Sequence[Words]) -> str:
    """Return commands as text for bash."""
    return " && \\\n".join(map(line, found)) + "\n"


def digest(text: str) -> str:
    """Return the SHA-256 of a document's text."""
    return hashlib.sha256(text.encode()).hexdigest()


def holder_of(arn: str) -> tuple[str, str]:
    """Return (`role` or `user`, name) of an identity's ARN."""
    parsed = parse_arn(arn)
    kind, _, path = (parsed.resource if parsed else arn).partition("/")
    return kind, path.rpartition("/")[2]


def policy_name(arn: str) -> str:
    """Return the name in a policy's ARN."""
    return arn.rpartition("/")[2]


def _iam(verb: str, *words: str) -> Words:
    """Return a command; a value that begins with a hyphen is joined to its option, or it would be one."""
    found: list[str] = []
    for word in words:
        if word.startswith("-") and found and found[-1].startswith("--") and not _OPTION.fullmatch(word):
            found[-1] += f"={word}"
        else:
            found.append(word)
    return ("aws", "iam", verb, *found)


@lru_cache(maxsize=1024)
def _compact(text: str) -> str:
    """Return a document on one line of ASCII; text that is no JSON goes as it is."""
    try:
        return json.dumps(json.loads(text), separators=(",", ":"))
    except ValueError:
        return text


def _who(change: Change) -> tuple[str, Words]:
    kind, name = holder_of(change.holder)
    return kind, (f"--{kind}-name", name)


def _put(change: Change, text: str) -> Words:
    kind, who = _who(change)
    return _iam(
        f"put-{kind}-policy", *who, "--policy-name", change.target, "--policy-document", _compact(text)
    )


def _attach(change: Change) -> Words:
    kind, who = _who(change)
    return _iam(f"attach-{kind}-policy", *who, "--policy-arn", change.target)


def _detach(change: Change) -> Words:
    kind, who = _who(change)
    return _iam(f"detach-{kind}-policy", *who, "--policy-arn", change.target)


def _boundary(change: Change, arn: str) -> Words:
    kind, who = _who(change)
    if not arn:
        return _iam(f"delete-{kind}-permissions-boundary", *who)
    return _iam(f"put-{kind}-permissions-boundary", *who, "--permissions-boundary", arn)


def _trust(change: Change, text: str) -> Words:
    _, who = _who(change)
    return _iam("update-assume-role-policy", *who, "--policy-document", _compact(text))


def _key(change: Change, status: str) -> Words:
    _, who = _who(change)
    if change.kind == Kind.DEACTIVATE_KEY:
        return _iam("update-access-key", *who, "--access-key-id", change.target, "--status", status)
    return _iam(
        "update-service-specific-credential",
        *who,
        "--service-specific-credential-id",
        change.target,
        "--status",
        status,
    )


def _delete_inline(change: Change) -> Words:
    kind, who = _who(change)
    return _iam(f"delete-{kind}-policy", *who, "--policy-name", change.target)


def _membership(change: Change, verb: str) -> Words:
    return _iam(verb, "--user-name", holder_of(change.holder)[1], "--group-name", change.target)


def _forward(change: Change) -> Iterator[Words]:
    match Kind(change.kind):
        case Kind.PUT_INLINE:
            yield _put(change, change.after)
        case Kind.DELETE_INLINE:
            yield _delete_inline(change)
        case Kind.NEW_VERSION:
            yield _iam(
                "create-policy-version",
                *("--policy-arn", change.target, "--policy-document", _compact(change.after)),
                "--set-as-default",
            )
        case Kind.ATTACH_NEW:
            yield _iam(
                "create-policy",
                *("--policy-name", policy_name(change.target), "--policy-document", _compact(change.after)),
            )
            yield _attach(change)
        case Kind.ATTACH:
            yield _attach(change)
        case Kind.DETACH:
            yield _detach(change)
        case Kind.LEAVE_GROUP:
            yield _membership(change, "remove-user-from-group")
        case Kind.SET_BOUNDARY:
            yield _boundary(change, change.after)
        case Kind.DEACTIVATE_KEY | Kind.DEACTIVATE_CREDENTIAL:
            yield _key(change, "Inactive")
        case Kind.NARROW_TRUST:
            yield _trust(change, change.after)


def _backward(change: Change) -> Iterator[Words]:
    match Kind(change.kind):
        case Kind.PUT_INLINE | Kind.DELETE_INLINE:
            yield _put(change, change.before)
        case Kind.NEW_VERSION:
            yield _iam(
                "set-default-policy-version", "--policy-arn", change.target, "--version-id", change.note
            )
        case Kind.ATTACH_NEW:
            yield _detach(change)
            yield _iam("delete-policy", "--policy-arn", change.target)
        case Kind.ATTACH:
            yield _detach(change)
        case Kind.DETACH:
            yield _attach(change)
        case Kind.LEAVE_GROUP:
            yield _membership(change, "add-user-to-group")
        case Kind.SET_BOUNDARY:
            yield _boundary(change, change.before)
        case Kind.DEACTIVATE_KEY | Kind.DEACTIVATE_CREDENTIAL:
            yield _key(change, "Active")
        case Kind.NARROW_TRUST:
            yield _trust(change, change.before)
