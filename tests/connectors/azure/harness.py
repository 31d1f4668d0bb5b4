"""Run the Azure wing on files, with the bundle replaced by memory."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connectors.azure.connector import CONNECTOR
from connectors.facts import Facts, Window
from connectors.interface import Outcome, Patterns, Record, Source, silent

SHARED = Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "azure"
WINDOW = Window(datetime(2026, 8, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))


class Memory:
    """A sink that is also the evidence read back from it."""

    provider = "azure"
    stage = "pilot"

    def __init__(self, source: str) -> None:
        self.source = source
        self.parts: dict[str, list[Record]] = defaultdict(list)
        self._rows: list[Any] = []
        self._files: list[Any] = []
        self._presence: list[Any] = []
        self._outcomes: list[Outcome] = []

    def add(self, source: str, part: str, records: Sequence[Record] | Iterator[Record]) -> int:
        stored = list(records)
        self.parts[part] += json.loads(json.dumps(stored))
        return len(stored)

    def add_logs(self, source: str, rows: Any, files: Any, presence: Any) -> None:
        self._rows += rows
        self._files += files
        self._presence += presence

    def outcome(self, outcome: Outcome) -> None:
        self._outcomes.append(outcome)

    def records(self, part: str) -> Iterator[Record]:
        return iter(self.parts[part])

    def usage(self) -> Iterator[Any]:
        return iter(self._rows)

    def log_files(self) -> Sequence[Any]:
        return self._files

    def presence(self) -> Sequence[Any]:
        return self._presence

    def outcomes(self) -> Sequence[Outcome]:
        return self._outcomes


def collect(files: Mapping[str, Any], *, window: Window = WINDOW, name: str = "azure") -> Memory:
    """Run the collector on paths by setting name."""
    memory = Memory(name)
    paths = {part: tuple(p if isinstance(p, list | tuple) else [p]) for part, p in files.items()}
    CONNECTOR.collect([Source(name, "azure", "pilot", "export", paths)], memory, window, silent)
    return memory


def facts_of(memory: Memory, *, window: Window = WINDOW, patterns: Patterns | None = None) -> Facts:
    """Interpret what a collector gathered."""
    return CONNECTOR.interpret([memory], window, patterns or Patterns())


class Desk:
    """Writes export files and runs the wing on them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, Path] = {}

    def put(self, part: str, value: Any, *, name: str = "", lines: bool = False) -> Path:
        path = self.folder / (name or f"{part}.json")
        path.write_text("\n".join(map(json.dumps, value)) if lines else json.dumps(value))
        self.files[part] = path
        return path

    def facts(self, **settings: Any) -> Facts:
        return facts_of(collect(self.files), **settings)

    def collect(self) -> Memory:
        return collect(self.files)


def held(facts: Facts, identity: str) -> list[str]:
    """Return the names of what an identity holds for certain."""
    return facts.permissions.names(facts.entitlements[identity].granted)


def conditional(facts: Facts, identity: str) -> list[str]:
    """Return the names of what an identity holds only under an undecided condition."""
    return facts.permissions.names(facts.entitlements[identity].conditional)


def blind(facts: Facts, identity: str) -> dict[str, str]:
    """Return the code that first hides each permission an identity holds."""
    found: dict[str, str] = {}
    entitlement = facts.entitlements[identity]
    for one in entitlement.blind:
        for name in facts.permissions.names(one.permissions & entitlement.granted):
            found.setdefault(name, one.code)
    return found


def unused(facts: Facts, identity: str) -> list[str]:
    """Return what the scanner would call unused: held, never called, and not hidden."""
    called = {row.permission for row in facts.usage if row.identity == identity}
    hidden = blind(facts, identity)
    return [name for name in held(facts, identity) if name not in called and name not in hidden]


def replies(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the answer bodies of a recorded cloud-custodian session."""
    for interaction in json.loads(path.read_text())["interactions"]:
        data = interaction["response"].get("body", {}).get("data")
        if isinstance(data, dict):
            yield data
