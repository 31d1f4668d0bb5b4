"""Turn one CloudTrail record into the rows it counts in."""

from hashlib import blake2b
from typing import Any

import msgspec

from connectors.aws.event_principals import Caller, UserIdentity, caller_of
from connectors.aws.event_resources import EventResources, resource_type
from connectors.aws.passed_roles import may_pass_role, parsed, passed_roles
from connectors.aws.tables import table
from connectors.aws.times import stamp
from connectors.logs.rows import Folded, RowKey

LONG_TERM_API_KEY = "bedrock-api-key"
"""Credential of calls made with a long-term Bedrock API key: records never say which of a user's keys."""
SHORT_TERM_API_KEY = "bedrock-api-key-short-term"
"""Credential of calls made with a short-term Bedrock API key, which inherits its maker's session."""

_BEARER_PERMISSION = {
    "bedrock.amazonaws.com": "bedrock:CallWithBearerToken",
    "bedrock-runtime.amazonaws.com": "bedrock:CallWithBearerToken",
    "bedrock-mantle.amazonaws.com": "bedrock-mantle:CallWithBearerToken",
    "aws-external-anthropic.amazonaws.com": "aws-external-anthropic:CallWithBearerToken",
}
_LOG_CLASS = {
    "Management": "management",
    "Data": "data",
    "NetworkActivity": "network-activity",
    "Insight": "insight",
}
_NOTHING = msgspec.Raw(b"null")
_UUID = 36


def _written(field: str) -> str:
    """Return a field's name as CloudTrail writes it."""
    if field == "capital_arn":
        return "ARN"
    first, *rest = field.split("_")
    words = [
        word.upper() if word == "id" and first in ("event", "shared", "original") else word.title()
        for word in rest
    ]
    return first + "".join(words)


class ResourceRef(msgspec.Struct, gc=False, rename=_written):
    """One entry of an event's `resources`."""

    type: str | None = None
    capital_arn: str | None = None
    arn: str | None = None


class Addendum(msgspec.Struct, gc=False, rename=_written):
    """Why a record was delivered late or again."""

    original_event_id: str | None = None


class CloudTrailRecord(msgspec.Struct, gc=False, rename=_written):
    """The fields of a CloudTrail record that matter."""

    event_time: str | None = None
    event_source: str | None = None
    event_name: str | None = None
    event_id: str | None = None
    event_type: str | None = None
    event_category: str | None = None
    aws_region: str | None = None
    recipient_account_id: str | None = None
    error_code: str | None = None
    shared_event_id: str | None = None
    read_only: bool | str | None = None
    management_event: bool | str | None = None
    user_identity: UserIdentity | None = None
    resources: list[ResourceRef | None] | None = None
    request_parameters: msgspec.Raw = _NOTHING
    additional_event_data: msgspec.Raw = _NOTHING
    addendum: Addendum | None = None


class CloudTrailReader:
    """Reads CloudTrail records from trail objects, event-history exports and anything shaped like them."""

    name = "cloudtrail"
    record_type: Any = CloudTrailRecord
    containers: tuple[str, ...] = ("Records", "Events")
    embedded = "CloudTrailEvent"

    def __init__(self) -> None:
        self._resources = EventResources()
        self._denied = DeniedCodes()

    def __reduce__(self) -> tuple[type["CloudTrailReader"], tuple[()]]:
        """Pickle as a fresh reader: the tables are loaded again in the worker."""
        return (CloudTrailReader, ())

    def skip_file(self, path: str) -> str:
        """Pass over what CloudTrail delivers beside its log files."""
        if "CloudTrail-Digest" in path:
            return "digest file, holds no events"
        if "CloudTrail-Insight" in path:
            return "Insights file, holds no calls"
        return ""

    def fold(self, record: CloudTrailRecord) -> Folded | str:
        """Return the event's rows: its own, and one for each permission that is used without an event.

        The extra rows name their permission: iam:PassRole with the role passed, CallWithBearerToken. They
        repeat the call's operation, so a count of calls takes only rows without a permission.
        """
        time = record.event_time or ""
        if len(time) != 20 or time[19] != "Z" or time[10] != "T":
            time = stamp(record.event_time)
            if not time:
                return "no usable eventTime"
        if not record.event_name or not record.event_source:
            return "no eventSource or eventName"
        user = record.user_identity or UserIdentity()
        caller = caller_of(user)
        account = record.recipient_account_id or user.account_id or ""
        region = record.aws_region or ""
        operation = f"{record.event_source}:{record.event_name}"
        outcome = self._denied.outcome(record.error_code)
        key = RowKey(
            account=account,
            identity=caller.identity,
            identity_type=user.type or "missing",
            credential=caller.credential,
            operation=operation,
            permission="",
            resource=self._resource(record, account, region),
            region=region,
            via=caller.via,
            grant="",
            outcome=outcome,
            workload=caller.workload,
            detail=f"{record.event_category or ''}:{record.event_type or ''}",
        )
        keys = [key]
        if record.event_source in _BEARER_PERMISSION:
            keys = _with_bearer(record, user, caller, key)
        if record.read_only is not True and outcome != "denied":
            parameters = bytes(record.request_parameters)
            if may_pass_role(operation, parameters):
                keys += [
                    key._replace(permission="iam:PassRole", resource=role)
                    for role in passed_roles(parsed(parameters), account)
                ]
        return Folded(_event_id(record, caller), time, keys, _place(record, account, region))

    def _resource(self, record: CloudTrailRecord, account: str, region: str) -> str:
        source, operation = record.event_source or "", record.event_name or ""
        if record.resources:
            arns = tuple([ref.capital_arn or ref.arn or "" for ref in record.resources if ref])
            if found := self._resources.from_list(source, operation, arns):
                return found
        parameters = bytes(record.request_parameters)
        if parameters == b"null" or not (self._resources.reads_parameters(source) or b'"arn:' in parameters):
            return ""
        return self._resources.from_parameters(
            source, operation, parsed(parameters), region=region, account=account
        )


