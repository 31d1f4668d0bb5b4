"""Tell when, and for which service, IAM last saw a user's keys used: a second witness beside the logs."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from connectors.aws.identities.credentials import users_of
from connectors.aws.inventory import Inventory
from connectors.aws.times import stamp
from connectors.facts import Usage

_NONE = {"", "n/a", "no_information"}


class KeyUse(NamedTuple):
    """The last use of one key, as IAM reports it; refused calls count there too."""

    time: str
    service: str
    region: str


def key_uses(inventory: Inventory, usage: Iterable[Usage]) -> dict[str, list[KeyUse]]:
    """Return the last uses of keys by user, from the credential report and from lists of keys."""
    found: dict[str, set[KeyUse]] = {}
    for _, row in inventory.report:
        if (user := str(row.get("arn", ""))) in inventory.users:
            found.setdefault(user, set()).update(_reported(row))
    signed = {row.credential: row.identity for row in usage if row.credential.startswith("AKIA")}
    for source, _, record in inventory.keys:
        used = record.get("AccessKeyLastUsed")
        users = users_of(inventory, source, record, signed) if isinstance(used, Mapping) else []
        if len(users) == 1 and isinstance(used, Mapping):
            times = (used.get("LastUsedDate"), used.get("ServiceName"), used.get("Region"))
            found.setdefault(users[0], set()).update(_use(*times))
    return {user: sorted(uses) for user, uses in found.items()}


def _reported(row: Mapping[str, Any]) -> Iterator[KeyUse]:
    for number in ("1", "2"):
        key = f"access_key_{number}_last_used"
        yield from _use(row.get(f"{key}_date"), row.get(f"{key}_service"), row.get(f"{key}_region"))


def _use(time: Any, service: Any, region: Any) -> Iterator[KeyUse]:
    if when := stamp(time):
        names = (str(one or "").strip().lower() for one in (service, region))
        yield KeyUse(when, *("" if name in _NONE else name for name in names))
