"""The turns of phrase that findings share, so that every type says the same thing alike."""

from collections.abc import Sequence

from connectors.facts import PermissionSet
from scanner.results import IdentityResult
from scanner.rules.power import allows, written

NAMES = 50
"""Permission names listed in a finding's evidence; their total stands beside them."""
_PLACES = 5


def called(result: IdentityResult) -> str:
    """Return the name people know the identity by."""
    return result.identity.name or result.identity.id


def many(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(names: Sequence[str], limit: int) -> str:
    """Return the first names as a list in words, with how many follow."""
    more = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {more:,} more" if more > 0 else "")


def written_in(result: IdentityResult, permissions: PermissionSet) -> list[str]:
    """Return where the permissions are written, sorted: name and source of each grant, at most five."""
    places = list(dict.fromkeys(place for place, given in written(result) if given & permissions))
    more = len(places) - _PLACES
    return places[:_PLACES] + ([f"{many(more, 'more grant')}"] if more > 0 else [])


def shared_warning(result: IdentityResult, permissions: PermissionSet) -> str:
    """Return a warning when other identities hold a grant that gives these permissions, else nothing."""
    names = sorted(
        {
            entry.grant.name
            for entry in allows(result)
            if entry.grant.shared and entry.grant.permissions & permissions
        }
    )
    if not names:
        return ""
    return (
        f" Other identities hold {listed(names, 3)} too: "
        f"give this one a grant of its own instead of changing the shared one."
    )
