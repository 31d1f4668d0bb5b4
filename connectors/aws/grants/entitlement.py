"""Work out what one identity effectively holds: Allow minus Deny, within the boundary and the SCP levels.

Rules: IAM user guide, "Policy evaluation logic". Identity policies, permissions boundary, service and
resource control policies and the resource policies at hand are interpreted. Session policies are only where
every session of a role has them (session_limits.py): else whoever can take a role can take it without one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import product

from connectors.aws.coverage.observability import union
from connectors.aws.grants.resource_policies import Given, Paths, ResourcePolicies
from connectors.aws.inventory import Holder
from connectors.aws.policy.conditions import Context
from connectors.aws.policy.statements import Held, Resource
from connectors.facts import Effect


@dataclass(frozen=True, slots=True)
class Ceiling:
    """A layer that gives nothing and limits what others give: a boundary, or one SCP level.

    `readable` is false when its document is not in the evidence: then nothing under it is certain.
    """

    name: str
    clauses: tuple[Held, ...] = ()
    readable: bool = True
    only_denies: bool = False
    """True for policies that take away and do not limit, because another one there allows."""
    optional: bool = False
    """True when the evidence does not say whether it stands above the identity at all."""
    boundary: bool = False
    """True for the permissions boundary and session policies: they do not limit what a resource policy
    gives directly."""


@dataclass(frozen=True, slots=True)
class Layers:
    """Everything that decides what one identity may do."""

    identity: tuple[Held, ...]
    ceilings: tuple[Ceiling, ...] = ()
    context: Context = field(default_factory=lambda: Context({}))
    around: "Around | None" = None


@dataclass(frozen=True, slots=True)
class Around:
    """The resource policies as they concern one identity."""

    policies: ResourcePolicies
    holder: Holder

    def on(self, path: Resource, context: Context) -> tuple[list[Held], tuple[int, int, str] | None]:
        """Return the Deny statements on a path, and what identity policies can give there at most."""
        policy = self.policies.at(path.pattern)
        if policy is None:
            return [], None
        denies = list(self.policies.denies(policy, self.holder, context))
        return denies, self.policies.let_through(policy, self.holder, context)

    def paths(self, given: tuple[Given, ...], context: Context, *, direct: bool) -> Paths:
        """Return the paths of what resource policies give, and all that is allowed on any of them.

        Many identities are given the same, which is worked out once unless it depends on who asks.
        """
        known = self.policies.paths.get((id(given), direct))
        if known is not None and known[0] is given:
            return known[1]
        paths = _paths([one.held for one in given if one.direct is direct], context)
        found = (paths, union(path[1] for path in paths), union(path[2] for path in paths))
        if self.policies.shared(given) and all(one.held.clause.fixed for one in given):
            self.policies.paths[id(given), direct] = (given, found)
        return found


@dataclass
class Effective:
    """What came out: permissions held for certain, those that hang on something undecided, and on what."""

    granted: int = 0
    conditional: int = 0
    reasons: set[str] = field(default_factory=set)
    suspended: set[Held] = field(default_factory=set)
    """Undecided Deny statements that made something conditional."""
    narrowed: set[Held] = field(default_factory=set)
    """Undecided Deny statements that the caller can avoid, so that they only narrow the reach."""
    places: dict[str, int] = field(default_factory=dict)
    """By resource pattern: what is held there at most."""

    def hold(self, pattern: str, permissions: int) -> None:
        """Note that permissions may be held on a pattern."""
        self.places[pattern] = self.places.get(pattern, 0) | permissions


def effective(layers: Layers) -> Effective:
    """Return what an identity holds, path by path: by its own policies, and by those of resources."""
    result = Effective()
    denies = [held for held in _all(layers) if _is(held, Effect.DENY)]
    for path, sure, perhaps, reasons in _paths(layers.identity, layers.context):
        here, most = layers.around.on(path, layers.context) if layers.around else ([], None)
        if most is not None:
            at_most_sure, at_most, where = most
            if perhaps & at_most & ~at_most_sure:
                reasons = reasons | {f"a condition in {where}"}  # noqa: PLW2901
            sure, perhaps = sure & at_most_sure, perhaps & at_most  # noqa: PLW2901
        _take(path, (sure, perhaps, reasons), [*denies, *here], layers, layers.ceilings, result)
    if layers.around is not None:
        _from_resources(layers.around, denies, layers, result)
    result.conditional &= ~result.granted
    if not result.conditional:
        result.reasons.clear()
    return result


def _from_resources(around: Around, denies: list[Held], layers: Layers, result: Effective) -> None:
    """Add what policies of resources in the same account give; only SCPs and Deny limit it where direct."""
    every = around.policies.given(around.holder, layers.context)
    for given, direct in product(every, (False, True)):
        ceilings = tuple(one for one in layers.ceilings if not (direct and one.boundary))
        paths, all_sure, all_perhaps = around.paths(given, layers.context, direct=direct)
        for path, _, perhaps, _ in paths:
            result.hold(path.pattern, perhaps)
        for path, sure, perhaps, reasons in paths:
            if not _adds(all_sure, all_perhaps, result):
                break  # hundreds of buckets may give everybody the same
            if not _adds(sure, perhaps, result):
                continue
            here, _ = around.on(path, layers.context)
            _take(path, (sure, perhaps, reasons), [*denies, *here], layers, ceilings, result)


def _adds(sure: int, perhaps: int, result: Effective) -> bool:
    """Tell whether something allowed is not held yet."""
    return bool(sure & ~result.granted or perhaps & ~(result.granted | result.conditional))


def _take(
    path: Resource,
    allowed: tuple[int, int, set[str]],
    denies: Sequence[Held],
    layers: Layers,
    ceilings: Sequence[Ceiling],
    result: Effective,
) -> None:
    """Add what Deny statements and ceilings leave of a path."""
    sure, perhaps, reasons = allowed
    left_sure, left = _under_denies(path, sure, perhaps, denies, layers.context, result)
    for ceiling in ceilings:
        within_sure, within = _within(ceiling, path, layers.context)
        if left & within & ~within_sure:
            result.reasons.add(_ceiling_reason(ceiling))
        left_sure &= within_sure
        left &= within
    if left:
        result.hold(path.pattern, left)
    result.granted |= left_sure
    if left & ~left_sure:
        result.conditional |= left
        result.reasons |= reasons


def _all(layers: Layers) -> Iterable[Held]:
    yield from layers.identity
    for ceiling in layers.ceilings:
        yield from ceiling.clauses


def _is(held: Held, effect: Effect) -> bool:
    return held.clause.statement.effect is effect and held.applies is not False


def _paths(allows: Iterable[Held], context: Context) -> list[tuple[Resource, int, int, set[str]]]:
    """Return each resource pattern once, with what is allowed there for certain, at most, and why not."""
    found: dict[str, tuple[int, int, set[str]]] = {}
    for held in allows:
        if not _is(held, Effect.ALLOW):
            continue
        for resource, permissions in held.clause.paths(context):
            sure, perhaps, reasons = found.get(resource.pattern, (0, 0, set()))
            if held.applies is None:
                keys = {f"condition on {key}" for key in _keys(held)}
                reasons = reasons | (keys or {"a resource policy that names single sessions of it"})
            elif resource.sure:
                sure |= permissions
            else:
                reasons = reasons | {"a resource that depends on the session"}
            found[resource.pattern] = (sure, perhaps | permissions, reasons)
    return [(Resource(pattern), *parts) for pattern, parts in sorted(found.items())]


def _keys(held: Held) -> list[str]:
    return sorted({test.key for test in held.undecided})


def _under_denies(
    path: Resource, sure: int, perhaps: int, denies: Sequence[Held], context: Context, result: Effective
) -> tuple[int, int]:
    """Return what Deny statements leave of a path: for certain, and at most."""
    for held in denies:
        certain, possible = held.clause.denies_on(path, context)
        if held.applies:
            perhaps &= ~certain
            if sure & possible & ~certain:
                result.reasons.add("a Deny on a resource that depends on the session")
            sure &= ~(certain | possible)
        elif sure & (certain | possible):
            if held.avoidable:
                result.narrowed.add(held)
            else:
                result.suspended.add(held)
                result.reasons |= {f"a Deny with a condition on {key}" for key in _keys(held)}
                if not held.undecided:
                    result.reasons.add("a policy that may not apply to this account or identity")
                sure &= ~(certain | possible)
    return sure, perhaps


def _within(ceiling: Ceiling, path: Resource, context: Context) -> tuple[int, int]:
    """Return what a ceiling lets through somewhere on a path: for certain, and at most."""
    if ceiling.only_denies:
        return -1, -1
    if not ceiling.readable:
        return 0, -1
    sure = perhaps = 0
    for held in ceiling.clauses:
        if _is(held, Effect.ALLOW):
            here = held.clause.allows_on(path, context)
            perhaps |= here
            if held.applies:
                sure |= here
    return sure, -1 if ceiling.optional else perhaps


def _ceiling_reason(ceiling: Ceiling) -> str:
    if not ceiling.readable:
        return f"{ceiling.name} is not readable"
    return ceiling.name if ceiling.optional else f"a condition in {ceiling.name}"
