"""Say what a reviewer has to know of a plan: about the account, the new roles, and what was left as it is."""

from collections.abc import Iterator, Sequence

from connectors.facts import PermissionSet
from connectors.gcp.names import SERVICE_ACCOUNT_DOMAIN
from connectors.gcp.reduction.desk import Desk, Held
from connectors.gcp.reduction.standing import Access, Kind
from connectors.reduction import Change

_MANY_ROLES = 3
"""From so many custom roles on a note says what would make them fewer."""


def reviewer_notes(name: str, changes: Sequence[Change], desk: Desk) -> Iterator[str]:
    """Yield the notes on the changes of one identity."""
    identity = desk.identities[name]
    if identity.kind == "default-service-account":
        yield "Google gives this account to workloads that name none: all of them share it."
    if name.endswith(SERVICE_ACCOUNT_DOMAIN) and len(identity.workloads) > 1:
        names = ", ".join(sorted({one.name for one in identity.workloads})[:5])
        yield f"Several workloads run as this account: {names}."
    unknown = sorted({held.grant.name for held in desk.held(name) if _unknown(held, desk)})
    if unknown:
        yield f"Left as they are, because the evidence has no definition of them: {', '.join(unknown[:5])}."
    yield from _about_roles(changes, desk)
    yield from _about_size(name, changes, desk)


def first_step(identity: str, kept: PermissionSet, desk: Desk) -> str:
    """Return what would show the use of most of what is kept because no log could show it; or nothing."""
    blind = desk.blind.get(identity, ())
    best = max(blind, key=lambda one: (one.permissions & kept).bit_count(), default=None)
    count = (best.permissions & kept).bit_count() if best is not None else 0
    if best is None or not best.fix or not count:
        return ""
    return f"first make {count:,} of them visible, then scan a full window again: {best.fix}"


def few(names: Sequence[str], most: int = 3) -> str:
    """Return the first of several names, and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _about_size(identity: str, changes: Sequence[Change], desk: Desk) -> Iterator[str]:
    """Yield what would make a replacement small that needs several roles for what logs cannot show."""
    made = [one for one in changes if one.kind == Kind.CREATE_ROLE]
    if len(made) < _MANY_ROLES:
        return
    kept = desk.permissions.mask(name for _, name in _made_names(made, desk))
    step = first_step(identity, kept, desk)
    yield (
        f"The replacement needs {len(made)} custom roles, because most of what stays could not have been"
        f" seen in use" + (f": {step}" if step else ".")
    )


def _about_roles(changes: Sequence[Change], desk: Desk) -> Iterator[str]:
    """Yield what Google says about permissions of the new roles beyond whether they may hold them."""
    unsteady: dict[str, set[str]] = {}
    off: dict[str, set[str]] = {}
    for level, name in _made_names(changes, desk):
        kind = desk.support.unsteady(name, level)
        if kind:
            unsteady.setdefault(kind, set()).add(name)
        if desk.support.off(name, level):
            off.setdefault(level, set()).add(name)
    for kind, names in sorted(unsteady.items()):
        shown = few(sorted(names), 5)
        yield (
            f"Google still tests {shown} in custom roles and may change how they work."
            if kind == "TESTING"
            else f"Google may change or end what these give ({kind.lower()} permissions): {shown}."
        )
    for level, names in sorted(off.items()):
        services = few(sorted({name.partition(".")[0] for name in names}), 5)
        yield (
            f"{len(names):,} of the permissions kept have no effect in {level} until somebody enables"
            f" their services, which are off today: {services}."
        )


def _unknown(held: Held, desk: Desk) -> bool:
    return desk.inventory.roles.find(held.binding.role) is None


def _made_names(changes: Sequence[Change], desk: Desk) -> list[tuple[str, str]]:
    """Return the permissions of the new roles, each with where the role is made."""
    roles = {one.target: one.after for one in changes if one.kind == Kind.CREATE_ROLE}
    access = Access(roles=roles)
    return sorted(
        {
            (role.partition("/roles/")[0], name)
            for role in roles
            for name in desk.permissions.names(desk.given(access, role) or 0)
        }
    )
