"""Tell which roles each user and role may take, with every layer on both sides decided.

Who holds `sts:AssumeRole` on a role is not yet let in: the role's trust policy decides, and within one
account it is enough by itself where it names the caller (IAM user guide, "Policy evaluation logic").
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from connectors.facts import Effect, Entitlement, Window
from connectors.steps import StepGroup, Steps

_ASSUME = "sts:AssumeRole"


def steps_of_all(
    inventory: Inventory,
    organization: Organization,
    entitlements: Mapping[str, Entitlement],
    catalogue: Catalogue,
    window: Window,
) -> Steps:
    """Return by identity the roles that it may take, for certain or under an undecided condition.

    A boundary or policy that the dump lacks makes a step undecided, and so does everything that makes the
    permission itself conditional. Roles of an account with the same trust are asked about together, and so
    are callers whom nothing tells apart: where everybody trusts everybody, pairs would be millions.
    """
    callers = _Callers(inventory, organization, entitlements, catalogue, window)
    found: dict[StepGroup, list[str]] = {}
    for roles in _by_trust(inventory.roles.values()):
        for group in _into(roles, callers):
            found.setdefault(group._replace(targets=()), []).extend(group.targets)
    return Steps(group._replace(targets=tuple(sorted(targets))) for group, targets in found.items())


def _by_trust(roles: Iterable[Holder]) -> Iterable[list[Holder]]:
    """Return the roles that somebody may take, those of an account with the same trust together."""
    alike: dict[tuple[str, tuple[Statement, ...]], list[Holder]] = {}
    for role in sorted(roles, key=lambda role: role.arn):
        if not role.path.startswith("/aws-service-role/") and any(map(_speaks, role.trust.statements)):
            alike.setdefault((role.account, role.trust.statements), []).append(role)
    return alike.values()


def _into(roles: Sequence[Holder], callers: "_Callers") -> Iterator[StepGroup]:
    """Yield who may take roles of one account that have the same trust."""
    everywhere: dict[tuple[bool, bool], list[str]] = {}
    open_ = any(map(_lets_everybody_in, roles[0].trust.statements))
    for alike in callers.named_in(roles[0]):
        names = tuple(caller.arn for caller in alike)
        if callers.heed_names(alike[0], roles[0]):
            targets: dict[tuple[bool, bool], list[str]] = {}
            for role in callers.perhaps(alike[0], roles):
                sure = callers.may_take(alike, role)
                if sure is not None:
                    anyway = open_ and sure and not callers.names(alike[0], role)
                    targets.setdefault((sure, anyway), []).append(role.arn)
            yield from (StepGroup(names, tuple(found), *how) for how, found in targets.items())
        else:
            # One answer for all roles; the second is asked about where the first is the only caller itself.
            answers = (callers.may_take(alike, role) for role in roles[:2])
            sure = next((answer for answer in answers if answer is not None), None)
            if sure is not None:
                anyway = open_ and sure and not callers.names(alike[0], roles[0])
                everywhere.setdefault((sure, anyway), []).extend(names)
    for how, found in everywhere.items():
        yield StepGroup(tuple(sorted(found)), tuple(role.arn for role in roles), *how)


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
    _alike: dict[tuple[frozenset[str], str], list[list[Holder]]] = field(default_factory=dict)

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

    def named_in(self, role: Holder) -> list[list[Holder]]:
        """Return who may be let in by a role's trust policy, each once: together whom nothing tells apart.

        The role itself is among them where the trust names it.
        """
        values: set[str] = set()
        for statement in role.trust.statements:
            if statement.effect is not Effect.ALLOW or not _speaks(statement):
                continue
            values |= {one.value for one in statement.principals if one.kind in ("AWS", "*")}
            if statement.not_principals:
                values = {"*"}
                break
        if not _is_plain(role.trust):
            return [[one] for one in self._meant(values, role.account)]
        key = (frozenset(values), role.account)
        if key not in self._alike:
            alike: dict[object, list[Holder]] = {}
            for one in self._meant(values, role.account):
                alike.setdefault(self.kind(one, role.account), []).append(one)
            self._alike[key] = list(alike.values())
        return self._alike[key]

    def _meant(self, values: Iterable[str], account: str) -> list[Holder]:
        found = {one.arn: one for value in values for one in self._by(value, account)}
        return [holder for _, holder in sorted(found.items())]

    def _by(self, value: str, account: str) -> Iterable[Holder]:
        if value == "*":
            others = (one for held in self._holding.values() for one in held)
            return (*self._in_account.get(account, ()), *others)
        if value in self._by_name:
            return (self._by_name[value],)
        arn = parse_arn(value)
        if value.isdigit() or (arn is not None and arn.resource == "root"):
            return self._holding.get(arn.account if arn is not None else value, ())
        return ()

    def heed_names(self, caller: Holder, role: Holder) -> bool:
        """Tell whether the answer may differ among the roles with one trust, for the names they have."""
        own, _, _ = self._of(caller)
        said = _statements((*own, *self._above(caller, role.account)))
        return any(one.resources != ("*",) for one in said) or any(
            one.resources for one in role.trust.statements
        )

    def perhaps(self, caller: Holder, roles: Sequence[Holder]) -> Iterable[Holder]:
        """Return the roles, of those with one trust, that a caller's own policies name, or need not name.

        They need not where the trust names the caller; variables and NotResource are not worked out.
        """
        trust = roles[0].trust.statements
        direct = {one.value for statement in trust for one in statement.principals}
        if direct & {caller.arn, caller.immutable_id, "*"} or any(one.not_principals for one in trust):
            return roles
        patterns = self._named_by(caller)
        return roles if patterns is None else [role for role in roles if _fits(patterns, role)]

    def names(self, caller: Holder, role: Holder) -> bool:
        """Tell whether a caller's own policies let it ask for a role, whoever else the role lets in."""
        patterns = self._named_by(caller)
        return patterns is None or _fits(patterns, role)

    def _named_by(self, caller: Holder) -> list[str] | None:
        """Return the patterns of a caller's own Allow statements; None where they are not worked out."""
        own, _, _ = self._of(caller)
        allows = [one for one in _statements(own) if one.effect is Effect.ALLOW]
        if any(one.not_resources or _has_variables(one) for one in allows):
            return None
        return list(dict.fromkeys(pattern for one in allows for pattern in one.resources))

    def may_take(self, alike: Sequence[Holder], role: Holder) -> bool | None:
        """Return whether one of some callers may take a role: true for sure, false perhaps, None not at all.

        A role does not take itself, so the first of the others is asked.
        """
        caller = next((one for one in alike if one.arn != role.arn), None)
        answer = self.ask(caller, role) if caller is not None else None
        return None if answer not in (Answer.ALLOWED, Answer.UNDECIDED) else answer is Answer.ALLOWED

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

    def ask(self, caller: Holder, role: Holder) -> Answer:
        """Return whether a caller may take a role."""
        trust = Layer(LayerKind.RESOURCE, f"the trust policy of {role.arn}", (_about(role.trust, ()),))
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
    """Tell whether a trust policy names only accounts and asks nothing that tells their callers apart."""
    return all(
        not one.not_principals
        and not _tells_callers_apart(one)
        and all(
            principal.kind != "AWS" or principal.value == "*" or _is_account(principal.value)
            for principal in one.principals
        )
        for one in trust.statements
    )


def _fits(patterns: Iterable[str], role: Holder) -> bool:
    return any(matches(pattern, role.arn) for pattern in patterns)


def _lets_everybody_in(statement: Statement) -> bool:
    """Tell whether a statement gives a role to everybody, whatever else its policy says."""
    everybody = statement.not_principals or any(one.value == "*" for one in statement.principals)
    return statement.effect is Effect.ALLOW and everybody and not statement.conditions and _speaks(statement)


def _is_account(value: str) -> bool:
    return value.isdigit() or value.endswith(":root")


def _statements(layers: Iterable[Layer]) -> Iterator[Statement]:
    for layer in layers:
        for document in layer.documents:
            yield from document.statements


def _tells_callers_apart(statement: Statement) -> bool:
    return _has_variables(statement) or any(
        test.key.lower().startswith(("aws:principal", "aws:user")) or any("${" in one for one in test.values)
        for test in statement.conditions
    )


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
