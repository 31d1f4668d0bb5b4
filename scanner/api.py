"""The Python API: scan, analyse a bundle or load a report, and get the results as objects and frames."""

import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from connectors.bundle import Bundle, open_bundle
from connectors.cycles import no_collection
from connectors.interface import Observer, silent
from reports import formats
from reports import json as report_json
from reports.document import FindingEntry, IdentityEntry, Report
from scanner import pipeline
from scanner.config import Config
from scanner.config import load as read_config
from scanner.errors import ConfigError
from scanner.moments import moment
from scanner.offer import whole
from scanner.publish import tool, without_history
from scanner.run import DEMO

if TYPE_CHECKING:
    from reports.frames import Frames

Moment = datetime | date | str
"""A time: a datetime, a date or RFC 3339 text; without a zone it is UTC."""


@dataclass(frozen=True)
class Result:
    """What a scan found: the report document as typed objects, and its tables as pandas frames."""

    report: Report

    @property
    def identities(self) -> list[IdentityEntry]:
        """The identities, sorted by cloud, account and id."""
        return self.report.identities

    @property
    def findings(self) -> list[FindingEntry]:
        """The findings, the most severe first; waived and fixed ones among them."""
        return self.report.findings

    @cached_property
    def frames(self) -> "Frames":
        """The tables as pandas frames: identities, permissions, usage, findings, credentials and more."""
        from reports.frames import Frames  # noqa: PLC0415 pandas is slow to import

        return Frames(self.report)

    @property
    def complete(self) -> bool:
        """Whether all evidence could be read whole: the same rule as `entdrift scan --strict`.

        `frames.sources` says what is missing and why.
        """
        states = {source.status for source in self.report.sources}
        return states == {"ok"} and not self.report.summary.log_events.unreadable_files

    def render(self, name: str) -> bytes:
        """Render the report in one of the formats of `entdrift report --format`.

        Raises ReportError for a format that does not exist.
        """
        return formats.find(name).render(self.report)


def scan(
    config: Path | str | Config,
    *,
    now: Moment | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    identities: Literal["ai", "all"] | None = None,
    evidence: Path | str | None = None,
    observe: Observer = silent,
) -> Result:
    """Collect and analyse, as `entdrift scan` does, and write nothing but evidence that is asked for.

    `since`, `until` and `identities` override the config; `evidence` keeps the bundle there. Raises
    ConfigError for a config that makes no sense. A source that cannot be read is no error: see `complete`.
    """
    present = _present(now)
    chosen = _spanned(_config(config), since, until)
    if evidence is not None:
        bundle = _collect(chosen, Path(evidence), present, observe)
        return _analyse(bundle, chosen, identities, present, observe)
    with tempfile.TemporaryDirectory(prefix="entdrift-") as folder:
        bundle = _collect(chosen, Path(folder) / "evidence", present, observe)
        return _analyse(bundle, chosen, identities, present, observe)


def analyse(
    bundle: Path | str,
    *,
    config: Path | str | Config | None = None,
    now: Moment | None = None,
    identities: Literal["ai", "all"] | None = None,
    observe: Observer = silent,
) -> Result:
    """Analyse an evidence bundle, as `entdrift scan --bundle` does; the window is that of the bundle.

    The config gives patterns and limits; its sources are not read. Raises BundleError for a bundle that is
    missing, broken or was changed.
    """
    chosen = Config(sources=()) if config is None else _config(config)
    return _analyse(open_bundle(Path(bundle)), chosen, identities, _present(now), observe)


def load(report: Path | str | bytes) -> Result:
    """Load a `report.json`, from its path or its bytes. Raises ReportError for what is no report."""
    return Result(whole(report_json.decode(Path(report) if isinstance(report, str) else report)))


def demo() -> Result:
    """Scan the evidence that ships with the package; the present is the end of its window."""
    config = read_config(DEMO / "config.toml")
    return scan(config, now=config.end)


def _collect(config: Config, path: Path, now: datetime, observe: Observer) -> Bundle:
    made_by = tool()
    return pipeline.collect(
        config.sources,
        path,
        window=config.window(now),
        now=now,
        tool=f"{made_by.name} {made_by.version}",
        observe=observe,
        folder=config.folder,
    )


def _analyse(
    bundle: Bundle,
    config: Config,
    identities: Literal["ai", "all"] | None,
    now: datetime,
    observe: Observer,
) -> Result:
    if identities not in {None, "ai", "all"}:
        raise ConfigError(f"identities={identities!r}", hint='"ai" or "all"')
    with no_collection():
        found = pipeline.analyse(
            bundle,
            patterns=config.patterns,
            everyone=identities == "all" if identities else config.everyone,
            now=now,
            observe=observe,
            limits=config.limits,
            safety=config.safety,
        )
        return Result(without_history(found, config))


def _config(config: Path | str | Config) -> Config:
    return config if isinstance(config, Config) else read_config(Path(config))


def _spanned(config: Config, since: Moment | None, until: Moment | None) -> Config:
    return replace(
        config,
        start=_moment("since", since) or config.start,
        end=_moment("until", until, whole_day=True) or config.end,
    )


def _present(now: Moment | None) -> datetime:
    return (_moment("now", now) or datetime.now(UTC)).replace(microsecond=0)


def _moment(name: str, value: Moment | None, *, whole_day: bool = False) -> datetime | None:
    try:
        return None if value is None else moment(value, whole_day=whole_day)
    except ValueError as error:
        raise ConfigError(f"{name}: {error}") from error
