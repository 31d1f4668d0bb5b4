"""Tell which roles each user and role may take, with every layer on both sides decided.

Who holds `sts:AssumeRole` on a role is not yet let in: the role's trust policy decides, and within one
account it is enough by itself where it names the caller (IAM user guide, "Policy evaluation logic").
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from connectors.aws.arns import parse_arn
from connectors.aws.catalog.actions import Catalogue, fold_action
from connectors.aws.grants.decide import Answer, Layer, LayerKind, Request, decide
from connectors.aws.grants.holdings import policies_of_all
from connectors.aws.grants.layers import limiting_layers, own_layers
from connectors.aws.grants.organization import Organization
from connectors.aws.inventory import Holder, Inventory
from connectors.aws.policy.conditions import Context
from connectors.aws.policy.document import Document, Statement
from connectors.aws.policy.globs import matches
from connectors.aws.trust.principal import principal_context
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
        alike = _is_plain(role.trust)
        answers: dict[object, Answer] = {}
        for caller in callers.named_in(role):
            if not callers.may_ask(caller, role):
                continue
            kind = callers.kind(caller, role.account) if alike else caller.arn
            if kind not in answers:
                answers[kind] = callers.ask(caller, role, trust)
            answer = answers[kind]
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
    _kinds: dict[tuple[str, str], object] = field(default_factory=dict)
    _numbers: dict[object, int] = field(default_factory=dict)
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

    def may_ask(self, caller: Holder, role: Holder) -> bool:
        """Tell whether a caller's own policies name a role, or need not: the trust may name the caller."""
        direct = {one.value for found in role.trust.statements for one in found.principals}
        if direct & {caller.arn, caller.immutable_id, "*"} or any(
            found.not_principals for found in role.trust.statements
        ):
            return True
        own, _, _ = self._of(caller)
        return any(_may_name(found, role.arn) for found in _statements(own))

    def kind(self, caller: Holder, owner: str) -> object:
        """Return what callers have in common whom the roles of an account (`owner`) answer alike.

        The same statements, limits and account, and no condition that could tell the callers apart.
        """
        key = (caller.arn, owner)
        if key not in self._kinds:
            own, readable, _ = self._of(caller)
            above = self._above(caller, owner)
            held = self.entitlements.get(caller.arn)
            certain = bool(held is not None and held.granted & self._bit)
            layers = tuple((layer.kind, tuple(_statements([layer]))) for layer in (*own, *above))
            kind = (caller.account, caller.kind, layers, readable, certain)
            alike = not any(map(_tells_callers_apart, _statements((*own, *above))))
            self._kinds[key] = self._numbers.setdefault(kind, len(self._numbers)) if alike else caller.arn
        return self._kinds[key]

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
            if caller.session_limit is not None and not caller.session_limit.readable:
                readable = False
            ids = () if self.organization.foreign(caller.account) else self.organization.ids
            context = principal_context(caller, self.window, ids)
            self._layers[caller.arn] = tuple(map(_narrowed, own_layers(policies))), readable, context
        return self._layers[caller.arn]


def _is_plain(trust: Document) -> bool:
    """Tell whether a trust policy names nothing but accounts, so that it cannot tell their callers apart."""
    return all(
        one.effect is Effect.ALLOW
        and not one.conditions
        and not one.not_principals
        and all(
            principal.kind != "AWS" or principal.value.isdigit() or principal.value.endswith(":root")
            for principal in one.principals
        )
        for one in trust.statements
    )


def _may_name(statement: Statement, role: str) -> bool:
    """Tell whether an Allow may be about a role; with variables or NotResource it is not worked out here."""
    if statement.effect is not Effect.ALLOW:
        return False
    if statement.not_resources or _has_variables(statement):
        return True
    return any(matches(pattern, role) for pattern in statement.resources)


def _statements(layers: Iterable[Layer]) -> Iterator[Statement]:
    for layer in layers:
        for document in layer.documents:
            yield from document.statements


def _tells_callers_apart(statement: Statement) -> bool:
    keys = (test.key.lower() for test in statement.conditions)
    return _has_variables(statement) or any(key.startswith(("aws:principal", "aws:user")) for key in keys)


def _has_variables(statement: Statement) -> bool:
    return any("${" in pattern for pattern in statement.resources)


def _narrowed(layer: Layer) -> Layer:
    """Return a layer with only the statements about taking roles: each is asked about many."""
    return replace(layer, documents=tuple(_about(one, one.problems) for one in layer.documents))


def _about(document: Document, problems: tuple[str, ...]) -> Document:
    return Document(tuple(filter(_speaks, document.statements)), problems)


def _speaks(statement: Statement) -> bool:
    named = any(matches(fold_action(one), _FOLDED) for one in statement.actions)
    return named != statement.not_actions


_FOLDED = fold_action(_ASSUME)
