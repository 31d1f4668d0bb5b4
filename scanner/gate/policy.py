"""The written policy of a gate, and how it is read from the config file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from reports.document import SEVERITIES
from scanner.config_document import Document, Table

FAIL_ON = ("none", *SEVERITIES)
REDUCTIONS = ("", "applied", "waived")


@dataclass(frozen=True, slots=True)
class GatePolicy:
    """What a workload identity must fulfil; the defaults hold where no config says otherwise."""

    max_unused_share: float = 0.3
    """Unused permissions among those whose use could be seen."""
    min_coverage: float = 0.5
    """Granted permissions whose use could be seen, among all granted."""
    allow_admin: bool = False
    allow_static_keys: bool = False
    allow_escalation_paths: bool = False
    require_owner: bool = True
    require_baseline: bool = False
    """An approved baseline that holds all that is granted."""
    require_reduction: str = ""
    """`applied`: nothing is left that a reduction takes away; `waived`: or its findings are waived."""
    fail_on: str = "high"
    accept_partial_evidence: bool = False
    max_report_age_days: int = 0
    """0: any age."""
    max_log_age_days: int = 30
    """Days since the last log record of the identity's account; 0: any age."""
    given: frozenset[str] = field(default=frozenset())
    """The keys that the config file sets."""


KEYS = tuple(entry.name for entry in fields(GatePolicy) if entry.name != "given")


def check(document: Document, data: Mapping[str, Any]) -> dict[str, GatePolicy]:
    """Return the policies of a config file by stage, from `[gate.STAGE]` or `[[gate]]` with a `stage`."""
    found = data.get("gate", {})
    if isinstance(found, dict):
        tables = [(f"gate.{stage}", 0, str(stage), table) for stage, table in found.items()]
    elif isinstance(found, list):
        tables = [("gate", at, "", table) for at, table in enumerate(found)]
    else:
        raise document.fail("'gate' must hold tables", "", "gate", hint="write [gate.production]")
    policies: dict[str, GatePolicy] = {}
    for name, index, stage, table in tables:
        if not isinstance(table, dict):
            raise document.fail("a gate must be a table", "gate", stage, hint="write [gate.production]")
        word = stage or table.get("stage")
        if not isinstance(word, str) or not word.strip():
            raise document.fail("[[gate]] needs 'stage'", name, "stage", index=index)
        if word in policies:
            raise document.fail(f"stage {word!r} has two gates", name, "stage", index=index)
        own = {key: value for key, value in table.items() if not (name == "gate" and key == "stage")}
        policies[word] = _policy(Table(document, name, own, index))
    return policies


def _policy(table: Table) -> GatePolicy:
    table.known(KEYS)
    values = {key: _value(table, key, value) for key, value in table.values.items()}
    return replace(GatePolicy(), **values, given=frozenset(values))


def _value(table: Table, key: str, value: Any) -> Any:
    match key:
        case "max_unused_share" | "min_coverage":
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
                raise table.fail(key, f"{key!r} must be a number from 0 to 1")
            return float(value)
        case "max_report_age_days" | "max_log_age_days":
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 36_500:
                raise table.fail(key, f"{key!r} must be a whole number from 0 to 36500")
        case "fail_on":
            _one_of(table, key, value, FAIL_ON)
        case "require_reduction":
            _one_of(table, key, value, REDUCTIONS)
        case _:
            if not isinstance(value, bool):
                raise table.fail(key, f"{key!r} must be true or false")
    return value


def _one_of(table: Table, key: str, value: Any, words: Sequence[str]) -> None:
    if value not in words:
        raise table.fail(key, f"{key!r} must be one of {', '.join(word or repr('') for word in words)}")
