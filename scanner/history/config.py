"""The `[history]` and `[drift]` tables of the config file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanner.config_document import Document, Table, table
from scanner.drift.matching import DEFAULT_STAGES, MatchRule

_HISTORY_KEYS = ("state", "waiver_max_days", "lock_wait_seconds")
_DRIFT_KEYS = ("stages", "match")
_MATCH_KEYS = ("workload", "earlier", "later")
_MOST = 36_500


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
    history = table(document, data, "history", _HISTORY_KEYS)
    drift = table(document, data, "drift", _DRIFT_KEYS)
    state = history.values.get("state", "")
    if not isinstance(state, str) or ("state" in history.values and not state.strip()):
        raise history.fail("state", "'state' must be a path or s3://bucket/key")
    default = HistorySettings()
    return HistorySettings(
        state=state if "://" in state or not state else str(base / Path(state).expanduser()),
        waiver_max_days=history.whole("waiver_max_days", default.waiver_max_days, _MOST, least=1),
        lock_wait_seconds=history.whole("lock_wait_seconds", default.lock_wait_seconds, _MOST, least=0),
        stages=_stages(drift),
        matches=_matches(drift),
    )


def _stages(drift: Table) -> tuple[str, ...]:
    value = drift.values.get("stages", list(DEFAULT_STAGES))
    if not isinstance(value, list) or not all(isinstance(word, str) and word for word in value):
        raise drift.fail("stages", "'stages' must be a list of words, the earliest stage first")
    return tuple(value)


def _matches(drift: Table) -> tuple[MatchRule, ...]:
    rows = drift.values.get("match", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise drift.fail("match", "'match' must hold tables", hint="write [[drift.match]]")
    rules = []
    for index, row in enumerate(rows):
        match = Table(drift.document, "drift.match", row, index)
        match.known(_MATCH_KEYS)
        for key in _MATCH_KEYS:
            if not isinstance(row.get(key), str) or not row[key].strip():
                raise match.fail(
                    key,
                    f"[[drift.match]] needs {key!r}",
                    hint='for example workload = "claims", earlier = "claims-pilot*", later = "claims-prod*"',
                )
        rules.append(MatchRule(row["workload"], row["earlier"], row["later"]))
    return tuple(rules)
