"""Work out what resource policies give each identity, and where they keep it from what it was given.

Rules: IAM user guide, "Policy evaluation logic" for one account and across accounts; KMS developer guide,
"Key policies". Role trust policies are the resource policies of roles.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from connectors.aws.catalog.actions import Catalogue
from connectors.aws.grants.callers import Caller, Named, how_named, session_key
from connectors.aws.grants.public_access import PublicAccess
from connectors.aws.grants.surroundings import Surroundings
from connectors.aws.inventory import Holder
from connectors.aws.policy.conditions import Context
from connectors.aws.policy.document import ConditionTest, Document
from connectors.aws.policy.statements import Clause, Held, Resource, hold
from connectors.facts import Caveat, Effect

_SESSION_ACTIONS = ("sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity")
"""What a trust policy can let users and roles do."""
PARTS = {"es": "/", "s3": "/", "dynamodb": "/", "lambda": ":", "logs": ":"}
"""Services whose resources have parts under their policy: objects, indices, versions."""


@dataclass(frozen=True, slots=True)
class ResourcePolicy:
    """The policy of one resource; its statements name the resource itself wherever they say `*`."""

    arn: str
    account: str
    """Owner; empty when the evidence does not say (buckets)."""
    document: Document
    whole: bool = True
    """False when only grants of a KMS key are known, and not its policy."""

    @property
    def service(self) -> str:
        """The prefix of the actions that it can be about."""
        return "sts" if ":role/" in self.arn else self.arn.split(":", 3)[2]


@dataclass(frozen=True, slots=True)
class Given:
    """An Allow of a resource policy that names an identity of the same account."""

    policy: ResourcePolicy
    held: Held
    direct: bool
    """True when boundary and session policies do not limit it."""


Paths = tuple[list[tuple[Resource, int, int, set[str]]], int, int]
"""Resource patterns with what is allowed on each for certain, at most, and why not; and on any of them."""


@dataclass
class Crowd:
    """The Allow statements to everybody that stand under one and the same condition, in one account.

    Hundreds of buckets have the same statement: its condition is decided once for each identity.
    """

    members: list[tuple[int, ResourcePolicy, Clause]] = field(default_factory=list)
    _given: dict[tuple[bool | None, tuple[ConditionTest, ...]], tuple[tuple[int, Given], ...]] = field(
        default_factory=dict
    )

    def given(self, context: Context) -> tuple[tuple[int, Given], ...]:
        """Return what it gives an identity, each with its place in the account's order."""
        first = hold(self.members[0][2], context)
        if first.applies is False:
            return ()
        key = (first.applies, first.undecided)
        if key not in self._given:
            self._given[key] = tuple(
                (place, Given(policy, Held(clause, *key), direct=True))
                for place, policy, clause in self.members
            )
        return self._given[key]


