"""Put live records into the bundle under the names of the export parts, and say how each part went."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from connectors.aws.calls import CallError
from connectors.aws.export_kinds import PAGE, scrub
from connectors.aws.session import NotAllowedError
from connectors.interface import Outcome, Sink, Status
from connectors.logs.rows import LogRead


class Found(NamedTuple):
    """One raw record: the list it stands in, the call that gave it, and where."""

    list: str
    call: str
    record: Any
    account: str = ""
    region: str = ""


Finds = Iterator["Found | CallError"]
"""What a part yields: records, and the calls that did not work in between; it goes on after them."""


@dataclass
class _Part:
    entities: int = 0
    worked: bool = False
    notes: list[str] = field(default_factory=list)
    errors: list[CallError] = field(default_factory=list)


class Gathering:
    """One live source being read, over all its accounts; records go to the sink as they come."""

    def __init__(self, source: str, sink: Sink, now: datetime) -> None:
        self._source = source
        self._sink = sink
        self._now = now
        self._parts: dict[str, _Part] = {}

    def take(self, name: str, finds: Finds) -> None:
        """Store what one account gives for a part; a call that fails ends or thins it, nothing more."""
        part = self._parts.setdefault(name, _Part())
        self._sink.add(self._source, name, _records(finds, part))

    def fail(self, name: str, error: CallError) -> None:
        """Note that a part could not be read at all in some account."""
        self._parts.setdefault(name, _Part()).errors.append(error)

    def logs(self, name: str, read: LogRead, errors: Iterable[CallError]) -> None:
        """Store log rows of one account, and what could not be read of its logs."""
        part = self._parts.setdefault(name, _Part())
        self._sink.add_logs(self._source, read.rows, read.files, read.presence)
        part.entities += sum(file.records for file in read.files)
        failed = list(errors)
        part.errors += failed
        part.worked = part.worked or part.entities > 0 or not failed

    def finish(self) -> None:
        """Report one outcome per part."""
        for name, part in sorted(self._parts.items()):
            status = Status.OK
            if part.errors:
                status = Status.PARTIAL if part.worked else Status.FAILED
            as_of = self._now.strftime("%Y-%m-%dT%H:%M:%SZ") if part.worked else ""
            self._sink.outcome(Outcome(self._source, name, status, part.entities, reason(part.errors), as_of))


def _records(finds: Finds, part: _Part) -> Iterator[dict[str, Any]]:
    failed = False
    try:
        for found in finds:
            if isinstance(found, CallError):
                failed = True
                part.errors.append(found)
                continue
            part.worked = True
            part.entities += found.list != PAGE
            yield _written(found)
    except CallError as error:
        failed = True
        part.errors.append(error)
    except NotAllowedError:
        raise
    except Exception as error:  # noqa: BLE001 an answer of a shape never seen costs one part, not the scan
        failed = True
        text = f"an answer could not be read ({type(error).__name__}: {error!s:.200}); please report it"
        part.errors.append(CallError(text, "other", "answer"))
    part.worked = part.worked or not failed


def _written(found: Found) -> dict[str, Any]:
    places = {"account": found.account, "region": found.region}
    return {
        "list": found.list,
        "file": found.call,
        **{name: value for name, value in places.items() if value},
        "record": scrub(plain(found.record)),
    }


def plain(value: Any) -> Any:
    """Return an SDK answer as JSON values: times as text, no transport data, no bytes."""
    if isinstance(value, dict):
        return {str(key): plain(held) for key, held in value.items() if key != "ResponseMetadata"}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return aware.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return value if isinstance(value, str | int | float | bool | None) else ""


def reason(errors: list[CallError]) -> str:
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
