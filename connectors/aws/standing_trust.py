"""Leave out of the trust of roles whom AWS lets in no more, and say so: what they name is not there."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from connectors.aws.arns import account_of
from connectors.aws.inventory import Holder, Inventory
from connectors.aws.oidc_providers import OIDC_ARN, OidcProviders
from connectors.aws.policy_document import Principal, Statement
from connectors.facts import Caveat, Effect

_NAMED = 3


@dataclass(frozen=True, slots=True)
class Standing:
    """The inventory without trust that nobody can use, and what is to be said of it."""

    inventory: Inventory
    caveats: tuple[Caveat, ...]


def standing_trust(inventory: Inventory, providers: OidcProviders) -> Standing:
    """Return the inventory with the trust that stands.

    Only what certainly does not exist is left out. Where the evidence does not list an account's providers,
    every one that a role trusts counts as being there, and a caveat says so.
    """
    roles: dict[str, Holder] = {}
    caveats: list[Caveat] = []
    unlisted: dict[str, list[str]] = {}
    for arn, role in inventory.roles.items():
        gone: set[str] = set()
        kept = tuple(_without_gone(found, providers, gone) for found in role.trust.statements)
        roles[arn] = replace(role, trust=replace(role.trust, statements=kept)) if gone else role
        caveats += [_gone(role, kept, name) for name in sorted(gone)]
        for name in _oidc(role):
            if account_of(name) not in providers.whole:
                unlisted.setdefault(account_of(name), []).append(arn)
    caveats += [_unlisted(account, holders) for account, holders in sorted(unlisted.items())]
    return Standing(replace(inventory, roles=roles), tuple(caveats))


def _without_gone(statement: Statement, providers: OidcProviders, gone: set[str]) -> Statement:
    """Return a statement without the providers that are not there.

    A statement without any principal stays: a role without a statement would count as one whose trust is
    not in the evidence.
    """
    if statement.effect is Effect.DENY or statement.not_principals:
        return statement
    lost = {one for one in statement.principals if _is_oidc(one) and providers.lacks(one.value)}
    gone |= {one.value for one in lost}
    return replace(statement, principals=tuple(one for one in statement.principals if one not in lost))


def _oidc(role: Holder) -> Iterator[str]:
    for statement in role.trust.statements:
        if statement.effect is Effect.ALLOW and not statement.not_principals:
            yield from dict.fromkeys(one.value for one in statement.principals if _is_oidc(one))


def _is_oidc(principal: Principal) -> bool:
    return principal.kind == "Federated" and OIDC_ARN.fullmatch(principal.value) is not None


def _gone(role: Holder, kept: tuple[Statement, ...], name: str) -> Caveat:
    alone = not any(one.principals for one in kept if one.effect is Effect.ALLOW)
    nobody = "; nothing else is trusted, so nobody can take the role" if alone else ""
    return Caveat(
        f"trust in an OIDC provider that its account does not have: {name}",
        role.arn,
        f"nobody gets in by it, and it is not counted{nobody}. Take it out of the trust policy: whoever may "
        "create the provider again opens it",
    )


def _unlisted(account: str, holders: list[str]) -> Caveat:
    names = sorted(set(holders))
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return Caveat(
        f"the evidence holds no list of the OIDC providers of account {account}, or one older than its roles",
        account,
        "every provider that a role trusts counts as being there; name oidc_providers, or allow "
        f"iam:ListOpenIDConnectProviders (trusted by {', '.join(names[:_NAMED])}{more})",
    )
