"""ED106 escalation-path: permissions that together let an identity become more than it is."""

from collections.abc import Iterator
from dataclasses import dataclass

from connectors.facts import PermissionSet
from scanner.results import Confidence, IdentityResult
from scanner.rules.becoming import chains
from scanner.rules.finding import Finding, RuleContext, Severity, whose
from scanner.rules.paths import Path, known, paths
from scanner.rules.power import allows, given_to_everybody, held, is_full, wide
from scanner.rules.wording import called, listed, shared_warning, written_in

ID = "ED106"
NAME = "escalation-path"
TITLE = "Path to more power"
SEVERITIES: tuple[Severity, ...] = (Severity.HIGH, Severity.MEDIUM)


def find(result: IdentityResult, context: RuleContext) -> Iterator[Finding]:
    """Yield one finding for each path of which the identity is granted every permission.

    Where one hangs on an undecided condition, the path may still be open: medium, with low confidence. Where
    grants name the services that another identity may be handed to, each path asks for its own service.
    Nothing for identities of the provider, nor for paths that one administrator grant in full effect gives
    whole: an administrator needs no path, and ED105 names the grant.
    """
    if result.identity.managed_by_provider:
        return
    yield from chains(ID, result, context)
    certain, everywhere = held(result) & ~given_to_everybody(result), wide(result)
    possible = certain | result.verdicts.conditional
    grants = [
        (entry.grant.permissions, is_full(entry, result)) for entry in allows(result) if entry.grant.admin
    ]
    for path in paths(result.identity.provider):
        handed, sure, wide_here, at_most = _NOT_ASKED, certain, everywhere, possible
        if path.passed_to and result.handovers:
            handed = _handed(path, result, context)
            sure, wide_here = (sure & ~handed.asked) | handed.sure, (wide_here & ~handed.asked) | handed.wide
            at_most = (at_most & ~handed.asked) | handed.perhaps
        if path.others:
            sure, at_most = sure & ~result.only_on_itself, at_most & ~result.only_on_itself
        mask = path.of(sure, context.permissions) or path.of(at_most, context.permissions)
        undecided = context.permissions.names(mask & ~sure)
        if not mask or any((full or undecided) and not mask & ~given for given, full in grants):
            continue
        broad = bool(path.choice(context.permissions) & mask & wide_here) and not undecided
        admins = () if undecided else handed.administrators
        own = path.itself and not undecided and bool(mask & result.on_itself)
        yield _finding(_Open(path, mask, undecided, broad, bool(handed.asked), admins, own), result, context)


@dataclass(frozen=True, slots=True)
class _Open:
    """A path of which everything is granted."""

    path: Path
    permissions: PermissionSet
    undecided: list[str]
    """Its permissions that hang on a condition."""
    broad: bool
    """Whether every resource is a target."""
    by_service: bool
    """Whether grants name the services that another identity may be handed to."""
    administrators: tuple[str, ...]
    """Administrators known to be among its targets."""
    on_itself: bool
    """Whether the identity itself is a target, which is enough."""


def _finding(found: _Open, result: IdentityResult, context: RuleContext) -> Finding:
    path, mask, broad, names_of = found.path, found.permissions, found.broad, context.permissions.names
    who, may = called(result), "may" if found.undecided else "can"
    verdicts = result.verdicts
    used, refused = names_of(mask & verdicts.used), names_of(mask & verdicts.denied)
    hidden = names_of(mask & verdicts.unobservable)
    names = names_of(mask)
    first = listed(names_of(path.choice(context.permissions) & mask), 4)
    places = written_in(result, mask)
    strong = broad or found.on_itself or bool(found.administrators)
    return Finding(
        rule=ID,
        title=f"{who} {may} {path.effect}",
        severity=Severity.HIGH if strong else Severity.MEDIUM,
        confidence=Confidence.HIGH if strong else Confidence.LOW if found.undecided else Confidence.MEDIUM,
        **whose(result.identity),
        subject=path.id,
        message=f"With {listed(names, 6)}, {who} {may} {path.effect}. "
        f"{_reach(found, broad=broad)} {_seen(used, refused, hidden)}",
        evidence={
            "path": path.id,
            "gain": path.gain,
            "permissions": names,
            "used": used,
            "refused": refused,
            "unobservable": hidden,
            **({"undecided": found.undecided} if found.undecided else {}),
            **({"passed_to": list(path.passed_to)} if found.by_service else {}),
            "every_resource": broad,
            **({"on_itself": True} if found.on_itself and not broad else {}),
            **({"administrators": list(found.administrators)} if found.administrators else {}),
            "written_in": places,
            "path_source": path.source,
        },
        remediation=f"Break the path at {first}: replace {listed(places, 5)} by a grant without it, or "
        f"let it name only the targets that {who} needs. First check the deployments it runs."
        f"{shared_warning(result, mask)}",
    )


@dataclass(frozen=True, slots=True)
class _Handed:
    """What is known of handing an identity to the services of one path: for certain, at most, everywhere."""

    asked: PermissionSet = 0
    sure: PermissionSet = 0
    perhaps: PermissionSet = 0
    wide: PermissionSet = 0
    administrators: tuple[str, ...] = ()


_NOT_ASKED = _Handed()


def _handed(path: Path, result: IdentityResult, context: RuleContext) -> _Handed:
    """Return what the identity's grants say of the path's services; nothing where no grant names services."""
    asked = sure = perhaps = everywhere = 0
    admins: set[str] = set()
    for one in result.handovers:
        if one.service not in path.passed_to:
            continue
        bit = known([one.permission], context.permissions)
        asked |= bit
        sure |= bit if one.held else 0
        perhaps |= bit if one.held is not False else 0
        everywhere |= bit if one.wide else 0
        admins |= set(one.administrators)
    return _Handed(asked, sure, perhaps, everywhere, tuple(sorted(admins)))


def _reach(found: _Open, *, broad: bool) -> str:
    if found.undecided:
        names = ", ".join(found.undecided)
        return f"It hangs on {names}: granted, but under a condition that the evidence does not decide."
    if found.on_itself and not broad:
        return "The identity itself, a group or a policy of its own is among its targets."
    if found.administrators:
        return f"Administrators are among its targets: {listed(found.administrators, 3)}."
    if broad:
        return "Every resource is a target, so the strongest one decides."
    return "Only named resources are targets; how strong they are was not worked out."


def _seen(used: list[str], refused: list[str], hidden: list[str]) -> str:
    seen = f"Seen in use: {', '.join(used)}." if used else "None of them was seen in use."
    if refused:
        seen += f" Every logged call of {', '.join(refused)} was refused; the grant stands all the same."
    return seen + (f" Today's logs cannot show {', '.join(hidden)}." if hidden else "")
