"""Read CloudTrail as a plain script must that gives the engine's answer: gzip, json, and the rules once an event.

Each record is parsed once and each rule of the AWS wing is asked once for it. Nothing is remembered between records
but what the wing's own rules remember: which parameters name the resource of an operation, and what a code means.
What the engine does for broken logs is left out: a file that is no clean JSON fails as a whole.
"""

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from connectors.aws.times import stamp
from connectors.aws.trust.session_policies import session_policy
from connectors.aws.usage.events import (
    _BEARER_PERMISSION,
    _LOG_CLASS,
    _SHARED_OTHERWISE,
    LONG_TERM_API_KEY,
    SHORT_TERM_API_KEY,
)
from connectors.aws.usage.outcomes import DeniedCodes
from connectors.aws.usage.passed_roles import passed_roles, passes_roles
from connectors.aws.usage.principals import UserIdentity, caller_of
from connectors.aws.usage.resources import EventResources, Named, Plan, ResourceRef, resource_type
from connectors.aws.usage.row_marks import Marks, written
from connectors.aws.usage.rules import service_of
from connectors.aws.usage.templates import as_name, filled
from tests.benchmarks.logs.answers import Answer, line

_UUID = 36
_ANYWHERE = {"partition": "aws", "region": "-", "account": "-"}

Key = tuple[str, ...]


class _Sums:
    """Counts with the first and the last time, by key."""

    def __init__(self) -> None:
        self.by_key: dict[Key, list[Any]] = {}

    def add(self, key: Key, time: str) -> None:
        found = self.by_key.get(key)
        if found is None:
            self.by_key[key] = [1, time, time]
            return
        found[0] += 1
        if time < found[1]:  # noqa: PLR1730 a call of min takes longer
            found[1] = time
        if time > found[2]:  # noqa: PLR1730
            found[2] = time

    def sorted(self) -> list[tuple[Key, list[Any]]]:
        return sorted(self.by_key.items())


