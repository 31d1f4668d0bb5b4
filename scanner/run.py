"""What each verb does, from its flags to its exit code."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from connectors.bundle import Bundle, open_bundle
from connectors.cycles import no_collection
from connectors.interface import Check, Status
from reports import formats
from reports.document import Report
from reports.escape import terminal
from reports.overview import counted
from scanner import doctor, ending, outputs, pipeline
from scanner.closing import closing_line
from scanner.config import Config, load
from scanner.deadline import duration
from scanner.errors import ConfigError
from scanner.exits import Exit
from scanner.lookup import find_identity, open_report
from scanner.moments import moment
from scanner.offer import claim_lines, offer, whole
from scanner.publish import tool, without_history
from scanner.safety import Safety
from scanner.talk import Talk
from scanner.write import make_folder

if TYPE_CHECKING:
    from scanner.history.session import Session

DEMO = Path(__file__).parent / "demo"
DEFAULT_FORMATS = ("html", "json", "tickets-markdown", "tickets-json", "tickets-csv")
EVIDENCE = "evidence"
"""Folder below the output where `scan` keeps the bundle it analysed."""
_FAILED_PARTS = 3
"""Parts of a failed source that are told without --verbose."""


@dataclass(frozen=True, slots=True)
class Span:
    """Window flags as given; they override the config file."""

    since: str | None = None
    until: str | None = None
    now: str | None = None

    def present(self) -> datetime:
        """Return the time that counts as now, in whole seconds."""
        return (_flag("--now", self.now) or datetime.now(UTC)).replace(microsecond=0)

    def apply(self, config: Config) -> Config:
        """Return the config with this window."""
        return replace(
            config,
            start=_flag("--since", self.since) or config.start,
            end=_flag("--until", self.until, whole_day=True) or config.end,
        )


@dataclass(frozen=True, slots=True)
class Request:
    """The flags of `scan`."""

    config: Path | None = None
    bundle: Path | None = None
    output: Path | None = None
    span: Span = Span()
    identities: str | None = None
    formats: tuple[str, ...] = ()
    fail_on: str | None = None
    strict: bool = False
    max_duration: str | None = None
    state: str | None = None
    remember: bool = True
    reread: bool = False


def _flag(name: str, value: str | None, *, whole_day: bool = False) -> datetime | None:
    try:
        return moment(value, whole_day=whole_day) if value is not None else None
    except ValueError as error:
        raise ConfigError(f"{name}: {error}") from error


def demo(output: Path, talk: Talk, *, state: str | None = None, remember: bool = True) -> Exit:
    """Scan the evidence that ships with the package; the present is the end of its window."""
    end = load(DEMO / "config.toml").end
    request = Request(
        config=DEMO / "config.toml",
        output=output,
        span=Span(now=end.isoformat() if end else None),
        state=state,
        remember=remember,
    )
    return scan(request, talk)


def collect(path: Path, output: Path, span: Span, talk: Talk, *, strict: bool) -> Exit:
    """Gather evidence into a bundle."""
    config = span.apply(load(path))
    bundle = _collect(config, output, span.present(), talk)
    problems = [
        (source.source, outcome)
        for source in bundle.sources
        for outcome in source.outcomes()
        if outcome.status in {Status.FAILED, Status.PARTIAL}
    ]
    for source, outcome in problems:
        talk.warn(f"{source}: {outcome.part}: {outcome.reason}")
    talk.say(f"wrote evidence bundle {output}")
    reached = {pipeline.worst(source.outcomes()) for source in bundle.sources} - {
        Status.FAILED,
        Status.SKIPPED,
    }
    code = Exit.NO_SOURCE if not reached else Exit.INCOMPLETE if strict and problems else Exit.OK
    if code:
        names = dict.fromkeys(source for source, _ in problems)
        talk.last(f"exit {code:d}: {counted(len(names), 'source')} not read whole: {', '.join(names)}")
    return code


def examine(path: Path, name: str | None, span: Span, talk: Talk, *, print_policy: bool) -> Exit:
    """Say what a scan could read and what it could not see, or print the policy that it needs."""
    config = span.apply(load(path))
    sources = doctor.chosen(config.sources, name)
    if print_policy:
        sys.stdout.write(doctor.policy(sources) + "\n")
        return Exit.OK
    now = span.present()
    window = config.window(now)
    found: dict[str, set[str]] = {}
    for source in sources:
        checks = list(doctor.examine(source, window))
        found[source.name] = {check.status for check in checks}
        _print(f"{source.name} ({source.provider}, {source.mode})", checks)
    reached = any(statuses & {"ok", "partial"} for statuses in found.values())
    for title, checks in doctor.rehearse(sources, window, now, talk.observe):
        if title in found:
            found[title] |= {check.status for check in checks}
        _print(title, checks)
    if len(found) > 1:
        sys.stdout.write(terminal(doctor.summary(found)) + "\n")
    return Exit.OK if reached else Exit.NO_SOURCE


def _print(title: str, checks: Sequence[Check]) -> None:
    for line in doctor.lines(title, checks):
        sys.stdout.write(terminal(line) + "\n")


def scan(request: Request, talk: Talk) -> Exit:
    """Collect (or open a bundle), analyse, and write the report in every format asked for."""
    if request.config is None and request.bundle is None:
        raise ConfigError(
            "scan needs --config or --bundle", hint="entdrift init writes a commented config.toml"
        )
    if request.bundle and request.reread:
        raise ConfigError("--reread reads logs, and --bundle reads none", hint="leave one of them out")
    config = request.span.apply(load(request.config)) if request.config else Config(sources=())
    output = request.output or config.output
    if output is None:
        raise ConfigError("scan needs --output, or output in [scan]", hint="for example: --output out")
    targets = outputs.targets(request.formats or DEFAULT_FORMATS)
    make_folder(output)
    limit = duration(request.max_duration) if request.max_duration else None
    job = _Job(request, config, output, targets, request.span.present(), limit)
    if not request.remember:
        return _scan(job, None, talk)
    from scanner.history.session import place, session  # noqa: PLC0415 sqlite3 is for scans with history

    where = place(output, config.history, request.state)
    with session(where, output, config.history, talk) as history:
        return _scan(job, history, talk)


@dataclass(frozen=True, slots=True)
class _Job:
    """A checked request."""

    request: Request
    config: Config
    output: Path
    targets: Sequence[outputs.Target]
    now: datetime
    most_seconds: float | None = None


def _scan(job: _Job, history: "Session | None", talk: Talk) -> Exit:
    """Collect, analyse and write; the scan is recorded when its report is on disk, not before.

    A kill in between leaves a report of which the history knows nothing: the next scan then tells its changes
    again. The other way round they would be lost.
    """
    request, config = job.request, job.config
    if request.bundle:
        bundle = open_bundle(request.bundle)
    else:
        state = history.path if history and history.state else None
        bundle = _collect(
            config,
            job.output / EVIDENCE,
            job.now,
            talk,
            state=state,
            reread=request.reread,
            most_seconds=job.most_seconds,
        )
    _warn_of_failed(bundle, talk)
    with no_collection():
        return _analysed(job, bundle, history, talk)


def _analysed(job: _Job, bundle: Bundle, history: "Session | None", talk: Talk) -> Exit:
    """Analyse a bundle, write its report and record it."""
    request, config = job.request, job.config
    result = pipeline.analyse(
        bundle,
        patterns=config.patterns,
        everyone=request.identities == "all" if request.identities else config.everyone,
        now=job.now,
        observe=talk.observe,
        limits=config.limits,
        safety=_remembering(config.safety, history, job.now),
    )
    memory = None
    if history is None:
        document = without_history(result, config)
    else:
        from scanner.history.report import remembered  # noqa: PLC0415 only scans with history need it

        document, memory = remembered(history, bundle, result, config, talk)
    written, failed = outputs.write(document, job.targets, job.output, talk)
    if history is not None and memory is not None:
        from scanner.history.report import store  # noqa: PLC0415 as above

        store(history, memory, result, document, bundle.digest, talk)
    if not any(target.place == outputs.STANDARD_OUTPUT for target in job.targets):
        talk.summary(document, written)
    failed += ["history"] if history is not None and history.failed else []
    fail_on = request.fail_on or config.fail_on
    code = _exit(document, failed, fail_on=fail_on, strict=request.strict)
    if line := closing_line(document, code, fail_on):
        talk.last(line)
    if config.notify.asked:
        from scanner.notify import told  # noqa: PLC0415 only where it is configured

        code = told(config.notify, document, code, talk)
    ending.keep(result, document, memory)
    return code


def _remembering(safety: Safety, history: "Session | None", now: datetime) -> Safety:
    """Return the safety settings with what older scans saw, where there is a history to be read."""
    state = history.state if history else None
    if state is None:
        return safety
    from scanner.history.earlier import used_earlier  # noqa: PLC0415 only scans with history need it
    from scanner.history.settled import settled  # noqa: PLC0415 as above

    days, scans = safety.keep_used_days, safety.hysteresis_scans
    if days:
        safety = replace(safety, used_earlier=lambda cloud: used_earlier(state, cloud, now, days))
    return replace(safety, settled=lambda cloud: settled(state, cloud, now, scans - 1))


def _warn_of_failed(bundle: Bundle, talk: Talk) -> None:
    """Say why sources of which nothing could be read failed; the report says the rest.

    One reason, such as a session that ended, fails every part of a source: the first few tell it.
    """
    for source in bundle.sources:
        if pipeline.worst(source.outcomes()) is not Status.FAILED:
            continue
        outcomes = [outcome for outcome in source.outcomes() if outcome.status is Status.FAILED]
        shown = outcomes if talk.verbose else outcomes[:_FAILED_PARTS]
        for outcome in shown:
            talk.warn(f"{source.source}: {outcome.part}: {outcome.reason}")
        if left := len(outcomes) - len(shown):
            talk.warn(f"{source.source}: {counted(left, 'more part')} failed; --verbose names them")


def report(source: Path, chosen: Sequence[str], output: Path | None, fail_on: str | None, talk: Talk) -> Exit:
    """Render an existing report in other formats."""
    if not chosen:
        raise ConfigError("report needs --format", hint=f"one of {', '.join(sorted(formats.FORMATS))}")
    targets = outputs.targets(chosen)
    with no_collection():
        document, beside = open_report(source)
        document, folder = whole(document), output or beside
        written, failed = outputs.write(document, targets, folder, talk)
    for path in written:
        talk.say(f"wrote {path}")
    if failed:
        return Exit.EXPORT
    return Exit.FINDINGS if outputs.reaches(document, fail_on or "none") else Exit.OK


def reduce(identity: str, source: Path, form: str, until: str, talk: Talk, *, rebuild: bool = False) -> Exit:
    """Print one reduction with its claims; a refuted one is not offered and exits 1."""
    document, folder = open_report(source)
    entry = find_identity(document, identity)
    if rebuild:
        from scanner.rebuild import rebuilt  # noqa: PLC0415 only this flag needs it

        reduction = rebuilt(entry, folder, document.generated_at)
        entry = msgspec.structs.replace(entry, reduction=reduction)
    refuted = any(": refuted" in line for line in claim_lines(entry.reduction)[1:])
    if refuted and form != "json":
        for line in claim_lines(entry.reduction):
            talk.warn(line)
        return Exit.FINDINGS
    sys.stdout.write(offer(entry, form, until))
    for line in claim_lines(entry.reduction):
        talk.say(line)
    return Exit.FINDINGS if refuted else Exit.OK


def explain(identity: str, permission: str, resource: str, source: Path) -> Exit:
    """Print why one identity, or one permission of it, is as it is."""
    from reports.escape import terminal  # noqa: PLC0415 only this verb needs it
    from scanner.explain import explain as lines_of  # noqa: PLC0415 as above

    document, folder = open_report(source)
    entry = find_identity(document, identity)
    for line in lines_of(document, entry, folder, permission, resource):
        sys.stdout.write(terminal(line) + "\n")
    return Exit.OK


def _collect(
    config: Config,
    path: Path,
    now: datetime,
    talk: Talk,
    *,
    state: Path | None = None,
    reread: bool = False,
    most_seconds: float | None = None,
) -> Bundle:
    made_by = tool()
    return pipeline.collect(
        config.sources,
        path,
        window=config.window(now),
        now=now,
        tool=f"{made_by.name} {made_by.version}",
        observe=talk.observe,
        state=state,
        reread=reread,
        most_seconds=most_seconds,
        folder=config.folder,
    )


def _exit(report: Report, failed: Sequence[str], *, fail_on: str, strict: bool) -> Exit:
    """Return the exit code; an execution error outranks findings."""
    states = {entry.status for entry in report.sources}
    if not states & {"ok", "partial"}:
        return Exit.NO_SOURCE
    if failed:
        return Exit.EXPORT
    if strict and (states != {"ok"} or report.summary.log_events.unreadable_files):
        return Exit.INCOMPLETE
    return Exit.FINDINGS if outputs.reaches(report, fail_on) else Exit.OK
