"""The `[history]` and `[drift]` tables of the config file."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from scanner.drift.matching import DEFAULT_STAGES, MatchRule
from scanner.errors import ConfigError

_HISTORY_KEYS = ("state", "waiver_max_days", "lock_wait_seconds")
_DRIFT_KEYS = ("stages", "match")
_MATCH_KEYS = ("workload", "earlier", "later")


class Document(Protocol):
    """A config file that can say where a key of it stands."""

    def fail(self, message: str, table: str, key: str = "", *, index: int = 0, hint: str = "") -> ConfigError:
        """Return an error that points at a key."""


@dataclass(frozen=True, slots=True)
class HistorySettings:
    """Where the state is and how long things may last; an empty `state` is the file beside the report."""

    state: str = ""
    waiver_max_days: int = 366
    lock_wait_seconds: int = 600
    stages: tuple[str, ...] = DEFAULT_STAGES
    matches: tuple[MatchRule, ...] = ()


def check(document: Document, data: Mapping[str, Any], base: Path) -> HistorySettings:
    """Return the settings of a config file; a relative path is relative to it."""
    history = _table(document, data, "history", _HISTORY_KEYS)
    drift = _table(document, data, "drift", _DRIFT_KEYS)
    state = history.get("state", "")
    if not isinstance(state, str) or ("state" in history and not state.strip()):
        raise document.fail("'state' must be a path or s3://bucket/key", "history", "state")
    default = HistorySettings()
    return HistorySettings(
        state=state if "://" in state or not state else str(base / Path(state).expanduser()),
        waiver_max_days=_whole(document, history, "waiver_max_days", default.waiver_max_days, least=1),
        lock_wait_seconds=_whole(document, history, "lock_wait_seconds", default.lock_wait_seconds, least=0),
        stages=_stages(document, drift),
        matches=_matches(document, drift),
    )


def _table(document: Document, data: Mapping[str, Any], name: str, keys: Sequence[str]) -> Mapping[str, Any]:
    table = data.get(name, {})
    if not isinstance(table, dict):
        raise document.fail(f"{name!r} must be a table", "", name, hint=f"write [{name}] on its own line")
    _known(document, table, keys, name)
    return table


def _known(
    document: Document, table: Mapping[str, Any], keys: Sequence[str], name: str, index: int = 0
) -> None:
    for key in table:
        if key not in keys:
            near = difflib.get_close_matches(key, keys, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(keys)}"
            raise document.fail(f"unknown key {key!r} in [{name}]", name, key, index=index, hint=hint)


def _whole(document: Document, table: Mapping[str, Any], key: str, default: int, *, least: int) -> int:
    value = table.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= 36_500:
        raise document.fail(f"{key!r} must be a whole number from {least} to 36500", "history", key)
    return value


def _stages(document: Document, table: Mapping[str, Any]) -> tuple[str, ...]:
    value = table.get("stages", list(DEFAULT_STAGES))
    if not isinstance(value, list) or not all(isinstance(word, str) and word for word in value):
        raise document.fail("'stages' must be a list of words, the earliest stage first", "drift", "stages")
    return tuple(value)


def _matches(document: Document, table: Mapping[str, Any]) -> tuple[MatchRule, ...]:
    rows = table.get("match", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise document.fail("'match' must hold tables", "drift", "match", hint="write [[drift.match]]")
    rules = []
    for index, row in enumerate(rows):
        _known(document, row, _MATCH_KEYS, "drift.match", index)
        for key in _MATCH_KEYS:
            if not isinstance(row.get(key), str) or not row[key].strip():
                raise document.fail(
                    f"[[drift.match]] needs {key!r}",
                    "drift.match",
                    key,
                    index=index,
                    hint='for example workload = "claims", earlier = "claims-pilot*", later = "claims-prod*"',
                )
        rules.append(MatchRule(row["workload"], row["earlier"], row["later"]))
    return tuple(rules)
