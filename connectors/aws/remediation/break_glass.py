"""Write the companion for rare needs: what was removed, as a policy that only holds until a given time."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.aws.catalog.actions import Catalogue, fold_action
from connectors.aws.policy.compress import Compressor
from connectors.aws.policy.document import Document, parse_document
from connectors.aws.policy.globs import covers
from connectors.aws.policy.statements import Clause
from connectors.aws.reduction.quotas import MANAGED_SIZE
from connectors.aws.reduction.split import split
from connectors.aws.reduction.standing import Kind, is_deny_all
from connectors.facts import Effect
from connectors.reduction import Change

CLOSED = "1970-01-01T00:00:00Z"
"""The time in a companion that nobody has opened: it is over, so the policy gives nothing."""
_OPERATORS = ("DateLessThan", "DateLessThanEquals")


def break_glass(changes: Sequence[Change], until: str = "") -> list[str]:
    """Return policy documents with what the changes remove, on the same resources, until `until`.

    Conditions of the original statements stay, and the time is one more. Attach it by hand when a removed
    permission is needed once; without `until` the documents are closed and the time is to be filled in.
    """
    catalogue = Catalogue()
    compressor = Compressor(catalogue)
    left = 0
    changes = [change for change in changes if change.kind != Kind.NARROW_TRUST]
    for change in changes:
        for clause in _allows(parse_document(change.after), catalogue) if _is_document(change.after) else ():
            left |= clause.named
    statements: list[Mapping[str, Any]] = []
    for text in _befores(changes):
        raw = json.loads(text)
        written = raw.get("Statement", [])
        items = written if isinstance(written, list) else [written]
        for clause in _allows(parse_document(text), catalogue):
            actions = _removed(clause, left, compressor)
            if actions:
                found = _bound(items[clause.statement.index], actions, until or CLOSED)
                statements += [] if found in statements else [found]
    if not statements:
        return []
    whole = {"Version": "2012-10-17", "Statement": statements}
    return [
        json.dumps(piece, indent=2, ensure_ascii=False) for piece in split(whole, MANAGED_SIZE) or [whole]
    ]


def opened_boundary(changes: Sequence[Change], until: str = "") -> str:
    """Return a policy to set as the boundary in the place of AWSDenyAll, which opens it until `until`.

    Policies attached beside a boundary that denies everything give nothing. A boundary that allows everything
    until a time gives back exactly the policies that stand, and nothing after it. Empty where no identity was
    disabled, and where another boundary stood before: a policy cannot hold two ceilings.
    """
    if not any(_disables(change) and not change.before for change in changes):
        return ""
    statement = {
        "Sid": "SetAsBoundaryInPlaceOfAWSDenyAll",
        "Effect": "Allow",
        "Action": "*",
        "Resource": "*",
        "Condition": {_OPERATORS[0]: {"aws:CurrentTime": until or CLOSED}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=2)


def _disables(change: Change) -> bool:
    return change.kind == Kind.SET_BOUNDARY and is_deny_all(change.after)


def _is_document(text: str) -> bool:
    return text.lstrip().startswith("{")


def _befores(changes: Sequence[Change]) -> Iterator[str]:
    """Yield the documents that stood; those of a group stand in a list."""
    for change in changes:
        if _is_document(change.before):
            yield change.before
        elif change.before.lstrip().startswith("["):
            yield from (
                json.dumps(document) for document in json.loads(change.before) if isinstance(document, dict)
            )


def _allows(document: Document, catalogue: Catalogue) -> Iterator[Clause]:
    for statement in document.statements:
        if statement.effect is Effect.ALLOW:
            yield Clause(statement, catalogue)


def _removed(clause: Clause, left: int, compressor: Compressor) -> list[str]:
    patterns = [fold_action(pattern) for pattern in clause.statement.actions]

    def allowed(pattern: str) -> bool:
        return not clause.statement.not_actions and any(covers(p, fold_action(pattern)) for p in patterns)

    return compressor.shortest(clause.named & ~left, 0, allowed)


def _bound(raw: Mapping[str, Any], actions: Sequence[str], until: str) -> Mapping[str, Any]:
    """Return a statement with these actions alone and the end time as one more condition."""
    condition = {str(k): dict(v) for k, v in (raw.get("Condition") or {}).items()}
    held = {(name.lower(), key.lower()) for name, keys in condition.items() for key in keys}
    operator = next(
        (one for one in _OPERATORS if (one.lower(), "aws:currenttime") not in held), _OPERATORS[0]
    )
    condition.setdefault(operator, {})["aws:CurrentTime"] = until
    kept = {k: v for k, v in raw.items() if k in ("Sid", "Effect", "Resource", "NotResource")}
    return {**kept, "Action": list(actions), "Condition": condition}
