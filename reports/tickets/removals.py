"""Name what can be taken away from one identity, so that people and machines read the same list."""

import msgspec

from reports.document import GrantEntry, IdentityEntry, Reduction

NAMES_LIMIT = 50
"""Permission names per service that a ticket carries at most; the report carries all."""
_NAMES_TOGETHER = 1_000
"""Names in one ticket: with many services each shows fewer, but never less than three."""


class Removal(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to take away: the unused permissions of a service, a grant, or a credential.

    `count` is the number of permissions (0 for a credential), `of` how many the service or grant gives
    now; `permissions` names the first fifty, fewer where very many services lose something.
    """

    kind: str
    name: str
    count: int
    of: int = 0
    permissions: list[str] = []
    note: str = ""


def removals(identity: IdentityEntry) -> list[Removal]:
    """List what the reduction takes away: permissions by service, whole grants, credentials.

    Only permissions with the verdict `unused` are named: one whose use cannot be seen is never on the
    list, whatever the reduction says. A reduction that is not offered takes nothing away.
    """
    reduction = identity.reduction
    if reduction.disposition == "none":
        return []
    found = _permissions(identity) if reduction.removes else []
    grants = {grant.id: grant for grant in identity.grants}
    found += [_grant(grant_id, grants.get(grant_id)) for grant_id in reduction.removes_grants]
    credentials = {credential.id: credential for credential in identity.credentials}
    for credential_id in reduction.removes_credentials:
        credential = credentials.get(credential_id)
        kind = credential.kind if credential else ""
        found.append(Removal(kind="credential", name=credential_id, count=0, note=kind))
    return found


def offers_removal(reduction: Reduction) -> bool:
    """Tell whether a reduction offers to take anything away."""
    takes = reduction.removes > 0 or reduction.removes_grants or reduction.removes_credentials
    return reduction.disposition != "none" and bool(takes)


def _permissions(identity: IdentityEntry) -> list[Removal]:
    losing = [entry for entry in identity.services if entry.unused]
    limit = max(3, min(NAMES_LIMIT, _NAMES_TOGETHER // max(1, len(losing))))
    return [
        Removal(
            kind="permissions",
            name=entry.service,
            count=len(entry.unused),
            of=entry.granted,
            permissions=entry.unused[:limit],
        )
        for entry in losing
    ]


def _grant(grant_id: str, grant: GrantEntry | None) -> Removal:
    if grant is None:
        return Removal(kind="grant", name=grant_id, count=0)
    note = f"{grant.name} on {grant.scope}"
    if grant.shared:
        note += "; other identities hold it too: detach it here, do not delete it"
    return Removal(kind="grant", name=grant_id, count=grant.permissions, of=grant.permissions, note=note)
