"""Bring a scan's results and what is remembered together: changes, the state of findings, references."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from connectors.facts import PermissionSet
from connectors.state import State
from reports.document import (
    ComparedWith,
    Drift,
    DriftChange,
    FindingDrift,
    FindingEntry,
    History,
    WaiverPattern,
)
from scanner.drift.compare import Catalogue, between, order
from scanner.drift.snapshot import Key, Snapshot, joined, of_cloud
from scanner.history import approvals
from scanner.history.evidence import ABOUT_USE, Evidence, weaker_logs, weigh
from scanner.history.findings import Settled, settle
from scanner.history.past import CloudPast, Past, Remembered, look_back
from scanner.history.patterns import AcceptedPattern, Covered, Names, cover, patterns
from scanner.history.scans import code, time_text
from scanner.history.waivers import Accepted, waivers
from scanner.results import CloudResult, IdentityResult, ScanResult

CHANGES = 5000
"""Changes kept in a report; `changes_total` says how many there are."""


@dataclass(frozen=True, slots=True)
class CloudMemory:
    """One cloud's identities now, joined with what is remembered of them."""

    now: Mapping[Key, Snapshot]
    whole: Mapping[Key, bool]
    """Whether the account of each was read whole this time."""
    gone: frozenset[Key]


@dataclass(frozen=True, slots=True)
class Memory:
    """What one scan remembers; built before findings are judged, used for report and record alike."""

    now: str
    code: str
    past: Past
    evidence: Evidence
    accepted: Mapping[str, Accepted]
    patterns: tuple[AcceptedPattern, ...]
    approvals_head: str
    approvals: int
    clouds: Mapping[str, CloudMemory]
    notes: tuple[str, ...] = ()

    def history(self, covered: Covered) -> History:
        """Return the report's section about the history."""
        return History(
            scan=self.code,
            scans=self.past.scans,
            approvals_head=self.approvals_head,
            approvals=self.approvals,
            notes=list(self.notes),
            patterns=[
                WaiverPattern(
                    id=one.pattern.id,
                    rule=one.pattern.rule,
                    identity=one.pattern.identity,
                    account=one.pattern.account,
                    critical=one.pattern.critical,
                    at_most=one.pattern.at_most,
                    reason=one.reason,
                    owner=one.owner,
                    until=one.until,
                    active=one.active(self.now),
                    covers=covered.covers.get(one.pattern.id, 0),
                    over=covered.over.get(one.pattern.id, 0),
                )
                for one in self.patterns
            ],
        )


def remember(state: State, result: ScanResult, notes: Sequence[str] = ()) -> Memory:
    """Look back from a scan: read what older scans left, and weigh what this one saw against it."""
    now = time_text(result.now)
    past = look_back(state, result, now)
    evidence = weigh(result, past)
    chain = approvals.verify(state)
    broken = (f"the chain of approvals is broken: {chain.broken}",) if chain.broken else ()
    return Memory(
        now=now,
        code=code(now, result),
        past=past,
        evidence=evidence,
        accepted=waivers(state),
        patterns=tuple(patterns(state)),
        approvals_head=approvals.head(state),
        approvals=len(approvals.entries(state)),
        clouds={
            cloud.provider: _cloud(cloud, past.clouds[cloud.provider], evidence) for cloud in result.clouds
        },
        notes=(*notes, *broken),
    )


def _cloud(cloud: CloudResult, past: CloudPast, evidence: Evidence) -> CloudMemory:
    now: dict[Key, Snapshot] = {}
    whole: dict[Key, bool] = {}
    for snapshot in of_cloud(cloud):
        key = snapshot.key
        whole[key] = not evidence.doubt(key[:2])
        old = past.last.get(key)
        now[key] = snapshot if old is None else joined(old, snapshot, whole=whole[key])
    ids = {(account, id_): immutable for account, id_, immutable in cloud.inventory}
    immutables = {(account, immutable) for account, _, immutable in cloud.inventory if immutable}
    gone = frozenset(
        key
        for key, old in past.last.items()
        if key not in now
        and evidence.doubt(key[:2]) == ""
        and (key[1], old.immutable_id) not in immutables
        and not ((key[1], old.id) in ids and "" in {old.immutable_id, ids[key[1], old.id]})
    )
    return CloudMemory(now, whole, gone)


