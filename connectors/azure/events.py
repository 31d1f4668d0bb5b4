"""Turn one Azure log record, of whichever kind and shape, into usage rows."""

from hashlib import blake2b
from typing import Any

from connectors.azure.activity import activity
from connectors.azure.data_plane import data_plane
from connectors.azure.graph_activity import graph_activity, is_graph_activity
from connectors.azure.ids import resource_id
from connectors.azure.machine_learning import log_of, machine_learning
from connectors.azure.record import Record, folded, moment, pick, word
from connectors.azure.sign_ins import is_sign_in, sign_in
from connectors.azure.storage import storage
from connectors.logs.rows import STRANGE, UNREAD, Folded

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

    def skip_file(self, path: str) -> str:
        """Return why a file is not read: spreadsheets leave out the caller's ids and the assignment."""
        name = path.lower()
        if name.endswith(_OTHER_FORMATS):
            return OTHER_FORMAT
        return SPREADSHEET if name.endswith(_SPREADSHEETS) else ""

    def strange(self, record: Any) -> bool:
        """Return whether a record says neither what was done nor when."""
        parts = (pick(record, "operation"), pick(record, "tables"), _time(record))
        return all(part is None for part in parts)

    def fold(self, record: Any) -> Folded | str:
        """Return the event's rows, or the reason why it is no usable event."""
        at = _time(record)
        if at is None:
            if isinstance(pick(record, "tables"), list):
                return QUERY_ANSWER
            return STRANGE if self.strange(record) else f"no usable time{UNREAD}"
        read = _read(record)
        if isinstance(read, str):
            return read
        rows, place = read
        time, milliseconds = at
        return Folded(_event_id(record, time + milliseconds), time, rows, place)


def _time(record: Any) -> tuple[str, str] | None:
    for candidate in (pick(record, "time"), folded(pick(record, "properties")).get("createddatetime")):
        found = moment(candidate)
        if found:
            return found
    return None


def _read(record: Any) -> Any:
    """Read a record by its kind; the reader's answer is (rows, place) or a reason."""
    category = word(pick(record, "category")).lower()
    operation = word(pick(record, "operation"))
    resource = resource_id(pick(record, "resource"))
    if found := _of_own_kind(record, category):
        return found
    if category in _SUBSCRIPTION_CATEGORIES and "/" in operation:
        return activity(record)
    if category.startswith("storage") or ("/microsoft.storage/" in resource and "/" not in operation):
        return storage(record)
    if category == "auditlogs" or "/providers/microsoft.aadiam" in resource or _directory(record):
        return [], ("", "", _DIRECTORY, "microsoft.aadiam")
    exported = category and resource and word(pick(record, "table")).lower() != "azureactivity"
    if "/" in operation and not exported:
        return activity(record)
    return data_plane(record) if operation and (category or resource) else activity(record)


def _of_own_kind(record: Any, category: str) -> Any:
    """Return what a log says whose records are told by their category; None for any other."""
    if is_graph_activity(record, category):
        return graph_activity(record)
    if is_sign_in(record, category):
        return sign_in(record)
    log = log_of(record, category)
    return machine_learning(record, log) if log is not None else None


def _directory(record: Any) -> bool:
    properties = folded(pick(record, "properties"))
    return "loggedbyservice" in properties or "targetresources" in properties


def _event_id(record: Any, time: str) -> bytes:
    """Return an id that copies of one event share, in whatever shape each copy is.

    The diagnostic export drops `eventDataId`, so the id is made of what every shape keeps: correlation
    id, time to the millisecond, operation, resource and status. Without a correlation id it is the
    event's own id; without either the event cannot be recognised again.
    """
    correlation = word(pick(record, "correlation"))
    own = word(pick(record, "event")) or word(pick(record, "id"))
    if not correlation and not own:
        return b""
    parts = [own]
    if correlation:
        status = word(pick(record, "status")).lower()
        parts = [
            correlation.lower(),
            time,
            word(pick(record, "operation")).lower(),
            resource_id(pick(record, "resource")),
            _STATUS.get(status, status),
        ]
    return blake2b("\n".join(parts).encode("utf-8", "replace"), digest_size=16).digest()


_STATUS = {
    "started": "start",
    "accepted": "accept",
    "succeeded": "success",
    "failed": "failure",
    "": "success",
}
"""REST and the diagnostic export name the same status differently."""
