"""Decide one request against policies, in three values, and say which layer and statement decided."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from connectors.aws.catalogue import fold_action
from connectors.aws.conditions import Context, Missing, evaluate, substitute
from connectors.aws.globs import matches
from connectors.aws.policy_document import Document, Principal, Statement
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


class LayerKind(StrEnum):
    """What a layer does: identity and resource policies give, the others limit."""

    IDENTITY = "identity"
    RESOURCE = "resource"
    BOUNDARY = "boundary"
    SCP = "scp"
    RCP = "rcp"
    SESSION = "session"


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


@dataclass
class _Verdict:
    """What the Allow statements of a layer come to."""

    answer: bool | None = False
    statement: str = ""
    direct: bool = False
    """True when a resource policy names the user or the session itself."""


@dataclass
class _Denied:
    certain: Decision | None = None
    possible: list[Decision] = field(default_factory=list)


def decide(request: Request, layers: Iterable[Layer]) -> Decision:
    """Return the answer to one request by the evaluation logic of the IAM user guide.

    An explicit Deny in any layer wins. Then something must give: an identity policy or, within one account,
    a resource policy; across accounts both. Then every limiting layer must allow too, except that a resource
    policy naming the user or the session itself is not limited by a boundary or session policy. What hangs
    on a condition that `request.context` does not answer makes the result undecided, unless it cannot
    change it. Not modelled: VPC endpoint policies, KMS key policies that do not trust the account, grants.
    """
    if fold_action(request.action) == "sts:getcalleridentity":
        return Decision(Answer.ALLOWED, reason="needs no permission")
    found = tuple(layers)
    denied = _denies(request, found)
    if denied.certain:
        return denied.certain
    given = _given(request, found)
    if given.answer == Answer.IMPLICITLY_DENIED:
        return given
    doubts = [*denied.possible, *([given] if given.answer == Answer.UNDECIDED else [])]
    direct = given.reason == _DIRECT
    for layer in found:
        limits = layer.kind in (LayerKind.SCP, LayerKind.RCP)
        if not limits and (direct or layer.kind not in (LayerKind.BOUNDARY, LayerKind.SESSION)):
            continue
        verdict = _allows(request, layer, by_principal=False)
        if verdict.answer is False:
            return Decision(
                Answer.IMPLICITLY_DENIED, layer.name, reason="no statement of this layer allows it"
            )
        if verdict.answer is None:
            doubts.append(
                Decision(Answer.UNDECIDED, layer.name, verdict.statement, "its condition is undecided")
            )
    return doubts[0] if doubts else given


_DIRECT = "a resource policy names the caller"


def _denies(request: Request, layers: Iterable[Layer]) -> _Denied:
    result = _Denied()
    for layer in layers:
        for statement in _statements(layer):
            if statement.effect is not Effect.DENY:
                continue
            applies = _applies(request, statement, by_principal=layer.kind is LayerKind.RESOURCE)
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


def _given(request: Request, layers: Iterable[Layer]) -> Decision:
    """Return whether identity and resource policies give the access, before limits."""
    identity = _best(request, layers, LayerKind.IDENTITY)
    resource = _best(request, layers, LayerKind.RESOURCE)
    answers = (identity[1].answer, resource[1].answer)
    if request.other_account:
        combined = False if False in answers else None if None in answers else True
    else:
        combined = True if True in answers else None if None in answers else False
    decided = resource if resource[1].answer and (resource[1].direct or not identity[1].answer) else identity
    layer, verdict = decided
    if combined is False:
        return Decision(Answer.IMPLICITLY_DENIED, layer, reason="no statement allows it")
    if combined is None:
        layer, verdict = identity if identity[1].answer is None else resource
        return Decision(Answer.UNDECIDED, layer, verdict.statement, "its condition is undecided")
    direct = verdict.direct and not request.other_account
    return Decision(Answer.ALLOWED, layer, verdict.statement, _DIRECT if direct else "")


def _best(request: Request, layers: Iterable[Layer], kind: LayerKind) -> tuple[str, _Verdict]:
    best = (str(kind), _Verdict())
    for layer in layers:
        if layer.kind is kind:
            verdict = _allows(request, layer, by_principal=kind is LayerKind.RESOURCE)
            better = verdict.direct if best[1].answer else verdict.answer
            if better or (verdict.answer is None and best[1].answer is False):
                best = (layer.name, verdict)
    return best


def _allows(request: Request, layer: Layer, *, by_principal: bool) -> _Verdict:
    result = _Verdict()
    for statement in _statements(layer):
        if statement.effect is Effect.ALLOW:
            applies = _applies(request, statement, by_principal=by_principal)
            direct = by_principal and _names_caller(request, statement)
            if applies and (not result.answer or direct):
                result = _Verdict(answer=True, statement=statement.name, direct=direct)
            elif applies is None and result.answer is False:
                result = _Verdict(answer=None, statement=statement.name)
    return result


def _statements(layer: Layer) -> Iterator[Statement]:
    for document in layer.documents:
        yield from document.statements


def _applies(request: Request, statement: Statement, *, by_principal: bool) -> bool | None:
    """Return whether a statement speaks about a request."""
    results = [_names_action(request, statement), _names_resource(request, statement)]
    if by_principal:
        results.append(_names_principal(request, statement))
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
    found: bool | None = False
    for pattern in statement.resources:
        filled = substitute(pattern, request.context) if statement.variables else pattern
        if filled is Missing.UNKNOWN:
            found = None if found is False else found
        elif isinstance(filled, str) and matches(filled, request.resource):
            found = True
    return found if not statement.not_resources or found is None else not found


def _names_principal(request: Request, statement: Statement) -> bool | None:
    """Return whether a resource policy's Principal holds the caller: itself, its role, its account or all."""
    if not statement.principals:
        return None
    caller = request.context["aws:PrincipalArn"]
    account = request.context["aws:PrincipalAccount"]
    if not isinstance(caller, tuple) or not isinstance(account, tuple):
        return None
    names = {*caller, request.session} - {""}
    partitions = {one.split(":")[1] for one in caller if one.startswith("arn:")}
    accounts = {*account, *(f"arn:{part}:iam::{one}:root" for part in partitions for one in account)}
    found = any(_is(principal, names | accounts) for principal in statement.principals)
    return found != statement.not_principals


def _is(principal: Principal, names: set[str]) -> bool:
    return principal.value == "*" or (principal.kind == "AWS" and principal.value in names)


def _names_caller(request: Request, statement: Statement) -> bool:
    """Tell whether a statement names the user or the session itself, not only its role or account."""
    kind = request.context["aws:PrincipalType"]
    caller = request.context["aws:PrincipalArn"]
    own = set(caller) if isinstance(caller, tuple) and kind == ("User",) else set()
    own |= {request.session} - {""}
    return any(principal.value in own for principal in statement.principals if principal.kind == "AWS")
