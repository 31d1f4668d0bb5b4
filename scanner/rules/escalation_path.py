"""ED106 escalation-path: permissions that together let an identity become more than it is."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from connectors.facts import PermissionSet
from connectors.permissions import Permissions
from scanner.results import Confidence, IdentityResult
from scanner.rules.finding import Finding, RuleContext, Severity, whose
from scanner.rules.power import allows, held, is_full, wide
from scanner.rules.wording import called, listed, shared_warning, written_in

ID = "ED106"
NAME = "escalation-path"
TITLE = "Path to more power"
SEVERITIES: tuple[Severity, ...] = (Severity.HIGH, Severity.MEDIUM)


@dataclass(frozen=True, slots=True)
class Path:
    """One row of `escalation_paths.toml`: all of `permissions`, and one of `one_of` where there are any."""

    id: str
    provider: str
    gain: str
    permissions: tuple[str, ...]
    effect: str
    source: str
    one_of: tuple[str, ...] = ()

    def of(self, among: PermissionSet, names: Permissions) -> PermissionSet:
        """Return the permissions of the path among these, or nothing when the path is not complete."""
        needed = known(self.permissions, names)
        finish = known(self.one_of, names) & among
        if len(self.permissions) != needed.bit_count() or needed & ~among or (self.one_of and not finish):
            return 0
        return needed | finish


@cache
def paths(provider: str) -> tuple[Path, ...]:
    """Return the paths of a cloud in the order of the table."""
    data = tomllib.loads(files("scanner.rules").joinpath("escalation_paths.toml").read_text("utf-8"))
    rows = [
        Path(
            **{**row, "permissions": tuple(row["permissions"]), "one_of": tuple(row.get("one_of", ()))},
        )
        for row in data["path"]
    ]
    return tuple(row for row in rows if row.provider == provider)


def known(names: tuple[str, ...], permissions: Permissions) -> PermissionSet:
    """Return those of the names that the evidence knows, as a set, without adding the others."""
    found = 0
    for name in names:
        bit = permissions.find(name)
        if bit is not None:
            found |= 1 << bit
    return found


def find(result: IdentityResult, context: RuleContext) -> Iterator[Finding]:
    """Yield one finding for each path of which the identity holds every permission for certain.

    Nothing for identities of the provider, nor for paths that one administrator grant in full effect gives
    whole: an administrator needs no path, and ED105 names the grant.
    """
    if result.identity.managed_by_provider:
        return
    certain, everywhere = held(result), wide(result)
    admin = [entry.grant.permissions for entry in allows(result) if is_full(entry, result)]
    for path in paths(result.identity.provider):
        mask = path.of(certain, context.permissions)
        if not mask or any(not mask & ~grant for grant in admin):
            continue
        broad = bool(known(path.permissions[:1], context.permissions) & everywhere)
        used = context.permissions.names(mask & result.verdicts.used)
        hidden = context.permissions.names(mask & result.verdicts.unobservable)
        names = context.permissions.names(mask)
        places = written_in(result, mask)
        first = context.permissions.spelling(path.permissions[0])
        yield Finding(
            rule=ID,
            title=f"{called(result)} can {path.effect}",
            severity=Severity.HIGH if broad else Severity.MEDIUM,
            confidence=Confidence.HIGH if broad else Confidence.MEDIUM,
            **whose(result.identity),
            subject=path.id,
            message=f"With {listed(names, 6)}, {called(result)} can {path.effect}. "
            f"{_reach(first, broad=broad)} {_seen(used, hidden)}",
            evidence={
                "path": path.id,
                "gain": path.gain,
                "permissions": names,
                "used": used,
                "unobservable": hidden,
                "every_resource": broad,
                "written_in": places,
                "path_source": path.source,
            },
            remediation=f"Break the path at {first}: take it out of {listed(places, 5)}, or let it name only "
            f"the targets that {called(result)} needs. First check the deployments it runs."
            f"{shared_warning(result, mask)}",
        )


def _reach(first: str, *, broad: bool) -> str:
    if broad:
        return f"{first} is granted on every resource, so the strongest target decides."
    return f"{first} is granted on named resources; how strong those targets are was not worked out."


def _seen(used: list[str], hidden: list[str]) -> str:
    seen = f"Seen in use: {', '.join(used)}." if used else "None of them was seen in use."
    return seen + (f" Today's logs cannot show {', '.join(hidden)}." if hidden else "")
