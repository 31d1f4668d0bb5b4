"""Read who made a call, through whom, and with which key."""

from collections.abc import Iterator, Sequence
from functools import lru_cache

from connectors.gcp.entry import Authentication, Delegation
from connectors.gcp.names import SERVICE_ACCOUNT_DOMAIN, agent, principal_id

UNKNOWN_CALLER = "not-recorded"
"""Kind of caller of a record that names none: it may be any identity."""


def credential(who: Authentication | None) -> str:
    """Return the service-account key of a call, as the log writes it."""
    return (who.service_account_key_name if who else "") or ""


def caller(who: Authentication | None) -> tuple[str, str, str]:
    """Return (identity, kind of caller, chain of those who acted through it).

    The identity is empty where the record names none, or names one that is not of IAM.
    """
    if who is None:
        return "", UNKNOWN_CALLER, ""
    written = who.principal_email or who.principal_subject or ""
    via = " > ".join(_chain(who.service_account_delegation_info))
    if not written:
        selector = who.authority_selector or ""
        return "", "anonymous" if "anonymous" in selector else UNKNOWN_CALLER, via
    if written.startswith("system:"):
        return "", "anonymous" if written == "system:anonymous" else "kubernetes", via
    identity, kind = _identify(written)
    subject, kind_of_subject = _identify(who.principal_subject or "")
    if not via and who.principal_email and kind_of_subject == "agent":
        # A user's consent (3-legged OAuth): the agent acts with the user's permissions.
        via = subject
    return identity, kind, via


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
