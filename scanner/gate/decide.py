"""Decide for each workload identity of a stage whether it may go on: pure, from a report and a policy."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from reports import document as doc
from reports.gate import document as gate
from reports.overview import counted, first_of
from scanner.errors import ConfigError
from scanner.gate.checks import checks_of, reduction_words
from scanner.gate.policy import KEYS, GatePolicy
from scanner.gate.question import Question, age_days, waived

_NAMED = 3
_PROVIDED = "managed by the cloud provider: nobody here can change it"


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
        and (age := age_days(report.generated_at, question.now)) > policy.max_report_age_days
    ):
        most = policy.max_report_age_days
        yield f"the report is {age:,} days old, at most {most:,} are allowed: scan again"
    if not any(workload.decision != "exempt" for workload in workloads):
        yield f"there is no AI workload identity in stage {question.stage} to decide about"


def _workload(entry: doc.IdentityEntry, question: Question) -> gate.GateWorkload:
    findings = list(_findings(entry, question))
    provided = bool(entry.managed_by_provider)
    checks = [] if provided else checks_of(entry, question)
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
        reduction=reduction_words(entry),
        unseen=_unseen(entry),
        group=entry.group,
    )


def _findings(entry: doc.IdentityEntry, question: Question) -> Iterator[gate.GateFinding]:
    for row in question.own(entry):
        accepted = waived(row, question.now)
        yield gate.GateFinding(
            fingerprint=row.fingerprint,
            rule=row.rule,
            severity=row.severity,
            confidence=row.confidence,
            status="waived" if accepted else "open",
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
