"""Turn one Cloud Audit Logs entry into usage rows."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any
from urllib.parse import unquote

import msgspec

from connectors.gcp.callers import UNKNOWN_CALLER, caller, credential
from connectors.gcp.entry import Audit, Authorization, LogEntry, Operation, Status, audit_deltas, unwrap
from connectors.gcp.names import key_name, permission_name, project_in
from connectors.logs.rows import Folded, RowKey

LAST = " last"
"""Ends a row's `detail` when it comes from the closing entry of a long-running operation."""

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
_DENIED_CODES = (7, 16)
"""google.rpc.Code PERMISSION_DENIED and UNAUTHENTICATED."""
_OBJECT = re.compile(r"^(?P<bucket>.*?/?buckets/[^/]+/objects/)(?P<name>.+)$", re.DOTALL)
_ONE_TIME = re.compile(r"/(jobs|operations|sessions|executions|traces)/[^/]+$")

_OTHER_FORMATS = tuple(
    f".{name}{packed}" for name in ("csv", "yaml", "yml", "avro", "parquet", "xlsx") for packed in ("", ".gz")
)
OTHER_FORMAT = (
    "not JSON, so the calls in it were not read: export it again as JSON, for example "
    "gcloud logging read FILTER --format=json, or take it out of the logs"
)


class AuditLogReader:
    """Reads Cloud Audit Logs entries as gcloud, the Logs Explorer, sinks and Pub/Sub write them."""

    name = "gcp"
    record_type = LogEntry
    containers: tuple[str, ...] = ("entries",)

    def skip_file(self, path: str) -> str:
        """Return why a file is not read: tools also save log entries in formats that hold no JSON."""
        return OTHER_FORMAT if path.lower().endswith(_OTHER_FORMATS) else ""

    def fold(self, record: LogEntry) -> Folded | str:
        """Return the entry's rows, or why it is no audit record.

        One row for each permission that was checked. Nothing is counted for system events, for test calls
        (`testIamPermissions`) and for entries that only close an operation; they still show that the log
        was recorded.
        """
        entry = unwrap(record)
        if isinstance(entry, str):
            return entry
        audit = entry.proto_payload or entry.protopayload_auditlog or entry.lower_payload
        if audit is None or not (audit.service_name or audit.method_name or audit.authorization_info):
            return "not an audit log entry (no protoPayload)"
        if audit.kind and not audit.kind.endswith("AuditLog"):
            return "not an audit log entry (another protoPayload type)"
        stamp = entry.timestamp or entry.receive_timestamp or entry.lower_receive_timestamp
        time = _time(stamp or "")
        if time is None:
            return "has no usable timestamp"
        log_name = entry.log_name or entry.lower_log_name or ""
        account, log_class = _place(log_name)
        labels = _labels(entry)
        project = _label(labels, "project_id")
        if not account or (account.isdigit() and project):
            # Sinks may write the project's number in the log's name; the resource has its id.
            account = project or account or project_in(audit.resource_name or "")
        log_class = log_class or _class_by_type(audit)
        region = _label(labels, "location") or _label(labels, "region") or _label(labels, "zone")
        insert_id = entry.insert_id or entry.lower_insert_id
        return Folded(
            event_id=_event_id(log_name, insert_id, time[1]) if insert_id else b"",
            time=time[0],
            keys=(*_keys(entry, audit, account, region, log_class), *_changes(audit, account)),
            place=(account, region, log_class, audit.service_name or ""),
        )


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


def _labels(entry: LogEntry) -> dict[str, Any]:
    labels = entry.resource.labels if entry.resource else None
    if isinstance(labels, str):
        try:
            labels = msgspec.json.decode(labels, type=dict[str, Any])
        except msgspec.MsgspecError:
            return {}
    return labels or {}


def _label(labels: dict[str, Any], name: str) -> str:
    value = labels.get(name)
    return value if isinstance(value, str) else ""


