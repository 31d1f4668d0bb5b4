"""Tell who acts as a role or user: people, workloads, and accounts outside the organization."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeGuard

from connectors.aws.arns import account_of
from connectors.aws.grants.organization import Organization
from connectors.aws.identities.workloads import trust_entry
from connectors.aws.inventory import Holder, Inventory
from connectors.aws.trust.oidc_providers import OidcProviders
from connectors.aws.trust.trust_gaps import gaps_of
from connectors.facts import Actor, Effect, Identity
from connectors.interface import Evidence
from connectors.logs.rows import UsageRow

_TAKING = (":AssumeRole", ":AssumeRoleWithSAML", ":AssumeRoleWithWebIdentity", ":AssumeRoot")
_SIGN_IN = "signin.amazonaws.com:ConsoleLogin"
_PEOPLE = {"SAMLUser", "IdentityCenterUser", "IAMUser", "Directory"}
"""Types of caller that CloudTrail gives to people's sign-ins; IAM users may be programs, see `_is_person`."""


def with_actors(
    identities: Sequence[Identity],
    evidence: Iterable[Evidence],
    inventory: Inventory,
    organization: Organization,
    providers: OidcProviders,
) -> tuple[Identity, ...]:
    """Return the identities with who was seen to act as each, and which of those trusted are outsiders."""
    seen: dict[str, dict[tuple[str, bool, str], tuple[int, str]]] = {}
    for one in evidence:
        for row in one.usage():
            _add(seen, row)
    own = {holder.account for holder in inventory.holders} | organization.members | organization.management
    sure = bool(organization.members)
    holders = {holder.arn: holder for holder in inventory.holders}
    found = []
    for identity in identities:
        actors = tuple(
            sorted(Actor(*key, count, last) for key, (count, last) in seen.get(identity.id, {}).items())
        )
        holder = holders.get(identity.id)
        outsiders = _outsiders(holder, own) if holder is not None else ()
        gaps = gaps_of(holder, frozenset(outsiders), providers) if _trust_is_ours(holder) else ()
        found.append(
            replace(identity, actors=actors, outsiders=outsiders, outsiders_sure=sure, trust_gaps=gaps)
        )
    return tuple(found)


def _trust_is_ours(holder: Holder | None) -> TypeGuard[Holder]:
    """Tell whether its owner wrote whom a role trusts: AWS writes and keeps that of service-linked roles."""
    return holder is not None and not holder.path.startswith("/aws-service-role/")


def _add(seen: dict[str, dict[tuple[str, bool, str], tuple[int, str]]], row: UsageRow) -> None:
    if row.outcome == "denied" or row.permission:
        return
    if row.operation == _SIGN_IN:
        target, actor, person = row.identity, "console sign-in", True
    elif row.operation.endswith(_TAKING) and row.resource.startswith("arn:"):
        target, actor, person = row.resource, row.identity or row.identity_type, _is_person(row)
    else:
        return
    operation = row.operation.rpartition(":")[2]
    held = seen.setdefault(target, {})
    count, last = held.get((actor, person, operation), (0, ""))
    held[actor, person, operation] = (count + row.count, max(last, row.last))


def _is_person(row: UsageRow) -> bool:
    """Tell whether a caller is a human being by the log's own words.

    An IAM user without an access key in the record signed in at the console; roles of Identity Center belong
    to people; SAML and directory users are people. A user with an access key may be a program.
    """
    if row.identity_type in _PEOPLE:
        return row.identity_type != "IAMUser" or not row.credential
    return "/aws-reserved/sso.amazonaws.com/" in row.identity or ":role/AWSReservedSSO_" in row.identity


def _outsiders(holder: Holder, own: set[str]) -> tuple[str, ...]:
    """Return the principals of other accounts that a trust policy names, with the condition beside them."""
    found = set()
    for statement in holder.trust.statements:
        if statement.effect is Effect.DENY or statement.not_principals:
            continue
        for principal in statement.principals:
            account = principal.value if principal.value.isdigit() else account_of(principal.value)
            if principal.kind == "AWS" and account and account != "*" and account not in own:
                found.add(trust_entry(statement, principal))
    return tuple(sorted(found))
