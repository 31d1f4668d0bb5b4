"""Say exactly what statements allow beyond others: which actions, on which resources, under which condition.

The question is settled by the exact containment of `containment.py`. To name what is new, the actions of a
statement are put into groups that no statement tells apart; one action then answers for its whole group.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from connectors.aws.catalog.actions import Catalogue
from connectors.aws.policy.containment import Answer, Containment, contains
from connectors.aws.policy.document import Statement
from connectors.baselines import Excess, Growth
from connectors.facts import Effect

_WILD = frozenset("*?")


@dataclass(frozen=True, slots=True)
class _Sides:
    """What is compared."""

    allowed: Sequence[Statement]
    refusals: Sequence[Statement]
    """The Deny statements of what is asked."""
    catalogue: Catalogue


def excess(
    allowed: Sequence[Statement], asked: Sequence[tuple[Statement, str]], catalogue: Catalogue
) -> Iterator[Excess]:
    """Yield what `asked` (statement and where it is written) allows and `allowed` does not.

    Nothing is yielded only where containment is proved; a doubt is yielded as UNDECIDED.
    """
    for statement in [*allowed, *(one for one, _ in asked)]:
        for action in statement.actions:
            catalogue.expand(action)
    sides = _Sides(allowed, [one for one, _ in asked if one.effect is Effect.DENY], catalogue)
    for statement, source in asked:
        if statement.effect is Effect.ALLOW and not _contained(sides, statement):
            yield from _named(sides, statement, source)


def _contained(sides: _Sides, statement: Statement) -> bool:
    return contains(sides.allowed, [statement, *sides.refusals]).answer is Answer.YES


def _named(sides: _Sides, statement: Statement, source: str) -> Iterator[Excess]:
    giving = [one for one in sides.allowed if one.effect is Effect.ALLOW]
    allowed_names = 0
    for one in giving:
        allowed_names |= _names(one, sides.catalogue)
    refused_names = 0
    for one in sides.refusals:
        refused_names |= _names(one, sides.catalogue)
    found = False
    for group in _groups(sides, _askable(statement, sides.catalogue)):
        names = tuple(sides.catalogue.permissions.names(group))
        if not group & (allowed_names | refused_names):
            found = True
            yield _excess(Growth.PERMISSION, names, statement, source, Containment(Answer.NO))
            continue
        single = replace(statement, actions=names[:1], not_actions=False)
        result = contains(sides.allowed, [single, *sides.refusals])
        if result.answer is Answer.YES:
            continue
        found = True
        if not group & allowed_names:
            yield _excess(Growth.PERMISSION, names, statement, source, result)
        else:
            yield from _narrower(sides, giving, single, names, source)
    if not found:
        yield from _unlisted(sides, statement, source)


def _unlisted(sides: _Sides, statement: Statement, source: str) -> Iterator[Excess]:
    """Yield the wildcards that cover actions beyond the catalogue, when every listed action is allowed."""
    pieces = (
        [statement]
        if statement.not_actions
        else [replace(statement, actions=(a,)) for a in statement.actions]
    )
    wide = [one for one in pieces if not _contained(sides, one)]
    names = tuple(dict.fromkeys(action for one in wide for action in one.actions))
    reason = f"an action that the list of {sides.catalogue.date} does not know: all that it knows are allowed"
    if names:
        yield _excess(Growth.PERMISSION, names, statement, source, Containment(Answer.NO, witness=reason))


def _narrower(
    sides: _Sides, giving: Sequence[Statement], single: Statement, names: tuple[str, ...], source: str
) -> Iterator[Excess]:
    """Yield whether scope or condition grows, for actions that the allowed statements name too."""
    plain = [replace(one, conditions=()) for one in giving]
    refused = [one for one in sides.allowed if one.effect is Effect.DENY]
    pieces = [single] if single.not_resources else [replace(single, resources=(r,)) for r in single.resources]
    for piece in pieces:
        result = contains(sides.allowed, [piece, *sides.refusals])
        if result.answer is Answer.YES:
            continue
        loosened = contains([*plain, *refused], [piece, *sides.refusals]).answer is Answer.YES
        yield _excess(Growth.CONDITION if loosened else Growth.SCOPE, names, piece, source, result)


def _excess(
    growth: Growth, names: tuple[str, ...], statement: Statement, source: str, result: Containment
) -> Excess:
    resources = statement.resources
    if statement.not_resources:
        resources = (f"everything but {', '.join(statement.resources)}",)
    unknown = result.answer is Answer.UNKNOWN
    return Excess(
        growth=Growth.UNDECIDED if unknown else growth,
        permissions=names,
        scopes=resources,
        condition=statement.condition_text,
        source=source,
        reason=result.reason if unknown else result.witness.removesuffix(" on "),
    )


def _askable(statement: Statement, catalogue: Catalogue) -> int:
    """Return the actions to ask about: those written out, and those of wildcards that the resources fit."""
    named = _names(statement, catalogue)
    if statement.not_resources:
        return named
    reachable = 0
    for resource in statement.resources:
        reachable |= catalogue.reachable(resource)
    written = 0
    for action in statement.actions if not statement.not_actions else ():
        if not _WILD & set(action):
            written |= catalogue.expand(action)
    return named & (reachable | written)


def _names(statement: Statement, catalogue: Catalogue) -> int:
    named = 0
    for action in statement.actions:
        named |= catalogue.expand_all(action)
    return catalogue.everything & ~named if statement.not_actions else named


def _groups(sides: _Sides, actions: int) -> list[int]:
    """Split actions into sets that every statement of either side treats alike."""
    groups = [actions] if actions else []
    for statement in (*sides.allowed, *sides.refusals):
        named = _names(statement, sides.catalogue)
        groups = [part for group in groups for part in (group & named, group & ~named) if part]
    return groups
