"""Evidence that is looked at once and thrown away, for trying a source on a small scale."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.interface import Outcome, Record
from connectors.logs.rows import LogFile, Presence, UsageRow


@dataclass
class Kept:
    """A sink in memory that can be read back as evidence; logs are no part of that."""

    source: str
    provider: str
    stage: str = ""
    parts: dict[str, list[Record]] = field(default_factory=dict)
    results: list[Outcome] = field(default_factory=list)
    tried: list[tuple[Sequence[LogFile], Sequence[Presence]]] = field(default_factory=list)
    """The first pages of logs: they say how much there may be, and nothing about use."""

    def add(self, source: str, part: str, records: Iterable[Record]) -> int:
        """Keep the records of a part."""
        del source
        held = list(records)
        self.parts.setdefault(part, []).extend(held)
        return len(held)

    def add_logs(self, source: str, rows: Any, files: Any, presence: Any) -> None:
        """Keep how much a first page of logs held."""
        del source, rows
        self.tried.append((files, presence))

    def outcome(self, outcome: Outcome) -> None:
        """Keep an outcome."""
        self.results.append(outcome)

    def records(self, part: str) -> Iterator[Record]:
        """Yield the records of a part."""
        return iter(self.parts.get(part, ()))

    def usage(self) -> Iterator[UsageRow]:
        """Yield nothing: no logs are kept."""
        return iter(())

    def log_files(self) -> Sequence[LogFile]:
        """Return nothing: no logs are kept."""
        return ()

    def presence(self) -> Sequence[Presence]:
        """Return nothing: no logs are kept."""
        return ()

    def outcomes(self) -> Sequence[Outcome]:
        """Return how each part was read."""
        return self.results
