"""Turn one Azure log record, of whichever kind and shape, into usage rows."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

from connectors.azure.ids import resource_id
from connectors.azure.usage.activity import activity
from connectors.azure.usage.data_plane import data_plane
from connectors.azure.usage.graph_activity import graph_activity, is_graph_activity
from connectors.azure.usage.machine_learning import log_of, machine_learning
from connectors.azure.usage.noted import Fields, Noted, folded, marks, word
from connectors.azure.usage.record import Record, moment
from connectors.azure.usage.shape import Shape
from connectors.azure.usage.sign_ins import is_sign_in, sign_in
from connectors.azure.usage.storage import storage
from connectors.logs.rows import STRANGE, UNREAD, EventKind, Folded, FoldedEvents

_SUBSCRIPTION_CATEGORIES = {
    "administrative",
    "write",
    "delete",
    "action",
    "policy",
    "recommendation",
    "security",
    "alert",
    "autoscale",
    "servicehealth",
    "resourcehealth",
}
_DIRECTORY = "directory-audit"
_SPREADSHEETS = (".csv", ".csv.gz", ".xlsx")
SPREADSHEET = (
    "a spreadsheet export names callers without their ids and no role assignment: export JSON, for example "
    "az monitor activity-log list --offset 90d --max-events 100000 -o json"
)
_OTHER_FORMATS = tuple(
    f".{name}{packed}" for name in ("avro", "parquet", "tsv", "yaml", "yml") for packed in ("", ".gz")
)
OTHER_FORMAT = (
    "not JSON, so the calls in it were not read: export it again as JSON (az … -o json; of Event Hubs "
    "Capture the records inside), or take it out of the logs"
)
REFUSED = (SPREADSHEET, OTHER_FORMAT)
"""Why files are not read that may hold calls all the same."""
_MOST_TOLD = 10_000
_MOST_SHAPES = 2_000
QUERY_ANSWER = f"an answer of the query API, in tables, columns and rows{UNREAD}"


class AzureLogs:
    """Reads every kind of Azure log, so that one folder may hold several.

    The kind is told by the record, not by the setting that named its file: an export to a storage
    account writes all of them side by side.
    """

    name = "azure"
    record_type: Any = Record
    containers: tuple[str, ...] = ("value", "records", "Records")
    columns = ("operationname", "time")

    def __init__(self) -> None:
        self._shapes: dict[tuple[str, ...], Shape] = {}
        self._told: dict[tuple[Any, ...], _Told] = {}

    def __reduce__(self) -> tuple[type["AzureLogs"], tuple[()]]:
        """Pickle as a fresh reader."""
        return (AzureLogs, ())

    def skip_file(self, path: str) -> str:
        """Return why a file is not read: spreadsheets leave out the caller's ids and the assignment."""
        name = path.lower()
        if name.endswith(_OTHER_FORMATS):
            return OTHER_FORMAT
        return SPREADSHEET if name.endswith(_SPREADSHEETS) else ""

    def strange(self, record: Any) -> bool:
        """Return whether a record says neither what was done nor when."""
        shape = self._shape(record)
        parts = (shape.pick(record, "operation"), shape.pick(record, "tables"), _time(record, shape))
        return all(part is None for part in parts)

    def fold(self, record: Any) -> Folded | str:
        """Return the event's rows, or the reason why it is no usable event: see `fold_all`."""
        found = self.fold_all([record])
        if found.rejected:
            return found.rejected[0]
        kind = found.kinds[0]
        return Folded(found.ids[0], found.times[0], kind.keys, kind.place)

    def fold_all(self, records: Sequence[Any]) -> FoldedEvents:
        """Return the rows of events; what looks like an event met before has its rows ready (see `noted`)."""
        ids, times, kinds, rejected = found = FoldedEvents([], [], [], [])
        shapes, told = self._shapes, self._told
        for record in records:
            fields = tuple(record)
            shape = shapes.get(fields) or self._shape(record)
            at = moment(record.get(shape.time)) or _time(record, shape)
            if at is None:
                rejected.append(self._timeless(record, shape))
                continue
            category = record.get(shape.category)
            noted = shape.noted.get(category) if type(category) is str else shape.any_category
            if noted is None:
                noted = shape.note(category)
            try:
                seen = marks(noted, record, fields)
                known = told.get(seen) or self._learn(record, shape, noted, seen)
            except Exception:  # noqa: BLE001 - what is wrong with a record, the rules tell
                known = _tell(Fields(noted, record, shape.names))
            if isinstance(known.kind, str):
                rejected.append(known.kind)
                continue
            ids.append(_event_id(record, shape, at, known.id_part))
            times.append(at[0])
            kinds.append(known.kind)
        return found

    def _timeless(self, record: dict[str, Any], shape: Shape) -> str:
        """Return why a record without a time is no usable event."""
        if isinstance(shape.pick(record, "tables"), list):
            return QUERY_ANSWER
        return STRANGE if self.strange(record) else f"no usable time{UNREAD}"

    def _shape(self, record: dict[str, Any]) -> Shape:
        """Return what records with the same fields have in common."""
        fields = tuple(record)
        shape = self._shapes.get(fields)
        if shape is None:
            if len(self._shapes) >= _MOST_SHAPES:
                self._shapes.clear()
            shape = self._shapes[fields] = Shape(fields)
        return shape

    def _learn(self, record: dict[str, Any], shape: Shape, noted: Noted, seen: tuple[Any, ...]) -> "_Told":
        """Ask the rules about a record, and remember what they say of all that look the same."""
        looks = noted.looks
        told = _tell(Fields(noted, record, shape.names))
        if len(self._told) >= _MOST_TOLD:
            self._told.clear()
        self._told[seen if looks == noted.looks else marks(noted, record, tuple(record))] = told
        return told


