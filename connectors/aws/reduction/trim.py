"""Take permissions out of a policy document and leave everything else in it as it stands.

Only Allow statements whose condition is decided change, and of those only the action list: Sid, Resource,
Condition and the order of elements stay, and so do action patterns that name nothing to be removed.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from connectors.aws.catalog.actions import fold_action
from connectors.aws.policy.compress import Compressor, length
from connectors.aws.policy.conditions import Context
from connectors.aws.policy.globs import covers, overlaps
from connectors.aws.policy.statements import Clause, Held
from connectors.facts import Effect
from connectors.reduction import Stay

KEEP_SID = "EntdriftKeep"
"""A statement whose Sid starts with this is never changed: the owner's opt-out."""
_WILD = frozenset("*?")
_COMPACT = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Trimmer:
    """What one identity's documents are trimmed with: `seen` are permissions it called or tried to."""

    remove: int
    seen: int
    context: Context
    compressor: Compressor


@dataclass(frozen=True)
class Trimmed:
    """A document without what was to go; `document` is None when no Allow and no Deny is left."""

    document: Mapping[str, Any] | None
    changed: bool
    stays: tuple[Stay, ...] = ()

    @cached_property
    def text(self) -> str:
        """The document as it is written; empty when nothing is left."""
        return "" if self.document is None else json.dumps(self.document, indent=2, ensure_ascii=False)

    @cached_property
    def size(self) -> int:
        """The size of the document as AWS counts it."""
        return size(self.document)


@dataclass
class _Slot:
    """One statement on its way: the raw statement, its clause, and its action list when that changes."""

    raw: Any
    clause: Clause | None = None
    element: str = "Action"
    actions: list[str] | None = None


def trim(
    raw: Mapping[str, Any], held: Sequence[Held], trimmer: Trimmer, *, largest: int | None = None
) -> Trimmed:
    """Return a document without the permissions to remove.

    `held` are its understood statements; one that is missing there was not understood and stays. With
    `largest` (characters, whitespace not counted) action lists are grouped until the document fits, which
    gives some of the removed permissions back.
    """
    by_index = {one.clause.statement.index: one for one in held}
    written = raw.get("Statement", [])
    items = written if isinstance(written, list) else [written]
    stays: list[Stay] = []
    slots = [_slot(item, by_index.get(index), trimmer, stays) for index, item in enumerate(items)]
    if all(slot.actions is None for slot in slots):
        return Trimmed(raw, changed=False, stays=tuple(stays))
    document = _document(raw, slots)
    for _ in range(3):
        over = size(document) - largest if largest is not None and document is not None else 0
        if over <= 0:
            break
        _shrink(slots, trimmer, over)
        document = _document(raw, slots)
    changed = any(slot.actions is not None for slot in slots)
    return Trimmed(document if changed else raw, changed=changed, stays=tuple(stays))


def size(document: Mapping[str, Any] | None) -> int:
    """Return the characters of a document as AWS counts them: JSON without whitespace.

    IAM user guide, "IAM and AWS STS quotas". Blanks inside texts are counted, which can only be too many.
    """
    return 0 if document is None else len(_COMPACT.encode(document))


def _slot(item: Any, held: Held | None, trimmer: Trimmer, stays: list[Stay]) -> _Slot:
    if held is None or held.clause.statement.effect is Effect.DENY:
        return _Slot(item)
    clause = held.clause
    cut = clause.named & trimmer.remove
    if not cut or held.applies is False:
        return _Slot(item)
    name = clause.statement.name
    if clause.statement.sid.startswith(KEEP_SID):
        stays.append(Stay(cut, "opted-out", f"statement {name} is marked to be kept"))
        return _Slot(item)
    if held.applies is None:
        reason = f"statement {name} gives it under a condition that the evidence does not decide"
        stays.append(Stay(cut & clause.permissions(trimmer.context), "condition-undecided", reason))
        return _Slot(item)
    slot = _Slot(item, clause)
    if clause.statement.not_actions:
        slot.element, slot.actions = _shorter(clause, trimmer)
    else:
        slot.actions = _patterns(clause, trimmer)
    return slot


def _document(raw: Mapping[str, Any], slots: Sequence[_Slot]) -> Mapping[str, Any] | None:
    statements = [
        slot.raw if slot.actions is None else _with_actions(slot)
        for slot in slots
        if slot.actions is None or slot.actions
    ]
    if not statements:
        return None
    single = not isinstance(raw.get("Statement"), list)
    return {**raw, "Statement": statements[0] if single else statements}


def _with_actions(slot: _Slot) -> Mapping[str, Any]:
    """Return the raw statement with its new list where the old one stood; one text stays one text."""
    found = {}
    for key, value in slot.raw.items():
        if key in ("Action", "NotAction"):
            actions = slot.actions or []
            found[slot.element] = actions[0] if isinstance(value, str) and len(actions) == 1 else actions
        else:
            found[key] = value
    return found


