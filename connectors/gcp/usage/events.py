"""Turn one Cloud Audit Logs entry into usage rows."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple
from urllib.parse import unquote

import msgspec

from connectors.gcp.names import permission_name, project_in
from connectors.gcp.usage.callers import NOBODY, UNKNOWN_CALLER, Caller, caller_of
from connectors.gcp.usage.entry import (
    Audit,
    Authentication,
    Authorization,
    Labels,
    LogEntry,
    Operation,
    Status,
    audit_deltas,
    shipped,
    unwrap,
)
from connectors.logs.rows import OTHER_LOG, STRANGE, UNREAD, EventKind, Folded, FoldedEvents, RowKey

LAST = " last"
"""Ends a row's `detail` when it comes from the closing entry of a long-running operation."""

SHOWN = " shown"
"""Ends a row's `detail` when its entry shows that the caller is there, and is no use of a permission."""

AUDIT_CHANGE = "audit-config"
"""Kind of caller of rows that tell a change of an audit configuration; they are nobody's use."""
_LOG_TYPES = {1: "ADMIN_READ", 2: "DATA_WRITE", 3: "DATA_READ"}
"""google.iam.v1.AuditLogConfig.LogType."""

LOG_CLASSES = {
    "activity": "admin_activity",
    "data_access": "data_access",
    "system_event": "system_event",
    "policy": "policy",
}
_DENIED_CODES = ("7", "16")
"""google.rpc.Code PERMISSION_DENIED and UNAUTHENTICATED."""
_OBJECT = re.compile(r"^(?P<bucket>.*?/?buckets/[^/]+/objects/)(?P<name>.+)$", re.DOTALL)
_ONE_TIME = frozenset({"jobs", "operations", "sessions", "executions", "traces"})
_SETS_POLICY = "setiampolicy"
"""Ends the methods, in any case, that set a policy and with it an audit configuration."""
_MOST_KINDS = 60_000
_MOST_CALLERS = 8_192
_NO_LABELS = Labels()

_OTHER_FORMATS = tuple(
    f".{name}{packed}" for name in ("csv", "yaml", "yml", "avro", "parquet", "xlsx") for packed in ("", ".gz")
)
OTHER_FORMAT = (
    "not JSON, so the calls in it were not read: export it again as JSON, for example "
    "gcloud logging read FILTER --format=json, or take it out of the logs"
)


Check = tuple[str, bool | str | None, str, str]
"""One permission check: permission, granted, type, resource (folded)."""
Marks = tuple[Any, ...]
"""The values of a Call."""


class Call(NamedTuple):
    """Everything that the rows of an entry depend on, except changes of audit configurations."""

    account: str
    region: str
    log_class: str
    service: str | None
    method: str
    status: str
    caller: Caller
    checks: tuple[Check, ...]
    resource: str
    """Of the whole call, folded; empty where the checks have their own and the caller is known."""
    closing: bool
    """Whether the entry only closes a long-running operation that another one opened."""


