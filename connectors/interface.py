"""The questions every cloud answers, and what they are asked with."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from connectors.baselines import BaselineWing
from connectors.facts import Facts, Window
from connectors.logs.rows import LogFile, Presence, UsageRow
from connectors.reduction import Change, Document, Question, Reductions, Ruling

Record = Mapping[str, Any]
"""One raw API record, as the cloud wrote it."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A key that a `[[source]]` table of this provider may hold.

    `file` is one path, `files` one path or a list of files, folders or globs, `text` a plain string,
    `texts` one string or a list of them, `flag` true or false.
    """

    name: str
    kind: Literal["file", "files", "text", "texts", "flag"]
    help: str
    required: bool = False
    modes: tuple[str, ...] = ("export",)
    """Modes of a source in which the key may stand; a cloud offers the modes that its keys name."""
    form: str = ""
    """Regular expression that each text must fit from end to end; empty: any text."""
    example: str = ""
    """A text that fits, shown when one does not."""
    remote: str = ""
    """Of `files`: regular expression of addresses that may stand in place of a path (`s3://…`)."""


@dataclass(frozen=True, slots=True)
class Source:
    """One configured place to gather evidence from; paths are absolute.

    `texts` holds settings of kind `text` and `flag` (`"true"` or `"false"`), `lists` those of kind `texts`
    and the addresses among those of kind `files`.
    """

    name: str
    provider: str
    stage: str
    mode: str
    files: Mapping[str, tuple[Path, ...]]
    texts: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    state: Path | None = None
    """State file that remembers which log objects were read; without one, every scan reads all of them."""
    reread: bool = False
    """Read every log that is still there once more, whatever the state file remembers."""

    @property
    def asks_the_cloud(self) -> bool:
        """Whether reading it leaves this machine: it is live, or a store holds or counts its logs."""
        counted = self.texts.get("logs.engine", "local") != "local"
        stored = any("://" in value for held in self.lists.values() for value in held)
        return self.mode == "live" or counted or stored

    def on_disk(self) -> "Source":
        """Return the source without what is in object stores."""
        lists = {
            name: tuple(value for value in held if "://" not in value) for name, held in self.lists.items()
        }
        return replace(self, lists={name: held for name, held in lists.items() if held})


class Status(StrEnum):
    """How reading one part of a source went."""

    OK = "ok"
    PARTIAL = "partial"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one part (one kind of record) of one source was read."""

    source: str
    part: str
    status: Status
    records: int = 0
    reason: str = ""
    data_as_of: str = ""
    """RFC 3339 time up to which the records speak (newest event, file time of a dump), or empty."""


class Sink(Protocol):
    """Where a collector puts what it reads (an evidence bundle being written)."""

    def add(self, source: str, part: str, records: Sequence[Record] | Iterator[Record]) -> int:
        """Store raw records of one part and return how many; may be called again to append."""
        ...

    def add_logs(
        self, source: str, rows: Sequence[UsageRow], files: Sequence[LogFile], presence: Sequence[Presence]
    ) -> None:
        """Store what the log engine read for one source."""
        ...

    def outcome(self, outcome: Outcome) -> None:
        """Record how a part was read."""
        ...


class Evidence(Protocol):
    """One source's gathered evidence, read back from a bundle."""

    @property
    def source(self) -> str:
        """Name of the source."""
        ...

    @property
    def provider(self) -> str:
        """Which cloud."""
        ...

    @property
    def stage(self) -> str:
        """`pilot`, `production`, or the user's own word."""
        ...

    def records(self, part: str) -> Iterator[Record]:
        """Yield the raw records of a part in the order they were stored; nothing when it is absent."""
        ...

    def usage(self) -> Iterator[UsageRow]:
        """Yield the folded log rows."""
        ...

    def log_files(self) -> Sequence[LogFile]:
        """Return what became of each log file."""
        ...

    def presence(self) -> Sequence[Presence]:
        """Return which classes of log were seen where, over all events, in or out of the window."""
        ...

    def outcomes(self) -> Sequence[Outcome]:
        """Return how each part was read."""
        ...


@dataclass(frozen=True, slots=True)
class Patterns:
    """Configured glob patterns that mark an identity as an AI workload, matched without case.

    `names` match the identity's short name; `tags` are `key=value` globs over tags and labels; `owners`
    are tag keys whose value names the owner.
    """

    names: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    owners: tuple[str, ...] = ("owner", "team", "contact", "owner-email", "cost-owner")


class Observer(Protocol):
    """Told about progress; silent unless the terminal asks."""

    def __call__(self, event: str, /, **numbers: int | str) -> None:
        """Hear of one step, for example `log-file` with `files`, `bytes` and `events` so far."""
        ...


def silent(event: str, /, **numbers: int | str) -> None:
    """Ignore progress."""
    del event, numbers


class Connector(Protocol):
    """One cloud's wing."""

    name: str
    settings: tuple[Setting, ...]
    baselines: BaselineWing
    """What it answers about approved and proposed access."""

    def collect(self, sources: Sequence[Source], sink: Sink, window: Window, observe: Observer) -> None:
        """Gather the evidence of all sources of this cloud.

        Sources are handed over together because logs of one may repeat the events of another. A part
        that cannot be read becomes an Outcome; nothing is raised for bad input.
        """
        ...

    def interpret(self, evidence: Sequence[Evidence], window: Window, patterns: Patterns) -> Facts:
        """Turn gathered evidence into facts; pure, no I/O beyond reading `evidence`."""
        ...

    def reduce(
        self, evidence: Sequence[Evidence], facts: Facts, questions: Sequence[Question], window: Window
    ) -> Reductions:
        """Return a checked replacement for each identity asked about of which something can go.

        `facts` are those interpreted from the same evidence. A wing that writes no replacements says so.
        """
        ...

    def render(self, changes: Sequence[Change], form: str, until: str = "") -> tuple[Document, ...]:
        """Write changes in one form (`json`, `cli`, `terraform`, `cloudformation`, `rollback`, …).

        `until` is when a break-glass companion ends. KeyError for a form that this cloud does not have.
        """
        ...

    def rule(
        self, evidence: Sequence[Evidence], identity: str, permission: str, resource: str, window: Window
    ) -> Ruling | None:
        """Decide one request of one identity; None where this wing or the evidence cannot."""
        ...


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that `doctor` looked at in a source: how it went, and what its failing would cost."""

    subject: str
    status: Literal["ok", "partial", "failed", "unknown"]
    detail: str = ""
    lost: str = ""
    """What the analysis does without it; empty when all is well."""
    fix: str = ""


@runtime_checkable
class LiveConnector(Protocol):
    """A wing that also collects through the cloud's own API."""

    def examine(self, source: Source, window: Window) -> Sequence[Check]:
        """Try the calls of a source on a small scale: who am I, what works, which logs can be read."""
        ...

    def policy(self, source: Source) -> str:
        """Return the minimal read-only policy that a source needs, as the cloud writes policies."""
        ...
