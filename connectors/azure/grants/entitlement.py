"""Work out what one identity effectively holds: assignments after denies, and what logs leave open."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from connectors.azure.coverage.coverage import (
    alternative_blind,
    group_blind,
    linked_blind,
    merged,
    mismatch_blind,
    unmapped_blind,
)
from connectors.azure.coverage.observability import Observability
from connectors.azure.grants.denies import Denies, Refused, after_denies
from connectors.azure.grants.grants import Given, Holding
from connectors.azure.identities.workloads import Ties
from connectors.azure.inventory import Inventory
from connectors.azure.policy.patterns import Universe
from connectors.azure.usage.graph_activity import GRAPH_OPERATION
from connectors.azure.usage.graph_use import GRAPH_ROLE
from connectors.azure.usage.sign_ins import SIGN_IN
from connectors.azure.usage.usage import Callers, Used
from connectors.facts import Blind, Entitlement, Identity, PermissionSet, Usage
from connectors.logs.rows import UsageRow


@dataclass
class Ground:
    """What is known of all identities when each is looked at."""

    inventory: Inventory
    universe: Universe
    ties: Mapping[str, Ties]
    callers: Callers
    used: Used
    rows: Sequence[UsageRow]
    sight: Observability
    refused: Mapping[str, Sequence[Refused]]
    """What denies take from each holding, as `refusals` says."""
    short: Container[str]
    """Groups of which not all members are known."""
    beside: Mapping[str, Sequence[Blind]]
    """By identity: what rights on the directory leave open."""
    _through: dict[str, list[Usage]] = field(default_factory=dict)
    _allowed: dict[str, set[str]] = field(default_factory=dict)
    _called: set[str] = field(init=False)
    _silent: set[str] = field(init=False)

    def __post_init__(self) -> None:
        for usage in self.used.usage:
            if usage.count > usage.denied:
                self._allowed.setdefault(usage.identity, set()).add(usage.permission)
            if usage.grant:
                self._through.setdefault(usage.identity, []).append(usage)
        self._called = {self.callers.resolve(row.identity) for row in self.rows}
        self._silent = _active(self.rows, self.callers) - {
            usage.identity for usage in self.used.usage if not usage.permission.startswith(GRAPH_ROLE)
        }

    def entitlement(self, identity: Identity, held: Sequence[Holding]) -> Entitlement:
        """Return what an identity holds by all its holdings, rights on the directory aside."""
        kinds = self.callers.may_be(identity.id, identity.kind)
        hidden = [
            *unmapped_blind(self.universe, self.used.unmapped_of(identity.id, kinds)),
            *alternative_blind(self.universe, self.used.alternatives.get(identity.id, ())),
            *linked_blind(self.universe, self._allowed.get(identity.id, ())),
            *mismatch_blind(self.universe, held, self._through.get(identity.id, ())),
            *self.used.unnamed.blind(self.universe, kinds, _by_scope(held)),
            *self.beside.get(identity.id, ()),
        ]
        return _doubted(self._held(identity, held, hidden), silent=identity.id in self._silent)

    def _held(self, identity: Identity, held: Sequence[Holding], hidden: Sequence[Blind]) -> Entitlement:
        """Sum the holdings up; `hidden` is what unclear log records leave open.

        What only a group gives is not called unused where its members (`short`: not all known) may be others
        than the evidence names, and never for the group itself: a member's call may have gone through it.
        """
        granted = conditional = own = 0
        blind: list[Blind] = []
        reasons = set()
        for holding in held:
            given = after_denies(holding, self.refused[_key(holding)])
            granted |= given.granted
            conditional |= given.conditional
            if holding.assignment.is_group:
                group = holding.assignment.principal
                own |= given.granted if group != identity.id and group not in self.short else 0
            elif self._is_caller(identity.id) or holding.assignment.kind:
                own |= given.granted
            blind += self.sight.of(holding, identity.account)
            if given.conditional:
                reasons.add(f"{holding.role}: {holding.conditions or 'an undecided deny assignment'}")
        conditional &= ~granted
        if granted & ~own:
            blind.append(group_blind(granted & ~own))
        return Entitlement(
            identity=identity.id,
            granted=granted,
            conditional=conditional,
            conditional_reason="; ".join(sorted(reasons)) if conditional else "",
            blind=merged([*hidden, *blind]),
        )

    def _is_caller(self, identity: str) -> bool:
        """Return whether the evidence shows that a principal calls by itself and is no group.

        Assignments of old API versions do not say what kind of principal they are for.
        """
        return identity in self.inventory.principals or identity in self.ties or identity in self._called


def refusals(denies: Denies, held: Iterable[Holding]) -> dict[str, Sequence[Refused]]:
    """Return what denies take from each holding."""
    return {_key(holding): denies.on(holding) for holding in held}


def left_by(refused: Mapping[str, Sequence[Refused]], held: Iterable[Holding]) -> list[tuple[Holding, Given]]:
    """Return each holding with what denies leave of it."""
    return [(holding, after_denies(holding, refused[_key(holding)])) for holding in held]


def visible(entitlement: Entitlement) -> PermissionSet:
    """Return what is held of which some log would have shown the use."""
    seen = entitlement.granted
    for blind in entitlement.blind:
        seen &= ~blind.permissions
    return seen


def with_directory(entitlement: Entitlement, held: PermissionSet) -> Entitlement:
    """Return an entitlement with what the directory gives beside it."""
    return replace(entitlement, granted=entitlement.granted | held) if held else entitlement


def _key(holding: Holding) -> str:
    return f"{holding.identity} {holding.assignment.id}"


def _by_scope(held: Iterable[Holding]) -> dict[str, PermissionSet]:
    found: dict[str, PermissionSet] = {}
    for holding in held:
        scope = holding.assignment.scope
        found[scope] = found.get(scope, 0) | holding.given.granted
    return found


def _doubted(entitlement: Entitlement, *, silent: bool) -> Entitlement:
    """Hide everything of a principal whose calls cannot be those that logs show, or are in no log given."""
    reason = _SILENT if silent else _BY_MAIL if entitlement.identity.startswith("user:") else None
    if reason is None or not entitlement.granted:
        return entitlement
    return replace(entitlement, blind=(*entitlement.blind, Blind(entitlement.granted, *reason)))


_SILENT = (
    "active-without-a-call",
    "it signed in or called Microsoft Graph in the window, and no other call of it is in the logs given",
    "add the logs of what it calls: its sign-ins name the services",
)
_BY_MAIL = (
    "caller-not-joined",
    "it is known by its mail address only, and logs name callers by object id",
    "remove classic administrators: Azure retired them in 2024; use role assignments",
)


def _active(rows: Iterable[UsageRow], callers: Callers) -> set[str]:
    """Return who signed in, or called Graph, whatever else the logs say of them."""
    return {
        callers.resolve(row.identity)
        for row in rows
        if row.identity
        and row.outcome == "allowed"
        and (row.operation == SIGN_IN or row.operation.startswith(GRAPH_OPERATION))
    }