class AuditLogReader:
    """Reads Cloud Audit Logs entries as gcloud, the Logs Explorer, sinks and Pub/Sub write them.

    Calls repeat, so the rows of those met before are remembered.
    """

    name = "gcp"
    record_type = LogEntry
    containers: tuple[str, ...] = ("entries", "receivedMessages")
    columns = ("protopayload", "methodname", "insertid")

    def __init__(self) -> None:
        self._kinds: dict[Marks, EventKind] = {}
        self._callers: dict[str | None, tuple[Authentication, Caller]] = {}

    def __reduce__(self) -> tuple[type["AuditLogReader"], tuple[()]]:
        """Pickle as a fresh reader: what was remembered stays where it is."""
        return (AuditLogReader, ())

    def skip_file(self, path: str) -> str:
        """Return why a file is not read: tools also save log entries in formats that hold no JSON."""
        return OTHER_FORMAT if path.lower().endswith(_OTHER_FORMATS) else ""

    def strange(self, record: LogEntry) -> bool:
        """Return whether a record has neither a payload nor the name of a log."""
        named = (
            record.log_name or record.lower_log_name or record.snake_log_name,
            record.proto_payload or record.protopayload_auditlog or record.lower_payload or record.analytics,
            record.entry or record.message,
        )
        return not any(named)

    def fold(self, record: LogEntry) -> Folded | str:
        """Return the entry's rows, or why it is no audit record.

        One row for each permission that was checked. Nothing is counted for system events; they still show
        that the log was recorded. Test calls (`testIamPermissions`) and entries that only close an operation
        show that their caller is there, and are no use.
        """
        found = self._event(record)
        if isinstance(found, str):
            return found
        event_id, time, kind = found
        return Folded(event_id, time, kind.keys, kind.place)

    def fold_all(self, records: Sequence[LogEntry]) -> FoldedEvents:
        """Return the rows of many entries: see `fold`."""
        ids, times, kinds, rejected = events = FoldedEvents([], [], [], [])
        for record in records:
            found = self._event(record)
            if isinstance(found, str):
                rejected.append(found)
                continue
            event_id, time, kind = found
            ids.append(event_id)
            times.append(time)
            kinds.append(kind)
        return events

    def _event(self, record: LogEntry) -> tuple[bytes, str, EventKind] | str:
        """Return (id, time, kind) of an entry, or why it is no audit record."""
        entry = record
        if record.entry is not None or record.message is not None or record.analytics is not None:
            unwrapped = unwrap(record)
            if isinstance(unwrapped, str):
                return unwrapped
            entry = unwrapped
        audit = entry.proto_payload or entry.protopayload_auditlog or entry.lower_payload
        if audit is None and entry.json_payload:
            found = shipped(entry, entry.log_name or entry.lower_log_name or "")
            if isinstance(found, str) and found:
                return found
            audit = found or None
        if audit is None or not (audit.service_name or audit.method_name or audit.authorization_info):
            return STRANGE if self.strange(entry) else f"{OTHER_LOG} (no protoPayload)"
        if audit.kind and not audit.kind.endswith("AuditLog"):
            return f"{OTHER_LOG} (another protoPayload type)"
        stamp = entry.timestamp or entry.receive_timestamp or entry.lower_receive_timestamp
        time = _time(stamp or "")
        if time is None:
            return f"has no usable timestamp{UNREAD}"
        log_name = entry.log_name or entry.lower_log_name or ""
        marks = self._marks(entry, audit, log_name)
        kind = self._kinds.get(marks) or self._learn(marks)
        if audit.method_name and audit.method_name[-len(_SETS_POLICY) :].lower() == _SETS_POLICY:
            kind = EventKind((*kind.keys, *_changes(audit, Call._make(marks))), kind.place)
        insert_id = entry.insert_id or entry.lower_insert_id
        return _event_id(log_name, insert_id, time[1]) if insert_id else b"", time[0], kind

    def _marks(self, entry: LogEntry, audit: Audit, log_name: str) -> Marks:
        """Return the values of the entry's Call, as a plain tuple: one is looked up for each entry."""
        account, log_class = _place(log_name)
        labels = _labels(entry)
        project = _first_text(labels.project_id)
        name = audit.resource_name or ""
        if not account or (account.isdigit() and project):
            # Sinks may write the project's number in the log's name; the resource has its id.
            account = project or account or project_in(name)
        caller = self._caller(audit.authentication_info)
        checks: tuple[Check, ...] = ()
        if audit.authorization_info:
            checks = tuple(
                [
                    (one.permission, one.granted, _type(one), _resource(_checked(one, name)))
                    for one in audit.authorization_info
                    if one.permission
                ]
            )
        return (
            account,
            _first_text(labels.location, labels.region, labels.zone),
            log_class or _class_by_type(audit),
            audit.service_name,
            audit.method_name or "",
            "allowed" if audit.status is None else _by_status(audit.status),
            caller,
            checks,
            "" if checks and caller.identity else _resource(name),
            entry.operation is not None and _closes(entry.operation),
        )

    def _caller(self, authentication: Authentication | None) -> Caller:
        """Return the caller: that met last under this name, if nothing about it is different."""
        if authentication is None:
            return NOBODY
        name = authentication.principal_email or authentication.principal_subject
        met = self._callers.get(name)
        if met is not None and met[0] == authentication:
            return met[1]
        caller = caller_of(authentication)
        if len(self._callers) >= _MOST_CALLERS:
            self._callers.clear()
        self._callers[name] = (authentication, caller)
        return caller

    def _learn(self, marks: Marks) -> EventKind:
        """Return the kind of a call met for the first time, and remember it."""
        if len(self._kinds) >= _MOST_KINDS:
            self._kinds.clear()
        call = Call._make(marks)
        place = (call.account, call.region, call.log_class, call.service or "")
        kind = self._kinds[marks] = EventKind(_keys(call), place)
        return kind


