"""Tell who acts as a service account: people and other accounts, as tokens made and chains recorded say."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from connectors.facts import Actor, Identity, Usage
from connectors.gcp.names import SERVICE_ACCOUNT_DOMAIN
from connectors.gcp.usage.shown import TAKING

_MARK = "/serviceAccounts/"


def with_actors(identities: Sequence[Identity], usage: Iterable[Usage]) -> tuple[Identity, ...]:
    """Return the identities with who was seen to act as each, and which of those trusted are outsiders.

    Outsiders are service accounts of projects that the evidence does not hold. Whose a person or a group
    is cannot be told from an address.
    """
    by_name = {
        name: identity.id
        for identity in identities
        for name in (identity.id, identity.immutable_id, identity.name)
        if name
    }
    seen: dict[str, dict[tuple[str, bool, str], tuple[int, str]]] = {}
    for row in usage:
        target = by_name.get(row.resource.rpartition(_MARK)[2]) if _MARK in row.resource else None
        if row.permission not in TAKING or row.count <= row.denied or not target or target == row.identity:
            continue
        held = seen.setdefault(target, {})
        key = (row.identity, _is_person(row.identity), row.permission)
        count, last = held.get(key, (0, ""))
        held[key] = (count + row.count - row.denied, max(last, row.last_allowed or row.last_seen))
    own = {identity.account for identity in identities}
    return tuple(_with(identity, seen.get(identity.id, {}), own) for identity in identities)


def _with(
    identity: Identity, seen: Mapping[tuple[str, bool, str], tuple[int, str]], own: set[str]
) -> Identity:
    actors = tuple(sorted(Actor(*key, count, last) for key, (count, last) in seen.items()))
    outsiders = tuple(sorted(one for one in identity.trusted if _project(one) not in {"", *own}))
    return replace(identity, actors=actors, outsiders=outsiders)


def _is_person(identity: str) -> bool:
    return "@" in identity and "://" not in identity and not identity.endswith(SERVICE_ACCOUNT_DOMAIN)


def _project(member: str) -> str:
    """Return the project of a user-made service account; empty for everyone else."""
    name, _, domain = member.removeprefix("serviceAccount:").partition("@")
    if not name or not domain.endswith(".iam.gserviceaccount.com"):
        return ""
    project = domain.removesuffix(".iam.gserviceaccount.com")
    # Google's own agents have domains of their own, which start with gcp-sa- or hold no customer's project.
    return "" if project.startswith("gcp-") else project
