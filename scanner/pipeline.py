"""Run the whole way: configured sources to evidence, evidence to results and findings."""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from connectors.bundle import Bundle, BundleWriter, SourceEvidence, open_bundle
from connectors.facts import Facts, Window
from connectors.interface import Observer, Outcome, Patterns, Source, Status
from connectors.logs.rows import LogFile
from connectors.registry import PROVIDERS, connector
from scanner.analysis import analyse_cloud, unread_logs
from scanner.deadline import TimeUp, limited
from scanner.reduction import reduce_cloud
from scanner.results import CloudResult, ScanResult, SourceResult
from scanner.rules.becoming import chains_to_administrators
from scanner.rules.finding import Finding, Limits, RuleContext
from scanner.rules.recorded import recorded
from scanner.rules.registry import find_all, order
from scanner.safety import Safety
from scanner.unique_ids import told_apart


def collect(  # noqa: PLR0913 each is a keyword, and the bundle depends on all of them
    sources: Sequence[Source],
    path: Path,
    *,
    window: Window,
    now: datetime,
    tool: str,
    observe: Observer,
    state: Path | None = None,
    reread: bool = False,
    most_seconds: float | None = None,
    folder: Path | None = None,
) -> Bundle:
    """Gather the evidence of all sources into a bundle at `path` and return it opened.

    Evidence files below `folder`, where the config file stands, are named from it when they are read back.

    With a state file, log objects that an earlier scan read are not read again, unless `reread`. After
    `most_seconds` what was gathered is kept, and the sources that were not finished say so. Raises
    BundleError when the path is taken by something else, OSError when the disk refuses.
    """
    began = time.monotonic()
    with BundleWriter(path, sources, window, tool=tool, now=now, named_from=folder) as writer:
        for provider in PROVIDERS:
            group = [
                replace(source, state=state, reread=reread)
                for source in sources
                if source.provider == provider
            ]
            if group:
                observe("provider", name=provider, sources=len(group))
                left = None if most_seconds is None else began + most_seconds - time.monotonic()
                try:
                    with limited(left):
                        connector(provider).collect(group, writer, window, observe)
                except TimeUp:
                    _cut_off(writer, group, most_seconds or 0)
    return open_bundle(path)


def _cut_off(writer: BundleWriter, group: Sequence[Source], seconds: float) -> None:
    """Say for each source of a cloud that it was not read to the end, so that nothing of it counts as unused.

    Which of them were finished is not known; none is trusted.
    """
    reason = f"stopped after {seconds:g} s (--max-duration); what had been gathered by then is kept"
    for source in group:
        writer.outcome(Outcome(source.name, "time limit", Status.FAILED, 0, reason))
        cut = LogFile("(not read: time limit)", 0, "failed", reason, 0, 0, 0, 0, lost=True)
        writer.add_logs(source.name, [], [cut], [])


def analyse(
    bundle: Bundle,
    *,
    patterns: Patterns,
    everyone: bool,
    now: datetime,
    observe: Observer,
    limits: Limits | None = None,
    safety: Safety | None = None,
) -> ScanResult:
    """Analyse a bundle; touches nothing but the bundle."""
    clouds: list[CloudResult] = []
    sources: list[SourceResult] = []
    for provider in PROVIDERS:
        evidence = [source for source in bundle.sources if source.provider == provider]
        if not evidence:
            continue
        observe("interpret", name=provider)
        wing = connector(provider)
        facts = told_apart(wing.interpret(evidence, bundle.window, patterns))
        presence = [seen for source in evidence for seen in source.presence()]
        cloud = analyse_cloud(
            facts,
            stages={source.source: source.stage for source in evidence},
            presence=presence,
            unread=_unread(evidence, facts),
            everyone=everyone,
            window=bundle.window,
            now=now,
        )
        observe("reduce", name=provider)
        clouds.append(
            reduce_cloud(
                wing,
                evidence,
                facts,
                cloud,
                window=bundle.window,
                limits=limits or Limits(),
                safety=safety or Safety(),
            )
        )
        sources += [_source(source, facts) for source in evidence]
    return ScanResult(
        window=bundle.window,
        now=now,
        sources=tuple(sorted(sources, key=lambda source: (source.provider, source.name))),
        clouds=tuple(sorted(clouds, key=lambda cloud: cloud.provider)),
    )


def _unread(evidence: Sequence[SourceEvidence], facts: Facts) -> dict[str, list[str]]:
    """Return by account the log files that lost calls, over all sources of one cloud."""
    found: dict[str, list[str]] = {}
    for source in evidence:
        accounts = {identity.account for identity in facts.identities if identity.source == source.source}
        accounts |= {seen.account for seen in source.presence()}
        # A source of logs alone of which nothing was read may be about any account.
        accounts = accounts or {identity.account for identity in facts.identities}
        found = unread_logs(source.log_files(), accounts, found)
    return found


def _source(evidence: SourceEvidence, facts: Facts) -> SourceResult:
    accounts = {identity.account for identity in facts.identities if identity.source == evidence.source}
    return SourceResult(
        name=evidence.source,
        provider=evidence.provider,
        stage=evidence.stage,
        accounts=tuple(sorted(accounts)),
        outcomes=tuple(evidence.outcomes()),
        log_files=tuple(evidence.log_files()),
    )


def judge(result: ScanResult, contexts: Sequence[RuleContext]) -> list[Finding]:
    """Return the findings of every rule over all analysed identities, in report order.

    `contexts` are those of the result's clouds, in their order (`rule_contexts`).
    """
    findings: list[Finding] = []
    for cloud, context in zip(result.clouds, contexts, strict=True):
        findings += find_all(cloud.identities, context)
    return sorted(findings, key=order)


def rule_contexts(result: ScanResult, limits: Limits, stage_order: Sequence[str] = ()) -> list[RuleContext]:
    """Return what the rules may know of each cloud; the chains in it are worth working out once."""
    return [_rule_context(result, cloud, limits, stage_order) for cloud in result.clouds]


def _rule_context(
    result: ScanResult, cloud: CloudResult, limits: Limits, stage_order: Sequence[str] = ()
) -> RuleContext:
    """Return what the rules may know of one cloud."""
    context = RuleContext(
        window=result.window,
        now=result.now,
        permissions=cloud.permissions,
        limits=limits,
        identities={entry.identity.id: entry for entry in cloud.identities},
        steps=cloud.steps,
        beyond=cloud.beyond,
        recorded=recorded(cloud.coverage),
        account_stages=_account_stages(result, cloud.provider),
        stage_order=tuple(stage_order),
    )
    return replace(context, chains=chains_to_administrators(context))


def _account_stages(result: ScanResult, provider: str) -> dict[str, str]:
    """Return the stage of each account; one that sources of two stages hold has none."""
    found: dict[str, set[str]] = {}
    for source in result.sources:
        if source.provider == provider:
            for account in source.accounts:
                found.setdefault(account, set()).add(source.stage)
    return {account: next(iter(stages)) for account, stages in found.items() if len(stages) == 1}


def worst(outcomes: Sequence[Outcome]) -> Status:
    """Return the status of a source from its parts: failed only when nothing of it could be read."""
    states = {outcome.status for outcome in outcomes}
    if not states - {Status.SKIPPED}:
        return Status.SKIPPED
    if states <= {Status.FAILED, Status.SKIPPED}:
        return Status.FAILED
    return Status.PARTIAL if states & {Status.FAILED, Status.PARTIAL} else Status.OK
