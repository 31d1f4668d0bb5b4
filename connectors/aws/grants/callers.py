"""Tell how a resource policy's Principal names a caller: itself, its role, its account, or not at all.

Rules: IAM user guide, "AWS JSON policy elements: Principal" and "NotPrincipal", "Policy evaluation logic".
"""

from dataclasses import dataclass
from enum import IntEnum

from connectors.aws.policy.document import Principal, Statement
from connectors.facts import Effect


class Named(IntEnum):
    """How closely a statement names a caller; the closer, the more it can do alone."""

    NO = 0
    ACCOUNT = 1
    """By its account, which hands the decision to the policies of that account."""
    ROLE = 2
    """By its role: enough within one account, but limited by boundary and session policies."""
    ITSELF = 3
    """The user, the session, or everybody: not limited by a boundary or session policy."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a user or role of IAM, and perhaps the session of the role."""

    arn: str
    account: str
    is_user: bool = False
    id: str = ""
    """Unique id (`AROA…`): what a policy shows once the principal it named was deleted."""
    session: str = ""
    bounded: bool = False
    """True with a permissions boundary: then a Deny with NotPrincipal spares nobody."""


def session_key(arn: str) -> str:
    """Return what a role or user and the sessions it may be in have in common; empty for anything else."""
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[2] not in ("iam", "sts"):
        return ""
    kind, _, rest = parts[5].partition("/")
    name = rest.partition("/")[0] if parts[2] == "sts" else rest.rpartition("/")[2]
    return f"{parts[1]}:{parts[4]}:{name}" if kind in ("role", "assumed-role") and name else ""


def how_named(statement: Statement, caller: Caller) -> Named | None:
    """Return how a statement names a caller; None when the policy cannot tell.

    A policy may name one session of a role: the role may be in it, or not.

    A Deny with NotPrincipal spares a role only where its account, the role and its session are all listed;
    with some of them missing it may or may not apply. An Allow with NotPrincipal gives to everybody else.
    """
    if not statement.not_principals:
        closest = max((_one(principal, caller) for principal in statement.principals), default=Named.NO)
        perhaps = closest is Named.NO and not caller.session and session_key(caller.arn)
        sessions = (session_key(principal.value) for principal in statement.principals if perhaps)
        return None if perhaps and perhaps in sessions else closest
    listed = {_one(principal, caller) for principal in statement.principals} - {Named.NO}
    if not listed:
        return Named.ITSELF
    if statement.effect is Effect.ALLOW:
        return Named.NO
    if caller.bounded:
        return Named.ITSELF
    whole = {Named.ACCOUNT, Named.ITSELF} | (set() if caller.is_user else {Named.ROLE})
    everybody = any(principal.value == "*" for principal in statement.principals)
    return Named.NO if everybody or whole <= listed else None


def _one(principal: Principal, caller: Caller) -> Named:
    if principal.kind not in ("AWS", "*"):
        return Named.NO
    value = principal.value
    if value == "*" or (caller.session and value == caller.session):
        return Named.ITSELF
    if value == caller.arn or (caller.id and value == caller.id):
        return Named.ITSELF if caller.is_user else Named.ROLE
    partition = caller.arn.split(":", 2)[1] if caller.arn.startswith("arn:") else "aws"
    root = f"arn:{partition}:iam::{caller.account}:root"
    return Named.ACCOUNT if caller.account and value in (caller.account, root) else Named.NO
