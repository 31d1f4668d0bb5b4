"""What an identity holds for certain, and how much power lies in a set of permissions."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from connectors.facts import Effect, Grant, PermissionSet
from scanner.results import GrantResult, IdentityResult
from scanner.rules.finding import RuleContext, Severity
from scanner.rules.observation import is_young
from scanner.rules.paths import paths

GRAVE = ("admin", "credential", "identity", "logging")
"""Reach classes that change who may do what, hand out secrets, or blind the record."""
SERIOUS = ("data", "destructive", "network")
"""Reach classes that read, change or expose what an organisation keeps."""
MANY_SERVICES = 10
"""From so many services on, a grant is no longer made for one task."""


_Found = TypeVar("_Found")


def _once(work: Callable[[IdentityResult], _Found]) -> Callable[[IdentityResult], _Found]:
    """Work something out once for each result. The answer is shared: callers must not change it."""

    @wraps(work)
    def kept(result: IdentityResult) -> _Found:
        if work not in result.worked_out:
            result.worked_out[work] = work(result)
        found: _Found = result.worked_out[work]
        return found

    return kept


@_once
def held(result: IdentityResult) -> PermissionSet:
    """Return what is held for certain; what hangs on an undecided condition is not.

    A refused call takes no grant away: it may have been made where the grant does not reach.
    """
    verdicts = result.verdicts
    called = (verdicts.used | verdicts.denied) & verdicts.granted
    return called | verdicts.unused | verdicts.unobservable


def reach_of(result: IdentityResult, names: tuple[str, ...]) -> PermissionSet:
    """Return the granted permissions of these reach classes."""
    found: PermissionSet | None = result.worked_out.get(names)
    if found is None:
        found = 0
        for name in names:
            if name in result.reach:
                found |= result.reach[name].granted
        result.worked_out[names] = found
    return found


def severity_of(permissions: PermissionSet, result: IdentityResult) -> Severity:
    """Return high, medium or low by the gravest reach class among the permissions."""
    if permissions & reach_of(result, GRAVE):
        return Severity.HIGH
    return Severity.MEDIUM if permissions & reach_of(result, SERIOUS) else Severity.LOW


@_once
def allows(result: IdentityResult) -> tuple[GrantResult, ...]:
    """Return the grants that give the identity something that no other layer takes away again.

    A grant whose content the evidence does not hold (an unknown role) stays: it may give anything.
    """
    return tuple(
        entry
        for entry in result.grants
        if entry.grant.effect is Effect.ALLOW
        and (not entry.grant.permissions or entry.grant.permissions & result.verdicts.granted)
    )


@_once
def given_to_everybody(result: IdentityResult) -> PermissionSet:
    """Return what only resources give that let everybody in: their owners mend that, not this identity's."""
    everybody = own = 0
    for entry in allows(result):
        if entry.grant.to_everybody:
            everybody |= entry.grant.permissions
        else:
            own |= entry.grant.permissions
    return everybody & ~own


@_once
def written(result: IdentityResult) -> tuple[tuple[str, PermissionSet], ...]:
    """Return where grants are written (name and source) and what each gives, sorted by place."""
    places = (
        (f"{entry.grant.name} ({entry.grant.source})", entry.grant.permissions)
        for entry in allows(result)
        if not entry.grant.to_everybody
    )
    return tuple(sorted(places, key=lambda place: place[0]))


@_once
def wide(result: IdentityResult) -> PermissionSet:
    """Return what is held for certain on every resource of an account, project or subscription."""
    found = 0
    for entry in allows(result):
        if not entry.grant.undecided:
            found |= entry.grant.wide
    return found & held(result)


def is_full(entry: GrantResult, result: IdentityResult) -> bool:
    """Tell whether an administrator grant takes full effect.

    Not when its own condition is undecided, nor when other layers leave less than half of its permissions.
    """
    grant = entry.grant
    left = (grant.permissions & held(result)).bit_count()
    return bool(grant.admin) and not grant.undecided and 2 * left >= grant.permissions.bit_count()


def rules_scope(grant: Grant, provider: str, context: RuleContext) -> bool:
    """Tell whether a grant rules its scope: it spans many services or can rewrite who may do what."""
    names = context.permissions
    rewrites = any(row.gain == "policy" and row.of(grant.permissions, names) for row in paths(provider))
    return rewrites or spans_many(grant.permissions, context)


def is_admin(result: IdentityResult, context: RuleContext) -> bool:
    """Tell whether the identity holds an administrator grant in full effect that rules its scope."""
    return any(
        entry.grant.admin
        and is_full(entry, result)
        and rules_scope(entry.grant, result.identity.provider, context)
        for entry in allows(result)
    )


def spans_many(permissions: PermissionSet, context: RuleContext) -> bool:
    """Tell whether the permissions lie in more services than one task is likely to need."""
    return len(context.permissions.services(permissions)) >= MANY_SERVICES


def only_young(result: IdentityResult, context: RuleContext) -> PermissionSet:
    """Return the permissions that only grants within the grace period give."""
    young = old = 0
    for entry in allows(result):
        if is_young(entry.grant.created, context):
            young |= entry.grant.permissions
        else:
            old |= entry.grant.permissions
    return young & ~old
