"""What the config file says, checked and with its defaults."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from connectors.facts import Window
from connectors.interface import Patterns, Source
from reports.tickets.units import By
from scanner.config_document import Document, Table, parse, table
from scanner.errors import ConfigError
from scanner.gate.policy import GatePolicy
from scanner.gate.policy import check as check_gates
from scanner.history.config import HistorySettings
from scanner.history.config import check as check_history
from scanner.moments import moment
from scanner.notify_config import KEYS as NOTIFY_KEYS
from scanner.notify_config import Notify
from scanner.notify_config import check as check_notify
from scanner.rules.finding import Limits
from scanner.safety import KEYS as _SAFETY_KEYS
from scanner.safety import Safety
from scanner.sources_config import check as check_sources
from scanner.tickets_config import check as check_trackers
from scanner.tickets_config import grouping

FAIL_ON = ("none", "info", "low", "medium", "high", "critical")
_TABLES = (
    "scan",
    "ai",
    "limits",
    "reductions",
    "source",
    "tickets",
    "gate",
    "baseline",
    "notify",
    "history",
    "drift",
)
_SCAN_KEYS = ("window_days", "start", "end", "identities", "output", "fail_on")
_AI_KEYS = ("names", "tags", "owner_tags")
_LIMIT_KEYS = ("credential_max_age_days", "credential_unused_days", "grace_days")
_BASELINE_KEYS = ("path",)
_LONGEST_WINDOW_DAYS = 3650


@dataclass(frozen=True, slots=True)
class Config:
    """A checked configuration; paths are absolute."""

    sources: tuple[Source, ...]
    window_days: int = 90
    start: datetime | None = None
    end: datetime | None = None
    everyone: bool = False
    output: Path | None = None
    fail_on: str = "none"
    patterns: Patterns = field(default_factory=Patterns)
    limits: Limits = field(default_factory=Limits)
    safety: Safety = field(default_factory=Safety)
    baselines: Path | None = None
    """Folder of the baseline files."""
    history: HistorySettings = field(default_factory=HistorySettings)
    notify: Notify = field(default_factory=Notify)
    folder: Path | None = None
    """Where the config file stands; None without one."""

    def window(self, now: datetime) -> Window:
        """Return the window: `end` or now, and `start` or `window_days` before the end.

        Both are full seconds, the next ones, because events are told to the second: so every reader and
        every query engine draws the same line.
        """
        end = self.end or now
        start = self.start or end - timedelta(days=self.window_days)
        if start >= end:
            raise ConfigError(f"the window is empty: start {start:%Y-%m-%d} is not before end {end:%Y-%m-%d}")
        return Window(_full_second(start), _full_second(end))


def _full_second(time: datetime) -> datetime:
    return time.replace(microsecond=0) + timedelta(seconds=bool(time.microsecond))


def load(path: Path) -> Config:
    """Read a TOML config file.

    Raises ConfigError for a file that cannot be read, is no TOML, has unknown keys, or values that make
    no sense. Evidence files that do not exist are no config error: the scan goes on without them.
    """
    document, data = _read(path)
    check_trackers(document, data)
    check_gates(document, data)
    scan = table(document, data, "scan", _SCAN_KEYS)
    ai = table(document, data, "ai", _AI_KEYS)
    limits = table(document, data, "limits", _LIMIT_KEYS)
    safety = table(document, data, "reductions", _SAFETY_KEYS)
    base = path.resolve().parent
    return Config(
        sources=check_sources(document, data.get("source"), base),
        window_days=scan.whole("window_days", 90, _LONGEST_WINDOW_DAYS),
        start=_moment(scan, "start"),
        end=_moment(scan, "end"),
        everyone=scan.choice("identities", ("ai", "all"), "ai") == "all",
        output=base / scan.text("output") if "output" in scan.values else None,
        fail_on=scan.choice("fail_on", FAIL_ON, "none"),
        patterns=Patterns(
            names=ai.texts("names", Patterns().names),
            tags=ai.texts("tags", Patterns().tags),
            owners=ai.texts("owner_tags", Patterns().owners),
        ),
        limits=Limits(
            **{key: limits.whole(key, getattr(Limits(), key), 36_500, least=0) for key in _LIMIT_KEYS}
        ),
        safety=Safety(
            keep_identities=safety.texts("keep_identities", ()),
            keep_permissions=safety.texts("keep_permissions", ()),
            keep_used_days=safety.whole("keep_used_days", 400, 36_500, least=0),
            hysteresis_scans=safety.whole("hysteresis_scans", 1, 1_000),
        ),
        baselines=_baselines(document, data, base),
        history=check_history(document, data, base),
        notify=check_notify(table(document, data, "notify", NOTIFY_KEYS), base),
        folder=base,
    )


def load_trackers(path: Path) -> Mapping[str, Mapping[str, Any]]:
    """Read the `[tickets.NAME]` tables of a config file; what else is in it is not looked at."""
    return check_trackers(*_read(path))


def load_grouping(path: Path) -> By:
    """Read `group_by` of the `[tickets]` table of a config file; what else is in it is not looked at."""
    return grouping(*_read(path))


def load_history(path: Path) -> HistorySettings:
    """Read the `[history]` and `[drift]` tables of a config file; what else is in it is not looked at."""
    document, data = _read(path)
    return check_history(document, data, path.resolve().parent)


def load_gates(path: Path) -> Mapping[str, GatePolicy]:
    """Read the gates of a config file by stage; what else is in it is not looked at."""
    return check_gates(*_read(path))


def load_baselines(path: Path) -> Path | None:
    """Return the folder of baselines that a config file names; what else is in it is not looked at."""
    return _baselines(*_read(path), path.resolve().parent)


def _baselines(document: Document, data: Mapping[str, Any], base: Path) -> Path | None:
    path = table(document, data, "baseline", _BASELINE_KEYS).text("path")
    return base / Path(path).expanduser() if path else None


def _read(path: Path) -> tuple[Document, dict[str, Any]]:
    document, data = parse(path)
    Table(document, "", data).known(_TABLES)
    return document, data


def _moment(table: Table, key: str) -> datetime | None:
    value = table.values.get(key)
    if value is None:
        return None
    try:
        return moment(value, whole_day=key == "end")
    except ValueError as error:
        raise table.fail(key, f"{key!r}: {error}") from error
