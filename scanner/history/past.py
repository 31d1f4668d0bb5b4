"""What the state file knows about a scan's accounts as of just before that scan.

Only scans strictly older than the scan's own `now` are looked at. So a repeated scan sees what the first one
saw, and gives the same report, although the first one is recorded already.
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from sys import intern
from typing import Any

import msgspec

from connectors.facts import PermissionSet
from connectors.state import State
from reports.document import FindingEntry
from scanner.drift.snapshot import Key, Profile, Snapshot
from scanner.history.sets import SetStore
from scanner.publish import frameworks
from scanner.results import CloudResult, ScanResult

Account = tuple[str, str]
"""Provider and account; the account of a source that holds no identities is empty."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The row a snapshot was read from: the identity's number and the numbers of its sets and profile."""

    identity: int
    row: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Earlier:
    """The newest older scan of one account; `parts` by source are those it must have read to be complete."""

    code: str
    at: str
    everyone: bool
    parts: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Remembered:
    """A finding as older scans left it; `since` is when it came into this status."""

    fingerprint: str
    rule: str
    provider: str
    account: str
    identity: str
    status: str
    severity: str
    since: str
    first_seen: str
    state: State
    row: int
    """The row that holds the whole finding: few are asked for, and all together they are large."""

    def entry(self) -> FindingEntry:
        """Return the finding as it was written when it last changed its status.

        States of earlier versions hold the references of its rule too.
        """
        body = self.state.read("SELECT body FROM finding_state WHERE rowid = ?", (self.row,))[0][0]
        entry = msgspec.msgpack.decode(zlib.decompress(body), type=FindingEntry)
        held = entry.frameworks or frameworks(self.rule, self.provider)
        return msgspec.structs.replace(entry, frameworks=held)


@dataclass(frozen=True, slots=True)
class CloudPast:
    """What is known of one cloud's identities: the last snapshots, and the first ones."""

    sets: SetStore
    last: Mapping[Key, Snapshot]
    """Identities that were there when their account was last looked at."""
    stored: Mapping[Key, Stored]
    """All identities ever stored, gone ones too."""
    first: Mapping[Key, PermissionSet]
    """What each held when it was first stored."""
    first_whole: Mapping[Key, PermissionSet]
    """What each held when its account was first read whole."""
    known: PermissionSet | None
    """The catalogue of the newest older scan, or None without one."""


@dataclass(frozen=True, slots=True)
class Past:
    """Everything remembered that one scan is compared with."""

    scans: int = 0
    clouds: Mapping[str, CloudPast] = field(default_factory=dict)
    accounts: Mapping[Account, Earlier] = field(default_factory=dict)
    findings: Mapping[str, Remembered] = field(default_factory=dict)
    source_accounts: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    """By provider and source: the accounts it held when it was last read."""


def look_back(state: State, result: ScanResult, now: str) -> Past:
    """Read what is known of the accounts and clouds of a scan, as of just before `now`."""
    accounts, sources = _accounts(state, now)
    return Past(
        scans=int(state.read("SELECT count(*) FROM scan WHERE now < ?", (now,))[0][0]),
        clouds={cloud.provider: _cloud(state, cloud, now) for cloud in result.clouds},
        accounts=accounts,
        findings=_findings(state, now),
        source_accounts=sources,
    )


def _accounts(state: State, now: str) -> tuple[dict[Account, Earlier], dict[tuple[str, str], frozenset[str]]]:
    rows = state.read(
        "SELECT a.provider, a.account, a.source, a.parts, c.code, c.now, c.everyone FROM scan_account a"
        " JOIN scan c ON c.id = a.scan WHERE c.now < ? ORDER BY c.now, c.code, a.source",
        (now,),
    )
    found: dict[Account, Earlier] = {}
    sources: dict[tuple[str, str], tuple[str, frozenset[str]]] = {}
    for provider, account, source, parts, code, at, everyone in rows:
        held = found.get((provider, account))
        same = held is not None and held.code == code
        before = held.parts if held is not None and same else {}
        found[provider, account] = Earlier(
            code, at, bool(everyone), {**before, source: frozenset(json.loads(parts))}
        )
        when, names = sources.get((provider, source), ("", frozenset()))
        sources[provider, source] = (code, (names if when == code else frozenset()) | {account})
    return found, {key: names - {""} for key, (_, names) in sources.items()}


