"""Turn one CloudTrail record into the rows it counts in."""

from collections.abc import Sequence
from hashlib import blake2b
from sys import intern
from typing import Any
from uuid import UUID

import msgspec

from connectors.aws.catalog.service_actions import catalogue_version
from connectors.aws.logs.address import other_service
from connectors.aws.times import stamp
from connectors.aws.trust.session_policies import session_policy
from connectors.aws.usage.outcomes import DeniedCodes
from connectors.aws.usage.passed_roles import may_pass_role, parsed, passed_roles, passes_roles
from connectors.aws.usage.principals import Callers, UserIdentity
from connectors.aws.usage.resources import (
    AN_ARN,
    EventResources,
    Named,
    Plan,
    ResourceRef,
    letters,
    resource_type,
)
from connectors.aws.usage.row_marks import Marks, read, written
from connectors.logs.rows import STRANGE, UNREAD, EventKind, Folded, FoldedEvents, RowKey

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
_SHARED_OTHERWISE = ("AwsCloudTrailInsight", "AwsVpceEvent")
"""Event types whose sharedEventID joins them to a call that they are no copy of."""
_STS = "sts.amazonaws.com"
_BY_SESSION = " (session policy)"
"""Added to the error code where the message says that a session policy refused the call."""
_NOTHING = msgspec.Raw(b"null")
_NOBODY = UserIdentity()
_LOWER = f"columns of an Athena table instead of fields: export the log objects{UNREAD}"
_TIME = len("2026-11-22T00:00:00Z")
_UUID = 36
_LITTLE = len('{"a":"b"}')
"""Request parameters no longer than this name nothing."""
_MOST_KINDS = 60_000
_MOST_OPERATIONS = 20_000

Place = tuple[str, str, str, str]
"""Account, region, log class and resource type of an event."""


class _Operation:
    """What is known of an operation before its next event, and the kinds of event that it made."""

    __slots__ = ("kinds", "name", "passes", "plan", "source", "special")

    def __init__(self, source: str, name: str, plan: Plan | None) -> None:
        self.source = source
        self.name = name
        self.plan = plan
        self.passes = passes_roles(source, name)
        self.special = source in _BEARER_PERMISSION or source == _STS
        self.kinds: dict[tuple[Any, ...], EventKind] = {}


def _written(field: str) -> str:
    """Return a field's name as CloudTrail writes it: camel case, and ID in capitals."""
    if field == "lower_time":
        return "eventtime"
    if field == "shipped_time":
        return "@timestamp"
    first, *rest = field.split("_")
    upper = first in ("event", "shared", "original")
    return first + "".join("ID" if upper and word == "id" else word.title() for word in rest)


class Addendum(msgspec.Struct, gc=False, rename=_written):
    """Why a record was delivered late or again."""

    original_event_id: str | None = None


class CloudTrailRecord(msgspec.Struct, gc=False, rename=_written):
    """The fields of a CloudTrail record that matter, in the order in which CloudTrail writes them.

    The decoder looks for each key behind the one that it found last, so another order costs time.
    """

    user_identity: UserIdentity | None = None
    event_time: str | None = None
    event_source: str | None = None
    event_name: str | None = None
    aws_region: str | None = None
    error_code: str | None = None
    error_message: msgspec.Raw = _NOTHING
    request_parameters: msgspec.Raw = _NOTHING
    additional_event_data: msgspec.Raw = _NOTHING
    event_id: str | None = None
    read_only: bool | str | None = None
    resources: list[ResourceRef | None] | None = None
    event_type: str | None = None
    management_event: bool | str | None = None
    recipient_account_id: str | None = None
    shared_event_id: str | None = None
    addendum: Addendum | None = None
    event_category: str | None = None
    lower_time: msgspec.Raw = _NOTHING
    shipped_time: msgspec.Raw = _NOTHING
    """Where Logstash's cloudtrail codec puts the time of the event, which it takes out of the record."""


