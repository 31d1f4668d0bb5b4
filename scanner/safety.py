"""What the owner of a configuration wants kept, whatever the logs say: the `[reductions]` table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from connectors.facts import Identity, PermissionSet
from connectors.permissions import Permissions
from scanner.results import CloudResult

KEYS = ("keep_identities", "keep_permissions", "keep_used_days")


@dataclass(frozen=True, slots=True)
class Safety:
    """Globs over names and ids of identities, and over permission names; matched without case."""

    keep_identities: tuple[str, ...] = ()
    keep_permissions: tuple[str, ...] = ()
    keep_used_days: int = 400
    """What an older scan saw in use within so many days stays; 400 days hold a yearly job."""
    used_earlier: Callable[[CloudResult], Mapping[str, PermissionSet]] | None = None
    """Tells what older scans saw in use, by identity; None without a history."""

    def keeper(self, identity: Identity) -> str:
        """Return the glob that keeps an identity as it is, or nothing."""
        names = (identity.id.lower(), identity.name.lower())
        keeping = (g for g in self.keep_identities if any(fnmatchcase(n, g.lower()) for n in names))
        return next(keeping, "")

    def kept(self, permissions: Permissions) -> PermissionSet:
        """Return the permissions that stay for every identity."""
        if not self.keep_permissions:
            return 0
        globs = [glob.lower() for glob in self.keep_permissions]
        every = permissions.names((1 << len(permissions)) - 1)
        return permissions.mask(
            name for name in every if any(fnmatchcase(name.lower(), glob) for glob in globs)
        )