class PlainReader:
    """Counts the records of one tree."""

    def __init__(self) -> None:
        self._resources = EventResources()
        self._denied = DeniedCodes()
        self._seen: set[str] = set()
        self._rows, self._places = _Sums(), _Sums()

    def read(self, files: Iterable[Path]) -> Answer:
        """Return what the files hold."""
        read: list[tuple[str, int, int, str]] = []
        for path in files:
            stored = path.read_bytes()
            records = json.loads(gzip.decompress(stored))["Records"]
            copies = sum(map(self._is_copy, records))
            read.append((str(path), len(records), copies, sha256(stored).hexdigest()))
        rows, places = self._rows.sorted(), self._places.sorted()
        return Answer(sum(count for _, count, _, _ in read), _lines(rows, places, read))

    def _is_copy(self, record: dict[str, Any]) -> bool:
        """Count one record, and return whether the event was counted before."""
        source, name = record["eventSource"], record["eventName"]
        time = record["eventTime"]
        if len(time) != len("2026-11-22T00:00:00Z"):
            time = stamp(time)
        user = msgspec.convert(record.get("userIdentity") or {}, UserIdentity)
        caller = caller_of(user)
        account, region = record.get("recipientAccountId") or caller.account, record.get("awsRegion") or ""
        refs = msgspec.convert(record.get("resources") or [], list[ResourceRef | None])
        category, event_type = record.get("eventCategory") or "", record.get("eventType") or ""
        log_class = _log_class(category, record)
        place = (account, region, log_class, "" if log_class == "management" else resource_type(refs))
        self._places.add(place, time)
        event = _event_id(record, caller.identity, user)
        if event in self._seen:
            return True
        if event:
            self._seen.add(event)
        parameters = record.get("requestParameters")
        named = self._resources.listed(source, name, refs) or self._requested(source, name, parameters)
        error = record.get("errorCode") or ""
        outcome = self._denied.outcome(error)
        by_session = bool(error) and "session polic" in str(record.get("errorMessage"))
        limited = _session(parameters) if source == "sts.amazonaws.com" else ""
        row = (
            account, caller.identity, caller.type or "missing", caller.credential, f"{source}:{name}", "",
            self._resources.written(source, name, named, region, account), region, caller.via, "", outcome,
            caller.workload, written(Marks(f"{category}:{event_type}", caller.unique, by_session, limited)), time[:10],
        )  # fmt: skip
        if source in _BEARER_PERMISSION:
            row = self._with_bearer(record, row, time)
        self._rows.add(row, time)
        if record.get("readOnly") is not True and outcome != "denied" and passes_roles(source, name):
            for role in passed_roles(parameters, account, region):
                self._rows.add((*row[:5], "iam:PassRole", role, *row[7:]), time)
        return False

    def _requested(self, source: str, name: str, parameters: Any) -> Named:
        """Return the request parameters that name a resource."""
        if not isinstance(parameters, dict):
            return ""
        plan = self._resources.plan(source, name)
        if plan is not None:
            values = _values(plan, parameters)
            if any(values[: plan.own]) or (
                any(values) and filled(plan.shapes, plan.named(values), _ANYWHERE)
            ):
                return values
        arns = {one for one in parameters.values() if isinstance(one, str) and one.startswith("arn:")}
        if not arns:
            return ""
        service = self._resources._service(source)
        own = [arn for arn in arns if service_of(arn) == service]
        return self._resources._folded(own[0]) if len(own) == 1 else ""

    def _with_bearer(self, record: dict[str, Any], row: Key, time: str) -> Key:
        """Return the row of a call that may have been made with a Bedrock API key; count the key's own."""
        for data in (record.get("additionalEventData"), record.get("requestParameters")):
            if not isinstance(data, dict) or data.get("callWithBearerToken") not in (True, "true"):
                continue
            token = str(data.get("bearerTokenType", "")).upper()
            long_term = "SHORT" not in token if token else row[2] == "IAMUser"
            credential = row[3]
            if not credential or (token and long_term):
                credential = LONG_TERM_API_KEY if long_term else SHORT_TERM_API_KEY
            row = (*row[:3], credential, *row[4:])
            self._rows.add((*row[:5], _BEARER_PERMISSION[record["eventSource"]], "", *row[7:]), time)
            break
        return row


def _values(plan: Plan, parameters: Mapping[str, Any]) -> tuple[str | None, ...]:
    """Return the values of the parameters that a plan reads; nothing where one of a rule is no text."""
    values = [parameters.get(key) for key in plan.keys]
    if not all(value is None or isinstance(value, str) for value in values[: plan.own]):
        return ()
    return (*values[: plan.own], *map(as_name, values[plan.own :]))


def _log_class(category: str, record: Mapping[str, Any]) -> str:
    if category:
        return _LOG_CLASS.get(category, category.lower())
    return "data" if record.get("managementEvent") in (False, "false") else "management"


def _event_id(record: Mapping[str, Any], identity: str, user: UserIdentity) -> str:
    """Return what copies of an event share."""
    event: str = record.get("eventID") or ""
    shared, addendum = record.get("sharedEventID"), record.get("addendum")
    if shared and record.get("eventType") not in _SHARED_OTHERWISE:
        event = f"{shared} {identity}"
    elif addendum:
        event = addendum.get("originalEventID") or event
    if not event or len(event) >= _UUID:
        return event
    caller = user.arn or user.principal_id or user.invoked_by or ""
    return f"{event} {record['eventTime']} {record['eventSource']}:{record['eventName']} {caller}"


def _session(parameters: Any) -> str:
    """Return what a session was limited to that the call issued."""
    if not isinstance(parameters, dict) or not any(key.startswith("policy") for key in parameters):
        return ""
    return session_policy(msgspec.json.encode(parameters))


def _lines(
    rows: Sequence[tuple[Key, list[Any]]],
    places: Sequence[tuple[Key, list[Any]]],
    files: Sequence[tuple[str, int, int, str]],
) -> Iterator[str]:
    for key, counted in rows:
        yield line("row", *key, *counted)
    for key, counted in places:
        yield line("seen", *key, *counted)
    for one in files:
        yield line("file", *one)
