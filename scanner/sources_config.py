"""The `[[source]]` tables of the config file: where the evidence of each cloud is."""

import glob
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from connectors.interface import Setting, Source
from connectors.registry import PROVIDERS, connector
from scanner.config_document import Document, Table

_KEYS = ("name", "provider", "stage", "mode")


def check(document: Document, tables: Any, base: Path) -> tuple[Source, ...]:
    """Return the sources; a relative path is relative to `base`, the folder of the file."""
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        raise document.fail("no [[source]] table", "", "source", hint="name at least one source to scan")
    sources: list[Source] = []
    for index, values in enumerate(tables):
        table = Table(document, "source", values, index)
        source = _source(table, base)
        if source.name in {other.name for other in sources}:
            raise table.fail("name", f"two sources are named {source.name!r}")
        sources.append(source)
    return tuple(sources)


def _source(table: Table, base: Path) -> Source:
    for key in ("name", "provider"):
        value = table.values.get(key)
        if not isinstance(value, str) or not value.strip():
            raise table.fail(key, f"[[source]] needs {key!r}")
    provider = table.values["provider"]
    if provider not in PROVIDERS:
        raise table.fail("provider", f"unknown provider {provider!r}", f"one of {', '.join(PROVIDERS)}")
    table = _flat(table)
    declared = connector(provider).settings
    mode = _mode(table, declared)
    settings = {setting.name: setting for setting in declared if mode in setting.modes}
    for key in table.values:
        elsewhere = next((s for s in declared if s.name == key and mode not in s.modes), None)
        if elsewhere is not None:
            wanted = " or ".join(f'"{name}"' for name in elsewhere.modes)
            raise table.fail(key, f"{key!r} needs mode = {wanted}", f'mode is "{mode}" here')
    table.known((*_KEYS, *settings))
    stage = table.values.get("stage", "")
    if not isinstance(stage, str):
        raise table.fail("stage", "'stage' must be a word")
    source = Source(table.values["name"], provider, stage, mode, {}, {}, {})
    for setting in settings.values():
        if setting.name in table.values:
            source = _with(source, setting, _values(table, setting), base)
    evidence = [setting.name for setting in settings.values() if setting.kind in ("file", "files")]
    if mode == "export" and not any(name in source.files or name in source.lists for name in evidence):
        raise table.fail(
            "name", f"source {source.name!r} names no evidence file", f"give: {', '.join(evidence)}"
        )
    return source


def _flat(table: Table) -> Table:
    """Return a source's table with the keys of its `logs` table beside the others, as `logs.engine`."""
    logs = table.values.get("logs", {})
    if not isinstance(logs, dict):
        raise table.fail("logs", "'logs' must be a table", 'logs.engine = "…"')
    numbers = {key: str(value) for key, value in logs.items() if type(value) is int}
    inner = {f"logs.{key}": value for key, value in (logs | numbers).items()}
    return replace(table, values={key: value for key, value in table.values.items() if key != "logs"} | inner)


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


def _mode(table: Table, settings: Sequence[Setting]) -> str:
    """Return the mode of a source; a cloud has the modes that its settings name."""
    mode = table.values.get("mode", "export")
    offered = sorted({name for setting in settings for name in setting.modes})
    if mode not in offered:
        hint = "; ".join(f'mode = "{name}" {_MODES[name]}' for name in offered)
        raise table.fail("mode", f"mode {mode!r} is not available in this version", hint)
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


def _values(table: Table, setting: Setting) -> list[str]:
    name, value = setting.name, table.values[setting.name]
    if setting.kind == "flag" and isinstance(value, bool):
        return [str(value).lower()]
    values = value if isinstance(value, list) and setting.kind != "text" else [value]
    usable = all(isinstance(item, str) and item for item in values) and setting.kind != "flag"
    if not values or not usable:
        raise table.fail(name, f"{name!r} must be {_WANTED[setting.kind]}")
    example = f"for example {setting.example}"
    strange = next((item for item in values if setting.form and not re.fullmatch(setting.form, item)), None)
    if strange is not None:
        raise table.fail(name, f"{name!r}: {strange!r} has not the right form", example)
    address = next((item for item in values if _foreign(setting, item)), None)
    if address is not None:
        hint = example if setting.remote else "download it and name the folder"
        raise table.fail(name, f"{name!r}: {address!r} is no address that can be read here", hint)
    if setting.kind == "file" and len(values) > 1:
        raise table.fail(name, f"{name!r} takes one path")
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
