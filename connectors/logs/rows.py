"""What the log engine produces: folded usage rows, the fate of each file, and which logs were seen."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import msgspec

KEPT = "its events count as an earlier scan read them"
"""Ends the reason of a file that cannot be read now and was read before."""


UNREAD = " (not counted)"
"""Ends a reader's reason for a record that is an event which it cannot read: calls are lost then."""
OTHER_LOG = "not an audit log entry"
"""Begins a reader's reason for a record of another log; a file of such records alone is passed over."""
STRANGE = "holds no fields of a log record"
"""A reader's reason for a record that is something else, or that holds records where none was looked for."""
GONE = "no longer there"
"""What an object is that an earlier scan read, and whose place was looked at."""


class RowKey(NamedTuple):
    """What distinguishes one usage row from another; every column is a string, empty when unknown."""

    account: str
    """Account, project or subscription that recorded the event."""
    identity: str
    """The caller in the form of `Identity.id`; empty when the record does not say."""
    identity_type: str
    """The cloud's own word for the kind of caller (`AssumedRole`, `serviceAccount`, …)."""
    credential: str
    """Long-lived credential id; temporary session keys fold into their issuer and are empty here."""
    operation: str
    """What the log calls the operation; AWS: `<eventSource>:<eventName>`."""
    permission: str
    """The permission where the log itself names it (GCP, Azure storage logs), else empty."""
    resource: str
    region: str
    via: str
    """The service or delegate through which the identity's permissions were used."""
    grant: str
    """The grant the log itself names, else empty."""
    outcome: str
    """`allowed`, `denied` (authorisation refused) or `error` (authorised, then failed)."""
    workload: str
    """The workload the credentials were issued to, where the log names it (`inScopeOf`), else empty."""
    detail: str
    """Cloud-specific word the interpreter needs (GCP permission type, AWS event category, …)."""


class UsageRow(msgspec.Struct, frozen=True, order=True):
    """Events with one RowKey on one UTC day. `first` and `last` are `YYYY-MM-DDTHH:MM:SSZ`."""

    account: str
    identity: str
    identity_type: str
    credential: str
    operation: str
    permission: str
    resource: str
    region: str
    via: str
    grant: str
    outcome: str
    workload: str
    detail: str
    day: str
    count: int
    first: str
    last: str


class LogFile(msgspec.Struct, frozen=True, order=True):
    """What became of one log file or object."""

    path: str
    size_bytes: int
    status: str
    """`ok`, `partial` (something in it could not be read), `failed` or `skipped` (not a log, digest)."""
    reason: str
    records: int
    """Events read, before duplicates and the window are taken out."""
    duplicates: int
    outside_window: int
    rejected: int
    """Records that are JSON but no usable event (no time, no operation)."""
    digest: str = ""
    """SHA-256 of the file as stored, hexadecimal; empty when it could not be read to the end."""
    lost: bool = False
    """True when calls may stand in what could not be read: bytes or records are missing. False for a file
    that was read whole and merely holds something else than events."""


class Presence(msgspec.Struct, frozen=True, order=True):
    """Events of one class seen in one place over everything read: in or out of the window, copies too."""

    account: str
    region: str
    log_class: str
    resource_type: str
    events: int
    first: str
    last: str


class Folded(NamedTuple):
    """One event, ready to be counted."""

    event_id: bytes | str
    """16 bytes that are equal exactly for copies of one event, or text that is; empty for an event without.
    UUIDs as text are fastest; 32 digits stand for the same as their UUID."""
    time: str
    """`YYYY-MM-DDTHH:MM:SSZ`, fractions cut off."""
    keys: Sequence[RowKey]
    """The rows this event counts in: usually one, several when one call used several permissions."""
    place: tuple[str, str, str, str]
    """(account, region, log class, resource type) for `Presence`."""


class EventKind:
    """What all events of one kind have in common: the rows they count in, and where they were seen.

    The engine keeps its own number for the kind here. A reader that returns the same object for every event
    of a kind saves it a search for each; one that does not is only slower.
    """

    __slots__ = ("folder", "keys", "number", "place")

    def __init__(self, keys: Sequence[RowKey], place: tuple[str, str, str, str]) -> None:
        self.keys = keys
        self.place = place
        self.number = 0
        self.folder: object = None
        """Whose number it is."""


class FoldedEvents(NamedTuple):
    """Many records folded at once: events as columns of equal length, and why other records are none."""

    ids: list[bytes | str]
    times: list[str]
    kinds: list[EventKind]
    rejected: list[str]


class LogReader(Protocol):
    """How one cloud's log records become rows; the engine does everything else.

    An instance is sent to worker processes, so it must pickle and hold no open handles.
    """

    name: str
    record_type: Any
    """A msgspec.Struct with only the fields that matter; unknown fields are skipped."""
    containers: tuple[str, ...]
    """Keys of a document object that may hold its list of records (`Records`, `value`)."""

    def skip_file(self, path: str) -> str:
        """Return why a file is not a log, judged by its name (digest, …), or an empty string."""
        ...

    def fold(self, record: Any) -> Folded | str:
        """Return the event's rows, or the reason why it is no usable event."""
        ...


class ListReader(LogReader, Protocol):
    """A reader that also folds many records at once, which takes less time than one by one.

    The engine looks for this on every reader. Where it raises, the records are folded one by one.
    """

    def fold_all(self, records: Sequence[Any]) -> FoldedEvents:
        """Return all events of some records in order."""
        ...


class EmbeddingReader(LogReader, Protocol):
    """A reader whose exports may wrap each event inside another record.

    The engine looks for these on every reader and does without them where they are missing.
    """

    columns: tuple[str, ...]
    """Words that stand together in events of whatever form, in small letters."""

    embedded: str
    """Key of the wrapping record that holds the event as JSON text (`CloudTrailEvent`)."""

    def strange(self, record: Any) -> bool:
        """Return whether a record has none of the fields that make it one: `fold` answers `STRANGE`."""
        ...


@runtime_checkable
class Lines(Protocol):
    """Rows that can be written without being made."""

    def lines(self, encode: Callable[[list[str]], bytes]) -> Iterator[tuple[bytes, int]]:
        """Yield the rows as JSON arrays, each on a line, many at a time; and how many."""
        ...


class LogRead(NamedTuple):
    """Everything one run of the engine learned."""

    rows: Sequence[UsageRow]
    """Sorted; made one by one when iterated over."""
    files: list[LogFile]
    presence: list[Presence]


def gone_note(files: Sequence[LogFile]) -> str:
    """Return a sentence about the objects that are no longer there and count all the same; empty without."""
    gone = sum(file.reason.endswith(f"{GONE}; {KEPT}") for file in files)
    if gone > 1:
        return f"{gone} log files are {GONE}; {KEPT.replace('its', 'their')}"
    return f"1 log file is {GONE}; {KEPT}" if gone else ""
