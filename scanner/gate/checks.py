"""The checks of the gate: each judges one workload identity by one line of the policy, in words."""

from collections import Counter
from collections.abc import Callable, Sequence

from reports import document as doc
from reports import finding_types
from reports.gate import document as gate
from reports.overview import counted, first_of
from scanner.gate.policy import FAIL_ON
from scanner.gate.question import BaselineState, Question, age_days, waived
from scanner.moments import moment
from scanner.rules import admin_grant, escalation_path, static_credential, unused_grant, unused_permission

_NAMED = 3
_Answer = tuple[gate.Standing, str]
_Judge = Callable[[doc.IdentityEntry, Question], _Answer]


def checks_of(entry: doc.IdentityEntry, question: Question) -> list[gate.GateCheck]:
    """Return how an identity stands to each line of the policy, in the order of the checks."""
    answers = [(name, judge(entry, question)) for name, judge in _CHECKS]
    return [
        gate.GateCheck(name=name, standing=standing, reason=reason) for name, (standing, reason) in answers
    ]


def _grants_read(entry: doc.IdentityEntry, question: Question) -> _Answer:
    """Refuse where no grant could be read: holding nothing and not knowing look alike in numbers."""
    del question
    if entry.grants_read is False:
        return "refused", "the evidence holds no readable grants for it: what it may do is not known"
    if entry.grants_read is None and not entry.grants and not entry.permissions.granted:
        return "refused", "the report does not say whether its grants were read, and lists none"
    unread = [grant.source for grant in entry.grants if grant.scope.startswith("unknown:")]
    if unread:
        named, more = first_of(unread, _NAMED)
        return "refused", f"{counted(len(unread), 'grant')} could not be read: {'; '.join(named)}{more}"
    return "passed", f"{counted(len(entry.grants), 'grant')} read"


def _coverage(entry: doc.IdentityEntry, question: Question) -> _Answer:
    counts, least = entry.permissions, question.policy.min_coverage
    if not counts.granted:
        return "passed", "it holds no permission"
    share = _seen(counts) / counts.granted
    words = (
        f"the use of {_percent(share)} of its {counted(counts.granted, 'permission')} could be seen, "
        f"at least {_percent(least)} asked"
    )
    return ("passed" if share >= least else "refused"), words


def _log_age(entry: doc.IdentityEntry, question: Question) -> _Answer:
    """Refuse where the logs end long before the window does: what was used in between, nobody saw."""
    most = question.policy.max_log_age_days
    if entry.observed is None:
        words = "the report knows no log record of its account in the window: its evidence has no known age"
        return ("refused" if most else "not_asked"), words
    age = age_days(entry.observed.end, moment(question.report.window.end))
    words = f"the logs of its account end {counted(age, 'day')} before the window, with {entry.observed.end}"
    if not most:
        return "not_asked", words
    if age <= most:
        return "passed", f"{words}; at most {counted(most, 'day')} allowed"
    return "refused", f"{words}; at most {counted(most, 'day')} allowed: scan again with newer logs"


def _unused(entry: doc.IdentityEntry, question: Question) -> _Answer:
    counts, most = entry.permissions, question.policy.max_unused_share
    if not counts.granted:
        return "passed", "it holds no permission"
    if not _seen(counts):
        return "refused", "the use of none of its permissions could be seen"
    share = counts.unused / _seen(counts)
    words = (
        f"{counts.unused:,} of {_seen(counts):,} permissions whose use could be seen are unused "
        f"({_percent(share)}), at most {_percent(most)} allowed"
    )
    if share <= most:
        return "passed", words
    rules = (unused_permission.ID, unused_grant.ID)
    return ("waived" if _all_waived(entry, question, rules) else "refused"), words


def _seen(counts: doc.PermissionCounts) -> int:
    return max(0, counts.granted - counts.unobservable - counts.conditional)


def _percent(share: float) -> str:
    return f"{share * 100:.3g} %"


def _admin(entry: doc.IdentityEntry, question: Question) -> _Answer:
    held = [grant for grant in entry.grants if grant.admin and grant.effect == "allow"]
    if not held:
        return "passed", "no administrator grant"
    named, more = first_of([f"{grant.name} on {grant.scope}: {grant.admin}" for grant in held], _NAMED)
    words = f"{counted(len(held), 'administrator grant')}: {'; '.join(named)}{more}"
    if question.policy.allow_admin:
        return "not_asked", words
    return _standing(entry, question, admin_grant.ID, [grant.id for grant in held]), words


