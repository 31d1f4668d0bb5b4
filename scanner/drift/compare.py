"""Compare what one identity held and used at two moments, and say each change in one sentence."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from connectors.facts import PermissionSet
from connectors.permissions import Permissions
from reports.document import DriftChange, DriftKind
from scanner.drift.snapshot import CredentialRecord, GrantRecord, Snapshot

NAMES = 200
"""Permission names kept for each change; `permissions_total` says how many there are."""
ATTENTION: frozenset[DriftKind] = frozenset(
    {
        "granted_more",
        "regained",
        "catalogue_grew",
        "grant_added",
        "credential_added",
        "identity_new",
        "identity_recreated",
    }
)
"""Changes that give somebody more than before."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Permission names, and those that the catalogue did not have at the older moment."""

    names: Permissions
    grown: PermissionSet = 0


def compare(old: Snapshot, new: Snapshot, catalogue: Catalogue) -> Iterator[DriftChange]:
    """Yield what changed for one identity between two moments.

    Sets are compared only where both moments could read the grants. "Stopped being used" needs that the logs
    of the newer moment would have shown use; "used for the first time" says so when the older could not have.
    """
    if old.profile.readable and new.profile.readable:
        yield from _granted(old, new, catalogue)
        yield from _grants(old, new, catalogue.names)
    yield from _used(old, new, catalogue.names)
    yield from _credentials(old, new)
    yield from _profile(old, new)


def appeared(new: Snapshot, since: str) -> DriftChange:
    """Return the change that an identity was not there at the older moment."""
    born = new.profile.created
    when = f"was created {born}" if born else "is in the evidence for the first time"
    if born and since and born < since:
        when = f"was created {born}, before the scan of {since}, and is analysed for the first time"
    held = f"it holds {_many(new.granted.bit_count())}"
    return _change("identity_new", new, f"{_who(new)} {when}; {held}")


def gone(old: Snapshot, owner: Snapshot | None) -> DriftChange:
    """Return the change that an identity is no longer there; `owner` is a new one of the same name."""
    held = f"it held {_many(old.granted.bit_count())}"
    if owner is None:
        return _change("identity_gone", old, f"{_who(old)} is gone; {held}")
    return _change(
        "identity_recreated",
        owner,
        f"{_who(owner)} was deleted and created again ({old.immutable_id} is now {owner.immutable_id}); "
        f"{held}, the new one holds {_many(owner.granted.bit_count())}",
    )


def _granted(old: Snapshot, new: Snapshot, catalogue: Catalogue) -> Iterator[DriftChange]:
    more = new.granted & ~old.granted
    back = more & old.ever_granted
    grown = more & catalogue.grown & ~back if _same_grants(old, new) else 0
    names = catalogue.names
    yield from _sets("granted_more", new, more & ~back & ~grown, names, "holds {n} more than before")
    yield from _sets("regained", new, back, names, "holds {n} again that had been taken away")
    yield from _sets(
        "catalogue_grew",
        new,
        grown,
        names,
        "holds {n} more because the cloud's list of permissions grew; its grants are the same",
    )
    yield from _sets("granted_less", new, old.granted & ~new.granted, names, "no longer holds {n}")


def _used(old: Snapshot, new: Snapshot, names: Permissions) -> Iterator[DriftChange]:
    first = new.used & ~old.ever_used
    seen = first & (old.unused | ~old.granted)
    hidden = first & ~seen
    yield from _sets("used_first_time", new, seen, names, "used {n} for the first time", "seen")
    yield from _sets(
        "used_first_time",
        new,
        hidden,
        names,
        "is seen to use {n} for the first time; the logs could not have shown it before",
        "not observable before",
    )
    stopped = old.used & new.unused
    yield from _sets("stopped_using", new, stopped, names, "no longer uses {n}")


def _same_grants(old: Snapshot, new: Snapshot) -> bool:
    """Tell whether the written grants are the same but for how many permissions they come to."""
    return {_written(grant) for grant in old.profile.grants} == {_written(g) for g in new.profile.grants}


def _written(grant: GrantRecord) -> tuple[str, ...]:
    return grant.id, grant.name, grant.effect, grant.scope, grant.conditions, grant.source


def _grants(old: Snapshot, new: Snapshot, names: Permissions) -> Iterator[DriftChange]:
    del names
    before = {grant.id: grant for grant in old.profile.grants}
    after = {grant.id: grant for grant in new.profile.grants}
    for id_ in sorted(after.keys() - before.keys()):
        yield _change("grant_added", new, f"{_who(new)} was given {_grant(after[id_])}", id_)
    for id_ in sorted(before.keys() - after.keys()):
        yield _change("grant_removed", new, f"{_who(new)} lost {_grant(before[id_])}", id_)
    for id_ in sorted(before.keys() & after.keys()):
        if differences := list(_differences(before[id_], after[id_])):
            told = "; ".join(differences)
            yield _change("grant_changed", new, f"{_grant(after[id_])} of {_who(new)} changed: {told}", id_)


