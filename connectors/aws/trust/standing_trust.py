"""Leave out of the trust of roles whom AWS lets in no more, and say so: what they name is not there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from connectors.aws.arns import account_of
from connectors.aws.inventory import Holder, Inventory, read_inventory
from connectors.aws.policy.conditions import Context, undecided_tests
from connectors.aws.policy.document import Principal, Statement
from connectors.aws.trust.oidc_providers import OIDC_ARN, OidcProviders, read_oidc_providers
from connectors.aws.trust.roles_anywhere import RolesAnywhere, is_anywhere, read_roles_anywhere
from connectors.aws.trust.session_limits import with_session_limit
from connectors.facts import Caveat, Effect
from connectors.interface import Evidence

_NAMED = 3


@dataclass
class Standing:
    """The inventory without trust that nobody can use, what that was held against, and what is to be said."""

    inventory: Inventory
    providers: OidcProviders
    anywhere: RolesAnywhere
    caveats: list[Caveat] = field(default_factory=list)


def read_standing(evidence: Sequence[Evidence]) -> Standing:
    """Return the inventory of all sources with the trust that stands.

    Only what certainly does not exist is left out. Where the evidence holds no list of an account that is
    whole, everything that a role trusts counts as being there, and a caveat says so.
    """
    inventory = read_inventory(evidence)
    found = Standing(inventory, read_oidc_providers(evidence), read_roles_anywhere(evidence))
    roles: dict[str, Holder] = {}
    unlisted: dict[tuple[str, str], list[str]] = {}
    for arn, role in inventory.roles.items():
        for unknown in _unknown(role, found):
            unlisted.setdefault(unknown, []).append(arn)
        standing = _standing(role, found)
        found.caveats += _other_audiences(standing, found.providers)
        roles[arn], said = with_session_limit(standing, found.anywhere, inventory.policies)
        found.caveats += said
    found.caveats += [_unlisted(*key, holders) for key, holders in sorted(unlisted.items())]
    found.inventory = replace(inventory, roles=roles)
    return found


def _standing(role: Holder, found: Standing) -> Holder:
    """Return a role without what in its trust nobody can use, and note that."""
    gone: dict[str, str] = {}
    kept = tuple(_without_gone(role, one, found, gone) for one in role.trust.statements)
    if not gone:
        return role
    alone = not any(one.principals or one.not_principals for one in kept if one.effect is Effect.ALLOW)
    nobody = "; nothing else is trusted, so nobody can take the role" if alone else ""
    found.caveats += [
        Caveat(
            f"trust that nobody can use: {name} ({why})",
            role.arn,
            f"nobody gets in by it, and it is not counted{nobody}. Take it out of the trust policy: whoever "
            "may make what is missing opens it again",
        )
        for name, why in sorted(gone.items())
    ]
    return replace(role, trust=replace(role.trust, statements=kept))


def _without_gone(role: Holder, statement: Statement, found: Standing, gone: dict[str, str]) -> Statement:
    """Return a statement without the principals by which nobody can come.

    A statement without any principal stays: a role without a statement would count as one whose trust is
    not in the evidence.
    """
    if statement.effect is Effect.DENY or statement.not_principals:
        return statement
    lost = {one: why for one in statement.principals if (why := _why_gone(role, statement, one, found))}
    gone |= {one.value: why for one, why in lost.items()}
    return replace(statement, principals=tuple(one for one in statement.principals if one not in lost))


def _why_gone(role: Holder, statement: Statement, principal: Principal, found: Standing) -> str:
    if _is_oidc(principal) and found.providers.lacks(principal.value):
        return "its account has no such OIDC provider"
    return found.anywhere.why_closed(role.arn, statement) if is_anywhere(principal) else ""


def _other_audiences(role: Holder, providers: OidcProviders) -> Iterator[Caveat]:
    """Yield the providers of which a statement wants an audience that they do not accept.

    Nothing is left out for it: what the key holds for a token with several audiences is not documented.
    """
    for statement in role.trust.statements:
        if statement.effect is Effect.DENY or statement.not_principals:
            continue
        for principal in filter(_is_oidc, statement.principals):
            key = f"{principal.value.partition(':oidc-provider/')[2]}:aud"
            accepted = sorted(providers.audiences_of(principal.value))
            met = (undecided_tests(statement.conditions, Context({key: (one,)}))[0] for one in accepted)
            if accepted and all(answer is False for answer in met):
                more = f" and {len(accepted) - _NAMED} more" if len(accepted) > _NAMED else ""
                yield Caveat(
                    f"no audience that {principal.value} accepts meets the condition of the trust in it",
                    role.arn,
                    "tokens for one audience let nobody in, and the trust is counted all the same (accepted: "
                    f"{', '.join(accepted[:_NAMED])}{more})",
                )


def _is_oidc(principal: Principal) -> bool:
    return principal.kind == "Federated" and OIDC_ARN.fullmatch(principal.value) is not None


def _unknown(role: Holder, found: Standing) -> Iterator[tuple[str, str]]:
    """Yield the accounts and lists that would say whether the trust of a role stands."""
    named = {
        principal
        for statement in role.trust.statements
        if statement.effect is Effect.ALLOW and not statement.not_principals
        for principal in statement.principals
    }
    owners = {account_of(one.value) for one in named if _is_oidc(one)}
    yield from ((account, "oidc_providers") for account in owners - found.providers.whole)
    if any(map(is_anywhere, named)) and not found.anywhere.knows(role.account):
        yield role.account, "roles_anywhere"


_LISTS = {
    "oidc_providers": (
        "OIDC providers",
        "every provider that a role trusts counts as being there",
        "iam:ListOpenIDConnectProviders",
    ),
    "roles_anywhere": (
        "profiles and trust anchors of IAM Roles Anywhere",
        "certificates from outside count as able to come for every role that trusts it, with all it holds",
        "rolesanywhere:ListProfiles and ListTrustAnchors in every enabled region",
    ),
}


def _unlisted(account: str, part: str, holders: list[str]) -> Caveat:
    what, effect, calls = _LISTS[part]
    names = sorted(set(holders))
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return Caveat(
        f"no whole list of the {what} of account {account} that is as new as its roles",
        account,
        f"{effect}; name {part}, or allow {calls} (trusted by {', '.join(names[:_NAMED])}{more})",
    )