def _time(text: str) -> tuple[str, str] | None:
    """Return (RFC 3339 UTC to the second, the same to the microsecond), or None when it is no time.

    BigQuery keeps microseconds where Cloud Logging writes nanoseconds, so finer digits tell no events apart.
    """
    try:
        moment = datetime.fromisoformat(text.removesuffix(" UTC"))
    except ValueError:
        return None
    if text[10:11] == "T" and text[19:20] == "." and text.endswith("Z"):
        # What Cloud Logging itself writes, cut instead of computed.
        return f"{text[:19]}Z", text[:-1][:26].ljust(26, "0")
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ"), moment.strftime("%Y-%m-%dT%H:%M:%S.%f")


def _event_id(log_name: str, insert_id: str, time: str) -> bytes:
    """Return 16 bytes equal for copies of one entry: Cloud Logging keys entries by these three."""
    text = f"{log_name}\0{insert_id}\0{time}"
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


@lru_cache(maxsize=4096)
def _place(log_name: str) -> tuple[str, str]:
    """Return (project id, or `folders/N`, `organizations/N`; log class) of a log name."""
    owner, _, log = unquote(log_name).partition("/logs/")
    if not log.startswith("cloudaudit.googleapis.com/"):
        log = ""
    return owner.removeprefix("projects/"), LOG_CLASSES.get(log.rpartition("/")[2], "")


def _labels(entry: LogEntry) -> Labels:
    labels = entry.resource.labels if entry.resource is not None else None
    if isinstance(labels, str):
        try:
            labels = msgspec.json.decode(labels, type=Labels)
        except msgspec.MsgspecError:
            return _NO_LABELS
    return labels or _NO_LABELS


def _first_text(*values: Any) -> str:
    for value in values:
        if value and isinstance(value, str):
            return value
    return ""


def _class_by_type(audit: Audit) -> str:
    """Return the log an entry without a log name was written to, by its permission types."""
    types = {_type(one) for one in audit.authorization_info or ()} - {""}
    if not types:
        return ""
    return "admin_activity" if "ADMIN_WRITE" in types else "data_access"


_TYPE_NAMES = ("ADMIN_READ", "ADMIN_WRITE", "DATA_READ", "DATA_WRITE")
_TYPES: dict[str | int | None, str] = dict(enumerate(_TYPE_NAMES, 1)) | {name: name for name in _TYPE_NAMES}


def _type(one: Authorization) -> str:
    return _TYPES.get(one.permission_type, "")


