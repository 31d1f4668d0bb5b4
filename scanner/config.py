"""Read and check the config file; every error names file, line and key."""

import difflib
import glob
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from connectors.facts import Window
from connectors.interface import Patterns, Setting, Source
from connectors.registry import PROVIDERS, connector
from scanner.errors import ConfigError
from scanner.gate.policy import GatePolicy
from scanner.gate.policy import check as check_gates
from scanner.history.config import HistorySettings
from scanner.history.config import check as check_history
from scanner.notify_config import KEYS as NOTIFY_KEYS
from scanner.notify_config import Notify
from scanner.notify_config import check as check_notify
from scanner.rules.finding import Limits
from scanner.safety import KEYS as _SAFETY_KEYS
from scanner.safety import Safety
from scanner.tickets_config import check as check_trackers

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
_SOURCE_KEYS = ("name", "provider", "stage", "mode")
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
    gates: Mapping[str, GatePolicy] = field(default_factory=dict)
    """The policy of the promotion gate, by stage."""
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


@dataclass(frozen=True, slots=True)
class _Document:
    """The parsed file with what is needed to say where something stands."""

    path: Path
    text: str

    def fail(self, message: str, table: str, key: str = "", *, index: int = 0, hint: str = "") -> ConfigError:
        """Return an error that points at a key of the index-th table of that name."""
        return ConfigError(f"{self.path}:{self._line(table, key, index)}: {message}", hint=hint)

    def _line(self, table: str, key: str, index: int) -> int:
        current, seen, at_table = "", -1, 0
        for number, line in enumerate(self.text.splitlines(), 1):
            if header := re.match(r"\s*\[{1,2}\s*([^\]]+?)\s*\]{1,2}", line):
                current = header[1]
                seen += current == table
                if current == table and seen == index:
                    at_table = number
            elif (
                current == table and seen == index and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line)
            ):
                return number
        if not table:
            found = re.search(rf"^[ \t]*\[*[ \t]*[\"']?{re.escape(key)}\b", self.text, re.MULTILINE)
            return self.text[: found.start()].count("\n") + 1 if found else 1
        return at_table or 1


def load(path: Path) -> Config:
    """Read a TOML config file.

    Raises ConfigError for a file that cannot be read, is no TOML, has unknown keys, or values that make
    no sense. Evidence files that do not exist are no config error: the scan goes on without them.
    """
    document, data = _read(path)
    check_trackers(document, data)
    gates = check_gates(document, data)
    scan = _table(document, data, "scan", _SCAN_KEYS)
    ai = _table(document, data, "ai", _AI_KEYS)
    limits = _table(document, data, "limits", _LIMIT_KEYS)
    safety = _table(document, data, "reductions", _SAFETY_KEYS)
    base = path.resolve().parent
    return Config(
        sources=_sources(document, data.get("source"), base),
        window_days=_whole(document, "scan", scan, "window_days", 90, _LONGEST_WINDOW_DAYS),
        start=_moment(document, scan, "start"),
        end=_moment(document, scan, "end"),
        everyone=_choice(document, scan, "identities", ("ai", "all"), "ai") == "all",
        output=base / _text(document, "scan", scan, "output") if "output" in scan else None,
        fail_on=_choice(document, scan, "fail_on", FAIL_ON, "none"),
        patterns=Patterns(
            names=_texts(document, "ai", ai, "names", Patterns().names),
            tags=_texts(document, "ai", ai, "tags", Patterns().tags),
            owners=_texts(document, "ai", ai, "owner_tags", Patterns().owners),
        ),
        limits=Limits(
            **{
                key: _whole(document, "limits", limits, key, getattr(Limits(), key), 36_500, least=0)
                for key in _LIMIT_KEYS
            }
        ),
        safety=Safety(
            keep_identities=_texts(document, "reductions", safety, "keep_identities", ()),
            keep_permissions=_texts(document, "reductions", safety, "keep_permissions", ()),
            keep_used_days=_whole(document, "reductions", safety, "keep_used_days", 400, 36_500, least=0),
            hysteresis_scans=_whole(document, "reductions", safety, "hysteresis_scans", 1, 1_000),
        ),
        gates=gates,
        baselines=_baselines(document, data, base),
        history=check_history(document, data, base),
        notify=check_notify(document, _table(document, data, "notify", NOTIFY_KEYS), base),
        folder=base,
    )


def load_trackers(path: Path) -> Mapping[str, Mapping[str, Any]]:
    """Read the `[tickets.NAME]` tables of a config file; what else is in it is not looked at."""
    return check_trackers(*_read(path))


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


def _baselines(document: _Document, data: Mapping[str, Any], base: Path) -> Path | None:
    table = _table(document, data, "baseline", _BASELINE_KEYS)
    return base / Path(_text(document, "baseline", table, "path")).expanduser() if "path" in table else None


