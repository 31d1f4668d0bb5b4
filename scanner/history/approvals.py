"""Who approved what, why and until when: entries in a SHA-256 hash chain that only grows.

Each entry's hash covers its own fields and the hash of the entry before it. A changed, removed or reordered
entry breaks every later hash (`verify`). The newest hash (`head`) is printed in each report, so that a chain
whose end was cut off no longer holds the head of a report that was kept elsewhere (`holds`).
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass

from connectors.state import Component, State

APPROVALS = Component(
    "approvals",
    (
        """CREATE TABLE approval (
            number INTEGER PRIMARY KEY, kind TEXT NOT NULL, subject TEXT NOT NULL, who TEXT NOT NULL,
            why TEXT NOT NULL, at TEXT NOT NULL, until TEXT NOT NULL, digest TEXT NOT NULL,
            signature TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL UNIQUE) STRICT;
        CREATE TRIGGER approval_is_not_changed BEFORE UPDATE ON approval
            BEGIN SELECT RAISE(ABORT, 'approvals are only ever added'); END;
        CREATE TRIGGER approval_is_not_removed BEFORE DELETE ON approval
            BEGIN SELECT RAISE(ABORT, 'approvals are only ever added'); END;""",
    ),
)
GENESIS = "0" * 64
"""What stands for the hash before the first entry; also the head of an empty chain."""
_FIELDS = "number, kind, subject, who, why, at, until, digest, signature, previous, hash"


@dataclass(frozen=True, slots=True)
class Approval:
    """What somebody approved. Times are RFC 3339 UTC; `until` is empty when it has no end.

    `kind` is what was done (`waiver`, `waiver-revoked`, `baseline`, `expansion`), `subject` what it is about
    (a finding's fingerprint, a workload), `digest` the SHA-256 of exactly what was approved.
    """

    kind: str
    subject: str
    who: str
    why: str
    at: str
    until: str = ""
    digest: str = ""
    signature: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """An approval in its place in the chain."""

    number: int
    approval: Approval
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether the chain is whole: how many entries, its head, and the first thing wrong with it."""

    entries: int
    head: str
    broken: str = ""


def append(state: State, approval: Approval) -> Entry:
    """Add an approval at the end of the chain, in one transaction, and renew the copy of the state file."""
    with state.transaction() as connection:
        last = connection.execute("SELECT number, hash FROM approval ORDER BY number DESC LIMIT 1").fetchone()
        number, previous = (int(last[0]) + 1, str(last[1])) if last else (1, GENESIS)
        entry = Entry(number, approval, previous, _hash(number, approval, previous))
        connection.execute(
            f"INSERT INTO approval ({_FIELDS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (number, *astuple(approval), previous, entry.hash),
        )
    state.keep_copy()
    return entry


def entries(state: State, kinds: Sequence[str] = ()) -> list[Entry]:
    """Return the entries in the order they were made; all, or those of some kinds."""
    rows = state.read(f"SELECT {_FIELDS} FROM approval ORDER BY number")
    found = [Entry(number, Approval(*fields), previous, own) for number, *fields, previous, own in rows]
    return [entry for entry in found if not kinds or entry.approval.kind in kinds]


def head(state: State) -> str:
    """Return the hash of the newest entry."""
    rows = state.read("SELECT hash FROM approval ORDER BY number DESC LIMIT 1")
    return str(rows[0][0]) if rows else GENESIS


def holds(state: State, known_head: str) -> bool:
    """Tell whether a head that some report printed is still part of the chain."""
    return known_head == GENESIS or bool(state.read("SELECT 1 FROM approval WHERE hash = ?", (known_head,)))


def verify(state: State) -> Verification:
    """Compute every hash again and name the first entry that does not fit."""
    previous = GENESIS
    for number, entry in enumerate(entries(state), 1):
        broken = ""
        if entry.number != number:
            broken = f"entry {number} is missing"
        elif entry.previous != previous:
            broken = f"entry {number} does not follow the one before it"
        elif entry.hash != _hash(number, entry.approval, previous):
            broken = f"entry {number} was changed after it was made"
        if broken:
            return Verification(number - 1, previous, broken)
        previous = entry.hash
    return Verification(len(entries(state)), previous)


def _hash(number: int, approval: Approval, previous: str) -> str:
    """Hash an entry as a JSON array, so that no two different entries are written alike."""
    fields = ["entdrift/approval/1", number, *astuple(approval), previous]
    text = json.dumps(fields, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()
