"""Cover wanted permissions with given roles at the least excess, weighted by risk.

What a role gives beyond the wanted is its excess; roles that share excess pay for it once. Unweighted set
cover takes the role that holds everything, because it covers most. A greedy choice is pruned, and then proved
best or bettered by branch and bound as far as the allowed effort goes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil

from connectors.facts import PermissionSet

_EFFORT = 60_000
"""Prices looked at by branch and bound: about half a second at most."""
_CHUNK = 8
_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Candidate:
    """A role that may be given."""

    name: str
    permissions: PermissionSet
    home: PermissionSet | None = None
    """The permissions of the service it is made for; None: for no service, so it is nowhere a stranger."""
    extra: int = 0
    """What having it costs beside: a name that a reviewer would stumble over, a preview stage."""


@dataclass(frozen=True, slots=True)
class Pricing:
    """What excess costs. A permission of several risk classes costs what the dearest of them does."""

    risks: tuple[tuple[PermissionSet, int], ...] = ()
    """(permissions, cost of each); all others cost `plain`."""
    plain: int = 1
    role: int = 1
    """Each role, so that of two equal covers the one with fewer roles is taken."""
    stranger: int = 20
    """A role that covers nothing of the service it is made for: right on paper, odd to a reader."""
    outside: int = 10
    """How many times dearer excess is that the present grant does not give either."""


@dataclass(frozen=True, slots=True)
class Cover:
    """Roles that together give the wanted permissions, sorted by name, and what they give beside them."""

    roles: tuple[Candidate, ...]
    missing: PermissionSet
    """Wanted permissions that no candidate gives."""
    excess: PermissionSet
    outside: PermissionSet
    """The part of the excess that the present grant does not give."""
    cost: int
    exact: bool
    """True when no cover of these candidates costs less."""


def least_excess(
    wanted: PermissionSet,
    allowed: PermissionSet,
    candidates: Iterable[Candidate],
    pricing: Pricing | None = None,
    *,
    excluded: frozenset[str] = frozenset(),
    effort: int = _EFFORT,
) -> Cover:
    """Return the cheapest cover found of what is wanted.

    `allowed` is what the present grant gives; candidates that stay within it make a cover that is contained
    in it. The cost is that of all excess together plus that of each role; equal input gives equal roles.
    """
    price = _Price(wanted, allowed, pricing or Pricing())
    useful = sorted(
        (one for one in candidates if one.permissions & wanted and one.name not in excluded),
        key=lambda one: one.name,
    )
    coverable = 0
    for one in useful:
        coverable |= one.permissions
    coverable &= wanted
    best = _pruned(_greedy(coverable, useful, price), coverable, price)
    best, exact = _search(coverable, useful, best, price, effort)
    given = 0
    for one in best:
        given |= one.permissions
    return Cover(
        roles=tuple(sorted(best, key=lambda one: one.name)),
        missing=wanted & ~coverable,
        excess=given & ~wanted,
        outside=given & ~wanted & ~allowed,
        cost=price.of(best),
        exact=exact,
    )


def excess_cost(given: PermissionSet, wanted: PermissionSet, allowed: PermissionSet, pricing: Pricing) -> int:
    """Return what everything costs that is given and not wanted, in the money that covers are compared in."""
    return _Price(wanted, allowed, pricing).excess(given)


class _Price:
    """Costs as disjoint sets of permissions that cost the same."""

    def __init__(self, wanted: PermissionSet, allowed: PermissionSet, pricing: Pricing) -> None:
        self.wanted, self._allowed, self._pricing = wanted, allowed, pricing
        self._classes: list[tuple[int, PermissionSet]] = []
        taken = wanted
        for mask, cost in sorted(pricing.risks, key=lambda risk: -risk[1]):
            self._classes.append((cost, mask & ~taken))
            taken |= mask
        self._taken = taken

    def excess(self, permissions: PermissionSet) -> int:
        """Return what a set costs, the wanted being free."""
        times = self._pricing.outside - 1
        found = 0
        for cost, mask in self._classes:
            held = permissions & mask
            if held:
                found += cost * (held.bit_count() + times * (held & ~self._allowed).bit_count())
        plain = permissions & ~self._taken
        return found + self._pricing.plain * (
            plain.bit_count() + times * (plain & ~self._allowed).bit_count()
        )

    def role(self, role: Candidate) -> int:
        """Return what having a role costs beside its excess."""
        strange = role.home is not None and not role.home & role.permissions & self.wanted
        return self._pricing.role + role.extra + (self._pricing.stranger if strange else 0)

    def of(self, roles: Iterable[Candidate]) -> int:
        """Return what roles cost together."""
        given = fixed = 0
        for role in roles:
            given |= role.permissions
            fixed += self.role(role)
        return fixed + self.excess(given)


def _greedy(wanted: PermissionSet, roles: Sequence[Candidate], price: _Price) -> list[Candidate]:
    """Take again and again the role that costs least for each permission it adds."""
    chosen: list[Candidate] = []
    given = 0
    while wanted & ~given:
        left = wanted & ~given
        useful = [role for role in roles if role.permissions & left]
        best = min(
            useful,
            key=lambda role: (
                (price.role(role) + price.excess(role.permissions & ~given))
                / (role.permissions & left).bit_count(),
                role.name,
            ),
        )
        chosen.append(best)
        given |= best.permissions
        roles = useful
    return chosen


def _pruned(chosen: Sequence[Candidate], wanted: PermissionSet, price: _Price) -> list[Candidate]:
    """Drop roles that the others make needless, dearest first."""
    kept = list(chosen)
    for role in sorted(chosen, key=lambda one: (-price.of([one]), one.name)):
        given = 0
        for other in kept:
            if other is not role:
                given |= other.permissions
        if not wanted & ~given:
            kept.remove(role)
    return kept


@dataclass(frozen=True, slots=True)
class _Option:
    """A role in the search: `covers` over the wanted, `excess` over the blocks, and what having it costs."""

    role: Candidate
    covers: int
    excess: int
    fixed: int
    share: float
    """Its fixed cost for each permission it covers: part of a bound from below."""


@dataclass
class _State:
    """The best cover so far and the effort left."""

    cost: int
    chosen: list[Candidate]
    effort: int


def _search(
    wanted: PermissionSet, roles: Sequence[Candidate], best: list[Candidate], price: _Price, effort: int
) -> tuple[list[Candidate], bool]:
    """Return the best cover, and whether it was proved to be the best.

    A role that alone costs as much as the cover in hand cannot be part of a better one.
    """
    state = _State(price.of(best), best, effort)
    cheaper = [role for role in roles if price.of([role]) < state.cost]
    cheaper = _undominated(cheaper, wanted, price)
    if len(cheaper) ** 2 > effort:
        return best, False
    blocks = _Blocks(wanted, cheaper, price)
    options = blocks.options
    _branch(_Node((1 << wanted.bit_count()) - 1, 0, 0, options), blocks, state, [])
    return state.chosen, state.effort > 0


def _undominated(roles: Sequence[Candidate], wanted: PermissionSet, price: _Price) -> list[Candidate]:
    """Leave out roles that another one is never worse than: it covers as much with no excess of its own."""
    groups: dict[PermissionSet, list[Candidate]] = {}
    for role in sorted(roles, key=lambda one: (price.of([one]), one.name)):
        covers = role.permissions & wanted
        held = groups.setdefault(covers, [])
        excess, fixed = role.permissions & ~wanted, price.role(role)
        if not any(
            not other.permissions & ~wanted & ~excess and price.role(other) <= fixed for other in held
        ):
            held.append(role)
    return sorted((role for held in groups.values() for role in held), key=lambda one: one.name)


class _Blocks:
    """Excess permissions that the same roles give, as one block with one weight each."""

    def __init__(self, wanted: PermissionSet, roles: Sequence[Candidate], price: _Price) -> None:
        blocks = self._split(wanted, roles)
        covers = [self._packed(role.permissions, wanted) for role in roles]
        weights = [price.excess(block) for block in blocks]
        reached = [0] * len(blocks)
        excess = [0] * len(roles)
        for number, block in enumerate(blocks):
            for at, role in enumerate(roles):
                if role.permissions & block:
                    excess[at] |= 1 << number
                    reached[number] |= covers[at]
        self._bytes = (len(blocks) + _CHUNK - 1) // _CHUNK
        self._whole = self._tables(weights)
        # A block's weight is spread over all that roles with it could cover: together never more than paid.
        self._spread = self._tables(
            [w / max(n.bit_count(), 1) for w, n in zip(weights, reached, strict=True)]
        )
        self.options = [
            _Option(role, covers[at], excess[at], price.role(role), price.role(role) / covers[at].bit_count())
            for at, role in enumerate(roles)
        ]

    @staticmethod
    def _split(wanted: PermissionSet, roles: Iterable[Candidate]) -> list[PermissionSet]:
        blocks: list[PermissionSet] = []
        seen = wanted
        for role in roles:
            new = role.permissions & ~seen
            seen |= new
            parts = [
                part for block in blocks for part in (block & role.permissions, block & ~role.permissions)
            ]
            blocks = [part for part in (*parts, new) if part]
        return blocks

    @staticmethod
    def _packed(permissions: PermissionSet, wanted: PermissionSet) -> int:
        found, place, left = 0, 0, wanted
        while left:
            lowest = left & -left
            found |= bool(permissions & lowest) << place
            left ^= lowest
            place += 1
        return found

    @staticmethod
    def _tables(weights: Sequence[float]) -> list[list[float]]:
        """Return for every eight blocks what each choice of them weighs."""
        tables = []
        for start in range(0, len(weights), _CHUNK):
            table = [0.0]
            for weight in weights[start : start + _CHUNK]:
                table += [weight + held for held in table]
            tables.append(table)
        return tables

    def weight(self, excess: int) -> int:
        """Return what blocks cost."""
        packed = excess.to_bytes(self._bytes, "little")
        return round(sum(table[one] for table, one in zip(self._whole, packed, strict=True) if one))

    def spread(self, excess: int) -> float:
        """Return what blocks cost for each permission that roles with them could cover."""
        packed = excess.to_bytes(self._bytes, "little")
        return sum(table[one] for table, one in zip(self._spread, packed, strict=True) if one)


@dataclass(frozen=True, slots=True)
class _Node:
    """A place in the search: what is left to cover, what was paid for, and which roles may still be taken."""

    left: int
    excess: int
    cost: int
    options: Sequence[_Option]


def _branch(node: _Node, blocks: _Blocks, state: _State, chosen: list[_Option]) -> None:
    """Cover the permission with the fewest choices left in every way that may still be cheaper."""
    if not node.left:
        if node.cost < state.cost:
            state.cost, state.chosen = node.cost, [option.role for option in chosen]
        return
    if state.effort <= 0:
        return
    useful = []
    for option in node.options:
        if option.covers & node.left:
            state.effort -= 1
            price = option.fixed + blocks.weight(option.excess & ~node.excess)
            if node.cost + price < state.cost:
                useful.append((price, option))
    column = _cheapest_bound(node, useful, blocks, state)
    if not column:
        return
    tried: set[str] = set()
    for price, option in sorted(useful, key=lambda pair: (pair[0], pair[1].role.name)):
        if not option.covers & column:
            continue
        rest = [one for _, one in useful if one.role.name not in tried and one is not option]
        tried.add(option.role.name)
        chosen.append(option)
        below = _Node(node.left & ~option.covers, node.excess | option.excess, node.cost + price, rest)
        _branch(below, blocks, state, chosen)
        chosen.pop()


def _cheapest_bound(
    node: _Node, useful: Sequence[tuple[int, _Option]], blocks: _Blocks, state: _State
) -> int:
    """Return the permission to branch on; 0 when no cover below this node can be cheaper than the best."""
    shares = [(option, blocks.spread(option.excess & ~node.excess) + option.share) for _, option in useful]
    least, dearest = 0.0, 0
    column, fewest = 0, len(useful) + 1
    left = node.left
    while left:
        bit = left & -left
        left ^= bit
        fitting = [
            (share, price)
            for (option, share), (price, _) in zip(shares, useful, strict=True)
            if option.covers & bit
        ]
        if not fitting:
            return 0
        least += min(share for share, _ in fitting)
        dearest = max(dearest, min(price for _, price in fitting))
        if len(fitting) < fewest:
            column, fewest = bit, len(fitting)
    bound = node.cost + max(dearest, ceil(least - _TOLERANCE))
    return column if bound < state.cost else 0