class CloudTrailReader:
    """Reads CloudTrail records from trail objects, event-history exports and anything shaped like them."""

    name = "cloudtrail"
    record_type: Any = CloudTrailRecord
    containers: tuple[str, ...] = ("Records", "Events")
    embedded = "CloudTrailEvent"
    columns = ("eventtime", "eventsource", "eventname")

    def __init__(self) -> None:
        self._resources = EventResources()
        self._denied = DeniedCodes()
        self._callers = Callers()
        self._operations: dict[str, dict[str, _Operation]] = {}
        """By event source and name."""
        self._met = 0
        self._count = 0
        self._places: dict[Place, Place] = {}

    def __reduce__(self) -> tuple[type["CloudTrailReader"], tuple[()]]:
        """Pickle as a fresh reader: the tables are loaded again in the worker."""
        return (CloudTrailReader, ())

    @property
    def data_version(self) -> str:
        """Version of the catalogue whose ARN templates name resources."""
        return catalogue_version()

    def skip_file(self, path: str) -> str:
        """Pass over what CloudTrail delivers beside its log files."""
        path = path.replace("\\", "/")
        *folders, name = path.split("/")
        if "CloudTrail-Digest" in folders or "_CloudTrail-Digest_" in name:
            return "digest file, holds no events"
        if "CloudTrail-Insight" in folders or "_CloudTrail-Insight_" in name:
            return "Insights file, holds no calls"
        service = other_service(path)
        return f"log of another service ({service}), holds no events of CloudTrail" if service else ""

    def strange(self, record: CloudTrailRecord) -> bool:
        """Return whether a record does not say what was called."""
        return not record.event_source or not record.event_name

    def fold(self, record: CloudTrailRecord) -> Folded | str:
        """Return the event's rows, or the reason why it is no usable event: see `fold_all`."""
        found = self.fold_all([record])
        if found.rejected:
            return found.rejected[0]
        kind = found.kinds[0]
        return Folded(found.ids[0], found.times[0], kind.keys, kind.place)

    def fold_all(self, records: Sequence[CloudTrailRecord]) -> FoldedEvents:  # noqa: PLR0912, PLR0915 see below
        """Return the rows of events: their own, and one for each permission that is used without an event.

        The extra rows name their permission: iam:PassRole with the role passed, CallWithBearerToken. They
        repeat the call's operation, so a count of calls takes only rows without a permission.
        """
        # One long loop: a call for each step would take as long as the step itself.
        ids, times, kinds, rejected = found = FoldedEvents([], [], [], [])
        operations, sessions = self._operations, self._callers.sessions
        chosen, listed, requested = self._resources.chosen, self._resources.listed, self._resources.requested
        for record in records:
            time = record.event_time
            if time is None or len(time) != _TIME:
                time = stamp(parsed(bytes(record.shipped_time)) if time is None else time)
                if not time:
                    rejected.append(_without_time(record))
                    continue
            source, name = record.event_source, record.event_name
            try:
                operation = operations[source][name]  # type: ignore[index]
            except KeyError:
                if not name or not source:
                    rejected.append("no eventSource or eventName")
                    continue
                operation = self._operation(source, name)
            user = record.user_identity or _NOBODY
            token = user.access_key_id or user.principal_id or ""
            if user.invoked_by:  # a service calls with the session in between the session's own calls
                token += user.invoked_by
            met = sessions.get(token)
            caller = met[1] if met is not None and met[0] == user else self._callers.meet(token, user)
            named: Named = ""
            data_type = ""
            if refs := record.resources:
                if len(refs) == 1 and (ref := refs[0]) is not None:
                    data_type = ref.type or ""
                    arn = ref.capital_arn or ref.arn
                    named = chosen(operation.source, operation.name, arn) if arn else ""
                else:
                    data_type = resource_type(refs)
                    named = listed(operation.source, operation.name, refs)
            changes = record.read_only is not True
            text = ""
            if changes or not named:
                text = str(record.request_parameters, "latin-1")
                if not named and len(text) > _LITTLE and (operation.plan is not None or AN_ARN in text):
                    named = requested(operation.plan, operation.source, record.request_parameters)
            error = record.error_code
            if error and "session polic" in letters(record.error_message):
                error += _BY_SESSION
            # Everything that the rows depend on: a kind of event met before has its rows ready.
            marks = (
                caller, named, record.recipient_account_id, record.aws_region, error,
                record.event_category, record.event_type, record.management_event, data_type,
            )  # fmt: skip
            kind = operation.kinds.get(marks) or self._learn(operation, marks)
            if operation.special:
                kind = _with_session(record, kind) if source == _STS else _with_bearer(record, kind)
            if changes and operation.passes and may_pass_role(text):
                kind = self._with_passed(operation, record.request_parameters, kind)
            event = record.event_id or ""
            if record.shared_event_id or record.addendum is not None:
                event = _shared_id(record, kind.keys[0].identity)
            if len(event) != _UUID:
                event = event and _as_uuid(_distinct(event, record))
            ids.append(event)
            times.append(time)
            kinds.append(kind)
        return found

    def _operation(self, source: str, name: str) -> _Operation:
        """Return what is known of an operation met for the first time."""
        if self._met >= _MOST_OPERATIONS:
            self._forget()
        self._met += 1
        made = _Operation(source, name, self._resources.plan(source, name))
        self._operations.setdefault(source, {})[name] = made
        return made

    def _forget(self) -> None:
        """Let go of what was learnt, which bounds the memory; it is learnt again where it is needed."""
        self._operations.clear()
        self._callers.forget()
        self._met = self._count = 0

    def _learn(self, operation: _Operation, marks: tuple[Any, ...]) -> EventKind:
        """Return a kind of event met for the first time, and remember it."""
        number, named, recipient, place_name, error, category, event_type, management_event, data_type = marks
        source, name = operation.source, operation.name
        caller = self._callers.known(number)
        account, region = recipient or caller.account, place_name or ""
        resource = self._resources.written(source, name, named, region, account)
        key = RowKey(
            account=intern(account),
            identity=intern(caller.identity),
            identity_type=intern(caller.type or "missing"),
            credential=intern(caller.credential),
            operation=intern(f"{source}:{name}"),
            permission="",
            resource=intern(resource),
            region=intern(region),
            via=intern(caller.via),
            grant="",
            outcome=self._denied.outcome((error or "").removesuffix(_BY_SESSION)),
            workload=intern(caller.workload),
            detail=intern(
                written(
                    Marks(
                        f"{category or ''}:{event_type or ''}",
                        caller.unique,
                        by_session=(error or "").endswith(_BY_SESSION),
                    )
                )
            ),
        )
        if category:
            log_class = _LOG_CLASS.get(category, category.lower())
        else:
            log_class = "data" if management_event in (False, "false") else "management"
        place = (key.account, key.region, log_class, "" if log_class == "management" else data_type)
        place = self._places.setdefault(place, place)
        # Interned, the many kinds share their texts.
        marks = tuple([intern(part) if isinstance(part, str) else part for part in marks])
        return self._remembered(operation, marks, EventKind([key], place))

    def _remembered(self, operation: _Operation, marks: tuple[Any, ...], kind: EventKind) -> EventKind:
        self._count += 1
        if self._count > _MOST_KINDS:
            self._forget()
        else:
            operation.kinds[marks] = kind
        return kind

    def _with_passed(self, operation: _Operation, parameters: msgspec.Raw, kind: EventKind) -> EventKind:
        """Return a kind with one row of iam:PassRole more for each role that the call passed on."""
        first = kind.keys[0]
        if first.outcome == "denied":
            return kind
        roles = passed_roles(parsed(parameters), first.account, first.region)
        if not roles:
            return kind
        marks = (kind, *roles)
        known = operation.kinds.get(marks)
        if known is None:
            passed = [first._replace(permission="iam:PassRole", resource=role) for role in roles]
            known = self._remembered(operation, marks, EventKind([*kind.keys, *passed], kind.place))
        return known