def _differences(before: GrantRecord, after: GrantRecord) -> Iterator[str]:
    for field in ("effect", "scope", "conditions", "admin"):
        was, now = getattr(before, field), getattr(after, field)
        if was != now:
            yield f"{field} was {was or 'empty'}, is {now or 'empty'}"
    if before.permissions != after.permissions:
        yield f"names {after.permissions:,} permissions, {before.permissions:,} before"


def _credentials(old: Snapshot, new: Snapshot) -> Iterator[DriftChange]:
    before = {credential.id: credential for credential in old.profile.credentials}
    after = {credential.id: credential for credential in new.profile.credentials}
    for id_ in sorted(after.keys() - before.keys()):
        yield _change("credential_added", new, f"{_who(new)} has a new {_credential(after[id_])}", id_)
    for id_ in sorted(before.keys() - after.keys()):
        yield _change("credential_removed", new, f"{_who(new)} no longer has {_credential(before[id_])}", id_)
    for id_ in sorted(before.keys() & after.keys()):
        was, now = before[id_].status, after[id_].status
        if was != now:
            told = f"{_credential(after[id_])} of {_who(new)} was {was}, is {now}"
            yield _change("credential_changed", new, told, id_)


def _profile(old: Snapshot, new: Snapshot) -> Iterator[DriftChange]:
    for field in ("owner", "stage", "enabled", "is_ai"):
        was, now = getattr(old.profile, field), getattr(new.profile, field)
        if was != now:
            words = f"{field} was {_word(was)}, is {_word(now)}"
            yield _change("profile_changed", new, f"{_who(new)}: {words}", field)
    workloads = sorted(set(new.profile.workloads) - set(old.profile.workloads))
    if workloads:
        told = f"{_who(new)} now also runs {', '.join(workloads[:5])}"
        yield _change("profile_changed", new, told, "workloads")


def _word(value: str | bool) -> str:  # noqa: FBT001 the value of a field
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value or "empty"


def _grant(grant: GrantRecord) -> str:
    return f"{grant.name} ({grant.effect} on {grant.scope}, written in {grant.source})"


def _credential(credential: CredentialRecord) -> str:
    born = f", created {credential.created}" if credential.created else ""
    return f"{credential.kind} {credential.id}{born}"


def _sets(
    kind: DriftKind,
    snapshot: Snapshot,
    permissions: PermissionSet,
    names: Permissions,
    words: str,
    subject: str = "",
) -> Iterator[DriftChange]:
    if permissions:
        by_service = names.by_service(permissions)
        listed = sorted(name for found in by_service.values() for name in found)
        yield _change(
            kind,
            snapshot,
            f"{_who(snapshot)} {words.format(n=_many(permissions.bit_count()))}",
            subject,
            listed,
            list(by_service),
        )


def _change(
    kind: DriftKind,
    snapshot: Snapshot,
    message: str,
    subject: str = "",
    permissions: Sequence[str] = (),
    services: Sequence[str] = (),
) -> DriftChange:
    return DriftChange(
        kind=kind,
        provider=snapshot.provider,
        account=snapshot.account,
        identity=snapshot.id,
        name=snapshot.profile.name,
        subject=subject,
        message=message,
        attention=kind in ATTENTION,
        permissions=list(permissions[:NAMES]),
        permissions_total=len(permissions),
        services=list(services),
    )


def _who(snapshot: Snapshot) -> str:
    return snapshot.profile.name or snapshot.id


def _many(number: int) -> str:
    return f"{number:,} permission" if number == 1 else f"{number:,} permissions"


def order(change: DriftChange) -> tuple[str, str, str, str, str]:
    """Return the sort key of the report document."""
    return change.provider, change.account, change.identity, change.kind, change.subject


def between(
    old: Mapping[tuple[str, str, str], Snapshot],
    new: Mapping[tuple[str, str, str], Snapshot],
    catalogue: Catalogue,
    *,
    since: str,
    missing: frozenset[tuple[str, str, str]],
) -> list[DriftChange]:
    """Return all changes of one cloud's identities; those in `missing` were looked for and are gone.

    An identity that was deleted and made again under its name is one change, not two.
    """
    changes: list[DriftChange] = []
    reborn = {(s.provider, s.account, s.id): s for key, s in new.items() if key not in old}
    for key, snapshot in new.items():
        if key in old:
            changes += compare(old[key], snapshot, catalogue)
    for key in missing:
        changes.append(gone(old[key], reborn.pop((key[0], key[1], old[key].id), None)))
    changes += [appeared(snapshot, since) for snapshot in reborn.values()]
    return sorted(changes, key=order)
