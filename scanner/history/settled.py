"""What several scans in a row found unused: one quiet window alone takes nothing away."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime

from connectors.facts import PermissionSet
from connectors.state import State
from scanner.history.scans import time_text
from scanner.history.sets import SetStore
from scanner.results import CloudResult

_Valid = list[tuple[str, PermissionSet]]
"""What was unused, each from a time on."""


def settled(state: State, cloud: CloudResult, now: datetime, scans: int) -> Mapping[str, PermissionSet]:
    """Return by identity the permissions that each of the last `scans` older scans found unused.

    Only scans that read the identity's account whole count; where there are fewer, nothing is settled, and so
    it is for an identity that one of them did not list. A re-created identity has another immutable id, and
    inherits nothing. Scans of AI identities alone do not count for others.
    """
    at = time_text(now)
    counted = _scans(state, cloud.provider, at)
    valid = _valid(state, cloud, at)
    found: dict[str, PermissionSet] = {}
    for entry in cloud.identities:
        identity = entry.identity
        times = [
            when for when, everyone in counted.get(identity.account, ()) if everyone or identity.signals
        ][:scans]
        held = valid.get((identity.account, identity.id, identity.immutable_id), [])
        if len(times) == scans and held:
            unused = _at(held, times[0])
            for when in times[1:]:
                unused &= _at(held, when)
            found[identity.id] = unused
    return found


def _scans(state: State, provider: str, at: str) -> dict[str, list[tuple[str, bool]]]:
    """Return by account the older scans that read it whole, newest first: when, and whether of everyone."""
    rows = state.read(
        "SELECT a.account, c.now, max(c.everyone) FROM scan_account a JOIN scan c ON c.id = a.scan"
        " WHERE a.provider = ? AND c.now < ? GROUP BY a.account, c.now HAVING min(a.complete) = 1"
        " ORDER BY c.now DESC",
        (provider, at),
    )
    found: dict[str, list[tuple[str, bool]]] = {}
    for account, when, everyone in rows:
        found.setdefault(account, []).append((when, bool(everyone)))
    return found


def _valid(state: State, cloud: CloudResult, at: str) -> dict[tuple[str, str, str], _Valid]:
    """Return by account, id and immutable id what was unused, in order of time; nothing while it was gone."""
    rows = state.read(
        "SELECT i.account, i.cloud_id, i.immutable_id, c.now, s.present, s.unused FROM snapshot s"
        " JOIN identity i ON i.id = s.identity JOIN scan c ON c.id = s.scan"
        " WHERE i.provider = ? AND c.now < ? ORDER BY c.now, c.code",
        (cloud.provider, at),
    )
    sets = SetStore(state, cloud.provider, cloud.permissions)
    sets.load(state, {int(row[5]): None for row in rows})
    found: dict[tuple[str, str, str], _Valid] = {}
    for account, cloud_id, immutable_id, when, present, unused in rows:
        known = sets.read(int(unused)) if present else 0
        found.setdefault((account, cloud_id, immutable_id), []).append((when, known))
    return found


def _at(held: Sequence[tuple[str, PermissionSet]], when: str) -> PermissionSet:
    """Return what was unused at a time: what the last snapshot up to then says."""
    place = bisect_right(held, when, key=lambda one: one[0])
    return held[place - 1][1] if place else 0
