"""Name the caller of a CloudTrail event the way identities are named in the inventory."""

from functools import lru_cache
from typing import NamedTuple

import msgspec


class SessionIssuer(msgspec.Struct, gc=False, rename="camel"):
    """Who a session's credentials were issued to."""

    arn: str | None = None


class SessionContext(msgspec.Struct, gc=False, rename="camel"):
    """How a session came to be."""

    session_issuer: SessionIssuer | None = None


class Scope(msgspec.Struct, gc=False, rename="camel"):
    """Which workload the credentials were issued to (records of 2025 and later)."""

    credentials_issued_to: str | None = None
    source_arn: str | None = None


class OnBehalfOf(msgspec.Struct, gc=False, rename="camel"):
    """The IAM Identity Center user behind a call."""

    user_id: str | None = None


class Delegate(msgspec.Struct, gc=False, rename="camel"):
    """An AWS partner that acted under delegated access."""

    account_id: str | None = None


class UserIdentity(msgspec.Struct, gc=False, rename="camel"):
    """The caller as CloudTrail writes it, in its order."""

    type: str | None = None
    principal_id: str | None = None
    arn: str | None = None
    account_id: str | None = None
    access_key_id: str | None = None
    user_name: str | None = None
    session_context: SessionContext | None = None
    invoked_by: str | None = None
    identity_provider: str | None = None
    in_scope_of: Scope | None = None
    on_behalf_of: OnBehalfOf | None = None
    invoked_by_delegate: Delegate | None = None


class Caller(NamedTuple):
    """What rows tell of a caller."""

    identity: str
    credential: str
    """The long-lived credential, if one was used."""
    via: str
    """The service (or partner) that acted with the caller's own permissions."""
    workload: str
    type: str
    account: str
    unique: str
    """The unique id of the role or user: it changes when one is made again."""


class Callers:
    """Numbers callers: the same number for everything that rows do not tell apart.

    A session calls many times, so the session met last under each access key is compared before a caller is
    worked out anew; calls that a service makes with it are told apart from its own.
    """

    def __init__(self) -> None:
        self.sessions: dict[str, tuple[UserIdentity, int]] = {}
        """The session met last under each access key (else principal) and service, and its caller."""
        self._numbers: dict[Caller, int] = {}
        self._known: list[Caller] = []

    def known(self, number: int) -> Caller:
        """Return a caller by its number."""
        return self._known[number]

    def forget(self) -> None:
        """Give numbers anew, which bounds the memory; those given before are void."""
        self.sessions.clear()
        self._numbers.clear()
        self._known.clear()

    def meet(self, token: str, user: UserIdentity) -> int:
        """Return the number of a caller that is not the one met last under this token."""
        caller = caller_of(user)
        number = self._numbers.get(caller)
        if number is None:
            number = self._numbers[caller] = len(self._known)
            self._known.append(caller)
        if len(self.sessions) >= _MOST_SESSIONS:
            self.sessions.clear()
        self.sessions[token] = (user, number)
        return number


_MOST_SESSIONS = 8_192


def caller_of(user: UserIdentity) -> Caller:
    """Return the caller of an event.

    A session counts for its issuer, because `sessionIssuer.arn` keeps the role path that the session's own
    ARN drops.
    """
    kind = user.type
    identity = ""
    if kind in ("AssumedRole", "FederatedUser"):
        context = user.session_context
        if context is not None and context.session_issuer is not None:
            identity = context.session_issuer.arn or ""
    if not identity:
        named = user.arn and kind != "AWSService"
        identity = canonical(user.arn or "") if named else _without_arn(user)
    via = workload = ""
    if user.invoked_by and kind and kind != "AWSService":
        via = user.invoked_by
    elif user.invoked_by_delegate is not None:
        via = f"delegate:{user.invoked_by_delegate.account_id or ''}"
    if user.in_scope_of is not None:
        workload = user.in_scope_of.credentials_issued_to or user.in_scope_of.source_arn or ""
    key = user.access_key_id
    credential = key if key is not None and key.startswith("AKIA") else ""
    unique = (user.principal_id or "").partition(":")[0]
    return Caller(
        identity,
        credential,
        via,
        workload,
        kind or "",
        user.account_id or "",
        unique if unique.startswith(_IDS) else "",
    )


_IDS = ("AROA", "AIDA")


def _without_arn(user: UserIdentity) -> str:
    """Return a name for a caller whose record holds no ARN."""
    account = user.account_id or ""
    name = user.user_name or ""
    principal = ""
    match user.type:
        case "AWSAccount" | "Unknown":
            principal = f"AWSAccount:{account}" if account else ""
        case "Root":
            principal = f"arn:aws:iam::{account}:root" if account else ""
        case "IAMUser":
            named = account and name and not name.startswith("HIDDEN_DUE_TO")
            principal = f"arn:aws:iam::{account}:user/{name}" if named else ""
        case "WebIdentityUser" | "SAMLUser":
            principal = f"{user.type}:{user.identity_provider or ''}:{name or user.principal_id or ''}"
        case "IdentityCenterUser":
            principal = f"{user.type}:{(user.on_behalf_of and user.on_behalf_of.user_id) or ''}"
        case "Directory":
            principal = f"{user.type}:{name or user.principal_id or ''}"
        case _:
            principal = f"AWSService:{user.invoked_by}" if user.invoked_by else ""
    return principal


@lru_cache(maxsize=65_536)
def canonical(arn: str) -> str:
    """Return an ARN as the inventory writes it: a role session as its role.

    Only for records without a session issuer: the role's path is lost, so a role with a path will not be
    found under this name.
    """
    head, marker, rest = arn.partition(":assumed-role/")
    if not marker:
        return arn
    parts = head.split(":")
    if len(parts) != 5:
        return arn
    return f"arn:{parts[1]}:iam::{parts[4]}:role/{rest.split('/', 1)[0]}"
