"""Read who made a call, through whom, and with which key."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from connectors.gcp.names import SERVICE_ACCOUNT_DOMAIN, agent, key_name, principal_id
from connectors.gcp.usage.entry import Authentication, Delegation

UNKNOWN_CALLER = "not-recorded"
"""Kind of caller of a record that names none: it may be any identity."""


class Caller(NamedTuple):
    """Who called, through whom, and with which key."""

    identity: str
    """Empty where the record names none, or names one that is not of IAM."""
    kind: str
    via: str
    """The chain of those who acted through it."""
    credential: str
    """The service-account key of a call."""


NOBODY = Caller("", UNKNOWN_CALLER, "", "")


def caller_of(who: Authentication) -> Caller:
    """Return the caller that a record names."""
    written = who.principal_email or who.principal_subject or ""
    via = " > ".join(_chain(who.service_account_delegation_info))
    key = key_name(who.service_account_key_name or "")
    if not written:
        selector = who.authority_selector or ""
        return Caller("", "anonymous" if "anonymous" in selector else UNKNOWN_CALLER, via, key)
    if written.startswith("system:"):
        return Caller("", "anonymous" if written == "system:anonymous" else "kubernetes", via, key)
    identity, kind = _identify(written)
    subject, kind_of_subject = _identify(who.principal_subject or "")
    if not via and who.principal_email and kind_of_subject == "agent":
        # A user's consent (3-legged OAuth): the agent acts with the user's permissions.
        via = subject
    return Caller(identity, kind, via, key)


@lru_cache(maxsize=1 << 16)
def _identify(written: str) -> tuple[str, str]:
    identity = principal_id(written)
    return identity, _kind(identity)


def _kind(identity: str) -> str:
    if identity.startswith("principal://"):
        return "agent" if agent(identity) else "principal"
    if identity.endswith(SERVICE_ACCOUNT_DOMAIN):
        return "serviceAccount"
    return "user" if "@" in identity else "principal"


def _chain(delegations: Sequence[Delegation] | None) -> Iterator[str]:
    for one in delegations or ():
        first = one.first_party_principal
        text = (first.principal_email if first else "") or one.principal_subject or ""
        if text:
            yield principal_id(text)
