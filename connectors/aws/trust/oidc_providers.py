"""Read which OpenID Connect providers the accounts have, and for which audiences each accepts tokens.

Rules: IAM API reference, CreateOpenIDConnectProvider (client ids are the audiences) and
DeleteOpenIDConnectProvider ("any attempt to assume a role that references a deleted provider fails"), both in
botocore 1.44.5; IAM user guide, "Create an OpenID Connect identity provider": who comes with an audience that
was removed from a provider cannot take its roles (2026-11).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connectors.aws.arns import account_of
from connectors.aws.exports.kinds import PAGE
from connectors.aws.inventory import oldest_first
from connectors.interface import Evidence, Record

PART = "oidc_providers"
_DAY = timedelta(days=1)
PROVIDER = "OpenIDConnectProviders"
OIDC_ARN = re.compile(r"arn:aws[\w-]*:iam::\d+:oidc-provider/(?P<issuer>\S+)")


@dataclass
class OidcProviders:
    """The providers by folded ARN, and the accounts of which all are known."""

    audiences: dict[str, frozenset[str] | None] = field(default_factory=dict)
    """Client ids; None where a provider is listed and not described."""
    whole: set[str] = field(default_factory=set)

    def audiences_of(self, arn: str) -> frozenset[str]:
        """Return the audiences that a provider accepts; empty where the evidence does not say."""
        return self.audiences.get(_folded(arn)) or frozenset()

    def lacks(self, arn: str) -> bool:
        """Tell whether a provider certainly does not exist: its account's list was read to the end."""
        return account_of(arn) in self.whole and _folded(arn) not in self.audiences


def read_oidc_providers(evidence: Iterable[Evidence]) -> OidcProviders:
    """Return the providers of all sources: what any of them lists exists, the newest says what it accepts.

    A list that was written a day before the roles, or longer, may lack a provider that is there by now: it
    shows what exists, not what does not.
    """
    found = OidcProviders()
    for one in oldest_first(evidence):
        records = [dict(record) for record in one.records(PART)]
        described: list[Mapping[str, object]] = []
        listed: set[str] = set()
        for wrapped in records:
            if wrapped.get("list") == PAGE:
                listed |= _page(wrapped["record"], found, old=is_older_than_dump(one, PART))
            elif wrapped.get("list") == PROVIDER and isinstance(wrapped.get("record"), Mapping):
                described.append(wrapped["record"])
        for arn in listed:
            found.audiences.setdefault(_folded(arn), None)
        for record in described:
            if arn := _arn(record, listed):
                ids = record.get("ClientIDList")
                accepted = frozenset(map(str, ids)) if isinstance(ids, list) else None
                found.audiences[_folded(arn)] = accepted or found.audiences.get(_folded(arn))
    return found


def is_older_than_dump(one: Evidence, part: str) -> bool:
    """Tell whether a part of a source was written a day or more before its authorization details."""
    times = {outcome.part: outcome.data_as_of for outcome in one.outcomes()}
    written, dump = times.get(part, ""), times.get("authorization_details", "")
    if not written or not dump:
        return False
    return datetime.fromisoformat(dump) - datetime.fromisoformat(written) >= _DAY


def _page(page: Record, found: OidcProviders, *, old: bool) -> set[str]:
    """Note an account whose list is whole, and return the ARNs listed."""
    arns = {str(arn) for arn in page.get("Arns") or ()}
    accounts = {str(page["Account"])} if page.get("Account") else {account_of(arn) for arn in arns}
    if not old and not page.get("IsTruncated"):
        found.whole |= accounts - {""}
    return arns


def _arn(record: Mapping[str, object], listed: Iterable[str]) -> str:
    """Return a provider's ARN; the API's description names the URL alone, which may be in the list once."""
    if record.get("Arn"):
        return str(record["Arn"])
    url = str(record.get("Url") or "").removeprefix("https://").rstrip("/").lower()
    fitting = [arn for arn in listed if _folded(arn).endswith(f":oidc-provider/{url}")]
    return fitting[0] if url and len(fitting) == 1 else ""


def _folded(arn: str) -> str:
    return arn.lower().rstrip("/")
