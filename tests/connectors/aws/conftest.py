"""Run the aws wing on files without a bundle in between."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.aws.connector import CONNECTOR
from connectors.facts import Facts, Window
from connectors.interface import Outcome, Patterns, Source, silent

DATA = (Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "aws").resolve()
YEAR = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))


@dataclass
class Memory:
    """A sink that keeps what it is given, and gives it back as evidence."""

    source: str
    provider: str = "aws"
    stage: str = "pilot"
    parts: dict[str, list[Any]] = field(default_factory=dict)
    rows: list[Any] = field(default_factory=list)
    files: list[Any] = field(default_factory=list)
    seen: list[Any] = field(default_factory=list)
    results: list[Outcome] = field(default_factory=list)

    def add(self, source, part, records):
        held = self.parts.setdefault(part, [])
        before = len(held)
        held += list(records)
        return len(held) - before

    def add_logs(self, source, rows, files, presence):
        self.rows += rows
        self.files += files
        self.seen += presence

    def outcome(self, outcome):
        self.results.append(outcome)

    def records(self, part: str) -> Iterator[Any]:
        return iter(self.parts.get(part, ()))

    def usage(self):
        return iter(self.rows)

    def log_files(self):
        return self.files

    def presence(self):
        return self.seen

    def outcomes(self):
        return self.results


def collect(files: Mapping[str, Sequence[Path]], window: Window = YEAR) -> Memory:
    memory = Memory("s")
    source = Source("s", "aws", "pilot", "export", {part: tuple(paths) for part, paths in files.items()})
    CONNECTOR.collect([source], memory, window, silent)
    return memory


def interpret(
    files: Mapping[str, Sequence[Path]], window: Window = YEAR, patterns: Patterns | None = None
) -> Facts:
    return CONNECTOR.interpret([collect(files, window)], window, patterns or Patterns())


@pytest.fixture(name="collect", scope="session")
def _collect() -> Callable[..., Memory]:
    """Gather files the way a scan does."""
    return collect


@pytest.fixture(name="interpret", scope="session")
def _interpret() -> Callable[..., Facts]:
    """Gather files and interpret them."""
    return interpret


@pytest.fixture(scope="session")
def data() -> Path:
    """Return the folder of shared real data."""
    if not DATA.is_dir():
        pytest.skip("the shared data folder ../shared/data is not here")
    return DATA


@pytest.fixture
def gaad(tmp_path) -> Callable[..., Path]:
    """Write an authorization-details dump (synthetic) with one role or the lists given."""

    def write(*statements: Any, name: str = "gaad.json", **lists: Any) -> Path:
        role = {
            "Path": "/",
            "RoleName": "agent",
            "RoleId": "AROAEXAMPLE",
            "Arn": "arn:aws:iam::111122223333:role/agent",
            "CreateDate": "2025-01-01T00:00:00+00:00",
            "AssumeRolePolicyDocument": {},
            "RolePolicyList": [
                {
                    "PolicyName": "inline",
                    "PolicyDocument": {"Version": "2012-10-17", "Statement": list(statements)},
                }
            ]
            if statements
            else [],
            "AttachedManagedPolicies": [],
            **lists.pop("role", {}),
        }
        document = {
            "UserDetailList": [],
            "GroupDetailList": [],
            "RoleDetailList": [role],
            "Policies": [],
            **lists,
        }
        path = tmp_path / name
        path.write_text(json.dumps(document))
        return path

    return write
