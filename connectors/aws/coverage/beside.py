"""Tell which permissions a call may have used beside its own, without an event for them."""

from collections.abc import Iterable, Iterator, Mapping

from connectors.aws.catalog.tables import table
from connectors.aws.usage.usage import Called
from connectors.facts import Blind, PermissionSet
from connectors.permissions import Permissions

_ASYNCHRONOUS = frozenset({"bedrock:GetAsyncInvoke", "bedrock:ListAsyncInvokes"})
"""Whoever is set up for such calls is told by his policies instead (`model_calls.py`)."""


class Beside:
    """The rules of `catalog/checked_with.toml`, asked about the identities of a scan."""

    def __init__(self, called: Called, permissions: Permissions) -> None:
        data = table("checked_with")
        self._always = _masks((*data["permissions"].items(), *data["dependent"].items()), permissions)
        self._after_failure = _masks(data["after_failure"].items(), permissions)
        self._own = {
            permission: permissions.mask([permission])
            for permission in self._always
            if permission not in _ASYNCHRONOUS
        }
        self._asked = 0
        for own in self._own.values():
            self._asked |= own
        self._failed = called.failed
        self._used: dict[str, set[str]] = {}
        for row in called.usage:
            if row.permission in self._always and row.count > row.denied:
                self._used.setdefault(row.identity, set()).add(row.permission)

    def of_used(self, identity: str, held: PermissionSet) -> Iterator[Blind]:
        """Yield what the calls on record may have needed too."""
        for permission in sorted(self._used.get(identity, ())):
            reason = (
                f"{permission} was used; such a call may need this too and leaves no event of its own for it"
            )
            yield from _blind(held & self._always[permission], reason)
        for permission in sorted(self._failed.get(identity, set()) & self._after_failure.keys()):
            yield from _blind(
                held & self._after_failure[permission],
                f"calls of {permission} failed, but not for want of access; without this they may be refused",
            )

    def of_unseen(self, held: PermissionSet, spots: Iterable[Blind]) -> Iterator[Blind]:
        """Yield what calls that the logs cannot show may have needed, with what would show those calls."""
        spots, unseen = tuple(spots), 0
        for spot in spots:
            unseen |= spot.permissions
        unseen &= held & self._asked
        if not unseen:
            return
        for permission, own in self._own.items():
            if own & unseen:
                spot = next(one for one in spots if one.permissions & own)
                reason = f"calls of {permission} cannot be seen; such a call may need this too"
                yield from _blind(held & self._always[permission], reason, spot.fix)


def _masks(rows: Iterable[tuple[str, list[str]]], permissions: Permissions) -> Mapping[str, PermissionSet]:
    found: dict[str, PermissionSet] = {}
    for permission, others in rows:
        found[permission] = found.get(permission, 0) | permissions.mask(others)
    return found


def _blind(permissions: PermissionSet, reason: str, fix: str = "") -> Iterator[Blind]:
    if permissions:
        yield Blind(permissions, "part-of-another-call", reason, fix)
