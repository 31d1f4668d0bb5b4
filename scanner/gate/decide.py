"""Decide for each workload identity of a stage whether it may go on: pure, from a report and a policy."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from reports import document as doc
from reports import finding_types
from reports.gate import document as gate
from reports.overview import counted, first_of
from scanner.errors import ConfigError
from scanner.gate.policy import FAIL_ON, KEYS, GatePolicy
from scanner.moments import moment
from scanner.rules import admin_grant, escalation_path, static_credential, unused_grant, unused_permission

_NAMED = 3
_PROVIDED = "managed by the cloud provider: nobody here can change it"


@dataclass(frozen=True, slots=True)
class BaselineState:
    """Whether an identity's baseline is approved and holds all that is granted, in words."""

    standing: gate.Standing
    reason: str


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be decided, on which report, by which policy, at which time."""

    stage: str
    report: doc.Report
    digest: str
    policy: GatePolicy
    policy_source: str
    now: datetime
    baselines: Mapping[str, BaselineState] = field(default_factory=dict)
    """By identity id; an identity without an entry has no baseline."""
    findings: Mapping[tuple[str, str, str], Sequence[doc.FindingEntry]] = field(default_factory=dict)
    """What is not fixed, by provider, account and identity; `decide` fills it in from the report."""

    def own(self, entry: doc.IdentityEntry) -> Sequence[doc.FindingEntry]:
        """Return the findings of one identity that are not fixed."""
        return self.findings.get((entry.provider, entry.account, entry.id), ())


def decide(question: Question) -> gate.GateReport:
    """Return the decision; missing evidence refuses, a waiver counts until its date.

    Raises ConfigError for a stage that no source of the report has.
    """
    report = question.report
    known = sorted({source.stage for source in report.sources if source.stage})
    if question.stage not in known:
        listed = ", ".join(known) or "none: give the sources of the config file a stage"
        raise ConfigError(
            f"--stage: no source of the report has the stage {question.stage!r}", hint=f"stages: {listed}"
        )
    entries = [
        entry for entry in report.identities if entry.stage == question.stage and entry.ai_workload.is_ai
    ]
    question = replace(question, findings=_by_identity(report))
    workloads = [_workload(entry, question) for entry in entries]
    reasons = list(_stage(question, workloads))
    refused = bool(reasons) or any(workload.decision == "refused" for workload in workloads)
    return gate.GateReport(
        schema_version=gate.SCHEMA_VERSION,
        tool=report.tool,
        decided_at=question.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        stage=question.stage,
        decision="refused" if refused else "passed",
        reasons=reasons,
        policy_source=question.policy_source,
        policy=[_entry(key, question.policy) for key in KEYS],
        report_digest=question.digest,
        report_generated_at=report.generated_at,
        window=report.window,
        workloads=sorted(workloads, key=_order),
    )


def _order(workload: gate.GateWorkload) -> tuple[int, str, str, str]:
    rank = ("refused", "passed", "exempt").index(workload.decision)
    return rank, workload.provider, workload.account, workload.id


def _entry(key: str, policy: GatePolicy) -> gate.GatePolicyEntry:
    value = getattr(policy, key)
    text = (
        str(value).lower()
        if isinstance(value, bool)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )
    return gate.GatePolicyEntry(key=key, value=text or "(not asked)", default=key not in policy.given)


def _stage(question: Question, workloads: Sequence[gate.GateWorkload]) -> Iterator[str]:
    """Yield what refuses the stage as a whole."""
    report, policy = question.report, question.policy
    for source in report.sources:
        if source.stage != question.stage:
            continue
        broken = [
            f"{part.part} ({part.reason or part.status})"
            for part in source.parts
            if part.status in ("failed", "partial")
        ]
        named, more = first_of(broken, _NAMED)
        what = f": {'; '.join(named)}{more}" if named else f": {source.reason}" if source.reason else ""
        where = f"source {source.name} ({source.provider} {source.account})".replace(" )", ")")
        if source.status in ("failed", "skipped"):
            yield f"{where} could not be read{what}"
        elif source.status == "partial" and not policy.accept_partial_evidence:
            yield f"{where} was not read whole{what}"
    if (
        policy.max_report_age_days
        and (age := _age(report.generated_at, question.now)) > policy.max_report_age_days
    ):
        most = policy.max_report_age_days
        yield f"the report is {age:,} days old, at most {most:,} are allowed: scan again"
    if not any(workload.decision != "exempt" for workload in workloads):
        yield f"there is no AI workload identity in stage {question.stage} to decide about"


def _age(generated_at: str, now: datetime) -> int:
    try:
        return (now - moment(generated_at)) // timedelta(days=1)
    except ValueError:
        return 36_500


def _workload(entry: doc.IdentityEntry, question: Question) -> gate.GateWorkload:
    findings = list(_findings(entry, question))
    provided = bool(entry.managed_by_provider)
    checks = [] if provided else [_check(name, judge(entry, question)) for name, judge in _CHECKS]
    refused = any(check.standing == "refused" for check in checks)
    counts = entry.permissions
    return gate.GateWorkload(
        decision="exempt" if provided else "refused" if refused else "passed",
        reason=_PROVIDED if provided else "",
        id=entry.id,
        name=entry.name,
        provider=entry.provider,
        account=entry.account,
        kind=entry.kind,
        owner=entry.owner,
        runs=sorted(f"{load.kind} {load.name or load.id}" for load in entry.workloads),
        granted=counts.granted,
        used=counts.used,
        unused=counts.unused,
        unobservable=counts.unobservable,
        conditional=counts.conditional,
        checks=checks,
        findings=findings,
        reach=[
            gate.GateReach(
                kind=name,
                granted=reach.granted,
                used=reach.used,
                resources=reach.resources,
                resources_total=reach.resources_total,
            )
            for name, reach in sorted(entry.reach.items())
            if reach.granted
        ],
        reduction=_reduction_words(entry),
        unseen=_unseen(entry),
    )


def _findings(entry: doc.IdentityEntry, question: Question) -> Iterator[gate.GateFinding]:
    for row in question.own(entry):
        waived = _waived(row, question.now)
        yield gate.GateFinding(
            fingerprint=row.fingerprint,
            rule=row.rule,
            severity=row.severity,
            confidence=row.confidence,
            status="waived" if waived else "open",
            message=row.message,
            remediation=row.remediation,
            waiver_owner=row.waiver.owner if row.waiver else "",
            waiver_reason=row.waiver.reason if row.waiver else "",
            waiver_until=row.waiver.until if row.waiver else "",
        )


def _by_identity(report: doc.Report) -> dict[tuple[str, str, str], list[doc.FindingEntry]]:
    found: dict[tuple[str, str, str], list[doc.FindingEntry]] = {}
    for row in report.findings:
        if row.status != "fixed":
            found.setdefault((row.provider, row.account, row.identity), []).append(row)
    return found


def _waived(row: doc.FindingEntry, now: datetime) -> bool:
    """Tell whether a finding is waived at this time: without a readable date it is not."""
    if row.status != "waived" or row.waiver is None:
        return False
    try:
        return now < moment(row.waiver.until, whole_day=True)
    except ValueError:
        return False


_Answer = tuple[gate.Standing, str]
_Judge = Callable[[doc.IdentityEntry, Question], _Answer]


def _check(name: str, answer: _Answer) -> gate.GateCheck:
    return gate.GateCheck(name=name, standing=answer[0], reason=answer[1])


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
    still = [row for row in found if not _waived(row, question.now)]
    named, more = first_of([row.message for row in still or found], 1)
    words = f"{counted(len(found), 'escalation path')}: {named[0]}{more}"
    if question.policy.allow_escalation_paths:
        return "not_asked", words
    return ("refused" if still else "waived"), words


def _standing(
    entry: doc.IdentityEntry, question: Question, rule: str, subjects: Sequence[str]
) -> gate.Standing:
    """Return `waived` when each subject has a waived finding of this rule, else `refused`."""
    waived = {row.subject for row in question.own(entry) if row.rule == rule and _waived(row, question.now)}
    return "waived" if waived.issuperset(subjects) else "refused"


def _all_waived(entry: doc.IdentityEntry, question: Question, rules: Sequence[str]) -> bool:
    found = [row for row in question.own(entry) if row.rule in rules]
    return bool(found) and all(_waived(row, question.now) for row in found)


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
    words = _reduction_words(entry)
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


def _reduction_words(entry: doc.IdentityEntry) -> str:
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
    still = [row for row in rows if not _waived(row, question.now)]
    if not rows:
        return "passed", f"no finding of severity {level} or above"
    if not still:
        return "waived", f"{counted(len(rows), 'finding')} of severity {level} or above, all waived"
    kinds = Counter(f"{row.rule} {finding_types.name(row.rule)}" for row in still)
    listed = ", ".join(f"{number:,} {kind}" for kind, number in sorted(kinds.items()))
    words = f"{counted(len(still), 'open finding')} of severity {level} or above: {listed}"
    return "refused", f"{words}; the worst: {still[0].message}"


def _unseen(entry: doc.IdentityEntry) -> list[str]:
    rows = sorted(
        (row for row in entry.reasons if row.verdict == "unobservable"),
        key=lambda row: (-row.count, row.reason),
    )
    return [
        f"{counted(row.count, 'permission')}: {row.reason}"
        + (f" (to change that: {row.fix})" if row.fix else "")
        for row in rows
    ]


_CHECKS: tuple[tuple[str, _Judge], ...] = (
    ("grants read", _grants_read),
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
