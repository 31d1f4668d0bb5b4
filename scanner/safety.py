"""What the owner of a configuration wants kept, whatever the logs say: the `[reductions]` table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from connectors.facts import Identity, PermissionSet
from connectors.permissions import Permissions
from scanner.results import CloudResult

KEYS = ("keep_identities", "keep_permissions", "keep_used_days", "hysteresis_scans")


@dataclass(frozen=True, slots=True)
class Safety:
    """Globs over names and ids of identities, and over permission names; matched without case."""

    keep_identities: tuple[str, ...] = ()
    keep_permissions: tuple[str, ...] = ()
    keep_used_days: int = 400
    """What an older scan saw in use within so many days stays; 400 days hold a yearly job."""
    used_earlier: Callable[[CloudResult], Mapping[str, PermissionSet]] | None = None
    """Tells what older scans saw in use, by identity; None without a history."""
    hysteresis_scans: int = 1
    """In how many scans in a row, this one among them, something must be unused before it may go."""
    settled: Callable[[CloudResult], Mapping[str, PermissionSet]] | None = None
    """Tells what the older ones of these scans all found unused, by identity; None without a history."""

    def keeper(self, identity: Identity) -> str:
        """Return the glob that keeps an identity as it is, or nothing."""
        names = (identity.id.lower(), identity.name.lower())
        keeping = (g for g in self.keep_identities if any(fnmatchcase(n, g.lower()) for n in names))
        return next(keeping, "")

    def unsettled(self, cloud: CloudResult) -> tuple[Mapping[str, PermissionSet], str]:
        """Return by identity what is unused only since few scans, and why it stays."""
        scans = self.hysteresis_scans
        if scans <= 1:
            return {}, ""
        settled = self.settled(cloud) if self.settled else {}
        found = {
            entry.identity.id: entry.verdicts.unused & ~settled.get(entry.identity.id, 0)
            for entry in cloud.identities
        }
        reason = f"it was not unused in each of the last {scans} scans (reductions.hysteresis_scans)"
        if self.settled is None:
            reason = (
                f"{scans} scans must find it unused (reductions.hysteresis_scans), and there is no history"
            )
        return found, reason

    def kept(self, permissions: Permissions) -> PermissionSet:
        """Return the permissions that stay for every identity."""
        if not self.keep_permissions:
            return 0
        globs = [glob.lower() for glob in self.keep_permissions]
        every = permissions.names((1 << len(permissions)) - 1)
        return permissions.mask(
            name for name in every if any(fnmatchcase(name.lower(), glob) for glob in globs)
        )
