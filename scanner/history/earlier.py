"""What older scans saw in use: a job that runs once a quarter keeps what it needs."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from connectors.facts import PermissionSet
from connectors.state import State
from scanner.history.record import day_number
from scanner.results import CloudResult


def used_earlier(state: State, cloud: CloudResult, now: datetime, days: int) -> Mapping[str, PermissionSet]:
    """Return by identity the permissions that were in use on one of the last `days` days, as older scans saw.

    Days of the scan's own window are among them and do no harm: what was used in it is not unused. A
    re-created identity has another immutable id, and inherits nothing.
    """
    since = day_number((now - timedelta(days=days)).strftime("%Y-%m-%d"))
    names = {(i.account, i.id): i for i in (entry.identity for entry in cloud.identities)}
    found: dict[str, PermissionSet] = {}
    rows = state.read(
        "SELECT i.account, i.cloud_id, i.immutable_id, n.name, u.days FROM usage_day u"
        " JOIN identity i ON i.id = u.identity JOIN permission_name n ON n.id = u.permission"
        " WHERE i.provider = ?",
        (cloud.provider,),
    )
    for account, cloud_id, immutable_id, name, packed in rows:
        identity = names.get((account, cloud_id))
        if identity is None or (immutable_id and identity.immutable_id not in ("", immutable_id)):
            continue
        if int.from_bytes(packed, "little") >> max(0, since):
            bit = 1 << cloud.permissions.index(name)
            found[identity.id] = found.get(identity.id, 0) | bit
    return found
