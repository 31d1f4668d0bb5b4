"""Put live records into the bundle under the names of the export parts, and say how each part went."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors.interface import Outcome, Record, Sink, Status
from connectors.live.failures import CallError, NotAllowedError, reason
from connectors.logs.rows import LogRead

Write = Callable[[Any], Record]
"""Turns what a part found into the raw record that is stored; CallError for what is no record at all."""


@dataclass
class _Part:
    records: int = 0
    worked: bool = False
    errors: list[CallError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Gathering:
    """One live source being read, over all its places; records go to the sink as they come."""

    def __init__(
        self,
        source: str,
        sink: Sink,
        now: datetime,
        write: Write,
        *,
        counts: Callable[[Any], bool] = lambda found: True,  # noqa: ARG005 everything counts
        most: int = 0,
    ) -> None:
        """Read `source` into `sink`.

        `counts` says of what was found whether it is a record of its own (an empty page is none); `most` is
        how many failed calls an outcome names, 0 for all.
        """
        self._source = source
        self._sink = sink
        self._now = now
        self._write = write
        self._counts = counts
        self._most = most
        self._parts: dict[str, _Part] = {}

    def take(self, name: str, finds: Iterable[Any], *, into: str = "") -> None:
        """Store what one place gives for a part; a call that fails ends or thins it, nothing more.

        `finds` yields what was found, and the calls that did not work in between; it goes on after them.
        `into` is the part of the bundle where the records belong, when that is another one.
        """
        self._sink.add(self._source, into or name, self._records(finds, self._part(name)))

    def fail(self, name: str, error: CallError) -> None:
        """Note that something of a part could not be read."""
        self._part(name).errors.append(error)

    def logs(self, name: str, read: LogRead, errors: Iterable[CallError]) -> None:
        """Store log rows, and what could not be read of the logs."""
        part = self._part(name)
        self._sink.add_logs(self._source, read.rows, read.files, read.presence)
        events = sum(file.records for file in read.files)
        failed = list(errors)
        part.records += events
        part.errors += failed
        part.worked = part.worked or events > 0 or not failed

    def queries(self, name: str, records: Iterable[Mapping[str, Any]], notes: Iterable[str]) -> None:
        """Store the queries that counted log entries as they are, and what is to be said of them."""
        self._sink.add(self._source, name, [dict(record) for record in records])
        self._part(name).notes += notes

    def finish(self, answered: Collection[str] | None = None) -> None:
        """Report one outcome for each part.

        `answered` are the parts of which some call worked, also one whose list was empty. Where it holds
        nothing, nothing answered at all: parts that did not fail were not read, and are left out.
        """
        for name, part in sorted(self._parts.items()):
            if answered is not None and not answered and not part.errors:
                continue
            worked = part.worked or name in (answered or ())
            status = Status.OK
            if part.errors:
                status = Status.PARTIAL if worked else Status.FAILED
            as_of = self._now.strftime("%Y-%m-%dT%H:%M:%SZ") if worked else ""
            why = "; ".join(filter(None, (reason(part.errors, self._most), *part.notes)))
            self._sink.outcome(Outcome(self._source, name, status, part.records, why, as_of))

    def _part(self, name: str) -> _Part:
        return self._parts.setdefault(name, _Part())

    def _records(self, finds: Iterable[Any], part: _Part) -> Iterator[Record]:
        errors = len(part.errors)
        try:
            for found in finds:
                record = self._written(found, part)
                if record is not None:
                    part.worked = True
                    part.records += self._counts(found)
                    yield record
        except CallError as error:
            part.errors.append(error)
        except NotAllowedError:
            raise
        except Exception as error:  # noqa: BLE001 an answer of a shape never seen costs one part, not the scan
            text = f"an answer could not be read ({type(error).__name__}: {error!s:.200}); please report it"
            part.errors.append(CallError(text, "other", "answer"))
        part.worked = part.worked or len(part.errors) == errors

    def _written(self, found: Any, part: _Part) -> Record | None:
        """Return what is stored of one find; None for a call that did not work, which is noted."""
        if isinstance(found, CallError):
            part.errors.append(found)
            return None
        try:
            return self._write(found)
        except CallError as error:
            part.errors.append(error)
            return None