def _patterns(clause: Clause, trimmer: Trimmer, within: int | None = None) -> list[str]:
    """Return a statement's action list without what goes; untouched entries keep place and spelling."""
    catalogue = clause.catalogue
    kept: list[str | None] = []
    partly: list[str] = []
    stands = wanted = 0
    needed = clause.permissions(trimmer.context) | trimmer.seen
    for pattern in clause.statement.actions:
        named = catalogue.expand_all(pattern)
        left = named & ~trimmer.remove & needed
        if not named & trimmer.remove:
            kept.append(pattern)
            stands |= named
        elif left and _WILD & set(pattern):
            if not partly:
                kept.append(None)
            partly.append(fold_action(pattern))
            wanted |= left
    free = clause.named & ~trimmer.remove
    if within is not None:
        within -= length([pattern for pattern in kept if pattern])
    written = trimmer.compressor.shortest(
        wanted & ~stands,
        free,
        lambda pattern: any(covers(outer, fold_action(pattern)) for outer in partly),
        within=within,
    )
    return [entry for pattern in kept for entry in ([pattern] if pattern else written)]


def _shorter(clause: Clause, trimmer: Trimmer) -> tuple[str, list[str]]:
    """Return a NotAction statement's new list: the longer NotAction or the explicit Action, if shorter."""
    explicit = _explicit(clause, trimmer)
    if not explicit:
        return "Action", []
    excluded = _excluded(clause, trimmer)
    if length(explicit) <= length(excluded):
        return "Action", explicit
    return "NotAction", excluded


def _explicit(clause: Clause, trimmer: Trimmer, within: int | None = None) -> list[str]:
    spared = [fold_action(pattern) for pattern in clause.statement.actions]
    needed = clause.permissions(trimmer.context) | trimmer.seen
    return trimmer.compressor.shortest(
        clause.named & ~trimmer.remove & needed,
        clause.named & ~trimmer.remove,
        lambda pattern: not any(overlaps(fold_action(pattern), one) for one in spared),
        within=within,
    )


def _excluded(clause: Clause, trimmer: Trimmer, within: int | None = None) -> list[str]:
    """Return the NotAction list with the removed actions added: those first that take most per character."""
    catalogue = clause.catalogue
    extra = [name.lower() for name in catalogue.permissions.names(catalogue.extra)]
    added = trimmer.compressor.shortest(
        clause.named & trimmer.remove,
        catalogue.known & ~clause.named,
        lambda pattern: not any(overlaps(fold_action(pattern), name) for name in extra),
    )
    kept = list(clause.statement.actions)
    if within is None:
        return kept + added
    within -= length(kept)
    chosen = set()
    for pattern in sorted(added, key=lambda one: (-catalogue.expand(one).bit_count() / len(one), one)):
        within -= length([pattern])
        if within < 0:
            break
        chosen.add(pattern)
    return kept + [pattern for pattern in added if pattern in chosen]


def _shrink(slots: Iterable[_Slot], trimmer: Trimmer, over: int) -> None:
    """Shorten the changed lists together by `over` characters, the longest ones most."""
    changed = [(slot, slot.clause) for slot in slots if slot.actions and slot.clause]
    whole = sum(length(slot.actions or []) for slot, _ in changed)
    for slot, clause in changed:
        have = length(slot.actions or [])
        _fit(slot, clause, trimmer, max(0, have - -(-over * have // whole)))


def _fit(slot: _Slot, clause: Clause, trimmer: Trimmer, within: int) -> None:
    """Write a list that fits: the form that gives back least. One that names all is left as it stood."""
    statement = clause.statement
    options: list[tuple[str, list[str]]] = []
    if statement.not_actions:
        options = [
            ("NotAction", _excluded(clause, trimmer, within)),
            ("Action", _explicit(clause, trimmer, within)),
        ]
    else:
        options = [("Action", _patterns(clause, trimmer, within))]
        if "*" in statement.actions:
            options.append(("NotAction", _all_but(clause, trimmer, within)))
    fitting = [(element, found) for element, found in options if found and length(found) <= within]
    if not fitting:
        slot.actions = None
        return
    slot.element, slot.actions = min(
        fitting, key=lambda option: _given_back(option[0], option[1], clause, trimmer)
    )


def _all_but(clause: Clause, trimmer: Trimmer, within: int) -> list[str]:
    """Return what `Action: *` becomes when it is written as everything but the removed actions."""
    catalogue = clause.catalogue
    extra = [name.lower() for name in catalogue.permissions.names(catalogue.extra)]
    added = trimmer.compressor.shortest(
        trimmer.remove & catalogue.known,
        0,
        lambda pattern: not any(overlaps(fold_action(pattern), name) for name in extra),
    )
    chosen = []
    for pattern in sorted(added, key=lambda one: (-catalogue.expand(one).bit_count() / len(one), one)):
        within -= length([pattern])
        if within < 0:
            break
        chosen.append(pattern)
    return sorted(chosen, key=str.lower)


def _given_back(element: str, actions: Sequence[str], clause: Clause, trimmer: Trimmer) -> tuple[int, str]:
    named = 0
    for pattern in actions:
        named |= clause.catalogue.expand(pattern)
    if element == "NotAction":
        named = clause.catalogue.known & ~named
    return (named & trimmer.remove).bit_count(), element
