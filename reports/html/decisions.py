"""The few decisions a reviewer has to take, each with the search that shows whom it concerns."""

from typing import NamedTuple
from urllib.parse import quote

from reports.document import FindingEntry, IdentityEntry, Report
from reports.html.words import count

_OPEN = ("open", "regressed")
_IDLE_RULE = "ED103"


class Decision(NamedTuple):
    """One thing to decide. `query` is written in the language of the page's search box."""

    title: str
    detail: str
    query: str

    @property
    def link(self) -> str:
        """The fragment that shows the identities concerned."""
        return "#/identities?q=" + quote(self.query, safe="")


def decisions(report: Report) -> list[Decision]:
    """Return the decisions that the report raises, in the order they are best taken."""
    found = (
        _removable(report.identities),
        _reviewable(report.identities),
        _administrators(report.identities),
        _static_keys(report.identities),
        _idle(report.findings),
        _unseen(report.identities),
        _ownerless(report.identities),
    )
    return [decision for decision in found if decision]


def _removable(identities: list[IdentityEntry]) -> Decision | None:
    safe = [one for one in identities if one.reduction.disposition == "safe" and one.reduction.removes > 0]
    if not safe:
        return None
    removed = sum(one.reduction.removes for one in safe)
    return Decision(
        f"Take away {count(removed, 'permission')} from {count(len(safe), 'identity', 'identities')}",
        "These reductions are marked safe; each shows its five checks and its way back.",
        "reduction:safe removes:>0",
    )


def _reviewable(identities: list[IdentityEntry]) -> Decision | None:
    waiting = [one for one in identities if one.reduction.disposition == "review"]
    if not waiting:
        return None
    removed = sum(one.reduction.removes for one in waiting)
    who = count(len(waiting), "identity", "identities")
    if not removed:
        return Decision(
            f"Review reductions of {who}",
            "They take away grants or keys, no permission; each identity says what is left to decide.",
            "reduction:review",
        )
    return Decision(
        f"Review {count(removed, 'permission')} that {who} may lose",
        "Their use would have been logged and was not; each identity says what is left to decide.",
        "reduction:review",
    )


def _administrators(identities: list[IdentityEntry]) -> Decision | None:
    holders = [
        one for one in identities if any(grant.admin and grant.effect == "allow" for grant in one.grants)
    ]
    if not holders:
        return None
    return Decision(
        f"Decide on administrator grants of {count(len(holders), 'identity', 'identities')}",
        "An administrator grant lets a workload change its own limits.",
        "admin:yes",
    )


def _static_keys(identities: list[IdentityEntry]) -> Decision | None:
    held = [
        [key for key in one.credentials if key.long_lived and key.status == "active"] for one in identities
    ]
    keys = [key for keys in held for key in keys]
    if not keys:
        return None
    idle = sum(1 for key in keys if not key.uses and not key.last_used)
    return Decision(
        f"Replace {count(len(keys), 'long-lived key')} of "
        f"{count(sum(1 for keys in held if keys), 'identity', 'identities')}",
        f"For {idle:,} of them no use was seen or reported."
        if idle
        else "Use of every one was seen or reported.",
        "key:static",
    )


def _idle(findings: list[FindingEntry]) -> Decision | None:
    idle = {
        (finding.provider, finding.account, finding.identity)
        for finding in findings
        if finding.rule == _IDLE_RULE and finding.status in _OPEN
    }
    if not idle:
        return None
    return Decision(
        f"Retire or keep {count(len(idle), 'identity', 'identities')} without a call",
        "They were observable in the window and did nothing.",
        f"rule:{_IDLE_RULE} status:open,regressed",
    )


def _unseen(identities: list[IdentityEntry]) -> Decision | None:
    hidden = [one for one in identities if 2 * one.permissions.unobservable > one.permissions.granted]
    if not hidden:
        return None
    return Decision(
        f"Switch on logs for {count(len(hidden), 'identity', 'identities')} we mostly cannot judge",
        "More than half of what they hold is not observable; none of that is offered for removal.",
        "unobservable:>50%",
    )


def _ownerless(identities: list[IdentityEntry]) -> Decision | None:
    ownerless = [one for one in identities if not one.owner]
    if not ownerless:
        return None
    return Decision(
        f"Name an owner for {count(len(ownerless), 'identity', 'identities')}",
        "Without one, nobody can confirm that a permission is not needed.",
        "owner:none",
    )