def _read(path: Path) -> tuple[_Document, dict[str, Any]]:
    try:
        text = path.read_text("utf-8-sig")
        data = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror})", hint="entdrift init writes a commented config.toml"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text", hint="save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}", hint="see config.example.toml") from error
    document = _Document(path, text)
    _known(document, data, _TABLES, "")
    return document, data


def _known(
    document: _Document, table: Mapping[str, Any], keys: Sequence[str], name: str, index: int = 0
) -> None:
    for key in table:
        if key not in keys:
            near = difflib.get_close_matches(key, keys, 1)
            where = f"in [{name}]" if name else "at the top level"
            raise document.fail(
                f"unknown key {key!r} {where}",
                name,
                key,
                index=index,
                hint=f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(keys)}",
            )


def _table(document: _Document, data: Mapping[str, Any], name: str, keys: Sequence[str]) -> Mapping[str, Any]:
    table = data.get(name, {})
    if not isinstance(table, dict):
        raise document.fail(f"{name!r} must be a table", "", name, hint=f"write [{name}] on its own line")
    _known(document, table, keys, name)
    return table


def _sources(document: _Document, tables: Any, base: Path) -> tuple[Source, ...]:
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        raise document.fail("no [[source]] table", "", "source", hint="name at least one source to scan")
    sources: list[Source] = []
    for index, table in enumerate(tables):
        source = _source(document, table, index, base)
        if source.name in {other.name for other in sources}:
            raise document.fail(f"two sources are named {source.name!r}", "source", "name", index=index)
        sources.append(source)
    return tuple(sources)


def _source(document: _Document, table: Mapping[str, Any], index: int, base: Path) -> Source:
    for key in ("name", "provider"):
        if not isinstance(table.get(key), str) or not table[key].strip():
            raise document.fail(f"[[source]] needs {key!r}", "source", key, index=index)
    provider = table["provider"]
    if provider not in PROVIDERS:
        raise document.fail(
            f"unknown provider {provider!r}",
            "source",
            "provider",
            index=index,
            hint=f"one of {', '.join(PROVIDERS)}",
        )
    table = _flat(document, table, index)
    declared = connector(provider).settings
    mode = _mode(document, table, declared, index)
    settings = {setting.name: setting for setting in declared if mode in setting.modes}
    for key in table:
        elsewhere = next((s for s in declared if s.name == key and mode not in s.modes), None)
        if elsewhere is not None:
            wanted = " or ".join(f'"{name}"' for name in elsewhere.modes)
            raise document.fail(
                f"{key!r} needs mode = {wanted}", "source", key, index=index, hint=f'mode is "{mode}" here'
            )
    _known(document, table, (*_SOURCE_KEYS, *settings), "source", index)
    stage = table.get("stage", "")
    if not isinstance(stage, str):
        raise document.fail("'stage' must be a word", "source", "stage", index=index)
    source = Source(table["name"], provider, stage, mode, {}, {}, {})
    for name, setting in settings.items():
        if name in table:
            source = _with(source, setting, _values(document, table[name], setting, index), base)
    evidence = [setting.name for setting in settings.values() if setting.kind in ("file", "files")]
    if mode == "export" and not any(name in source.files or name in source.lists for name in evidence):
        raise document.fail(
            f"source {table['name']!r} names no evidence file",
            "source",
            "name",
            index=index,
            hint=f"give: {', '.join(evidence)}",
        )
    return source


def _flat(document: _Document, table: Mapping[str, Any], index: int) -> Mapping[str, Any]:
    """Return a source's table with the keys of its `logs` table beside the others, as `logs.engine`."""
    logs = table.get("logs", {})
    if not isinstance(logs, dict):
        raise document.fail("'logs' must be a table", "source", "logs", index=index, hint='logs.engine = "…"')
    numbers = {key: str(value) for key, value in logs.items() if type(value) is int}
    inner = {f"logs.{key}": value for key, value in (logs | numbers).items()}
    return {key: value for key, value in table.items() if key != "logs"} | inner


def _with(source: Source, setting: Setting, values: Sequence[str], base: Path) -> Source:
    """Return a source with one more setting; addresses among paths go to its lists."""
    name = setting.name
    match setting.kind:
        case "text" | "flag":
            return replace(source, texts={**source.texts, name: values[0]})
        case "texts":
            return replace(source, lists={**source.lists, name: tuple(values)})
        case "file" | "files":
            remote = tuple(value for value in values if _ADDRESS.match(value))
            local = [path for value in values if value not in remote for path in _paths(base, value)]
            files = {**source.files, name: tuple(local)} if local else source.files
            lists = {**source.lists, name: remote} if remote else source.lists
            return replace(source, files=files, lists=lists)


