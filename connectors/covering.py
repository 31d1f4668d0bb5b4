"""Compare allowances of clouds whose permissions are names: by name, by scope, and conditions word for word.

For clouds with roles: a binding or assignment gives a role's permissions at a scope and all below it. Nothing
is sampled: each permission that is asked for needs one allowance that covers it, holds its scope, and is not
under a condition that the asked one lacks.
"""

from collections.abc import Callable, Iterator, Sequence

from connectors.baselines import (
    ALLOWED,
    NOT_ALLOWED,
    REFUSED,
    UNDECIDED,
    Allowance,
    Excess,
    Globs,
    Growth,
    gathered,
)
from connectors.reduction import Ruling

Covers = Callable[[str, str], bool]
"""Whether a permission pattern covers a name, or all that a pattern stands for."""
Holds = Callable[[str, str], bool | None]
"""Whether a scope holds another; None when the evidence does not say."""
Expand = Callable[[Allowance], Sequence[str]]
"""The names an allowance gives; a pattern stands for itself where the names are not all known."""


def excess(
    allowed: Sequence[Allowance], asked: Sequence[Allowance], *, covers: Covers, holds: Holds, expand: Expand
) -> list[Excess]:
    """Return what `asked` gives that `allowed` does not, gathered by cause."""
    return gathered(_each(allowed, asked, covers, holds, expand))


def _each(
    allowed: Sequence[Allowance], asked: Sequence[Allowance], covers: Covers, holds: Holds, expand: Expand
) -> Iterator[tuple[str, Excess]]:
    giving = [one for one in allowed if not one.refuse]
    for one in asked:
        if one.refuse:
            continue
        for name in expand(one):
            able = [
                other for other in giving if other.plane == one.plane and _names(other, name, one, covers)
            ]
            for scope in one.scopes or ("",):
                growth, reason = _growth(able, one, scope, holds)
                if growth is not None:
                    where = (scope,) if scope else ()
                    yield name, Excess(growth, (), where, one.condition, one.source, reason, one.plane)


def _names(allowed: Allowance, name: str, asked: Allowance, covers: Covers) -> bool:
    if not any(covers(pattern, name) for pattern in allowed.permissions):
        return False
    if "*" not in name:
        return not any(covers(pattern, name) for pattern in allowed.not_permissions)
    spared = asked.not_permissions
    return all(
        _apart(taken, name) or any(covers(pattern, taken) for pattern in spared)
        for taken in allowed.not_permissions
    )


def _apart(left: str, right: str) -> bool:
    """Tell whether two patterns certainly have no name in common: their fixed beginnings differ."""
    one, other = left.lower().partition("*")[0], right.lower().partition("*")[0]
    if "*" not in left and len(one) < len(other):
        return True
    return not (one.startswith(other) or other.startswith(one))


def _growth(
    able: Sequence[Allowance], asked: Allowance, scope: str, holds: Holds
) -> tuple[Growth | None, str]:
    if not able:
        return Growth.PERMISSION, ""
    if not scope:
        return None, ""
    within = {held: _within(held, scope, holds) for held in able}
    free = [held for held in able if held.condition in ("", asked.condition)]
    if any(within[held] is True for held in free):
        return None, ""
    if any(within[held] is True for held in able):
        return Growth.CONDITION, ""
    if any(within[held] is None for held in able):
        places = ", ".join(sorted({place for held in able if within[held] is None for place in held.scopes}))
        return Growth.UNDECIDED, f"whether {scope} lies within {places} is not in the evidence"
    return Growth.SCOPE, ""


def _within(held: Allowance, scope: str, holds: Holds) -> bool | None:
    """Return whether a scope lies within one of an allowance's; without scopes it holds everywhere."""
    if not held.scopes:
        return True
    answers = [holds(outer, scope) for outer in held.scopes]
    return True if True in answers else None if None in answers else False


def rule(
    allowances: Sequence[Allowance], permission: str, resource: str, *, covers: Covers, holds: Holds
) -> Ruling:
    """Decide one request; an allowance under a condition leaves it undecided."""
    found: dict[bool, tuple[bool | None, str]] = {}
    for refuse in (True, False):
        answer: bool | None = False
        source = ""
        for one in allowances:
            if one.refuse is not refuse or not _gives(one, permission, covers):
                continue
            within = _within(one, resource, holds)
            applies = None if within is None or (within and one.condition) else within
            if applies or (applies is None and answer is False):
                answer, source = applies, one.source or "an entry of the baseline"
        found[refuse] = (answer, source)
    refused, given = found[True], found[False]
    if refused[0]:
        return Ruling(REFUSED, "baseline", refused[1], "a refusal names it")
    if given[0] is False:
        return Ruling(NOT_ALLOWED, "baseline", "", "no entry allows it")
    if given[0] is None or refused[0] is None:
        return Ruling(UNDECIDED, "baseline", given[1], "it hangs on a condition or on an unknown place")
    return Ruling(ALLOWED, "baseline", given[1], "")


def _gives(one: Allowance, permission: str, covers: Covers) -> bool:
    return any(covers(pattern, permission) for pattern in one.permissions) and not any(
        covers(pattern, permission) for pattern in one.not_permissions
    )


def below(allowance: Allowance) -> Globs:
    """Return an allowance as patterns, where a scope holds itself and what is written below it."""
    return Globs(
        permissions=allowance.permissions,
        scopes=tuple(glob for scope in allowance.scopes for glob in (scope, f"{scope.rstrip('/')}/*"))
        or ("*",),
        not_permissions=allowance.not_permissions,
    )