def _with_bearer(record: CloudTrailRecord, kind: EventKind) -> EventKind:
    """Return the kind of a call that may have been made with a Bedrock API key.

    bedrock puts the flag in additionalEventData, bedrock-mantle and aws-external-anthropic in the request
    parameters, with the kind of token. Where the kind is missing, an IAM user's key is a long-term one,
    because only users can hold those.
    """
    own = kind.keys[0]
    for raw in (record.additional_event_data, record.request_parameters):
        if b"callWithBearerToken" not in bytes(raw):
            continue
        data = parsed(bytes(raw))
        if not isinstance(data, dict) or data.get("callWithBearerToken") not in (True, "true"):
            continue
        token = str(data.get("bearerTokenType", "")).upper()
        long_term = "SHORT" not in token if token else own.identity_type == "IAMUser"
        credential = own.credential
        if not credential or (token and long_term):
            credential = LONG_TERM_API_KEY if long_term else SHORT_TERM_API_KEY
        key = own._replace(credential=credential)
        permission = _BEARER_PERMISSION[record.event_source or ""]
        return EventKind([key, key._replace(permission=permission, resource="")], kind.place)
    return kind


def _with_session(record: CloudTrailRecord, kind: EventKind) -> EventKind:
    """Return the kind of a call that issued a session, marked with what the session was limited to."""
    limited = session_policy(bytes(record.request_parameters))
    if not limited:
        return kind
    key = kind.keys[0]
    marked = key._replace(detail=written(read(key.detail)._replace(session=limited)))
    return EventKind([marked], kind.place)


def _without_time(record: CloudTrailRecord) -> str:
    """Return why a record without a usable time is no event: it may be none, or one that cannot be placed."""
    if bytes(record.lower_time) != b"null":
        return _LOWER
    return f"no usable eventTime{UNREAD}" if record.event_source and record.event_name else STRANGE


def _shared_id(record: CloudTrailRecord, identity: str) -> str:
    """Return the id that copies of an event share where it is not their own eventID.

    An updated copy names the first in its addendum. One call that two accounts record has two eventIDs and
    one sharedEventID: it counts once for each principal it is logged under.
    """
    if record.shared_event_id and record.event_type not in _SHARED_OTHERWISE:
        return f"{record.shared_event_id} {identity}"
    original = record.addendum.original_event_id if record.addendum is not None else None
    return original or record.event_id or ""


def _distinct(event: str, record: CloudTrailRecord) -> str:
    """Return what tells an event from others with its id, where that is no UUID.

    CloudTrail's own ids are UUIDs; samples and tools put one short text on many events.
    """
    if len(event) > _UUID:
        return event
    user = record.user_identity or _NOBODY
    caller = user.arn or user.principal_id or user.invoked_by or ""
    return f"{event} {record.event_time} {record.event_source}:{record.event_name} {caller}"


def _as_uuid(text: str) -> str:
    """Return a digest of a text in the form of the other ids, which are then packed together."""
    return str(UUID(bytes=blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()))
