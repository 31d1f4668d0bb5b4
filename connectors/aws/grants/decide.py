"""Decide one request against policies, in three values, and say which layer and statement decided."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from connectors.aws.catalog.action_data import load_catalogue
from connectors.aws.catalog.actions import fold_action
from connectors.aws.grants.callers import Caller, Named, how_named
from connectors.aws.policy.conditions import Context, Missing, evaluate, substitute
from connectors.aws.policy.document import Document, Principal, Statement
from connectors.aws.policy.globs import matches
from connectors.facts import Effect


class Answer(StrEnum):
    """What the policies say to a request."""

    ALLOWED = "allowed"
    EXPLICITLY_DENIED = "explicitly-denied"
    IMPLICITLY_DENIED = "implicitly-denied"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Request:
    """One call: who (by context key `aws:PrincipalArn`), what, on what, and what else is known of it."""

    action: str
    resource: str
    context: Context
    session: str = ""
    """ARN of the role session, where the caller is one."""
    other_account: bool = False
    """True when the resource belongs to another account than the caller."""
    caller_id: str = ""
    """Unique id of the user or role, where known."""
    outsider: Principal | None = None
    """A caller that is no user or role of IAM: a service, or the provider of a federated identity."""


class LayerKind(StrEnum):
    """What a layer does: identity and resource policies give, the others limit."""

    IDENTITY = "identity"
    RESOURCE = "resource"
    BOUNDARY = "boundary"
    SCP = "scp"
    RCP = "rcp"
    SESSION = "session"
    ENDPOINT = "endpoint"
    """The policy of the VPC endpoint that the request went through."""


@dataclass(frozen=True, slots=True)
class Layer:
    """Policies that are evaluated together; each SCP level (root, unit, account) is a layer of its own."""

    kind: LayerKind
    name: str
    documents: tuple[Document, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer, the layer that decided it, and its statement where one did."""

    answer: Answer
    layer: str = ""
    statement: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What the Allow statements of a layer come to."""

    answer: bool | None = False
    statement: str = ""
    named: Named = Named.ITSELF
    """How a resource policy names the caller."""


@dataclass
class _Denied:
    certain: Decision | None = None
    possible: list[Decision] = field(default_factory=list)


def decide(request: Request, layers: Iterable[Layer]) -> Decision:
    """Return the answer to one request by the evaluation logic of the IAM user guide.

    1. An explicit Deny in any layer wins. A Deny of a resource control policy counts for services that
       support them only.
    2. Then something must give. Within one account an identity policy, or a resource policy that names the
       caller; one that names only the account hands the decision to the identity policies. Across accounts
       both must. `sts:AssumeRole` and calls on KMS keys need the trust or key policy in any case, where it
       is among the layers: identity policies count only as far as that policy names the account. An
       outsider (a service, a federated identity) has nothing but the resource policy.
    3. Then every limiting layer must allow too: SCP levels, boundary, session policy, endpoint policy. A
       resource policy that names the user, the session or everybody is not limited by a boundary or session
       policy. Of RCPs only Deny statements count: RCPFullAWSAccess stands on every level and cannot go.

    What hangs on a condition that `request.context` does not answer makes the result undecided, unless it
    cannot change it. A resource policy that is not among the layers counts as naming nobody (a key policy:
    as naming the account). Not modelled: S3 ACLs and KMS grants; whoever makes
    the layers leaves out what a block of public access refuses.
    """
    if fold_action(request.action) == "sts:getcalleridentity":
        return Decision(Answer.ALLOWED, reason="needs no permission")
    found = tuple(layer for layer in layers if layer.kind is not LayerKind.RCP or _has_rcp(request))
    denied = _denies(request, found)
    if denied.certain:
        return denied.certain
    given, named = _given(request, found)
    if given.answer == Answer.IMPLICITLY_DENIED:
        return given
    doubts = [*denied.possible, *([given] if given.answer == Answer.UNDECIDED else [])]
    for layer in found:
        if layer.kind not in _limits(request, named):
            continue
        verdict = _allows(request, layer, None)
        if verdict.answer is False:
            return Decision(
                Answer.IMPLICITLY_DENIED, layer.name, reason="no statement of this layer allows it"
            )
        if verdict.answer is None:
            doubts.append(
                Decision(Answer.UNDECIDED, layer.name, verdict.statement, "its condition is undecided")
            )
    return doubts[0] if doubts else given


def _has_rcp(request: Request) -> bool:
    return fold_action(request.action).partition(":")[0] in load_catalogue().rcp_services


def _limits(request: Request, named: Named) -> set[LayerKind]:
    """Return the kinds of layer that limit what was given; SCPs are about users and roles only."""
    if request.outsider is not None:
        return {LayerKind.ENDPOINT}
    if named is Named.ITSELF and not request.other_account:
        return {LayerKind.SCP, LayerKind.ENDPOINT}
    return {LayerKind.SCP, LayerKind.ENDPOINT, LayerKind.BOUNDARY, LayerKind.SESSION}


def _denies(request: Request, layers: Iterable[Layer]) -> _Denied:
    result = _Denied()
    caller = _caller(request, layers)
    for layer in layers:
        for statement in _statements(layer):
            if statement.effect is not Effect.DENY:
                continue
            applies = _applies(request, statement)
            if layer.kind is LayerKind.RESOURCE and applies is not False:
                named = _named(statement, request, caller)
                applies = False if named is Named.NO else applies if named else None
            if applies:
                result.certain = Decision(
                    Answer.EXPLICITLY_DENIED, layer.name, statement.name, "a Deny applies"
                )
                return result
            if applies is None:
                result.possible.append(
                    Decision(Answer.UNDECIDED, layer.name, statement.name, "a Deny may apply")
                )
    return result


def _given(request: Request, layers: Sequence[Layer]) -> tuple[Decision, Named]:
    """Return whether identity and resource policies give the access, before limits, and how directly."""
    caller = _caller(request, layers)
    name, own = _best(request, layers, LayerKind.IDENTITY, caller)
    place, theirs = _best(request, layers, LayerKind.RESOURCE, caller)
    direct = theirs if theirs.named > Named.ACCOUNT else _Verdict()
    if request.outsider is not None:
        return _combined((place, theirs)), Named.ITSELF
    if request.other_account:
        return _combined((name, own), (place, theirs)), Named.NO
    if direct.answer and (direct.named is Named.ITSELF or not own.answer):
        return _combined((place, direct)), direct.named
    needed = [(name, own)]
    if _needs_resource_policy(request) and any(layer.kind is LayerKind.RESOURCE for layer in layers):
        needed.append((place, theirs))
    own_way = _combined(*needed)
    if own_way.answer is Answer.IMPLICITLY_DENIED and direct.answer is None:
        return _combined((place, direct)), direct.named
    return own_way, Named.NO


def _needs_resource_policy(request: Request) -> bool:
    """Tell whether no request goes without the resource's own policy: role trust and KMS key policies."""
    action = fold_action(request.action)
    key = action.startswith("kms:") and ":key/" in request.resource
    return key or action in ("sts:assumerole", "sts:tagsession", "sts:setsourceidentity")