class DeniedCodes:
    """Tells refused calls from those that failed after authorisation (`catalog/denied_codes.toml`)."""

    def __init__(self) -> None:
        data = table("denied_codes")
        self._parts = tuple(data["parts"])
        self._known = dict.fromkeys(
            (code.lower() for code in [*data["refused"], *data["unauthenticated"]]), "denied"
        )
        self._known |= dict.fromkeys((code.lower() for code in data["authorised"]), "error")
        self._outcomes: dict[str, str] = {}

    def outcome(self, code: str | None) -> str:
        """Return `allowed` without an error code, else `denied` or `error`."""
        if not code:
            return "allowed"
        found = self._outcomes.get(code)
        if found is None:
            folded = code.lower().removeprefix("client.").removeprefix("server.")
            refused = "denied" if any(part in folded for part in self._parts) else "error"
            found = self._known.get(folded, refused)
            if len(self._outcomes) < 10_000:
                self._outcomes[code] = found
        return found


def _with_bearer(record: CloudTrailRecord, user: UserIdentity, caller: Caller, key: RowKey) -> list[RowKey]:
    """Return the rows of a call that may have been made with a Bedrock API key.

    bedrock puts the flag in additionalEventData, bedrock-mantle and aws-external-anthropic in the request
    parameters, with the kind of token. Where the kind is missing, an IAM user's key is a long-term one,
    because only users can hold those.
    """
    for raw in (record.additional_event_data, record.request_parameters):
        if b"callWithBearerToken" not in bytes(raw):
            continue
        data = parsed(bytes(raw))
        if not isinstance(data, dict) or data.get("callWithBearerToken") not in (True, "true"):
            continue
        kind = str(data.get("bearerTokenType", "")).upper()
        long_term = "SHORT" not in kind if kind else user.type == "IAMUser"
        credential = caller.credential
        if not credential or (kind and long_term):
            credential = LONG_TERM_API_KEY if long_term else SHORT_TERM_API_KEY
        key = key._replace(credential=credential)
        return [key, key._replace(permission=_BEARER_PERMISSION[record.event_source or ""], resource="")]
    return [key]


def _event_id(record: CloudTrailRecord, caller: Caller) -> bytes:
    """Return what copies of an event have in common.

    Copies share the eventID (an updated copy names the first in its addendum). One call that two accounts
    record has two eventIDs and one sharedEventID: it counts once for each principal it is logged under.
    """
    if record.shared_event_id and record.event_type != "AwsCloudTrailInsight":
        return _digest(f"{record.shared_event_id} {caller.identity}")
    event = (record.addendum and record.addendum.original_event_id) or record.event_id
    if not event:
        return b""
    if len(event) == _UUID:
        try:
            packed = bytes.fromhex(event.replace("-", ""))
        except ValueError:
            return _digest(event)
        if len(packed) == 16:
            return packed
    return _digest(event)


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()


def _place(record: CloudTrailRecord, account: str, region: str) -> tuple[str, str, str, str]:
    category = record.event_category
    if category:
        log_class = _LOG_CLASS.get(category, category.lower())
    else:
        log_class = "data" if record.management_event in (False, "false") else "management"
    if log_class == "management" or not record.resources:
        return (account, region, log_class, "")
    kinds = [ref.type for ref in record.resources if ref and ref.type]
    return (account, region, log_class, resource_type(kinds))