def _mode(document: _Document, table: Mapping[str, Any], settings: Sequence[Setting], index: int) -> str:
    """Return the mode of a source; a cloud has the modes that its settings name."""
    mode = table.get("mode", "export")
    offered = sorted({name for setting in settings for name in setting.modes})
    if mode not in offered:
        raise document.fail(
            f"mode {mode!r} is not available in this version",
            "source",
            "mode",
            index=index,
            hint="; ".join(f'mode = "{name}" {_MODES[name]}' for name in offered),
        )
    return str(mode)


_MODES = {
    "export": "reads files that the cloud's own tools write",
    "live": "asks the cloud itself, reading only",
}
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_WANTED = {
    "file": "a path",
    "files": "a path or a list of paths",
    "text": "a string",
    "texts": "a string or a list of strings",
    "flag": "true or false",
}


def _values(document: _Document, value: Any, setting: Setting, index: int) -> list[str]:
    if setting.kind == "flag" and isinstance(value, bool):
        return [str(value).lower()]
    values = value if isinstance(value, list) and setting.kind != "text" else [value]
    usable = all(isinstance(item, str) and item for item in values) and setting.kind != "flag"
    if not values or not usable:
        raise document.fail(
            f"{setting.name!r} must be {_WANTED[setting.kind]}", "source", setting.name, index=index
        )
    strange = next((item for item in values if setting.form and not re.fullmatch(setting.form, item)), None)
    if strange is not None:
        raise document.fail(
            f"{setting.name!r}: {strange!r} has not the right form",
            "source",
            setting.name,
            index=index,
            hint=f"for example {setting.example}",
        )
    address = next((item for item in values if _foreign(setting, item)), None)
    if address is not None:
        raise document.fail(
            f"{setting.name!r}: {address!r} is no address that can be read here",
            "source",
            setting.name,
            index=index,
            hint=f"for example {setting.example}" if setting.remote else "download it and name the folder",
        )
    if setting.kind == "file" and len(values) > 1:
        raise document.fail(f"{setting.name!r} takes one path", "source", setting.name, index=index)
    return values


def _foreign(setting: Setting, value: str) -> bool:
    """Return whether a value for a path is an address that the setting does not take."""
    if setting.kind not in ("file", "files") or not _ADDRESS.match(value):
        return False
    return not setting.remote or not re.fullmatch(setting.remote, value)


def _paths(base: Path, value: str) -> list[Path]:
    """Return the absolute paths of a setting; a glob that matches nothing stays, to be reported missing."""
    path = base / Path(value).expanduser()
    if path.exists() or not glob.has_magic(value):
        return [path]
    matches = glob.glob(str(path), recursive=True)  # noqa: PTH207 the pattern may be absolute
    return sorted(Path(found) for found in matches) or [path]


def _text(document: _Document, name: str, table: Mapping[str, Any], key: str) -> str:
    value = table[key]
    if not isinstance(value, str) or not value:
        raise document.fail(f"{key!r} must be a string", name, key)
    return value


def _texts(
    document: _Document, name: str, table: Mapping[str, Any], key: str, default: tuple[str, ...]
) -> tuple[str, ...]:
    value = table.get(key, list(default))
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise document.fail(f"{key!r} must be a list of strings", name, key)
    return tuple(value)


def _whole(
    document: _Document,
    name: str,
    table: Mapping[str, Any],
    key: str,
    default: int,
    most: int,
    *,
    least: int = 1,
) -> int:
    value = table.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise document.fail(f"{key!r} must be a whole number from {least} to {most}", name, key)
    return value


def _choice(
    document: _Document, table: Mapping[str, Any], key: str, choices: Sequence[str], default: str
) -> str:
    value = table.get(key, default)
    if value not in choices:
        raise document.fail(f"{key!r} must be one of {', '.join(choices)}", "scan", key)
    return str(value)


def _moment(document: _Document, table: Mapping[str, Any], key: str) -> datetime | None:
    value = table.get(key)
    if value is None:
        return None
    try:
        return moment(value, whole_day=key == "end")
    except ValueError as error:
        raise document.fail(f"{key!r}: {error}", "scan", key) from error


def moment(value: object, *, whole_day: bool = False) -> datetime:
    """Return a UTC time from a date, a time or RFC 3339 text; times without a zone are UTC.

    With `whole_day` a bare date means the end of that day, so that `end = 2026-11-22` includes the 22nd.
    Raises ValueError with a sentence a user understands.
    """
    if isinstance(value, str):
        text = value.strip()
        try:
            value = (
                date.fromisoformat(text) if len(text) <= len("2026-11-22") else datetime.fromisoformat(text)
            )
        except ValueError:
            raise ValueError(f"{text!r} is no date or RFC 3339 time (2026-11-22T00:00:00Z)") from None
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC) + timedelta(days=int(whole_day))
    raise ValueError("must be a date or time (2026-11-22 or 2026-11-22T00:00:00Z)")