def _combined(*sides: tuple[str, _Verdict]) -> Decision:
    """Return what sides that must all allow come to."""
    for layer, verdict in sides:
        if verdict.answer is False:
            return Decision(Answer.IMPLICITLY_DENIED, layer, reason="no statement allows it")
    for layer, verdict in sides:
        if verdict.answer is None:
            return Decision(Answer.UNDECIDED, layer, verdict.statement, "its condition is undecided")
    layer, verdict = sides[0]
    return Decision(Answer.ALLOWED, layer, verdict.statement)


def _best(
    request: Request, layers: Iterable[Layer], kind: LayerKind, caller: Caller | None
) -> tuple[str, _Verdict]:
    theirs = kind is LayerKind.RESOURCE
    name = next((layer.name for layer in layers if theirs and layer.kind is kind), str(kind))
    best = (name, _Verdict())
    for layer in layers:
        if layer.kind is kind:
            verdict = _allows(request, layer, caller, by_principal=theirs)
            if _rank(verdict) > _rank(best[1]):
                best = (layer.name, verdict)
    return best


def _rank(verdict: _Verdict) -> tuple[int, int]:
    return (2 if verdict.answer else 1 if verdict.answer is None else 0, verdict.named)


def _allows(request: Request, layer: Layer, caller: Caller | None, *, by_principal: bool = False) -> _Verdict:
    """Return the best that the Allow statements of a layer say: sure before unsure, closer before wider."""
    result = _Verdict(named=Named.NO)
    for statement in _statements(layer):
        if statement.effect is not Effect.ALLOW:
            continue
        named: Named | None = _named(statement, request, caller) if by_principal else Named.ITSELF
        applies = _applies(request, statement)
        if applies is False or named is Named.NO:
            continue
        sure = applies and named is not None
        found = _Verdict(True if sure else None, statement.name, named or Named.ACCOUNT)
        if _rank(found) > _rank(result):
            result = found
    return result


def _statements(layer: Layer) -> Iterator[Statement]:
    for document in layer.documents:
        yield from document.statements


def _applies(request: Request, statement: Statement) -> bool | None:
    """Return whether a statement speaks about a request, whoever it names."""
    results = [_names_action(request, statement), _names_resource(request, statement)]
    results += [
        evaluate(test, request.context, variables=statement.variables) for test in statement.conditions
    ]
    if False in results:
        return False
    return None if None in results else True


def _names_action(request: Request, statement: Statement) -> bool:
    action = fold_action(request.action)
    return any(matches(fold_action(one), action) for one in statement.actions) != statement.not_actions


def _names_resource(request: Request, statement: Statement) -> bool | None:
    if not statement.resources and statement.principals and not statement.not_resources:
        return True  # trust policies and those of ECR and others write no Resource: it is their own
    found: bool | None = False
    for pattern in statement.resources:
        filled = substitute(pattern, request.context) if statement.variables else pattern
        if filled is Missing.UNKNOWN:
            found = None if found is False else found
        elif isinstance(filled, str) and matches(filled, request.resource):
            found = True
    return found if not statement.not_resources or found is None else not found


def _caller(request: Request, layers: Iterable[Layer]) -> Caller | None:
    """Return who asks, as resource policies name callers; None when the context does not say."""
    arn, account = request.context["aws:PrincipalArn"], request.context["aws:PrincipalAccount"]
    if not isinstance(arn, tuple) or not isinstance(account, tuple) or not arn or not account:
        return None
    return Caller(
        arn[0],
        account[0],
        is_user=request.context["aws:PrincipalType"] == ("User",),
        id=request.caller_id,
        session=request.session,
        bounded=any(layer.kind is LayerKind.BOUNDARY for layer in layers),
    )


def _named(statement: Statement, request: Request, caller: Caller | None) -> Named | None:
    """Return how a statement of a resource policy names who asks; without a Principal nobody can tell."""
    if not statement.principals:
        return None
    if request.outsider is not None:
        mine = request.outsider in statement.principals or any(
            one.value == "*" and one.kind in ("*", request.outsider.kind) for one in statement.principals
        )
        return Named.ITSELF if mine != statement.not_principals else Named.NO
    return how_named(statement, caller) if caller is not None else None
