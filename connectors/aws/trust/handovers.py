"""Tell to which services an identity may pass roles, where conditions on `iam:PassedToService` name them.

The caller picks the service, so the key is undecided for the permission as a whole; asked service by service
it is decided like any other (`catalog/handovers.toml`).
"""

from collections.abc import Iterable
from dataclasses import replace

from connectors.aws.catalog.actions import Catalogue
from connectors.aws.catalog.tables import table
from connectors.aws.grants.entitlement import Ceiling, Layers, effective
from connectors.aws.policy.conditions import Context
from connectors.aws.policy.statements import Held, hold
from connectors.facts import Effect, Handover


def handovers_of(layers: Layers, catalogue: Catalogue, partition: str) -> tuple[Handover, ...]:
    """Return for each service whether roles may be passed to it; nothing where no condition names any."""
    data = table("handovers")
    permission, key = str(data["permission"]), str(data["key"]).lower()
    bit = catalogue.permissions.mask([permission])
    own = tuple(held for held in layers.identity if held.clause.named & bit)
    above = tuple(held for ceiling in layers.ceilings for held in ceiling.clauses)
    if not any(_asks(held, key) for held in (*own, *above)):
        return ()
    found = []
    for service in data["services"]:
        names = (service, f"{service}.cn") if partition == "aws-cn" else (service,)
        answers = [_answer(layers, own, bit, key, name) for name in names]
        found.append(max((Handover(permission, service, *answer) for answer in answers), key=_rank))
    return tuple(found)


def _rank(one: Handover) -> tuple[int, bool]:
    return (2 if one.held else 1 if one.held is None else 0, one.wide)


def _answer(
    layers: Layers, own: tuple[Held, ...], bit: int, key: str, service: str
) -> tuple[bool | None, bool]:
    """Return whether a role may be passed to one service, and whether any role may."""
    context = layers.context.with_value(key, (service,))
    identity = tuple(_again(own, key, context))
    ceilings = tuple(_ceiling(ceiling, key, context) for ceiling in layers.ceilings)
    outcome = effective(Layers(identity, ceilings, context))
    held = True if outcome.granted & bit else None if outcome.conditional & bit else False
    wide = any(
        one.applies and one.clause.statement.effect is Effect.ALLOW and one.clause.wide(context) & bit
        for one in identity
    )
    return held, bool(held) and wide


def _ceiling(ceiling: Ceiling, key: str, context: Context) -> Ceiling:
    """Return a limit with the service known; one that may not apply at all stays as unsure as it was."""
    clauses = tuple(_again(ceiling.clauses, key, context))
    if ceiling.optional:
        clauses = tuple(
            new if new.applies is False or not old_is_unsure else replace(new, applies=None)
            for new, old_is_unsure in zip(clauses, (o.applies is None for o in ceiling.clauses), strict=True)
        )
    return replace(ceiling, clauses=clauses)


def _again(held: Iterable[Held], key: str, context: Context) -> Iterable[Held]:
    return (hold(one.clause, context) if _asks(one, key) else one for one in held)


def _asks(held: Held, key: str) -> bool:
    return any(test.key.lower() == key for test in held.clause.statement.conditions)
