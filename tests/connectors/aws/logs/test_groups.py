"""The text that Athena runs gives the rows that reading the files gives: run on DuckDB over real events."""

import gzip
import json
from datetime import UTC, datetime

import duckdb
import pytest
import sqlglot

from connectors.aws.logs.groups import group_of, query_text
from connectors.aws.usage.events import CloudTrailReader
from connectors.facts import Window
from connectors.logs.engine import read_logs
from connectors.logs.pushdown import Query, read_groups
from connectors.logs.seen import SeenEvents

WINDOW = Window(datetime(2010, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
SCHEMA = """
CREATE TABLE trails (
  useridentity STRUCT(type VARCHAR, principalid VARCHAR, arn VARCHAR, accountid VARCHAR, invokedby VARCHAR,
    accesskeyid VARCHAR, username VARCHAR, sessioncontext STRUCT(sessionissuer STRUCT(arn VARCHAR)),
    identityprovider VARCHAR, onbehalfof STRUCT(userid VARCHAR),
    inscopeof STRUCT(credentialsissuedto VARCHAR, sourcearn VARCHAR),
    invokedbydelegate STRUCT(accountid VARCHAR)),
  eventtime VARCHAR, eventsource VARCHAR, eventname VARCHAR, awsregion VARCHAR, errorcode VARCHAR, errormessage VARCHAR,
  requestparameters VARCHAR, additionaleventdata VARCHAR, eventid VARCHAR,
  resources STRUCT(arn VARCHAR, accountid VARCHAR, type VARCHAR)[], eventtype VARCHAR, readonly VARCHAR,
  recipientaccountid VARCHAR, sharedeventid VARCHAR, eventcategory VARCHAR,
  addendum STRUCT(originaleventid VARCHAR)
)
"""


def records(path):
    raw = path.read_bytes()
    document = json.loads(gzip.decompress(raw) if path.suffix == ".gz" else raw)
    return document.get("Records", []) if isinstance(document, dict) else []


def column(value):
    return value if value is None or isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def lower(value):
    return None if value is None else {name.lower(): inner for name, inner in value.items()}


def as_table(record):
    """Return a record as CloudTrail's SerDe puts it into the documented columns."""
    who = record.get("userIdentity") or {}
    issuer = ((who.get("sessionContext") or {}).get("sessionIssuer") or {}).get("arn")
    names = ("type", "principalId", "arn", "accountId", "invokedBy", "accessKeyId", "userName")
    return {
        "useridentity": {
            **{name.lower(): who.get(name) for name in names},
            "sessioncontext": {"sessionissuer": {"arn": issuer}},
            "identityprovider": who.get("identityProvider"),
            "onbehalfof": lower(who.get("onBehalfOf")),
            "inscopeof": lower(who.get("inScopeOf")),
            "invokedbydelegate": lower(who.get("invokedByDelegate")),
        },
        "resources": [
            {"arn": one.get("ARN") or one.get("arn"), "accountid": one.get("accountId"), "type": one.get("type")}
            for one in record.get("resources") or []
        ]
        or None,
        "addendum": {"originaleventid": (record.get("addendum") or {}).get("originalEventID")},
        **{
            name.lower(): column(record.get(name))
            for name in (
                "eventTime", "eventSource", "eventName", "awsRegion", "errorCode", "errorMessage", "requestParameters",
                "additionalEventData", "eventID", "eventType", "readOnly", "recipientAccountId",
                "sharedEventID", "eventCategory",
            )
        },
    }  # fmt: skip


def pushed(events, window, tmp_path):
    """Run the text on DuckDB, which marks a group of a regular expression by a backslash, not a dollar."""
    source = tmp_path / "rows.ndjson"
    source.write_text("\n".join(json.dumps(as_table(event)) for event in events))
    database = duckdb.connect()
    database.execute(SCHEMA)
    database.execute(
        f"INSERT INTO trails BY NAME SELECT * FROM read_json('{source}', format='nd', columns={columns()})"
    )
    text = query_text("db.trails", "1 = 1", window).replace("db.trails", "trails")
    (sql,) = sqlglot.transpile(text, read="athena", write="duckdb")
    answer = database.execute(sql.replace("$1", "\\1"))
    names = [entry[0] for entry in answer.description]
    groups = [group_of(dict(zip(names, row, strict=True))) for row in answer.fetchall()]
    return read_groups(groups, CloudTrailReader(), Query("athena", "db.trails", text, "q", 1))


def columns():
    """Return the columns of the table as DuckDB's JSON reader wants them."""
    database = duckdb.connect()
    database.execute(SCHEMA)
    rows = database.execute("DESCRIBE trails").fetchall()
    return "{" + ", ".join(f"{name}: '{kind}'" for name, kind, *_ in rows) + "}"


def usable(record):
    return isinstance(record.get("eventTime"), str) and len(record["eventTime"]) == len(
        "2026-11-22T00:00:00Z"
    )


def told_apart(events):
    """Leave out examples that share an event id though they are different events: which one counts is chance."""
    names = {}
    for event in events:
        names.setdefault(event.get("eventID"), set()).add((event["eventName"], event["eventTime"]))
    return [event for event in events if len(names[event.get("eventID")]) == 1 or not event.get("eventID")]


SETS = [
    "invictus_aws_dataset",
    "flaws_cloud_subset",
    "stratus_red_team.json",
    "traildiscover.json",
    "otrf_s3_exfil.json",
    "umccr_examples.json",
    "aws_docs_samples.json",
    "ai_manual.json",
]


@pytest.mark.parametrize("name", SETS)
def test_pushed_down_rows_are_those_of_the_files(data, tmp_path, name):
    place = data / "cloudtrail" / name
    paths = sorted(path for path in place.rglob("*.json*") if path.is_file()) if place.is_dir() else [place]
    events = told_apart([one for path in paths for one in records(path) if usable(one)])
    whole = tmp_path / "whole.json"
    whole.write_text(json.dumps({"Records": events}))
    read = read_logs([whole], CloudTrailReader(), WINDOW, seen=SeenEvents(), workers=1)
    found = pushed(events, WINDOW, tmp_path)
    assert list(read.rows) == list(found.rows)


def test_resources_of_odd_forms_are_told_alike(tmp_path):
    """Keys of objects may hold quotes and backslashes; a resource may be named by its prefix alone."""
    base = {
        "eventTime": "2026-03-01T10:00:00Z", "eventSource": "s3.amazonaws.com", "eventName": "GetObject",
        "awsRegion": "eu-west-1", "eventType": "AwsApiCall", "recipientAccountId": "123456789012", "readOnly": True,
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::123456789012:user/anna"},
    }  # fmt: skip
    keys = ['say "hello"/there', "back\\slash", 'both\\"', "é/ü", ""]
    events = [
        {**base, "resources": [{"type": "AWS::S3::Object", "ARN": f"arn:aws:s3:::docs/{key}"}]}
        for key in keys
    ]
    events.append({
        **base, "eventSource": "iam.amazonaws.com", "eventName": "GetPolicy",
        "requestParameters": {"policyArn": "arn:aws:iam::123456789012:policy/p"},
        "resources": [{"type": "AWS::IAM::Policy", "ARNPrefix": "policy/"}],
    })  # fmt: skip
    events = [{**event, "eventID": f"00000000-0000-4000-8000-{at:012}"} for at, event in enumerate(events)]
    (tmp_path / "whole.json").write_text(json.dumps({"Records": events}))
    read = read_logs([tmp_path / "whole.json"], CloudTrailReader(), WINDOW, seen=SeenEvents(), workers=1)
    assert list(read.rows) == list(pushed(events, WINDOW, tmp_path).rows)
    assert {"arn:aws:iam::123456789012:policy/p"} <= {row.resource for row in read.rows}
