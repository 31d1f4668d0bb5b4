"""Write one scan into the state file, in one transaction: all of it is there afterwards, or nothing.

Recording a scan again (same `now`, same sources) replaces what the first time wrote. A scan older than others
that are recorded already is put in its place in time; what later ones showed stays as it was.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterable
from datetime import date

import msgspec

from connectors.logs.inflate import deflate
from connectors.state import State
from reports.document import FindingEntry, Report
from scanner.drift.snapshot import Key, Snapshot
from scanner.history.memory import CloudMemory, Memory
from scanner.history.past import CloudPast
from scanner.history.scans import scope
from scanner.pipeline import worst
from scanner.results import CloudResult, IdentityResult, ScanResult

_FIRST_DAY = date(2000, 1, 1)
_OF_A_SCAN = ("scan_source", "scan_account", "scan_catalogue", "snapshot", "finding_state")
_KEPT = "present, whole, granted, conditional, used, unused, ever_granted, ever_used, profile"


def record(state: State, memory: Memory, result: ScanResult, report: Report, evidence: str) -> None:
    """Store a scan with its snapshots and the states of its findings, and renew the copy of the file."""
    with state.transaction() as connection:
        _keep_later(connection, memory.now)
        scan = _scan(connection, memory, result, report, evidence)
        _sources(connection, scan, memory, result)
        for cloud in result.clouds:
            past, own = memory.past.clouds[cloud.provider], memory.clouds[cloud.provider]
            _catalogue(connection, scan, cloud, past)
            identities = _identities(connection, scan, past, own)
            _usage_days(connection, cloud, past, identities)
        _findings(connection, scan, memory, report.findings)
    state.keep_copy()


def _keep_later(connection: sqlite3.Connection, now: str) -> None:
    """Before an older scan is put in: write down at the next scan what was valid there."""
    row = connection.execute("SELECT id, now FROM scan WHERE now > ? ORDER BY now LIMIT 1", (now,)).fetchone()
    if row is None:
        return
    connection.execute(
        f"INSERT OR IGNORE INTO snapshot (identity, scan, {_KEPT}) SELECT identity, ?, {_KEPT} FROM ("
        "  SELECT s.*, max(c.now) FROM snapshot s JOIN scan c ON c.id = s.scan WHERE c.now < ?"
        "  GROUP BY s.identity)",
        row,
    )
    connection.execute(
        "INSERT OR IGNORE INTO finding_state (finding, scan, status, severity, body)"
        " SELECT finding, ?, status, severity, body FROM ("
        "  SELECT s.*, max(c.now) FROM finding_state s JOIN scan c ON c.id = s.scan WHERE c.now < ?"
        "  GROUP BY s.finding)",
        row,
    )


def _scan(
    connection: sqlite3.Connection, memory: Memory, result: ScanResult, report: Report, evidence: str
) -> int:
    """Write the row of the scan, over the one of an earlier recording; return its number."""
    summary = {
        "identities": report.summary.identities,
        "ai_identities": report.summary.ai_identities,
        "permissions": msgspec.to_builtins(report.summary.permissions),
        "findings": msgspec.to_builtins(report.summary.findings),
    }
    values = (
        memory.code,
        memory.now,
        scope(result),
        report.window.start,
        report.window.end,
        f"{report.tool.name} {report.tool.version}",
        evidence,
        int(any(not entry.ai_workload.is_ai for entry in report.identities)),
        json.dumps(summary, sort_keys=True),
    )
    row = connection.execute("SELECT id FROM scan WHERE code = ?", (memory.code,)).fetchone()
    if row is not None:
        for table in _OF_A_SCAN:
            connection.execute(f"DELETE FROM {table} WHERE scan = ?", row)
        connection.execute(
            "UPDATE scan SET (code, now, scope, window_start, window_end, tool, evidence, everyone, summary)"
            " = (?, ?, ?, ?, ?, ?, ?, ?, ?) WHERE id = ?",
            (*values, *row),
        )
        return int(row[0])
    row = connection.execute(
        "INSERT INTO scan (code, now, scope, window_start, window_end, tool, evidence, everyone, summary)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        values,
    ).fetchone()
    return int(row[0])


def _sources(connection: sqlite3.Connection, scan: int, memory: Memory, result: ScanResult) -> None:
    connection.executemany(
        "INSERT INTO scan_source VALUES (?, ?, ?, ?, ?, ?)",
        [
            (
                scan,
                source.name,
                source.provider,
                source.stage,
                worst(source.outcomes).value,
                "; ".join(sorted({f"{o.part}: {o.reason}" for o in source.outcomes if o.reason})),
            )
            for source in result.sources
        ],
    )
    evidence = memory.evidence
    connection.executemany(
        "INSERT INTO scan_account VALUES (?, ?, ?, ?, ?, ?)",
        [
            (scan, *key, int(evidence.complete[key]), json.dumps(parts))
            for key, parts in sorted(evidence.parts.items())
        ],
    )


def _catalogue(connection: sqlite3.Connection, scan: int, cloud: CloudResult, past: CloudPast) -> None:
    known = past.sets.write(connection, cloud.permissions.known)
    connection.execute(
        "INSERT INTO scan_catalogue VALUES (?, ?, ?, ?, ?)",
        (scan, cloud.provider, cloud.permissions.source, cloud.permissions.date, known),
    )


def _identities(
    connection: sqlite3.Connection, scan: int, past: CloudPast, own: CloudMemory
) -> dict[Key, int]:
    """Write the snapshots that differ from the last ones; return the number of each identity."""
    numbers: dict[Key, int] = {}
    rows = []
    for key, snapshot in own.now.items():
        stored = past.stored.get(key)
        numbers[key] = _number(connection, key, snapshot) if stored is None else stored.identity
        if stored is not None and snapshot.immutable_id:
            _rename(connection, stored.identity, snapshot)
        row = (1, *_sets(connection, past, snapshot), _profile(connection, snapshot))
        whole = int(own.whole[key] and snapshot.profile.readable)
        first_whole = whole and key not in past.first_whole
        if stored is None or stored.row != row or first_whole:
            rows.append((numbers[key], scan, row[0], whole, *row[1:]))
    for key in own.gone:
        stored = past.stored[key]
        rows.append((stored.identity, scan, 0, 0, *stored.row[1:]))
    marks = ", ".join("?" * 11)
    connection.executemany(
        f"INSERT INTO snapshot (identity, scan, {_KEPT}) VALUES ({marks})",
        rows,
    )
    return numbers


def _sets(connection: sqlite3.Connection, past: CloudPast, snapshot: Snapshot) -> tuple[int, ...]:
    sets = (
        snapshot.granted,
        snapshot.conditional,
        snapshot.used,
        snapshot.unused,
        snapshot.ever_granted,
        snapshot.ever_used,
    )
    return tuple(past.sets.write(connection, permissions) for permissions in sets)


def _profile(connection: sqlite3.Connection, snapshot: Snapshot) -> int:
    body = msgspec.msgpack.encode(snapshot.profile)
    digest = hashlib.sha256(body).digest()
    connection.execute(
        "INSERT INTO profile (digest, body) VALUES (?, ?) ON CONFLICT (digest) DO NOTHING",
        (digest, deflate.compress(body, 1)),
    )
    row = connection.execute("SELECT id FROM profile WHERE digest = ?", (digest,)).fetchone()
    return int(row[0])


def _number(connection: sqlite3.Connection, key: Key, snapshot: Snapshot) -> int:
    provider, account, stays = key
    row = connection.execute(
        "INSERT INTO identity (provider, account, stays, immutable_id, cloud_id) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (provider, account, stays) DO UPDATE SET cloud_id = excluded.cloud_id RETURNING id",
        (provider, account, stays, snapshot.immutable_id, snapshot.id),
    ).fetchone()
    return int(row[0])


def _rename(connection: sqlite3.Connection, identity: int, snapshot: Snapshot) -> None:
    connection.execute(
        "UPDATE identity SET cloud_id = ?, immutable_id = ?"
        " WHERE id = ? AND (cloud_id, immutable_id) != (?, ?)",
        (snapshot.id, snapshot.immutable_id, identity, snapshot.id, snapshot.immutable_id),
    )


def _usage_days(
    connection: sqlite3.Connection, cloud: CloudResult, past: CloudPast, identities: dict[Key, int]
) -> None:
    """Add the days on which a use is known to have happened: the first and the last of each row."""
    for entry in cloud.identities:
        found = _days(entry)
        key = (cloud.provider, entry.identity.account, entry.identity.immutable_id or entry.identity.id)
        identity = identities[key]
        held = {
            int(permission): int.from_bytes(days, "little")
            for permission, days in connection.execute(
                "SELECT permission, days FROM usage_day WHERE identity = ?", (identity,)
            )
        }
        changed = []
        for name, days in found.items():
            permission = past.sets.number(connection, name)
            union = held.get(permission, 0) | days
            if union != held.get(permission):
                changed.append(
                    (identity, permission, union.to_bytes((union.bit_length() + 7) // 8, "little"))
                )
        connection.executemany("INSERT OR REPLACE INTO usage_day VALUES (?, ?, ?)", changed)


def _days(entry: IdentityResult) -> dict[str, int]:
    found: dict[str, int] = {}
    for usage in entry.usage:
        if usage.count > usage.denied:
            for moment in (usage.first_seen, usage.last_allowed or usage.last_seen):
                number = day_number(moment)
                if number >= 0:
                    found[usage.permission] = found.get(usage.permission, 0) | 1 << number
    return found


def day_number(moment: str) -> int:
    """Return the number that the day of a time has in `usage_day`; negative before the first one."""
    return (date.fromisoformat(moment[:10]) - _FIRST_DAY).days


def _findings(
    connection: sqlite3.Connection, scan: int, memory: Memory, entries: Iterable[FindingEntry]
) -> None:
    """Write the findings whose status or severity is another than the last one remembered."""
    before = memory.past.findings
    changed = [
        entry
        for entry in entries
        if (held := before.get(entry.fingerprint)) is None
        or (entry.status, entry.severity) != (held.status, held.severity)
    ]
    connection.executemany(
        "INSERT INTO finding (fingerprint, rule, provider, account, identity) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (fingerprint) DO NOTHING",
        ((e.fingerprint, e.rule, e.provider, e.account, e.identity) for e in changed),
    )
    connection.executemany(
        "INSERT INTO finding_state (finding, scan, status, severity, body)"
        " SELECT id, ?, ?, ?, ? FROM finding WHERE fingerprint = ?",
        ((scan, e.status, e.severity, _body(e), e.fingerprint) for e in changed),
    )


def _body(entry: FindingEntry) -> bytes | None:
    """Return a finding whole; one that is fixed stands whole where it was open last.

    The references of its rule are two thirds of it and stand in the tables of this program.
    """
    if entry.status == "fixed":
        return None
    own = msgspec.structs.replace(entry, frameworks=[])
    packed: bytes = deflate.compress(msgspec.msgpack.encode(own), 1)
    return packed
