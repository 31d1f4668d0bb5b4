"""The query that groups CloudTrail events in a table, and the events that its groups stand for."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib.resources import files
from typing import Any

from connectors.aws.catalog.tables import table
from connectors.aws.usage.templates import all_keys
from connectors.facts import Window
from connectors.logs.dated import EARLY, LATE
from connectors.logs.pushdown import Group, Query
from connectors.logs.rows import LogRead

_PREFIX = "p_"
_TEMPLATES = "p__templates"
_BETWEEN = "\x1f"
"""Stands between the values that ARN templates read."""
_WRITTEN_COLUMNS = 26
"""Columns that athena.sql itself writes before the counts: those that groups are made by."""
_ISSUES = "CASE WHEN eventsource = 'sts.amazonaws.com' THEN"
_OF_SESSIONS = {
    "p__policy": f"{_ISSUES} json_extract_scalar(requestparameters, '$.policy') END",
    "p__policyarns": f"{_ISSUES} json_format(json_extract(requestparameters, '$.policyArns')) END",
    "p__refused": "CASE WHEN errormessage LIKE '%session polic%' THEN 'session policy' END",
}
"""Columns about session policies: those that sessions are issued with, and calls that one refused."""
_OPTIONAL = {
    "identity_provider": ("identityprovider", "useridentity.identityprovider"),
    "on_behalf_of": ("onbehalfof", "useridentity.onbehalfof.userid"),
    "issued_to": ("inscopeof", "useridentity.inscopeof.credentialsissuedto"),
    "issued_for": ("inscopeof", "useridentity.inscopeof.sourcearn"),
    "delegate": ("invokedbydelegate", "useridentity.invokedbydelegate.accountid"),
}
"""Fields of userIdentity that tables made from older documentation lack, and how each is read."""
TABLE = r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*){1,2}"
"""`database.table`, or with the catalog before it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an engine gave, the query as evidence, and why it is not whole; `notes` are no loss of calls."""

    read: LogRead
    query: Query
    problem: str = ""
    notes: tuple[str, ...] = ()


def missing_fields(identity_type: str) -> list[str]:
    """Return which fields of userIdentity a table lacks, by its type (`struct<type:string,…>`)."""
    return sorted({field for field, _ in _OPTIONAL.values() if f"{field}:" not in identity_type.lower()})


def query_text(name: str, partition: str, window: Window, missing: Sequence[str] = ()) -> str:
    """Return the query for a table (`athena.sql`) over a window, compared with times as CloudTrail has them.

    `partition` is the predicate that keeps the scan to the days of the window; `missing` are fields of
    userIdentity that the table lacks.
    """
    keys = parameter_keys()
    columns = [
        f"json_extract_scalar(requestparameters, '$.{key}') AS {_PREFIX}{key.lower()}," for key in keys
    ]
    columns += [f"{text} AS {name}," for name, text in _OF_SESSIONS.items()]
    columns.append(f"CASE eventsource {' '.join(_of_templates())} END AS {_TEMPLATES},")
    names = [f"{name}," for name in (*(_PREFIX + key.lower() for key in keys), *_OF_SESSIONS, _TEMPLATES)]
    text = files("connectors.aws").joinpath("logs", "queries", "athena.sql").read_text("utf-8")
    text = "\n".join(line for line in text.splitlines() if not line.startswith("--")) + "\n"
    grouped = _WRITTEN_COLUMNS + len(names)
    filled = {
        "parameters": "\n    ".join(columns),
        "names": "\n  ".join(names),
        "table": name,
        "partitions": partition,
        "start": _text(window.start),
        "end": _text(window.end),
        "ordinals": ", ".join(str(number) for number in range(1, grouped + 1)),
    }
    for alias, (field, path) in _OPTIONAL.items():
        filled[alias] = "CAST(NULL AS VARCHAR)" if field in missing else path
    for place, value in filled.items():
        text = text.replace(f"<<{place}>>", value)
    return text


def _of_templates() -> Iterator[str]:
    """Yield for each event source what its ARN templates read, as one text: columns would be hundreds."""
    for source, keys in all_keys().items():
        values = (f"COALESCE(json_extract_scalar(requestparameters, '$.{key}'), '')" for key in keys)
        yield f"WHEN '{source}' THEN " + f" || chr({ord(_BETWEEN)}) || ".join(values)


def partition_predicate(keys: Sequence[str], form: str, window: Window) -> str:
    """Return the predicate on the partition columns of a table; empty when they say no day.

    Known are one column with the day (`timestamp`, `day`, `date`, `dt`; `form` is its Java pattern, by
    default `yyyy/MM/dd`), and the columns year, month and day. The days are those of buckets.
    """
    start, end = window.start - EARLY, window.end + LATE
    lower = {key.lower(): key for key in keys}
    if {"year", "month", "day"} <= lower.keys():
        days = [start.date() + timedelta(days=n) for n in range((end.date() - start.date()).days + 1)]
        months: dict[tuple[int, int], list[int]] = {}
        for day in days:
            months.setdefault((day.year, day.month), []).append(day.day)
        parts = (
            f"(year = '{year:04}' AND month = '{month:02}' AND day IN ({_days(found)}))"
            for (year, month), found in months.items()
        )
        return f"({' OR '.join(parts)})"
    for name in ("timestamp", "day", "date", "dt", "eventday"):
        if name in lower:
            pattern = (form or "yyyy/MM/dd").replace("yyyy", "%Y").replace("MM", "%m").replace("dd", "%d")
            return f"\"{lower[name]}\" BETWEEN '{start.strftime(pattern)}' AND '{end.strftime(pattern)}'"
    return ""


def _days(days: Sequence[int]) -> str:
    return ", ".join(f"'{day:02}'" for day in days)


@lru_cache(maxsize=1)
def parameter_keys() -> tuple[str, ...]:
    """Return the request parameters that may name a resource, sorted (`catalog/event_resources.toml`)."""
    rules = table("event_resources")["parameter"]
    found = {"bucketName"} | {
        str(rule[key]) for rule in rules for key in ("key", "with_key") if rule.get(key)
    }
    return tuple(sorted(found))


def group_of(row: Mapping[str, Any]) -> Group:
    """Return the group that a row of the answer describes; every value may be text, as Athena has it."""
    record = {
        "eventTime": row["first_seen"],
        "eventSource": row["eventsource"],
        "eventName": row["eventname"],
        "awsRegion": row["awsregion"],
        "errorCode": row["errorcode"],
        "errorMessage": row["p__refused"],
        "eventType": row["eventtype"],
        "eventCategory": row["eventcategory"],
        "readOnly": True if str(row["readonly"]).lower() == "true" else row["readonly"],
        "recipientAccountId": row["recipientaccountid"],
        "userIdentity": _identity(row),
        "resources": _resources(row["resources"]),
        "requestParameters": _parameters(row),
        "additionalEventData": _additional(row),
    }
    present = {key: value for key, value in record.items() if value is not None}
    return Group(present, int(row["calls"]), str(row["first_seen"]), str(row["last_seen"]))


def _identity(row: Mapping[str, Any]) -> dict[str, Any]:
    issuer = row["issuer"]
    fields = {
        "type": row["identity_type"],
        "arn": row["identity_arn"],
        "accountId": row["identity_account"],
        "userName": row["identity_name"],
        "principalId": row["principal"],
        "invokedBy": row["invoked_by"],
        "accessKeyId": row["access_key"],
        "sessionContext": {"sessionIssuer": {"arn": issuer}} if issuer else None,
        "identityProvider": row["identity_provider"],
        "onBehalfOf": _one("userId", row["on_behalf_of"]),
        "inScopeOf": {
            **(_one("credentialsIssuedTo", row["issued_to"]) or {}),
            **(_one("sourceArn", row["issued_for"]) or {}),
        }
        or None,
        "invokedByDelegate": _one("accountId", row["delegate"]),
    }
    return {key: value for key, value in fields.items() if value is not None}


def _one(name: str, value: Any) -> dict[str, Any] | None:
    return None if value is None else {name: value}


def _resources(written: Any) -> list[dict[str, Any]] | None:
    """Return the resources of an event: rows become objects in some versions of Athena, arrays in others."""
    if not written:
        return None
    found = json.loads(written) if isinstance(written, str) else written
    return [
        {"ARN": one.get("arn"), "type": one.get("type")}
        if isinstance(one, Mapping)
        else {"ARN": one[0], "type": one[2]}
        for one in found or ()
        if one
    ]


def _parameters(row: Mapping[str, Any]) -> Any:
    if row["parameters"]:
        try:
            return json.loads(row["parameters"])
        except ValueError:
            return None
    found = {key: row[_PREFIX + key.lower()] for key in parameter_keys()}
    keys = all_keys().get(str(row["eventsource"]), ())
    values = str(row[_TEMPLATES] or "").split(_BETWEEN)
    found |= {key: value for key, value in zip(keys, values, strict=False) if value}
    listed = row["p__policyarns"]
    found |= {"policy": row["p__policy"], "policyArns": json.loads(listed) if listed else None}
    return {key: value for key, value in found.items() if value is not None} or None


def _additional(row: Mapping[str, Any]) -> dict[str, Any] | None:
    if row["bearer"] is None:
        return None
    kind = {"bearerTokenType": row["bearer_type"]} if row["bearer_type"] is not None else {}
    return {"callWithBearerToken": row["bearer"], **kind}


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
