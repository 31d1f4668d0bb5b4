"""Put live records into the bundle under the names of the export parts, and say how each part went."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors.gcp.calls import CallError
from connectors.gcp.scrub import scrub
from connectors.interface import Outcome, Sink, Status
from connectors.logs.rows import LogRead

Finds = Iterator[Any]
"""What a part yields: raw records as answers hold them, and the calls that did not work in between."""


@dataclass
class _Part:
    records: int = 0
    worked: bool = False
    errors: list[CallError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Gathering:
    """One live source being read; records go to the sink as they come."""

    def __init__(self, source: str, sink: Sink, now: datetime) -> None:
        self._source = source
        self._sink = sink
        self._now = now
        self._parts: dict[str, _Part] = {}

    def take(self, name: str, finds: Finds) -> None:
        """Store what is found for a part; a call that fails ends or thins it, nothing more."""
        part = self._parts.setdefault(name, _Part())
        self._sink.add(self._source, name, _records(finds, part))

    def fail(self, name: str, error: CallError) -> None:
        """Note that something of a part could not be read."""
        self._parts.setdefault(name, _Part()).errors.append(error)

    def logs(self, name: str, read: LogRead, errors: Iterable[CallError]) -> None:
        """Store log rows, and what could not be read of the logs."""
        part = self._parts.setdefault(name, _Part())
        self._sink.add_logs(self._source, read.rows, read.files, read.presence)
        part.records += sum(file.records for file in read.files)
        failed = list(errors)
        part.errors += failed
        part.worked = part.worked or part.records > 0 or not failed

    def queries(self, name: str, records: Iterable[Mapping[str, Any]], notes: Iterable[str]) -> None:
        """Store the queries that counted log entries as they are, and what is to be said of them."""
        self._sink.add(self._source, name, [dict(record) for record in records])
        self._parts.setdefault(name, _Part()).notes += notes

    def finish(self, answered: Collection[str]) -> None:
        """Report one outcome for each part; where nothing answered only those that failed.

        `answered` are the parts of which some call worked, also one whose list was empty.
        """
        for name, part in sorted(self._parts.items()):
            if not answered and not part.errors:
                continue
            worked = part.worked or name in answered
            status = Status.OK
            if part.errors:
                status = Status.PARTIAL if worked else Status.FAILED
            as_of = self._now.strftime("%Y-%m-%dT%H:%M:%SZ") if worked else ""
            reason = "; ".join(filter(None, (_reason(part.errors), *part.notes)))
            self._sink.outcome(Outcome(self._source, name, status, part.records, reason, as_of))


def _records(finds: Finds, part: _Part) -> Iterator[Any]:
    failed = False
    try:
        for found in finds:
            if isinstance(found, CallError):
                failed = True
                part.errors.append(found)
                continue
            if not isinstance(found, Mapping):
                failed = True
                text = f"an answer holds {type(found).__name__} where a record should be; please report it"
                part.errors.append(CallError(text, "other", "answer"))
                continue
            part.worked = True
            part.records += 1
            yield scrub(found)
    except CallError as error:
        failed = True
        part.errors.append(error)
    except Exception as error:  # noqa: BLE001 an answer of a shape never seen costs one part, not the scan
        failed = True
        text = f"an answer could not be read ({type(error).__name__}: {error!s:.200}); please report it"
        part.errors.append(CallError(text, "other", "answer"))
    part.worked = part.worked or not failed


def _reason(errors: list[CallError]) -> str:
    """Return why a part is not whole: each call once, with how many more places it failed in."""
    first: dict[tuple[str, str], CallError] = {}
    counts: dict[tuple[str, str], int] = {}
    for error in errors:
        key = (error.kind, error.call)
        first.setdefault(key, error)
        counts[key] = counts.get(key, 0) + 1
    return "; ".join(
        f"{error}" + (f" (and {counts[key] - 1} more times)" if counts[key] > 1 else "")
        for key, error in sorted(first.items())
    )