def _class_by_type(audit: Audit) -> str:
    """Return the log an entry without a log name was written to, by its permission types."""
    types = {_type(one) for one in audit.authorization_info or ()} - {""}
    if not types:
        return ""
    return "admin_activity" if "ADMIN_WRITE" in types else "data_access"


_TYPES = {1: "ADMIN_READ", 2: "ADMIN_WRITE", 3: "DATA_READ", 4: "DATA_WRITE"}


def _type(one: Authorization) -> str:
    kind = one.permission_type
    if isinstance(kind, int):
        return _TYPES.get(kind, "")
    return kind if kind in _TYPES.values() and kind is not None else ""


def _keys(entry: LogEntry, audit: Audit, account: str, region: str, log_class: str) -> Sequence[RowKey]:
    method = audit.method_name or ""
    if log_class == "system_event" or method.lower().endswith("testiampermissions"):
        return ()
    checks = [one for one in audit.authorization_info or () if one.permission]
    closing = _closes(entry.operation)
    if closing and not checks:
        return ()
    identity, identity_type, via = caller(audit.authentication_info)
    row = RowKey(
        account=account,
        identity=identity,
        identity_type=identity_type,
        credential=key_name(credential(audit.authentication_info)),
        operation=f"{audit.service_name}:{method}" if audit.service_name else method,
        permission="",
        resource="" if checks and identity else _resource(audit.resource_name or ""),
        region=region,
        via=via,
        grant="",
        outcome=_by_status(audit.status),
        workload="",
        detail=log_class + (LAST if closing else ""),
    )
    if not checks:
        return (row,)
    refused = log_class == "policy"
    keys = (
        row._replace(
            permission=permission_name(one.permission or ""),
            resource=_resource(_checked(one, audit)),
            outcome=_outcome(one, row.outcome, refused=refused),
            detail=(_type(one) or log_class) + (LAST if closing else ""),
        )
        for one in checks
    )
    if identity:
        return tuple(dict.fromkeys(keys))
    # Counted once as an event without a caller; the permissions say what may be whose use.
    return (row, *dict.fromkeys(keys)) if identity_type == UNKNOWN_CALLER else (row,)


def _changes(audit: Audit, account: str) -> Iterator[RowKey]:
    """Yield a row for each change that a call made to an audit configuration."""
    method = audit.method_name or ""
    if not method.lower().endswith("setiampolicy") or _by_status(audit.status) != "allowed":
        return
    node = (audit.resource_name or "").removeprefix("//cloudresourcemanager.googleapis.com/")
    for one in audit_deltas(audit):
        kind = _LOG_TYPES.get(one.log_type, "") if isinstance(one.log_type, int) else one.log_type or ""
        action = {1: "ADD", 2: "REMOVE"}.get(one.action, "") if isinstance(one.action, int) else one.action
        yield RowKey(
            account=account,
            identity="",
            identity_type=AUDIT_CHANGE,
            credential="",
            operation=method,
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
    code = str(status.code or 0) if status else "0"
    if code == "0":
        return "allowed"
    return "denied" if code in map(str, _DENIED_CODES) else "error"


def _outcome(one: Authorization, status: str, *, refused: bool) -> str:
    """Return what became of one permission check.

    Proto JSON leaves out `false`, so only a definite `granted: true` counts as allowed. A call whose
    permission was granted and that failed all the same (also by a policy of another kind) is an error.
    """
    if refused or not _true(one.granted):
        return "denied"
    return "allowed" if status == "allowed" else "error"


def _checked(one: Authorization, audit: Audit) -> str:
    attributes = one.resource_attributes
    return one.resource or (attributes.name if attributes else "") or audit.resource_name or ""


def _resource(name: str) -> str:
    """Return a resource name with its one-time part folded, or rows would grow with every call.

    Objects keep their bucket and at most two folders, jobs and operations their collection.
    """
    if "/objects/" in name and (found := _OBJECT.match(name)):
        folders = found["name"].split("/")[:-1][:2]
        return found["bucket"] + "/".join((*folders, "*"))
    return _ONE_TIME.sub(r"/\1/*", name)
