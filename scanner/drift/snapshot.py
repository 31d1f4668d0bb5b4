"""What an identity held and used at one moment: the form in which scans are stored and compared."""

from collections.abc import Iterable
from typing import TypeVar

import msgspec

from connectors.facts import PermissionSet
from connectors.permissions import Permissions
from reports.document import VERDICTS, CredentialEntry, GrantEntry, IdentityEntry, Report
from scanner.results import CloudResult, IdentityResult

Key = tuple[str, str, str]
"""Provider, account, and the id that stays (the immutable one, else the cloud's name)."""


class GrantRecord(msgspec.Struct, frozen=True, array_like=True):
    """One written grant; `permissions` counts what it names."""

    id: str
    name: str
    effect: str
    scope: str
    conditions: str
    source: str
    admin: str
    permissions: int


class CredentialRecord(msgspec.Struct, frozen=True, array_like=True):
    """One credential, without what changes every night (last use, number of calls)."""

    id: str
    kind: str
    status: str
    created: str
    long_lived: bool


class Profile(msgspec.Struct, frozen=True, array_like=True):
    """Everything about an identity that is no permission set."""

    kind: str
    name: str
    stage: str
    owner: str
    created: str
    enabled: bool
    is_ai: bool
    readable: bool
    workloads: list[str]
    grants: list[GrantRecord]
    credentials: list[CredentialRecord]


class Snapshot(msgspec.Struct, frozen=True):
    """One identity at one moment. The sets are bits of the same `Permissions` in all snapshots compared.

    `granted` holds what is given for certain or under a condition that was not decided. `ever_granted` and
    `ever_used` are the unions over this moment and all earlier ones known.
    """

    provider: str
    account: str
    id: str
    immutable_id: str
    profile: Profile
    granted: PermissionSet
    conditional: PermissionSet
    used: PermissionSet
    unused: PermissionSet
    ever_granted: PermissionSet
    ever_used: PermissionSet

    @property
    def key(self) -> Key:
        """How the identity is found again."""
        return self.provider, self.account, self.immutable_id or self.id


def of_cloud(cloud: CloudResult) -> list[Snapshot]:
    """Return the snapshots of one cloud's results, in their order."""
    return [_of_result(entry) for entry in cloud.identities]


def _of_result(entry: IdentityResult) -> Snapshot:
    identity, verdicts = entry.identity, entry.verdicts
    return Snapshot(
        provider=identity.provider,
        account=identity.account,
        id=identity.id,
        immutable_id=identity.immutable_id,
        profile=Profile(
            kind=identity.kind,
            name=identity.name,
            stage=entry.stage,
            owner=identity.owner,
            created=identity.created,
            enabled=identity.enabled,
            is_ai=entry.is_ai,
            readable=entry.readable,
            workloads=sorted({load.name or load.id for load in identity.workloads}),
            grants=sorted(
                (
                    GrantRecord(
                        grant.id,
                        grant.name,
                        grant.effect.value,
                        grant.scope,
                        grant.conditions,
                        grant.source,
                        grant.admin,
                        grant.permissions.bit_count(),
                    )
                    for grant in (result.grant for result in entry.grants)
                ),
                key=msgspec.structs.astuple,
            ),
            credentials=sorted(
                (
                    CredentialRecord(c.id, c.kind, c.status, c.created, c.long_lived)
                    for c in (result.credential for result in entry.credentials)
                ),
                key=msgspec.structs.astuple,
            ),
        ),
        granted=verdicts.granted,
        conditional=verdicts.conditional,
        used=verdicts.used,
        unused=verdicts.unused,
        ever_granted=verdicts.granted,
        ever_used=verdicts.used,
    )


def of_report(report: Report, names: Permissions) -> list[Snapshot]:
    """Return the snapshots of a report document; its permissions are interned into `names`.

    A report of schema 1.0 does not name what was used without a present grant; it then counts as granted.
    """
    return [_of_entry(entry, names) for entry in report.identities]


def _of_entry(entry: IdentityEntry, names: Permissions) -> Snapshot:
    sets = dict.fromkeys(VERDICTS, 0)
    for service in entry.services:
        for verdict in VERDICTS:
            sets[verdict] |= names.mask(getattr(service, verdict))
    granted = 0
    for found in sets.values():
        granted |= found
    granted &= ~names.mask(entry.not_granted)
    return Snapshot(
        provider=entry.provider,
        account=entry.account,
        id=entry.id,
        immutable_id=entry.immutable_id,
        profile=Profile(
            kind=entry.kind,
            name=entry.name,
            stage=entry.stage,
            owner=entry.owner,
            created=entry.created,
            enabled=entry.enabled,
            is_ai=entry.ai_workload.is_ai,
            readable=True,
            workloads=sorted({load.name or load.id for load in entry.workloads}),
            grants=_grants(entry.grants),
            credentials=_credentials(entry.credentials),
        ),
        granted=granted,
        conditional=sets["conditional"],
        used=sets["used"],
        unused=sets["unused"],
        ever_granted=granted,
        ever_used=sets["used"],
    )


def _grants(entries: Iterable[GrantEntry]) -> list[GrantRecord]:
    records = (
        GrantRecord(g.id, g.name, g.effect, g.scope, g.conditions, g.source, g.admin, g.permissions)
        for g in entries
    )
    return sorted(records, key=msgspec.structs.astuple)


def _credentials(entries: Iterable[CredentialEntry]) -> list[CredentialRecord]:
    records = (CredentialRecord(c.id, c.kind, c.status, c.created, c.long_lived) for c in entries)
    return sorted(records, key=msgspec.structs.astuple)


def joined(old: Snapshot, new: Snapshot, *, whole: bool) -> Snapshot:
    """Return the newer snapshot with what is known since ever.

    Where the account was not read whole, what the older one held and this one does not see is kept: it may
    still be there, and calling it regained next time would be wrong.
    """
    if whole:
        return msgspec.structs.replace(
            new,
            ever_granted=old.ever_granted | new.granted,
            ever_used=old.ever_used | new.used,
        )
    granted = old.granted | new.granted
    profile = msgspec.structs.replace(
        new.profile,
        readable=old.profile.readable or new.profile.readable,
        owner=new.profile.owner or old.profile.owner,
        grants=_both(old.profile.grants, new.profile.grants),
        credentials=_both(old.profile.credentials, new.profile.credentials),
        is_ai=new.profile.is_ai or old.profile.is_ai,
    )
    return msgspec.structs.replace(
        new,
        profile=profile,
        granted=granted,
        conditional=new.conditional | (old.conditional & ~new.granted),
        used=old.used | new.used,
        unused=new.unused & ~old.used,
        ever_granted=old.ever_granted | granted,
        ever_used=old.ever_used | new.used,
    )


_Record = TypeVar("_Record", bound=GrantRecord | CredentialRecord)


def _both(old: list[_Record], new: list[_Record]) -> list[_Record]:
    """Return the newer records, and the older ones whose id is not among them."""
    known = {record.id for record in new}
    found = [*new, *(record for record in old if record.id not in known)]
    return sorted(found, key=lambda record: record.id)
