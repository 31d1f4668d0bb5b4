"""The fields of a Cloud Logging entry that matter, in the spellings that other tools give them."""

import base64
import binascii
import re
from typing import Any

import msgspec

from connectors.logs.rows import UNREAD


class FirstParty(msgspec.Struct, rename="camel", gc=False):
    """A caller of Google's own or of a customer."""

    principal_email: str | None = None


class Delegation(msgspec.Struct, rename="camel", gc=False):
    """One authority in the chain through which a service account was used."""

    first_party_principal: FirstParty | None = None
    principal_subject: str | None = None


class Authentication(msgspec.Struct, rename="camel", gc=False):
    """Who called."""

    principal_email: str | None = None
    principal_subject: str | None = None
    authority_selector: str | None = None
    service_account_key_name: str | None = None
    service_account_delegation_info: list[Delegation] | None = None


class Attributes(msgspec.Struct, gc=False):
    """What a permission was checked on."""

    name: str | None = None


class Authorization(msgspec.Struct, rename="camel", gc=False):
    """One permission check."""

    permission: str | None = None
    granted: bool | str | None = None
    resource: str | None = None
    resource_attributes: Attributes | None = None
    permission_type: str | int | None = None


class Status(msgspec.Struct, gc=False):
    """The result of the call (google.rpc.Status)."""

    code: int | str | None = None


class Audit(msgspec.Struct, rename="camel", gc=False):
    """The AuditLog payload, in the order in which Cloud Logging writes it: the decoder looks there first."""

    kind: str | None = msgspec.field(default=None, name="@type")
    authentication_info: Authentication | None = None
    authorization_info: list[Authorization] | None = None
    method_name: str | None = None
    resource_name: str | None = None
    service_data: msgspec.Raw = msgspec.Raw(b"")
    """Read only of calls that set a policy; other services put anything here."""
    service_name: str | None = None
    status: Status | None = None
    service_data_iam: msgspec.Raw = msgspec.field(default=msgspec.Raw(b""), name="servicedata_v1_iam")
    """BigQuery's column for the same."""


class Delta(msgspec.Struct, rename="camel", gc=False):
    """One change of an audit configuration."""

    action: str | int | None = None
    service: str | None = None
    log_type: str | int | None = None
    exempted_member: str | None = None


class PolicyDelta(msgspec.Struct, rename="camel", gc=False):
    """What a call changed in a policy."""

    audit_config_deltas: list[Delta] | None = None


class ServiceData(msgspec.Struct, rename="camel", gc=False):
    """google.iam.v1.logging.AuditData, as far as it matters."""

    policy_delta: PolicyDelta | None = None


def audit_deltas(audit: Audit) -> list[Delta]:
    """Return how a call changed the audit configuration; nothing where the record does not say."""
    found: list[Delta] = []
    for raw in (audit.service_data, audit.service_data_iam):
        if not bytes(raw):
            continue
        try:
            data = msgspec.json.decode(raw, type=ServiceData | None)
        except msgspec.MsgspecError:
            continue
        if data is not None and data.policy_delta is not None:
            found += data.policy_delta.audit_config_deltas or ()
    return found


class Operation(msgspec.Struct, gc=False):
    """The long-running operation an entry belongs to."""

    first: bool | str | None = None
    last: bool | str | None = None


class Labels(msgspec.Struct, gc=False):
    """The labels that say where a resource is; text, unless somebody else wrote them."""

    location: Any = None
    project_id: Any = None
    region: Any = None
    zone: Any = None


class Resource(msgspec.Struct, gc=False):
    """The monitored resource."""

    labels: Labels | str | None = None
    """Text where a query engine printed a JSON column."""


class Analytics(msgspec.Struct, gc=False):
    """The payload in a row of Log Analytics, whose columns are all in snake_case."""

    audit_log: dict[str, Any] | None = None