def _static_keys(entry: doc.IdentityEntry, question: Question) -> _Answer:
    held = [one for one in entry.credentials if one.long_lived and one.status not in ("inactive", "expired")]
    if not held:
        return "passed", "no long-lived key, secret or certificate that works"
    named, more = first_of([f"{one.kind} {one.id} ({one.status})" for one in held], _NAMED)
    words = f"{counted(len(held), 'long-lived credential')}: {', '.join(named)}{more}"
    if question.policy.allow_static_keys:
        return "not_asked", words
    return _standing(entry, question, static_credential.ID, [one.id for one in held]), words


def _escalation(entry: doc.IdentityEntry, question: Question) -> _Answer:
    found = [row for row in question.own(entry) if row.rule == escalation_path.ID]
    if not found:
        return "passed", "no escalation path was found"
    still = [row for row in found if not waived(row, question.now)]
    named, more = first_of([row.message for row in still or found], 1)
    words = f"{counted(len(found), 'escalation path')}: {named[0]}{more}"
    if question.policy.allow_escalation_paths:
        return "not_asked", words
    return ("refused" if still else "waived"), words


def _standing(
    entry: doc.IdentityEntry, question: Question, rule: str, subjects: Sequence[str]
) -> gate.Standing:
    """Return `waived` when each subject has a waived finding of this rule, else `refused`."""
    own = question.own(entry)
    accepted = {row.subject for row in own if row.rule == rule and waived(row, question.now)}
    return "waived" if accepted.issuperset(subjects) else "refused"


def _all_waived(entry: doc.IdentityEntry, question: Question, rules: Sequence[str]) -> bool:
    found = [row for row in question.own(entry) if row.rule in rules]
    return bool(found) and all(waived(row, question.now) for row in found)


def _owner(entry: doc.IdentityEntry, question: Question) -> _Answer:
    if entry.owner:
        return "passed", f"owner {entry.owner}"
    words = "none: no tag, label or configured key names one"
    return ("refused" if question.policy.require_owner else "not_asked"), words


def _baseline(entry: doc.IdentityEntry, question: Question) -> _Answer:
    state = question.baselines.get(entry.id, BaselineState("refused", "it has no baseline file"))
    if question.policy.require_baseline or state.standing == "passed":
        return state.standing, state.reason
    return "not_asked", state.reason


def _reduction(entry: doc.IdentityEntry, question: Question) -> _Answer:
    wanted = question.policy.require_reduction
    outstanding = entry.reduction.disposition != "none" and bool(
        entry.reduction.removes or entry.reduction.removes_credentials
    )
    words = reduction_words(entry)
    if not outstanding:
        return "passed", words
    if not wanted:
        return "not_asked", words
    rules = (unused_permission.ID, unused_grant.ID)
    if wanted == "waived" and _all_waived(entry, question, rules):
        return "waived", f"{words}; what is unused is waived"
    return (
        "refused",
        f"{words}; it must be {'applied' if wanted == 'applied' else 'applied or its findings waived'}",
    )


def reduction_words(entry: doc.IdentityEntry) -> str:
    """Return what a reduction would take away that is not applied, or why nothing is left."""
    reduction = entry.reduction
    if reduction.disposition == "none" or not (reduction.removes or reduction.removes_credentials):
        return f"Nothing is left to take away: {reduction.reason}"
    keys = (
        f" and {counted(len(reduction.removes_credentials), 'credential')}"
        if reduction.removes_credentials
        else ""
    )
    return (
        f"A {reduction.disposition} reduction is not applied: it takes away "
        f"{counted(reduction.removes, 'permission')}{keys} and keeps {reduction.keeps:,} "
        f"(entdrift reduce prints it)"
    )


def _severity(entry: doc.IdentityEntry, question: Question) -> _Answer:
    level = question.policy.fail_on
    if level == "none":
        return "not_asked", "findings are not asked for"
    counted_levels = doc.SEVERITIES[: FAIL_ON.index(level)]
    rows = [row for row in question.own(entry) if row.severity in counted_levels]
    still = [row for row in rows if not waived(row, question.now)]
    if not rows:
        return "passed", f"no finding of severity {level} or above"
    if not still:
        return "waived", f"{counted(len(rows), 'finding')} of severity {level} or above, all waived"
    kinds = Counter(f"{row.rule} {finding_types.name(row.rule)}" for row in still)
    listed = ", ".join(f"{number:,} {kind}" for kind, number in sorted(kinds.items()))
    words = f"{counted(len(still), 'open finding')} of severity {level} or above: {listed}"
    return "refused", f"{words}; the worst: {still[0].message}"


_CHECKS: tuple[tuple[str, _Judge], ...] = (
    ("grants read", _grants_read),
    ("log age", _log_age),
    ("coverage", _coverage),
    ("unused share", _unused),
    ("no admin", _admin),
    ("no static keys", _static_keys),
    ("no escalation path", _escalation),
    ("owner", _owner),
    ("baseline", _baseline),
    ("reduction", _reduction),
    ("findings", _severity),
)