def _keys(call: Call) -> Sequence[RowKey]:
    """Return the rows of a call."""
    if call.log_class == "system_event":
        return ()
    tests = call.method.lower().endswith("testiampermissions")
    no_use = tests or (call.closing and not call.checks)
    if no_use and not call.caller.identity:
        return ()
    row = RowKey(
        account=call.account,
        identity=call.caller.identity,
        identity_type=call.caller.kind,
        credential=call.caller.credential,
        operation=f"{call.service}:{call.method}" if call.service else call.method,
        permission="",
        resource=call.resource,
        region=call.region,
        via=call.caller.via,
        grant="",
        outcome=call.status,
        workload="",
        detail=call.log_class + (SHOWN if no_use else LAST if call.closing else ""),
    )
    if no_use or not call.checks:
        return (row,)
    refused = call.log_class == "policy"
    keys = (
        row._replace(
            permission=permission_name(permission),
            resource=resource,
            outcome=_outcome(granted, call.status, refused=refused),
            detail=(kind or call.log_class) + (LAST if call.closing else ""),
        )
        for permission, granted, kind, resource in call.checks
    )
    if row.identity:
        return tuple(dict.fromkeys(keys))
    # Counted once as an event without a caller; the permissions say what may be whose use.
    return (row, *dict.fromkeys(keys)) if row.identity_type == UNKNOWN_CALLER else (row,)


def _changes(audit: Audit, call: Call) -> Iterator[RowKey]:
    """Yield a row for each change that a call made to an audit configuration."""
    if call.status != "allowed":
        return
    node = (audit.resource_name or "").removeprefix("//cloudresourcemanager.googleapis.com/")
    for one in audit_deltas(audit):
        kind = _LOG_TYPES.get(one.log_type, "") if isinstance(one.log_type, int) else one.log_type or ""
        action = {1: "ADD", 2: "REMOVE"}.get(one.action, "") if isinstance(one.action, int) else one.action
        yield RowKey(
            account=call.account,
            identity="",
            identity_type=AUDIT_CHANGE,
            credential="",
            operation=call.method,
            permission="",
            resource=node,
            region="",
            via="",
            grant="",
            outcome="allowed",
            workload="",
            detail=f"{action or ''} {one.service or ''} {kind} {one.exempted_member or ''}".rstrip(),
        )


def _closes(operation: Operation | None) -> bool:
    """Return whether an entry only closes a long-running operation that another entry opened."""
    return operation is not None and _true(operation.last) and not _true(operation.first)


def _true(value: bool | str | None) -> bool:  # noqa: FBT001 - the log's own value, not a flag
    """Return whether a logged boolean is definitely true; BigQuery writes it as text."""
    return value is True or (isinstance(value, str) and value.lower() == "true")


def _by_status(status: Status | None) -> str:
    if status is None or not status.code:
        return "allowed"
    code = str(status.code)
    if code == "0":
        return "allowed"
    return "denied" if code in _DENIED_CODES else "error"


def _outcome(granted: bool | str | None, status: str, *, refused: bool) -> str:  # noqa: FBT001 - as logged
    """Return what became of one permission check.

    Proto JSON leaves out `false`, so only a definite `granted: true` counts as allowed. A call whose
    permission was granted and that failed all the same (also by a policy of another kind) is an error.
    """
    if refused or not _true(granted):
        return "denied"
    return "allowed" if status == "allowed" else "error"


def _checked(one: Authorization, called: str) -> str:
    """Return what a permission was checked on: where the check does not say, what was called."""
    if one.resource:
        return one.resource
    return (one.resource_attributes.name if one.resource_attributes else "") or called


def _resource(name: str) -> str:
    """Return a resource name with its one-time part folded, or rows would grow with every call.

    Objects keep their bucket and at most two folders, jobs and operations their collection.
    """
    if "/objects/" in name and (found := _OBJECT.match(name)):
        folders = found["name"].split("/")[:-1][:2]
        return found["bucket"] + "/".join((*folders, "*"))
    parent, _, last = name.rpartition("/")
    above, slash, collection = parent.rpartition("/")
    return f"{above}/{collection}/*" if last and slash and collection in _ONE_TIME else name