@dataclass
class ResourcePolicies:
    """The resource policies of the evidence and the trust policies of its roles, by ARN."""

    by_arn: dict[str, ResourcePolicy] = field(default_factory=dict)
    caveats: list[Caveat] = field(default_factory=list)
    read: bool = False
    """True when the evidence holds resource policies at all, beside trust policies."""
    beside: Surroundings = field(default_factory=Surroundings)
    public_access: PublicAccess = field(default_factory=PublicAccess)
    lists_read: bool = False
    """True when the evidence holds access control lists of buckets."""
    without_lists: set[str] = field(default_factory=set)
    """Buckets that let nobody in by access control list."""
    _bound: dict[str, tuple[Clause, ...]] = field(default_factory=dict)
    _naming: dict[str, list[tuple[ResourcePolicy, Clause]]] = field(default_factory=dict)
    _open: dict[str, list[tuple[int, ResourcePolicy, Clause]]] = field(default_factory=dict)
    """By account: statements that give to everybody but those they list."""
    _crowds: dict[str, dict[object, Crowd]] = field(default_factory=dict)
    _together: dict[tuple[int, ...], tuple[Given, ...]] = field(default_factory=dict)
    """What some crowds give together, by the identities of their parts: the same for many identities."""
    _places_of: dict[str, int] = field(default_factory=dict)
    _places: dict[Clause, str] = field(default_factory=dict)
    _found: dict[str, ResourcePolicy | None] = field(default_factory=dict)
    _last: tuple[str, Context | None, tuple[tuple[Given, ...], ...]] = ("", None, ())
    paths: dict[tuple[int, bool], tuple[tuple[Given, ...], Paths]] = field(default_factory=dict)
    """What was worked out from some of what is given, kept by whoever did; each beside what it is of."""

    def place(self, clause: Clause) -> str:
        """Return the resource whose policy holds a clause, or an empty text."""
        return self._places.get(clause, "")

    def bind(self, catalogue: Catalogue) -> None:
        """Bind all statements to the catalogue, and index those that give by whom they name."""
        sessions = catalogue.permissions.mask(_SESSION_ACTIONS)
        for policy in self.by_arn.values():
            clauses = []
            within = sessions if policy.service == "sts" else catalogue.expand(f"{policy.service}:*")
            for statement in policy.document.statements:
                limit = statement.effect is Effect.DENY
                clause = Clause(statement, catalogue, limit=limit, within=None if limit else within)
                clauses.append(clause)
                self._places[clause] = policy.arn
                if not limit:
                    self._index(policy, clause)
            self._bound[policy.arn] = tuple(clauses)

    def _index(self, policy: ResourcePolicy, clause: Clause) -> None:
        statement = clause.statement
        names = {one.value for one in statement.principals if one.kind in ("AWS", "*")}
        if statement.not_principals or "*" in names:
            place = self._places_of[policy.account] = self._places_of.get(policy.account, -1) + 1
            if statement.not_principals:
                self._open.setdefault(policy.account, []).append((place, policy, clause))
            else:
                condition = (statement.conditions, statement.variables)
                crowd = self._crowds.setdefault(policy.account, {}).setdefault(condition, Crowd())
                crowd.members.append((place, policy, clause))
            return
        for name in sorted({session_key(name) if ":assumed-role/" in name else name for name in names}):
            self._naming.setdefault(name, []).append((policy, clause))

    def given(self, holder: Holder, context: Context) -> tuple[tuple[Given, ...], ...]:
        """Return what policies of resources in the identity's own account give it by name, and to everybody.

        The answer for the identity asked about last is kept: grants and entitlement both want it.
        """
        if self._last[0] != holder.arn or self._last[1] is not context:
            self._last = (holder.arn, context, self._given(holder, context))
        return self._last[2]

    def _given(self, holder: Holder, context: Context) -> tuple[tuple[Given, ...], ...]:
        caller = caller_of(holder)
        keys = (holder.arn, holder.immutable_id or "-", session_key(holder.arn) or "-")
        found = [one for key in keys for one in self._naming.get(key, ())]
        named = tuple(self._one_by_one(found, caller, context))
        crowds = [crowd.given(context) for crowd in self._crowds.get(holder.account, {}).values()]
        spared = [
            (place, given)
            for place, policy, clause in self._open.get(holder.account, ())
            for given in self._one_by_one([(policy, clause)], caller, context)
        ]
        if spared:
            return named, tuple(_in_order([*crowds, spared]))
        parts = tuple(id(part) for part in crowds)
        if parts not in self._together:
            self._together[parts] = tuple(_in_order(crowds))
        return named, self._together[parts]

    def shared(self, given: tuple[Given, ...]) -> bool:
        """Tell whether this is what many identities are given, kept as long as the policies are."""
        return any(given is one for one in self._together.values())

    def _one_by_one(
        self, found: Iterable[tuple[ResourcePolicy, Clause]], caller: Caller, context: Context
    ) -> Iterator[Given]:
        for policy, clause in found:
            if policy.account != caller.account:
                continue
            named = how_named(clause.statement, caller)
            if named is None or named > Named.ACCOUNT:
                held = hold(clause, context)
                if held.applies is not False:
                    held = held if named is not None else replace(held, applies=None)
                    yield Given(policy, held, direct=named is Named.ITSELF)

    def at(self, pattern: str) -> ResourcePolicy | None:
        """Return the policy of the resource that a pattern lies in: the resource itself, or a part of it."""
        if pattern not in self._found:
            self._found[pattern] = self._at(pattern)
        return self._found[pattern]

    def _at(self, pattern: str) -> ResourcePolicy | None:
        parts = pattern.split(":", 3)
        mark = PARTS.get(parts[2], "") if len(parts) == 4 else ""
        whole = pattern
        while whole not in self.by_arn and mark and mark in whole:
            whole = whole.rpartition(mark)[0]
        return self.by_arn.get(whole)

    def denies(self, policy: ResourcePolicy, holder: Holder, context: Context) -> Iterator[Held]:
        """Yield the Deny statements of a policy that name an identity, or may."""
        caller = caller_of(holder)
        for clause in self._bound.get(policy.arn, ()):
            if clause.statement.effect is not Effect.DENY:
                continue
            named = how_named(clause.statement, caller)
            if named is not Named.NO:
                held = hold(clause, context)
                if held.applies is not False:
                    yield held if named is not None else replace(held, applies=None)

    def let_through(
        self, policy: ResourcePolicy, holder: Holder, context: Context
    ) -> tuple[int, int, str] | None:
        """Return what identity policies can give on a resource: for certain, at most, and why not more.

        None where the resource's own policy is not needed: within one account that is everything but KMS
        keys and roles. Across accounts it must name the identity, its account, or everybody; a bucket may
        let in by ACL what its policy does not, so what that would be stays possible.
        """
        own = policy.account == holder.account
        if not policy.account or not policy.whole or (own and policy.service not in ("kms", "sts")):
            return None
        caller = caller_of(holder)
        sure = perhaps = 0
        out = self.keeps_others_out(policy, holder)
        for clause in self._bound.get(policy.arn, ()):
            if clause.statement.effect is Effect.DENY or out:
                continue
            named = how_named(clause.statement, caller)
            if named is Named.NO:
                continue
            applies = hold(clause, context).applies
            if applies is not False:
                perhaps |= clause.named
                if applies and named is not None and out is False:
                    sure |= clause.named
        what = "trust policy" if policy.service == "sts" else "key policy" if own else "resource policy"
        if policy.service == "s3" and policy.arn not in self.without_lists and not out:
            perhaps = -1
        catalogue = self._bound[policy.arn][0].catalogue if self._bound.get(policy.arn) else None
        others = ~catalogue.expand(f"{policy.service}:*") if catalogue is not None else -1
        return sure | others, perhaps | others, f"the {what} of {policy.arn}"

    def keeps_others_out(self, policy: ResourcePolicy, holder: Holder) -> bool | None:
        """Tell whether a block of public access keeps an identity out of a bucket of another account."""
        if policy.service != "s3" or policy.account in ("", holder.account):
            return False
        return self.public_access.keeps_others_out(policy.arn, policy.account)


def _in_order(parts: Iterable[Iterable[tuple[int, Given]]]) -> Iterator[Given]:
    every = [numbered for part in parts for numbered in part]
    yield from (given for _, given in sorted(every, key=lambda numbered: numbered[0]))


def caller_of(holder: Holder) -> Caller:
    """Return an identity as resource policies name callers."""
    return Caller(
        holder.arn,
        holder.account,
        is_user=holder.kind == "user",
        id=holder.immutable_id,
        bounded=bool(holder.boundary),
    )
