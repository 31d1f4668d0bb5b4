"""Say what bounds every session of a role that is taken through IAM Roles Anywhere alone.

Rules: IAM Roles Anywhere API reference, CreateProfile ("you use profiles to intersect permissions with IAM
managed policies"); IAM user guide, "Session policies": those of one session are taken together, and it holds
what both they and the role allow (2026-11).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from connectors.aws.inventory import Holder, Managed, SessionLimit
from connectors.aws.policy.document import Document, parse_document
from connectors.aws.trust.roles_anywhere import Profile, RolesAnywhere, is_anywhere
from connectors.facts import Caveat, Effect

_NAMED = 3


def with_session_limit(
    role: Holder, anywhere: RolesAnywhere, policies: Mapping[str, Managed]
) -> tuple[Holder, list[Caveat]]:
    """Return a role with what bounds all of its sessions, and what is to be said of those that are bounded.

    All are bounded only where nothing but Roles Anywhere may take the role, every profile is known, and each
    that lists the role has session policies.
    """
    ways = _ways(role)
    profiles = anywhere.profiles_of(role.arn) if True in ways else []
    bounding = [one for one in profiles if one.bounds]
    if not bounding:
        return role, []
    names = _names(bounding)
    alone = ways == {True} and not role.trust.problems and anywhere.knows(role.account)
    if not alone or len(bounding) < len(profiles):
        why = "it may be taken in other ways too" if not alone else "another profile bounds nothing"
        return role, [
            Caveat(
                f"sessions by way of IAM Roles Anywhere {names} hold less than this role",
                role.arn,
                f"nothing is narrowed for them: {why}",
            )
        ]
    limit = _limit(bounding, policies, f"the session policies of IAM Roles Anywhere {names}")
    effect = "what its policies give beyond them no session can use, so it is not counted as held"
    if not limit.readable:
        effect = "one of them is not in the evidence, so everything that the role holds counts as conditional"
    said = Caveat(f"all sessions of this role are bounded by {limit.name}", role.arn, effect)
    return replace(role, session_limit=limit), [said]


def _ways(role: Holder) -> set[bool]:
    """Return how a role may be taken: True for Roles Anywhere, False for anything else."""
    found: set[bool] = set()
    for statement in role.trust.statements:
        if statement.effect is Effect.DENY:
            continue
        if statement.not_principals:
            found.add(False)
        found |= {is_anywhere(one) for one in statement.principals}
    return found


def _limit(profiles: Sequence[Profile], policies: Mapping[str, Managed], name: str) -> SessionLimit:
    """Return what the profiles let through together.

    A Deny of one profile says nothing of sessions by another, so with several only what they allow counts:
    never less than any session may do.
    """
    documents: list[Document] = []
    readable = True
    for profile in profiles:
        held = [parse_document(profile.session_policy)] if profile.session_policy else []
        for arn in profile.managed:
            policy = policies.get(arn)
            held += [policy.document] if policy is not None and policy.document is not None else []
            readable = readable and policy is not None and policy.document is not None
        readable = readable and not any(one.problems for one in held)
        documents += held if len(profiles) == 1 else map(_allows, held)
    return SessionLimit(name, tuple(documents), readable)


def _allows(document: Document) -> Document:
    return Document(tuple(one for one in document.statements if one.effect is Effect.ALLOW))


def _names(profiles: Sequence[Profile]) -> str:
    more = f" and {len(profiles) - _NAMED} more" if len(profiles) > _NAMED else ""
    word = "profile" if len(profiles) == 1 else "profiles"
    return f"{word} {', '.join(one.name for one in profiles[:_NAMED])}{more}"
