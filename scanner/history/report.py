"""Make the report of a scan that has a history, and record the scan once the report is written."""

import msgspec

from connectors.errors import StateError
from reports import document as doc
from scanner import pipeline
from scanner.config import Config
from scanner.drift.stages import compare_stages
from scanner.history.memory import Memory, drift, remember, settled
from scanner.history.record import record
from scanner.history.session import Session, problem
from scanner.publish import publish, without_history
from scanner.results import ScanResult
from scanner.talk import Talk


def remembered(
    session: Session, result: ScanResult, config: Config, talk: Talk
) -> tuple[doc.Report, Memory | None]:
    """Judge and publish a scan with what older ones left; without a usable state, as a scan on its own."""
    if session.state is not None:
        try:
            memory = remember(session.state, result, session.notes)
        except StateError as error:
            problem(session, talk, error, "the scan goes on without history")
        else:
            report = publish(result, pipeline.judge(result, config.limits))
            return with_history(report, result, memory, config), memory
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
        except StateError as error:
            problem(session, talk, error, "this scan is not recorded; the next one tells its changes again")


def with_history(report: doc.Report, result: ScanResult, memory: Memory, config: Config) -> doc.Report:
    """Return the report with each finding's state, the rows of fixed and carried ones, and the changes."""
    found = settled(memory, result, report.findings)
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
        history=memory.history(),
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