class _Told(NamedTuple):
    """What the rules say of records that look the same."""

    kind: EventKind | str
    """The reason why they are no usable events, where it is one."""
    id_part: bytes
    """What tells events apart in the same millisecond of one correlation."""


def _tell(record: Fields) -> _Told:
    read = _read(record)
    if isinstance(read, str):
        return _Told(read, b"")
    status = record.word("status").lower()
    parts = (
        record.word("operation").lower(),
        resource_id(record.get("resource")),
        _STATUS.get(status, status),
    )
    return _Told(EventKind(*read), "\n".join(parts).encode("utf-8", "replace"))


def _time(record: dict[str, Any], shape: Shape) -> tuple[str, str] | None:
    """Return the time of an event; of a sign-in it may stand inside."""
    return moment(shape.pick(record, "time")) or moment(
        folded(shape.pick(record, "properties")).get("createddatetime")
    )


def _event_id(record: dict[str, Any], shape: Shape, at: tuple[str, str], id_part: bytes) -> bytes:
    """Return an id that copies of one event share, in whatever shape each copy is.

    The diagnostic export drops `eventDataId`, so the id is made of what every shape keeps: correlation
    id, time to the millisecond, operation, resource and status. Without a correlation id it is the
    event's own id; without either the event cannot be recognised again.
    """
    correlation = word(record.get(shape.correlation)) or word(shape.pick(record, "correlation"))
    if correlation:
        told = f"{correlation.lower()}\n{at[0]}{at[1]}\n".encode("utf-8", "replace") + id_part
    else:
        own = word(shape.pick(record, "event")) or word(shape.pick(record, "id"))
        if not own:
            return b""
        told = own.encode("utf-8", "replace")
    return blake2b(told, digest_size=16).digest()


def _read(record: Fields) -> Any:
    """Read a record by its kind; the reader's answer is (rows, place) or a reason."""
    category = record.word("category").lower()
    operation = record.word("operation")
    resource = resource_id(record.get("resource"))
    if found := _of_own_kind(record, category):
        return found
    if category in _SUBSCRIPTION_CATEGORIES and "/" in operation:
        return activity(record)
    if category.startswith("storage") or ("/microsoft.storage/" in resource and "/" not in operation):
        return storage(record)
    if category == "auditlogs" or "/providers/microsoft.aadiam" in resource or _directory(record):
        return [], ("", "", _DIRECTORY, "microsoft.aadiam")
    exported = category and resource and record.word("table").lower() != "azureactivity"
    if "/" in operation and not exported:
        return activity(record)
    return data_plane(record) if operation and (category or resource) else activity(record)


def _of_own_kind(record: Fields, category: str) -> Any:
    """Return what a log says whose records are told by their category; None for any other."""
    if is_graph_activity(record, category):
        return graph_activity(record)
    if is_sign_in(record, category):
        return sign_in(record)
    log = log_of(record, category)
    return machine_learning(record, log) if log is not None else None


def _directory(record: Fields) -> bool:
    properties = record.inside("properties")
    return "loggedbyservice" in properties or "targetresources" in properties


_STATUS = {
    "started": "start",
    "accepted": "accept",
    "succeeded": "success",
    "failed": "failure",
    "": "success",
}
"""REST and the diagnostic export name the same status differently."""