def reference(memory: Memory, provider: str, key: Key) -> PermissionSet | None:
    """Return what an identity held when it was first seen whole: what an expansion is measured against.

    None while there is nothing that can be compared honestly.
    """
    past, cloud = memory.past.clouds[provider], memory.clouds[provider]
    if key in past.first_whole:
        return past.first_whole[key]
    return None if cloud.whole.get(key, True) else past.first.get(key)


def catalogue(memory: Memory, cloud: CloudResult) -> Catalogue:
    """Return which permission names are new in the catalogue since the newest older scan."""
    known = memory.past.clouds[cloud.provider].known
    grown = 0 if known is None else cloud.permissions.known & ~known
    return Catalogue(cloud.permissions, grown)


def drift(memory: Memory, result: ScanResult, findings: FindingDrift) -> Drift:
    """Return what changed since the newest older scan of each account."""
    changes = sorted((change for cloud in result.clouds for change in _changes(memory, cloud)), key=order)
    return Drift(
        compared_with=_compared(memory),
        changes=changes[:CHANGES],
        changes_total=len(changes),
        findings=findings,
    )


def _changes(memory: Memory, cloud: CloudResult) -> Iterable[DriftChange]:
    """Return the changes of one cloud, over accounts that an older scan looked at."""
    past, own = memory.past.clouds[cloud.provider], memory.clouds[cloud.provider]
    accounts = memory.past.accounts
    new: dict[Key, Snapshot] = {}
    for key, snapshot in own.now.items():
        earlier = accounts.get(key[:2])
        if earlier is None or (key not in past.last and not (earlier.everyone or snapshot.profile.is_ai)):
            continue
        new[key] = snapshot
    old = {
        key: snapshot if key in past.first_whole or not own.whole.get(key, True) else _unsure(snapshot)
        for key, snapshot in past.last.items()
    }
    since = max((earlier.at for earlier in accounts.values()), default="")
    return between(old, new, catalogue(memory, cloud), since=since, missing=own.gone)


def _unsure(snapshot: Snapshot) -> Snapshot:
    """Return a snapshot of which nothing but use is compared: it was never read whole, and now it was."""
    profile = msgspec.structs.replace(snapshot.profile, readable=False)
    return msgspec.structs.replace(snapshot, profile=profile)


def _compared(memory: Memory) -> list[ComparedWith]:
    rows = []
    for (provider, account), doubt in sorted(memory.evidence.doubts.items()):
        earlier = memory.past.accounts.get((provider, account))
        rows.append(
            ComparedWith(
                provider=provider,
                account=account,
                scan=earlier.code if earlier else "",
                at=earlier.at if earlier else "",
                complete=not doubt,
                reason=doubt,
            )
        )
    return rows


def covering(memory: Memory, current: Sequence[FindingEntry], names: Names) -> Covered:
    """Return what single waivers and patterns cover of this scan's findings and of those still remembered."""
    found = {entry.fingerprint for entry in current}
    past = memory.past.findings
    known = [
        msgspec.structs.replace(entry, first_seen=past[entry.fingerprint].first_seen)
        if entry.fingerprint in past
        else entry
        for entry in current
    ]
    carried = [one for name, one in past.items() if name not in found and one.status != "fixed"]
    return cover(memory.patterns, memory.accepted, [*known, *carried], names, memory.now)


def settled(
    memory: Memory, result: ScanResult, current: Sequence[FindingEntry], accepted: Mapping[str, Accepted]
) -> Settled:
    """Return the findings with their states."""
    analysed: dict[tuple[str, str, str], IdentityResult] = {
        (cloud.provider, entry.identity.account, entry.identity.id): entry
        for cloud in result.clouds
        for entry in cloud.identities
    }
    listed = {
        (cloud.provider, account, id_) for cloud in result.clouds for account, id_, _ in cloud.inventory
    }

    def doubt(finding: Remembered) -> str | None:
        account = memory.evidence.doubt((finding.provider, finding.account))
        if account is None or account:
            return account
        name = (finding.provider, finding.account, finding.identity)
        entry = analysed.get(name)
        if entry is None:
            return "the identity was not analysed" if name in listed else ""
        if finding.rule not in ABOUT_USE:
            return ""
        past = memory.past.clouds[finding.provider]
        before = past.last.get((*name[:2], entry.identity.immutable_id or entry.identity.id))
        return weaker_logs(entry, before.unused if before else 0)

    return settle(current, memory.past.findings, accepted, doubt, result.now)
