"""Make the report of a scan that has a history, and record the scan once the report is written."""

import shlex
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from connectors.bundle import Bundle
from connectors.errors import StateError
from reports import document as doc
from reports.groups.grouping import grouped
from reports.overview import counted
from scanner import pipeline
from scanner.config import Config
from scanner.drift.approved import against_baselines, expanded, summary
from scanner.drift.stages import compare_stages
from scanner.history.memory import Memory, covering, drift, remember, settled
from scanner.history.patterns import AcceptedPattern, Pattern, names_of
from scanner.history.record import record
from scanner.history.session import Session, problem
from scanner.publish import publish, with_more, without_history
from scanner.results import ScanResult
from scanner.rules import expired_waiver, unapproved_expansion
from scanner.rules.finding import ExpiredWaiver, Finding, Severity
from scanner.talk import Talk


@dataclass(frozen=True, slots=True)
class Whole:
    """Everything a report with history is made from."""

    state: Path
    bundle: Bundle
    result: ScanResult
    config: Config


def remembered(
    session: Session, bundle: Bundle, result: ScanResult, config: Config, talk: Talk
) -> tuple[doc.Report, Memory | None]:
    """Judge and publish a scan with what older ones left; without a usable state, as a scan on its own."""
    if session.state is not None:
        try:
            memory = remember(session.state, result, session.notes)
        except StateError as error:
            problem(session, talk, error, "the scan goes on without history")
        else:
            return _full(Whole(session.path, bundle, result, config), memory), memory
    report = without_history(result, config)
    history = doc.History(scan="", scans=0, approvals_head="", approvals=0, notes=list(session.notes))
    return msgspec.structs.replace(report, history=history), None


def store(
    session: Session, memory: Memory, result: ScanResult, report: doc.Report, evidence: str, talk: Talk
) -> None:
    """Record the scan; a state that cannot be written loses this record and nothing else."""
    if session.state is not None:
        try:
            record(session.state, memory, result, report, evidence)
            session.put_back(lambda state: record(state, remember(state, result), result, report, evidence))
        except StateError as error:
            problem(session, talk, error, "this scan is not recorded; the next one tells its changes again")


def _full(given: Whole, memory: Memory) -> doc.Report:
    """Publish, add the findings that need the past, then the states of all findings."""
    result, config = given.result, given.config
    judged = pipeline.rule_contexts(result, config.limits, config.history.stages)
    report = publish(result, pipeline.judge(result, judged))
    compared = against_baselines(report, given.bundle, config.baselines, given.state)
    beyond = looked_at = 0
    more: list[Finding] = []
    contexts = []
    for cloud, before in zip(result.clouds, judged, strict=True):
        found, number = expanded(memory, cloud, compared)
        beyond, looked_at = beyond + len(found), looked_at + number
        context = replace(before, expanded=found)
        contexts.append((cloud, context))
        more += [f for entry in cloud.identities for f in unapproved_expansion.find(entry, context)]
    report = with_more(report, result, more)
    ended = _ended(report, memory)
    late = [
        finding
        for cloud, context in contexts
        for entry in cloud.identities
        for finding in expired_waiver.find(
            entry, replace(context, expired=ended.get((cloud.provider, entry.identity.account), {}))
        )
    ]
    report = with_history(with_more(report, result, late), result, memory, config)
    drift = report.drift or doc.Drift(
        compared_with=[], changes=[], changes_total=0, findings=doc.FindingDrift()
    )
    baseline = summary(beyond, looked_at, compared)
    return grouped(msgspec.structs.replace(report, drift=msgspec.structs.replace(drift, baseline=baseline)))


def _ended(report: doc.Report, memory: Memory) -> dict[tuple[str, str], dict[str, tuple[ExpiredWaiver, ...]]]:
    """Return by account and identity the waivers past their date whose finding is in this report."""
    found: dict[tuple[str, str], dict[str, tuple[ExpiredWaiver, ...]]] = {}
    for entry in report.findings:
        waiver = memory.accepted.get(entry.fingerprint)
        if waiver is not None and not waiver.active(memory.now):
            own = found.setdefault((entry.provider, entry.account), {})
            ended = ExpiredWaiver(
                entry.fingerprint,
                entry.rule,
                entry.title,
                Severity(entry.severity),
                waiver.owner,
                waiver.reason,
                waiver.until,
            )
            own[entry.identity] = (*own.get(entry.identity, ()), ended)
    for one in memory.patterns:
        if not one.active(memory.now):
            _ended_pattern(one, report, memory, found)
    return found


def _ended_pattern(
    one: AcceptedPattern,
    report: doc.Report,
    memory: Memory,
    found: dict[tuple[str, str], dict[str, tuple[ExpiredWaiver, ...]]],
) -> None:
    """Add one for each identity of which an ended pattern covered something: not one for each finding."""
    names = names_of(report)
    active = [other for other in memory.patterns if other.active(memory.now)]
    held: dict[tuple[str, str, str], list[doc.FindingEntry]] = {}
    for entry in report.findings:
        own = memory.accepted.get(entry.fingerprint)
        accepted = own is not None and own.active(memory.now)
        renewed = any(other.pattern.matches(entry, names) for other in active)
        if one.pattern.matches(entry, names) and not accepted and not renewed:
            held.setdefault((entry.provider, entry.account, entry.identity), []).append(entry)
    for (provider, account, identity), rows in held.items():
        worst = min((row.severity for row in rows), key=doc.SEVERITIES.index)
        ended = ExpiredWaiver(
            one.pattern.id,
            one.pattern.rule,
            f"{counted(len(rows), 'finding')} by the pattern {one.pattern.words}",
            Severity(worst),
            one.owner,
            one.reason,
            one.until,
            again=again(one.pattern),
        )
        own_account = found.setdefault((provider, account), {})
        own_account[identity] = (*own_account.get(identity, ()), ended)


def again(pattern: Pattern) -> str:
    """Return the command that waives a pattern anew."""
    words = ["--rule", pattern.rule, "--identity", pattern.identity, "--account", pattern.account]
    words += ["--at-most", str(pattern.at_most), *(["--critical"] if pattern.critical else [])]
    return f"entdrift waive {shlex.join(words)}"


def with_history(report: doc.Report, result: ScanResult, memory: Memory, config: Config) -> doc.Report:
    """Return the report with each finding's state, the rows of fixed and carried ones, and the changes."""
    covered = covering(memory, report.findings, names_of(report))
    found = settled(memory, result, report.findings, covered.accepted)
    changes = drift(memory, result, found.counts)
    stages = compare_stages(
        {name: list(cloud.now.values()) for name, cloud in memory.clouds.items()},
        {cloud.provider: cloud.permissions for cloud in result.clouds},
        config.history.matches,
        config.history.stages,
    )
    return msgspec.structs.replace(
        report,
        findings=found.entries,
        summary=msgspec.structs.replace(report.summary, findings=counts(found.entries)),
        history=memory.history(covered),
        drift=msgspec.structs.replace(changes, stages=stages),
    )


def counts(findings: list[doc.FindingEntry]) -> doc.FindingCounts:
    """Count open findings by severity, and the waived and fixed ones apart."""
    still = [entry.severity for entry in findings if entry.status in {"open", "regressed"}]
    return doc.FindingCounts(
        **{name: still.count(name) for name in doc.SEVERITIES},
        waived=sum(entry.status == "waived" for entry in findings),
        fixed=sum(entry.status == "fixed" for entry in findings),
    )
