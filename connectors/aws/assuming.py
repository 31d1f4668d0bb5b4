"""Tell which roles each user and role may take, with every layer on both sides decided.

Who holds `sts:AssumeRole` on a role is not yet let in: the role's trust policy decides, and within one
account it is enough by itself where it names the caller (IAM user guide, "Policy evaluation logic").
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from connectors.aws.arns import parse_arn
from connectors.aws.catalogue import Catalogue, fold_action
from connectors.aws.conditions import Context
from connectors.aws.decide import Answer, Layer, LayerKind, Request, decide
from connectors.aws.globs import matches
from connectors.aws.holdings import policies_of_all
from connectors.aws.inventory import Holder, Inventory
from connectors.aws.layers import limiting_layers, own_layers
from connectors.aws.organization import Organization
from connectors.aws.policy_document import Document, Statement
from connectors.aws.principal import principal_context
from connectors.facts import Effect, Entitlement, Step, Window

_ASSUME = "sts:AssumeRole"


def steps_of_all(
    inventory: Inventory,
    organization: Organization,
    entitlements: Mapping[str, Entitlement],
    catalogue: Catalogue,
    window: Window,
) -> dict[str, tuple[Step, ...]]:
    """Return by identity the roles that it may take, for certain or under an undecided condition.

    A boundary or policy that the dump lacks makes a step undecided, and so does everything that makes the
    permission itself conditional.
    """
    callers = _Callers(inventory, organization, entitlements, catalogue, window)
    found: dict[str, list[Step]] = {}
    for _, role in sorted(inventory.roles.items()):
        trust = Layer(LayerKind.RESOURCE, f"the trust policy of {role.arn}", (_about(role.trust, ()),))
        if not trust.documents[0].statements or role.path.startswith("/aws-service-role/"):
            continue
        for caller in callers.named_in(role):
            answer = callers.ask(caller, role, trust)
            if answer in (Answer.ALLOWED, Answer.UNDECIDED):
                found.setdefault(caller.arn, []).append(Step(role.arn, sure=answer is Answer.ALLOWED))
    return {identity: tuple(sorted(steps)) for identity, steps in sorted(found.items())}


@dataclass
class _Callers:
    """Everybody who may take roles, by the names that trust policies use."""

    inventory: Inventory
    organization: Organization
    entitlements: Mapping[str, Entitlement]
    catalogue: Catalogue
    window: Window
    _layers: dict[str, tuple[tuple[Layer, ...], bool, Context]] = field(default_factory=dict)
    _limits: dict[tuple[str, str], tuple[Layer, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        bit = self._bit = self.catalogue.permissions.mask([_ASSUME])
        self._policies = policies_of_all(self.inventory)
        self._by_name: dict[str, Holder] = {}
        self._holding: dict[str, list[Holder]] = {}
        self._in_account: dict[str, list[Holder]] = {}
        for holder in self.inventory.holders:
            if holder.path.startswith("/aws-service-role/"):
                continue
            held = self.entitlements.get(holder.arn)
            self._by_name[holder.arn] = holder
            if holder.immutable_id:
                self._by_name[holder.immutable_id] = holder
            self._in_account.setdefault(holder.account, []).append(holder)
            if held is not None and (held.granted | held.conditional) & bit:
                self._holding.setdefault(holder.account, []).append(holder)

    def named_in(self, role: Holder) -> list[Holder]:
        """Return who may be let in by a role's trust policy, each once and in order."""
        found: dict[str, Holder] = {}
        for statement in role.trust.statements:
            if statement.effect is not Effect.ALLOW or not _speaks(statement):
                continue
            values = {one.value for one in statement.principals if one.kind in ("AWS", "*")}
            if statement.not_principals:
                values = {"*"}
            for value in values:
                found |= {one.arn: one for one in self._meant(value, role.account)}
        found.pop(role.arn, None)
        return [holder for _, holder in sorted(found.items())]

    def _meant(self, value: str, account: str) -> Iterable[Holder]:
        if value == "*":
            others = (one for held in self._holding.values() for one in held)
            return (*self._in_account.get(account, ()), *others)
        if value in self._by_name:
            return (self._by_name[value],)
        arn = parse_arn(value)
        if value.isdigit() or (arn is not None and arn.resource == "root"):
            return self._holding.get(arn.account if arn is not None else value, ())
        return ()

    def ask(self, caller: Holder, role: Holder, trust: Layer) -> Answer:
        """Return whether a caller may take a role."""
        own, readable, context = self._of(caller)
        request = Request(
            _ASSUME,
            role.arn,
            context,
            other_account=caller.account != role.account,
            caller_id=caller.immutable_id,
        )
        answer = decide(request, [*own, *self._above(caller, role.account), trust]).answer
        held = self.entitlements.get(caller.arn)
        certain = readable and held is not None and held.granted & self._bit
        return Answer.UNDECIDED if answer is Answer.ALLOWED and not certain else answer

    def _above(self, caller: Holder, owner: str) -> tuple[Layer, ...]:
        """Return what limits a caller in an account, as far as it is about taking roles."""
        key = (caller.arn, owner)
        if key not in self._limits:
            limits = limiting_layers(caller, self.inventory, self.organization, owner)
            self._limits[key] = tuple(map(_narrowed, limits))
        return self._limits[key]

    def _of(self, caller: Holder) -> tuple[tuple[Layer, ...], bool, Context]:
        """Return a caller's own layers about taking roles, whether all could be read, and what it carries."""
        if caller.arn not in self._layers:
            policies = self._policies[caller.arn]
            boundary = self.inventory.policies.get(caller.boundary) if caller.boundary else None
            readable = all(one.document is not None and not one.document.problems for one in policies)
            if caller.boundary and (boundary is None or boundary.document is None):
                readable = False
            ids = () if self.organization.foreign(caller.account) else self.organization.ids
            context = principal_context(caller, self.window, ids)
            self._layers[caller.arn] = tuple(map(_narrowed, own_layers(policies))), readable, context
        return self._layers[caller.arn]


def _narrowed(layer: Layer) -> Layer:
    """Return a layer with only the statements about taking roles: each is asked about many."""
    return replace(layer, documents=tuple(_about(one, one.problems) for one in layer.documents))


def _about(document: Document, problems: tuple[str, ...]) -> Document:
    return Document(tuple(filter(_speaks, document.statements)), problems)


def _speaks(statement: Statement) -> bool:
    named = any(matches(fold_action(one), _FOLDED) for one in statement.actions)
    return named != statement.not_actions


_FOLDED = fold_action(_ASSUME)
