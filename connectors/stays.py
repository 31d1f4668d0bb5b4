"""Say of permissions that were asked to go why each of them stays."""

from collections.abc import Iterable

from connectors.facts import PermissionSet
from connectors.reduction import Stay


def first_reasons(stays: Iterable[Stay], left: PermissionSet) -> tuple[Stay, ...]:
    """Return the first reason that names each permission of `left`; the same reason stands once."""
    found: dict[tuple[str, str], PermissionSet] = {}
    for stay in stays:
        here = stay.permissions & left
        if here:
            key = (stay.code, stay.reason)
            found[key] = found.get(key, 0) | here
            left &= ~here
    return tuple(Stay(permissions, *key) for key, permissions in found.items())
