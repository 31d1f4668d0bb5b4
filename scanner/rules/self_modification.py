"""ED109 self-modification: an identity that can change its own policy, guardrails, agent or record."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import msgspec

from scanner.results import Confidence, IdentityResult
from scanner.rules.finding import Finding, RuleContext, Severity, whose
from scanner.rules.paths import known
from scanner.rules.power import held, wide
from scanner.rules.wording import NAMES, called, listed, many, shared_warning, written_in

ID = "ED109"
NAME = "self-modification"
TITLE = "Power over its own limits"
SEVERITIES: tuple[Severity, ...] = (Severity.HIGH, Severity.MEDIUM, Severity.LOW)


@dataclass(frozen=True, slots=True)
class Change:
    """One row of `self_modification.toml`; `kind` is `policy`, `guardrail`, `agent` or `logging`."""

    provider: str
    kind: str
    what: str
    permissions: tuple[str, ...]


@cache
def changes(provider: str) -> tuple[Change, ...]:
    """Return the rows of a cloud in the order of the table."""
    data = tomllib.loads(files("scanner.rules").joinpath("self_modification.toml").read_text("utf-8"))
    rows = msgspec.convert(data["change"], list[Change])
    return tuple(row for row in rows if row.provider == provider)


def find(result: IdentityResult, context: RuleContext) -> Iterator[Finding]:
    """Yield one finding for each kind of limit that the identity can change for certain."""
    if result.identity.managed_by_provider:
        return
    certain, everywhere = held(result), wide(result)
    for change in changes(result.identity.provider):
        mask = known(change.permissions, context.permissions) & certain
        if not mask:
            continue
        names = context.permissions.names(mask)
        used = context.permissions.names(mask & result.verdicts.used)
        hidden = (mask & result.verdicts.unobservable).bit_count()
        places = written_in(result, mask)
        broad = bool(mask & everywhere)
        yield Finding(
            rule=ID,
            title=f"{called(result)} can change {change.what}",
            severity=_severity(is_ai=result.is_ai, broad=broad),
            confidence=Confidence.HIGH if broad else Confidence.MEDIUM,
            **whose(result.identity),
            subject=change.kind,
            message=f"{called(result)} can change {change.what} with {many(len(names), 'permission')}: "
            f"{listed(names, 5)}. {_own(broad=broad)} {_seen(used, hidden)}",
            evidence={
                "kind": change.kind,
                "permissions": names[:NAMES],
                "permissions_total": len(names),
                "used": used[:NAMES],
                "unobservable": hidden,
                "every_resource": broad,
                "written_in": places,
            },
            remediation=f"Replace {listed(places, 5)} by a grant without {listed(names, 5)}, and leave such "
            f"changes to a deployment identity that no prompt can steer. First check whether "
            f"{called(result)} deploys itself today.{shared_warning(result, mask)}",
        )


def _severity(*, is_ai: bool, broad: bool) -> Severity:
    if is_ai:
        return Severity.HIGH if broad else Severity.MEDIUM
    return Severity.LOW


def _own(*, broad: bool) -> str:
    if broad:
        return "Every resource is within their reach, and so its own."
    return "Named resources are within their reach; whether its own are among them was not worked out."


def _seen(used: list[str], hidden: int) -> str:
    seen = f"Seen in use: {listed(used, 5)}." if used else "None of them was seen in use."
    return seen + (f" Today's logs cannot show {hidden:,} of them." if hidden else "")
