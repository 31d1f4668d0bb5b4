"""What each verb does, from its flags to its exit code."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from connectors.bundle import Bundle, open_bundle
from connectors.interface import Status
from reports import formats
from reports import json as report_json
from scanner import pipeline
from scanner.config import Config, load, moment
from scanner.errors import ConfigError
from scanner.exits import Exit
from scanner.publish import publish, tool
from scanner.talk import Talk
from scanner.write import make_folder

DEMO = Path(__file__).parent / "demo"
DEFAULT_FORMATS = ("html", "json", "tickets")
EVIDENCE = "evidence"
"""Folder below the output where `scan` keeps the bundle it analysed."""


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

    config: Path | None
    bundle: Path | None
    output: Path | None
    span: Span = Span()
    identities: str | None = None
    formats: tuple[str, ...] = ()
    fail_on: str | None = None
    strict: bool = False


def _flag(name: str, value: str | None, *, whole_day: bool = False) -> datetime | None:
    try:
        return moment(value, whole_day=whole_day) if value is not None else None
    except ValueError as error:
        raise ConfigError(f"{name}: {error}") from error


def demo(output: Path, talk: Talk) -> Exit:
    """Scan the evidence that ships with the package; the present is the end of its window."""
    request = Request(
        config=DEMO / "config.toml",
        bundle=None,
        output=output,
        span=Span(now=load(DEMO / "config.toml").end_text()),
    )
    code = scan(request, talk)
    talk.say(f"open {output / 'report.html'} in a browser")
    return code


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
    if not reached:
        return Exit.NO_SOURCE
    return Exit.INCOMPLETE if strict and problems else Exit.OK


def scan(request: Request, talk: Talk) -> Exit:
    """Collect (or open a bundle), analyse, and write the report in every format asked for."""
    if (request.config is None) == (request.bundle is None) and request.bundle is None:
        raise ConfigError(
            "scan needs --config or --bundle", hint="entdrift init writes a commented config.toml"
        )
    now = request.span.present()
    config = request.span.apply(load(request.config)) if request.config else Config(sources=())
    output = request.output or config.output
    if output is None:
        raise ConfigError("scan needs --output, or output in [scan]", hint="for example: --output out")
    targets = _targets(request.formats or DEFAULT_FORMATS, output)
    make_folder(output)
    bundle = open_bundle(request.bundle) if request.bundle else _collect(config, output / EVIDENCE, now, talk)
    result = pipeline.analyse(
        bundle,
        patterns=config.patterns,
        everyone=request.identities == "all" if request.identities else config.everyone,
        now=now,
        observe=talk.observe,
    )
    report = publish(result, pipeline.judge(result, config.limits))
    failed = _write(report, targets)
    _summary(report, targets, output, talk)
    return _exit(report, result, failed, fail_on=request.fail_on or config.fail_on, strict=request.strict)


def report(source: Path, chosen: Sequence[str], output: Path | None, fail_on: str | None, talk: Talk) -> Exit:
    """Render an existing report in other formats."""
    if not chosen:
        raise ConfigError("report needs --format", hint=f"one of {', '.join(sorted(formats.FORMATS))}")
    document = report_json.decode(source)
    folder = output or source.parent
    targets = _targets(chosen, folder)
    make_folder(folder)
    failed = _write(document, targets)
    for name, path in targets:
        if path is not None and name not in failed:
            talk.say(f"wrote {path}")
    if failed:
        raise _export_error(failed)
    return Exit.FINDINGS if _reaches(document, fail_on or "none") else Exit.OK


def _collect(config: Config, path: Path, now: datetime, talk: Talk) -> Bundle:
    made_by = tool()
    return pipeline.collect(
        config.sources,
        path,
        window=config.window(now),
        now=now,
        tool=f"{made_by.name} {made_by.version}",
        observe=talk.observe,
    )


def _targets(chosen: Sequence[str], folder: Path) -> list[tuple[str, Path | None]]:
    """Return what to write where; None is standard output, which takes one format only."""
    targets: list[tuple[str, Path | None]] = []
    for text in chosen:
        name, _, place = text.partition("=")
        if name not in formats.FORMATS:
            raise ConfigError(f"unknown format {name!r}", hint=f"one of {', '.join(sorted(formats.FORMATS))}")
        for file_name in formats.FORMATS[name].files:
            targets.append((name, _place(folder, file_name, place)))
    if sum(path is None for _, path in targets) > 1:
        raise ConfigError("only one format can go to standard output")
    return targets
