"""Narrow a role's trust to those who were really seen to take it, and check that this is all it does."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from connectors.aws.arns import account_of, parse_arn, plain_service
from connectors.aws.coverage.recorded import read_recorded
from connectors.aws.coverage.trails import read_trails
from connectors.aws.inventory import Inventory, unique_ids
from connectors.aws.usage.row_marks import read
from connectors.aws.usage.usage import renamed
from connectors.facts import Window
from connectors.interface import Evidence
from connectors.reduction import Claim, Standing

_SERVICE = "AWSService:"
_ACCOUNT = "AWSAccount:"
_STS = "sts.amazonaws.com"
_SETTLED_DAYS = 30
_WILD = frozenset("*?")


def assumed_by(evidence: Sequence[Evidence], inventory: Inventory, window: Window) -> dict[str, set[str]]:
    """Return by role who took it, as the AssumeRole records say: service principals and ARNs.

    A caller that a record does not name (another account's, a web identity) is kept as it stands there, for
    example `AWSAccount:444455556666`: nothing is narrowed that it may have needed. Left out are roles of
    accounts whose logs may lack such records (of other regions, of reads, of a part of the window), and roles
    that somebody took for the first time of late: the same cut made earlier would have shut them out.
    """
    times: dict[str, dict[str, str]] = {}
    ids, whole = unique_ids(inventory), where_seen(evidence, inventory, window)
    for one in evidence:
        for row in one.usage():
            taken = row.operation.endswith(":AssumeRole") and row.outcome != "denied"
            if taken and row.resource.startswith("arn:") and account_of(row.resource) in whole:
                now = renamed(row.identity, read(row.detail).unique, ids, inventory.users)
                caller = now or row.identity.removeprefix(_SERVICE)
                first = times.setdefault(row.resource, {})
                first[caller] = min(first.get(caller, row.first), row.first)
    late = (window.end - timedelta(days=_SETTLED_DAYS)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {role: set(first) for role, first in times.items() if max(first.values()) < late}


def where_seen(evidence: Sequence[Evidence], inventory: Inventory, window: Window) -> set[str]:
    """Return the accounts whose logs would show whoever takes a role; elsewhere no trust is narrowed."""
    places = [(holder.account, holder.source) for holder in inventory.holders]
    recorded = read_recorded(evidence, read_trails(evidence), places, window)
    seen = {account for account, one in recorded.items() if one.shows_every(_STS, window)}
    for one in evidence:
        for file in one.log_files():
            if file.lost:
                seen -= {account for account in seen if account in file.path} or seen
    return seen


def narrow_trust(text: str, seen: set[str]) -> str:
    """Return the trust policy without the principals that never took the role; empty: leave it.

    Lists of services, and of users and roles, in Allow statements get shorter where one of the list was
    seen: that shows that such records are kept. `AWS: *` becomes the users and roles seen, when every caller
    on record is one. Accounts as a whole stay, because naming a role instead of its account gives that role
    access without a policy of its own; so do federated principals, conditions and everything else. Nothing
    goes where somebody took the role whom the policy does not name by itself (`AWS Internal`, a caller of
    another account that its record does not name): whose entry let it in cannot be told.
    """
    try:
        raw = json.loads(text)
    except ValueError:
        return ""
    if not isinstance(raw, dict) or not seen:
        return ""
    written = raw.get("Statement", [])
    statements = written if isinstance(written, list) else [written]
    listed = {plain_service(name) for one in statements for name in _principals(one) if _is_allow(one)}
    if not all(_is_explained(name, listed) for name in seen):
        return ""
    narrowed = [_narrowed(statement, seen) for statement in statements]
    if narrowed == statements:
        return ""
    held = narrowed if isinstance(written, list) else narrowed[0]
    return json.dumps({**raw, "Statement": held}, indent=2, ensure_ascii=False)


def check_trust(before: str, after: str, seen: set[str]) -> tuple[Claim, Claim]:
    """Return the claims about a narrowed trust: everyone seen is still trusted, and nobody new is.

    Worked out from the two texts, not from how the one was made: the statements must agree in all but their
    principals, and each principal must stand in the old statement or be one that its `*` names.
    """
    try:
        old, new = _statements(json.loads(before)), _statements(json.loads(after))
    except ValueError:
        undecided = Claim(Standing.UNDECIDED, "the trust policy is no JSON")
        return undecided, undecided
    pairs = list(zip(old, new, strict=False))
    same = len(old) == len(new) and all(_rest(one) == _rest(other) for one, other in pairs)
    added = [name for one, other in pairs for name in _principals(other) if not _trusts(one, name)]
    if not same or added:
        witness = f"sts:AssumeRole by {added[0]}" if added else "a statement of the trust policy differs"
        contained = Claim(Standing.REFUTED, "the trust policy would let somebody new in", witness)
    else:
        contained = Claim(Standing.PROVED)
    lost = sorted(
        name
        for name in seen
        if any(_trusts(one, name) for one in old) and not any(_trusts(one, name) for one in new)
    )
    refused = tuple(f"sts:AssumeRole by {name}" for name in lost)
    reason = "the trust policy would shut out who takes the role" if lost else ""
    return Claim(Standing.REFUTED if lost else Standing.PROVED, reason, refused=refused), contained


def _narrowed(statement: Any, seen: set[str]) -> Any:
    if not _is_allow(statement):
        return statement
    principal = statement.get("Principal")
    everyone = principal == "*"
    if everyone:
        principal = {"AWS": "*"}
    if not isinstance(principal, Mapping):
        return statement
    found = {kind: _fewer(kind, value, seen) for kind, value in principal.items()}
    if everyone and found == {"AWS": "*"}:
        return statement
    return {**statement, "Principal": found} if found != principal or everyone else statement


def _fewer(kind: str, value: Any, seen: set[str]) -> Any:
    """Return the principals of one kind without those never seen; what cannot be told apart stays."""
    if kind == "AWS" and value in ("*", ["*"]):
        named = sorted(seen)
        return _one_or_all(named) if all(map(_is_person_or_role, named)) else value
    if kind not in ("AWS", "Service") or not isinstance(value, list):
        return value
    found = {plain_service(name) for name in seen}
    took = [name for name in value if plain_service(str(name)) in found]
    left = [name for name in value if name in took or (kind == "AWS" and not _is_person_or_role(name))]
    return _one_or_all(left) if took and len(left) < len(value) else value


def _is_explained(name: str, listed: set[str]) -> bool:
    """Tell whether an entry of the trust policy names a caller so that no other entry can have let it in."""
    kind, _, account = name.partition(_ACCOUNT)
    if not kind and account:
        named = any(_is_person_or_role(one) and account_of(one) == account for one in listed)
        return "*" in listed or (not named and _names_account(account, listed))
    if _is_person_or_role(name):
        return bool({name, "*"} & listed) or _names_account(account_of(name), listed)
    return plain_service(name) in listed


def _names_account(account: str, listed: set[str]) -> bool:
    return account in listed or any(one.endswith(f":iam::{account}:root") for one in listed)


def _one_or_all(names: list[str]) -> str | list[str]:
    return names[0] if len(names) == 1 else names


def _is_person_or_role(name: Any) -> bool:
    arn = parse_arn(name) if isinstance(name, str) and not _WILD & set(name) else None
    return arn is not None and arn.service == "iam" and arn.resource.startswith(("role/", "user/"))


def _statements(raw: Any) -> list[Any]:
    written = raw.get("Statement", []) if isinstance(raw, Mapping) else []
    return written if isinstance(written, list) else [written]


def _rest(statement: Any) -> Any:
    if not isinstance(statement, Mapping):
        return statement
    return {key: value for key, value in statement.items() if key != "Principal"}


def _principals(statement: Any) -> Iterator[str]:
    """Yield the principals of a statement, each with its kind where it has one that matters."""
    principal = statement.get("Principal") if isinstance(statement, Mapping) else None
    if isinstance(principal, str):
        yield principal
    elif isinstance(principal, Mapping):
        for value in principal.values():
            yield from (str(one) for one in (value if isinstance(value, list) else [value]))


def _trusts(statement: Any, name: str) -> bool:
    """Tell whether an Allow statement names a principal, itself or by a `*` for all users and roles."""
    if not _is_allow(statement):
        return isinstance(statement, Mapping) and name in _principals(statement)
    named = {plain_service(one) for one in _principals(statement)}
    return plain_service(name) in named or ("*" in named and _is_person_or_role(name))


def _is_allow(statement: Any) -> bool:
    return isinstance(statement, Mapping) and statement.get("Effect") == "Allow"
