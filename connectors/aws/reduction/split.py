"""Split a policy document that is too large into several that together say the same."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from connectors.aws.reduction.trim import size

Statement = Mapping[str, Any]


def split(document: Mapping[str, Any], largest: int) -> list[Mapping[str, Any]]:
    """Return documents of at most `largest` characters with the statements of one, in their order.

    A single Allow statement that is too large is split by its actions, which means the same; nothing is
    returned when a statement cannot be split (NotAction, Deny).
    """
    written = document.get("Statement", [])
    statements = list(written) if isinstance(written, list) else [written]
    room = largest - size({**document, "Statement": []})
    found: list[list[Statement]] = [[]]
    used = 0
    for statement in statements:
        pieces = list(_pieces(statement, room))
        if not pieces:
            return []
        for piece in pieces:
            comma = 1 if found[-1] else 0
            if used + comma + size(piece) > room and found[-1]:
                found.append([])
                used = comma = 0
            found[-1].append(piece)
            used += comma + size(piece)
    return [{**document, "Statement": piece} for piece in found]


def _pieces(statement: Any, room: int) -> Iterator[Statement]:
    """Yield a statement in pieces that fit; nothing when it does not fit and cannot be split."""
    if not isinstance(statement, Mapping) or size(statement) <= room:
        yield statement
        return
    actions = statement.get("Action")
    if not isinstance(actions, list) or statement.get("Effect") != "Allow":
        return
    empty = size({**statement, "Action": []})
    held: list[str] = []
    used = empty
    for action in actions:
        needed = len(json.dumps(action, ensure_ascii=False)) + 1
        if used + needed > room and held:
            yield {**statement, "Action": held}
            held, used = [], empty
        held.append(action)
        used += needed
    yield {**statement, "Action": held}
