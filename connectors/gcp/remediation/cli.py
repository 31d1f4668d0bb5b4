"""Write changes as gcloud commands, and their way back, quoted for bash.

Each command reads the policy, changes one member and writes it back under its etag: what others change
meanwhile stays. Commands are chained with `&&`, so nothing is taken away whose replacement was not given.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.gcp.reduction.places import Place, place_of
from connectors.gcp.reduction.standing import Bound, Kind
from connectors.reduction import Change
from connectors.shell import line

Words = tuple[str, ...]
SETTLE = ("sleep", "420")
"""New bindings take effect within minutes; what they replace goes only after that."""
_DELIMITERS = ("|", "~", ";;", "::", "#", "@@", "+++", "<>", "_-_-_")
_WRITABLE = {"title", "description", "expression"}


def commands(changes: Sequence[Change]) -> list[Words]:
    """Return the commands that make the changes, as lists of words."""
    found = [_forward(change) for change in changes]
    added = [at for at, change in enumerate(changes) if change.kind == Kind.ADD_BINDING]
    first_cut = next((at for at, change in enumerate(changes) if change.kind == Kind.REMOVE_BINDING), None)
    if added and first_cut is not None:
        found.insert(first_cut, SETTLE)
    return found


def restore_commands(changes: Sequence[Change]) -> list[Words]:
    """Return the commands that take the changes back, last change first."""
    return [_backward(change) for change in reversed(changes)]


def script(found: Sequence[Words]) -> str:
    """Return commands as text for bash."""
    return " && \\\n".join(map(line, found)) + "\n"


def digest(text: str) -> str:
    """Return the SHA-256 of a document's text."""
    return hashlib.sha256(text.encode()).hexdigest()


def level_and_id(role: str) -> tuple[str, str]:
    """Return (`projects/P` or `organizations/N`, id) of a custom role's full name."""
    level, _, name = role.partition("/roles/")
    return level, name


def writable(condition: str) -> bool:
    """Return whether gcloud can name a condition: it knows three fields, and needs a mark between them."""
    if not condition:
        return True
    raw = json.loads(condition)
    texts = all(isinstance(value, str) for value in raw.values())
    return texts and {"title", "expression"} <= set(raw) <= _WRITABLE and bool(_delimiter(raw))


def binding_words(verb: str, bound: Bound) -> Words:
    """Return the command that adds or removes one binding."""
    place = _place(bound.resource)
    match place.way:
        case "bq":
            named = (f"--member={bound.member}", f"--role={bound.role}", *place.command, *place.arguments)
            return ("bq", f"{verb}-iam-policy-binding", *named)
        case "sql":
            return _query(verb, bound, place)
    words = ("gcloud", *place.command, f"{verb}-iam-policy-binding", *place.arguments)
    words = (*words, f"--member={bound.member}", f"--role={bound.role}")
    return (*words, f"--condition={_condition(bound.condition)}") if place.conditions else words


def _query(verb: str, bound: Bound, place: Place) -> Words:
    """Return the command that runs GRANT or REVOKE; names hold no quotes (`places.toml`)."""
    project, name = place.arguments
    does, to = ("GRANT", "TO") if verb == "add" else ("REVOKE", "FROM")
    text = f'{does} `{bound.role}` ON {place.command[0]} `{project}`.`{name}` {to} "{bound.member}"'
    return ("bq", "query", "--nouse_legacy_sql", f"--project_id={project}", text)


def _place(resource: str) -> Place:
    place = place_of(resource)
    if place is None:
        raise ValueError(f"no command for the policy of {resource}")
    return place


def _condition(condition: str) -> str:
    """Return a condition as gcloud's `KEY=VALUE,…` with a mark of our own between the pairs."""
    if not condition:
        return "None"
    raw = json.loads(condition)
    mark = _delimiter(raw)
    pairs = [f"{key}={raw[key]}" for key in ("expression", "title", "description") if raw.get(key)]
    return f"^{mark}^{mark.join(pairs)}"


def _delimiter(condition: Mapping[str, Any]) -> str:
    text = "".join(str(value) for value in condition.values())
    return next((one for one in _DELIMITERS if one not in text), "")


def _role_words(verb: str, role: str) -> Words:
    level, name = level_and_id(role)
    kind, _, place = level.partition("/")
    return ("gcloud", "iam", "roles", verb, name, f"--{kind.removesuffix('s')}={place}")


def _create(change: Change) -> Words:
    raw = json.loads(change.after)
    return (
        *_role_words("create", change.target),
        f"--title={raw['title']}",
        f"--description={raw['description']}",
        f"--stage={raw['stage']}",
        f"--permissions={','.join(raw['includedPermissions'])}",
    )


def _key(change: Change, verb: str) -> Words:
    return ("gcloud", "iam", "service-accounts", "keys", verb, change.target)


def _account(change: Change, verb: str) -> Words:
    """Return a command for an account by its full name: it needs no project and is no option."""
    return ("gcloud", "iam", "service-accounts", verb, f"projects/-/serviceAccounts/{change.target}")


def _forward(change: Change) -> Words:
    match Kind(change.kind):
        case Kind.CREATE_ROLE:
            return _create(change)
        case Kind.ADD_BINDING:
            return binding_words("add", Bound.read(change.target, change.after))
        case Kind.REMOVE_BINDING:
            return binding_words("remove", Bound.read(change.target, change.before))
        case Kind.DISABLE_ACCOUNT:
            return _account(change, "disable")
        case Kind.DISABLE_KEY:
            return _key(change, "disable")


def _backward(change: Change) -> Words:
    match Kind(change.kind):
        case Kind.CREATE_ROLE:
            return _role_words("delete", change.target)
        case Kind.ADD_BINDING:
            return binding_words("remove", Bound.read(change.target, change.after))
        case Kind.REMOVE_BINDING:
            return binding_words("add", Bound.read(change.target, change.before))
        case Kind.DISABLE_ACCOUNT:
            return _account(change, "enable")
        case Kind.DISABLE_KEY:
            return _key(change, "enable")