_COLUMNS = "s.present, s.granted, s.conditional, s.used, s.unused, s.ever_granted, s.ever_used, s.profile"
_SNAPSHOTS = f"""
    SELECT i.id, i.provider, i.account, i.immutable_id, i.cloud_id, {_COLUMNS}, p.body, {{pick}}(c.now)
    FROM snapshot s JOIN scan c ON c.id = s.scan JOIN identity i ON i.id = s.identity
    JOIN profile p ON p.id = s.profile
    WHERE c.now < ? AND i.provider = ? {{which}} GROUP BY s.identity
"""
"""SQLite takes the other columns from the row that has the maximum (or minimum)."""


def _cloud(state: State, cloud: CloudResult, now: str) -> CloudPast:
    sets = SetStore(state, cloud.provider, cloud.permissions)
    newest = state.read(_SNAPSHOTS.format(pick="max", which=""), (now, cloud.provider))
    oldest = state.read(_SNAPSHOTS.format(pick="min", which=""), (now, cloud.provider))
    whole = state.read(_SNAPSHOTS.format(pick="min", which="AND s.whole"), (now, cloud.provider))
    catalogue = state.read(
        "SELECT k.known, max(c.now) FROM scan_catalogue k JOIN scan c ON c.id = k.scan"
        " WHERE c.now < ? AND k.provider = ?",
        (now, cloud.provider),
    )
    known = catalogue[0][0] if catalogue and catalogue[0][0] is not None else None
    wanted = {number: None for row in newest for number in row[6:12]}
    wanted |= {row[6]: None for row in (*oldest, *whole)}
    wanted |= {} if known is None else {known: None}
    sets.load(state, wanted)
    keys = _keys(newest, cloud)
    return CloudPast(
        sets=sets,
        last={keys[row[0]]: _snapshot(row, sets) for row in newest if row[5]},
        stored={keys[row[0]]: Stored(row[0], tuple(row[5:13])) for row in newest},
        first={keys[row[0]]: sets.read(row[6]) for row in oldest},
        first_whole={keys[row[0]]: sets.read(row[6]) for row in whole},
        known=None if known is None else sets.read(known),
    )


def _keys(rows: Sequence[Sequence[Any]], cloud: CloudResult) -> dict[int, Key]:
    """Return by stored identity the key under which this scan knows it.

    Usually that is its own. Where one of the two scans did not learn the immutable id, the name decides: an
    identity does not vanish because a file that names its id is missing today.
    """
    own = {
        (i.provider, i.account, i.id): (i.provider, i.account, i.immutable_id or i.id)
        for i in (entry.identity for entry in cloud.identities)
    }
    known = {(i.provider, i.account, i.id) for i in (e.identity for e in cloud.identities) if i.immutable_id}
    keys: dict[int, Key] = {}
    for number, provider, account, immutable_id, cloud_id, *_ in rows:
        name = (str(provider), str(account), str(cloud_id))
        certain = bool(immutable_id) and name in known
        key = (name[0], name[1], str(immutable_id) or name[2])
        keys[int(number)] = key if certain else own.get(name, key)
    return keys


def _snapshot(row: Sequence[Any], sets: SetStore) -> Snapshot:
    granted, conditional, used, unused, ever_granted, ever_used = (sets.read(int(n)) for n in row[6:12])
    return Snapshot(
        provider=str(row[1]),
        account=str(row[2]),
        id=str(row[4]),
        immutable_id=str(row[3]),
        profile=msgspec.msgpack.decode(zlib.decompress(row[13]), type=Profile),
        granted=granted,
        conditional=conditional,
        used=used,
        unused=unused,
        ever_granted=ever_granted,
        ever_used=ever_used,
    )


def _findings(state: State, now: str) -> dict[str, Remembered]:
    rows = state.read(
        "SELECT f.fingerprint, f.rule, f.provider, f.account, f.identity, s.status, s.severity,"
        " CASE WHEN s.body IS NULL THEN 0 ELSE s.rowid END, c.now"
        " FROM finding_state s JOIN scan c ON c.id = s.scan JOIN finding f ON f.id = s.finding"
        " WHERE c.now < ? ORDER BY c.now, c.code",
        (now,),
    )
    found: dict[str, Remembered] = {}
    for fingerprint, *texts, row, at in rows:
        # Many findings have these in common.
        rule, provider, account, identity, status, severity, now = map(intern, (*texts, at))
        held = found.get(fingerprint)
        since, first, kept = (held.since, held.first_seen, held.row) if held else (now, now, 0)
        if held is not None and held.status != status:
            since = now
        found[fingerprint] = Remembered(
            fingerprint,
            rule,
            provider,
            account,
            identity,
            status,
            severity,
            since,
            first,
            state,
            row or kept,
        )
    return found