class LogEntry(msgspec.Struct, rename="camel", gc=False):
    """The fields of a LogEntry that matter, in the spellings that sinks and other tools use."""

    insert_id: str | None = None
    log_name: str | None = None
    operation: Operation | None = None
    proto_payload: Audit | None = None
    receive_timestamp: str | None = None
    resource: Resource | None = None
    timestamp: str | None = None
    protopayload_auditlog: Audit | None = msgspec.field(default=None, name="protopayload_auditlog")
    """BigQuery's column for the same payload."""
    entry: "LogEntry | None" = None
    message: Any = None
    """A Pub/Sub message around the entry."""
    analytics: Analytics | None = msgspec.field(default=None, name="proto_payload")
    snake_log_name: str | None = msgspec.field(default=None, name="log_name")
    snake_insert_id: str | None = msgspec.field(default=None, name="insert_id")
    lower_log_name: str | None = msgspec.field(default=None, name="logname")
    lower_insert_id: str | None = msgspec.field(default=None, name="insertid")
    lower_payload: Audit | None = msgspec.field(default=None, name="protopayload")
    lower_receive_timestamp: str | None = msgspec.field(default=None, name="receivetimestamp")
    json_payload: msgspec.Raw = msgspec.Raw(b"")
    """Read only where it is an audit record: tools that ship logs on turn the payload into plain JSON."""


_AUDIT_LOG = re.compile(
    r"cloudaudit\.googleapis\.com(?:/|%2F)(?:activity|data_access|policy)$", re.IGNORECASE
)
_DECODER = msgspec.json.Decoder(LogEntry)
_SNAKE = re.compile(r"_([a-z])")


def unwrap(record: LogEntry) -> LogEntry | str:
    """Return the entry inside a wrapping of another tool: `{"entry": …}` or a Pub/Sub message.

    A row of Log Analytics (`proto_payload.audit_log`) is put into the entry's own form; one of another form
    raises msgspec.ValidationError, as decoding such an entry does.
    """
    for _ in range(4):
        if record.entry is not None:
            record = record.entry
        elif isinstance(record.message, dict) and isinstance(record.message.get("data"), str):
            data = b""
            try:
                data = base64.b64decode(record.message["data"], validate=True)
                record = _DECODER.decode(data)
            except (msgspec.MsgspecError, binascii.Error, ValueError):
                said = "a Pub/Sub message without a log entry in it"
                return f"{said} that can be read{UNREAD}" if b"protoPayload" in data else said
        else:
            break
    held = record.analytics.audit_log if record.analytics else None
    if held is None:
        return record
    audit = _camel(held)
    data = audit.pop("serviceData", None)
    record.proto_payload = msgspec.convert(audit, Audit)
    if data is not None:
        record.proto_payload.service_data = msgspec.Raw(msgspec.json.encode(data))
    record.log_name, record.insert_id = record.snake_log_name, record.snake_insert_id
    return record


def shipped(record: LogEntry, log_name: str) -> Audit | str:
    """Return the audit record in an entry's plain JSON payload; else why there is none."""
    raw = bytes(record.json_payload)
    named = _AUDIT_LOG.search(log_name) is not None
    if not (named or b"audit.AuditLog" in raw):
        return ""
    try:
        audit = msgspec.json.decode(raw, type=Audit)
        if audit.method_name is None and audit.authentication_info is None:
            audit = msgspec.convert(_camel(msgspec.json.decode(raw)), Audit)
    except msgspec.MsgspecError:
        audit = Audit()
    if audit.authentication_info is not None and (audit.method_name or audit.authorization_info):
        return audit
    return f"an audit record in jsonPayload that cannot be read{UNREAD}" if named or audit.method_name else ""


def _camel(value: Any) -> Any:
    """Return a value with its snake_case keys in camelCase."""
    if isinstance(value, dict):
        return {_SNAKE.sub(lambda match: match[1].upper(), key): _camel(one) for key, one in value.items()}
    return [_camel(one) for one in value] if isinstance(value, list) else value
