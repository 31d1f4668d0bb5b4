"""The text that BigQuery runs gives the rows that reading the files gives: run on DuckDB over real entries."""

import json
from datetime import UTC, datetime

import duckdb
import pytest
import sqlglot

from connectors.facts import Window
from connectors.gcp.logs.groups import UnknownTableError, describe, group_of, is_own, shards
from connectors.gcp.usage.events import AuditLogReader
from connectors.logs.engine import read_logs
from connectors.logs.pushdown import Query, read_groups
from connectors.logs.seen import SeenEvents
from tests.connectors.gcp.records import EVER, QUARTER, entry

NAME = "audit-1.logs.cloudaudit_googleapis_com_activity"
TIMES = ("timestamp", "receiveTimestamp")


def as_row(one):
    """Return an entry as a sink puts it into a table: the payload under its own name, no field unknown."""
    audit = dict(payload(one))
    data = audit.pop("serviceData", None)
    if data is not None and "policyDelta" in data:
        audit["servicedata_v1_iam"] = {"policyDelta": data["policyDelta"]}
    kept = ("serviceName", "methodName", "resourceName", "status", "authenticationInfo", "authorizationInfo")
    audit = {key: value for key, value in audit.items() if key in (*kept, "servicedata_v1_iam")}
    labels = (one.get("resource") or {}).get("labels")
    log_name, insert_id, _ = identity(one)
    row = {"logName": log_name, "insertId": insert_id, "protopayload_auditlog": audit}
    row |= {"operation": one.get("operation"), "resource": {"labels": labels} if labels else None}
    row |= {key: one.get(key) for key in TIMES}
    return filled(row)


def filled(value):
    """Return a value without what is empty: BigQuery has no column for it."""
    if isinstance(value, dict):
        inner = {key: filled(one) for key, one in value.items()}
        return {key: one for key, one in inner.items() if one not in (None, {}, [])}
    if isinstance(value, list):
        return [one for one in map(filled, value) if one not in (None, {}, [])]
    return value


def schema(values, name=""):
    """Return the column that holds some values, as tables.get describes it."""
    if any(isinstance(one, list) for one in values):
        return {**schema([inner for one in values for inner in one], name), "mode": "REPEATED"}
    if any(isinstance(one, dict) for one in values):
        names = sorted({key for one in values for key in one})
        inner = [schema([one[key] for one in values if key in one], key) for key in names]
        return {"name": name, "type": "RECORD", "fields": inner}
    if name in TIMES:
        return {"name": name, "type": "TIMESTAMP"}
    if all(isinstance(one, bool) for one in values):
        return {"name": name, "type": "BOOLEAN"}
    return {"name": name, "type": "INTEGER" if all(type(one) is int for one in values) else "STRING"}


def kind(column):
    """Return the type of a column as DuckDB writes it."""
    if column["type"] == "RECORD":
        inner = ", ".join(f'"{one["name"]}" {kind(one)}' for one in column["fields"])
        found = f"STRUCT({inner})"
    else:
        found = {"BOOLEAN": "BOOLEAN", "INTEGER": "BIGINT", "TIMESTAMP": "TIMESTAMPTZ"}.get(
            column["type"], "VARCHAR"
        )
    return found + ("[]" if column.get("mode") == "REPEATED" else "")


def table(fields, **more):
    """Return what tables.get says of a partitioned table."""
    partitions = {"type": "DAY", "field": "timestamp"}
    return {"type": "TABLE", "schema": {"fields": fields}, "timePartitioning": partitions, **more}


def pushed(entries, window, tmp_path):
    """Run the text on DuckDB over a table with the columns that a sink would have made."""
    rows = [as_row(one) for one in entries]
    fields = schema(rows)["fields"]
    path = tmp_path / "rows.ndjson"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    columns = ", ".join(f"'{one['name']}': '{kind(one)}'" for one in fields)
    database.execute(
        f"CREATE TABLE entries AS SELECT * FROM read_json('{path}', format='nd', columns={{{columns}}})"
    )
    text = describe(NAME, table(fields), window, shard=False).text
    assert is_own(text, [NAME])
    (sql,) = sqlglot.transpile(text.replace(NAME, "entries"), read="bigquery", write="duckdb")
    answer = database.execute(sql.replace("FROM entries AS e", "FROM main.entries AS e", 1))
    names = [one[0] for one in answer.description]
    texts = [[None if one is None else str(one) for one in row] for row in answer.fetchall()]
    groups = [group_of(dict(zip(names, row, strict=True))) for row in texts]
    return groups, read_groups(groups, AuditLogReader(), Query("bigquery", NAME, text, "q", 1))


def from_files(entries, window, tmp_path):
    whole = tmp_path / "whole.jsonl"
    whole.write_text("\n".join(json.dumps(one) for one in entries))
    return read_logs([whole], AuditLogReader(), window, seen=SeenEvents(), workers=1)


def audit_entries(path):
    text = path.read_text()
    try:
        document = json.loads(text)
        found = document if isinstance(document, list) else [document]
    except ValueError:
        found = [json.loads(line) for line in text.splitlines() if line.strip()]
    entries = [one.get("entry", one) for one in found if isinstance(one, dict)]
    # Examples of documentation may lack a time, and hold dots where a resource was.
    timed = [{"timestamp": "2026-09-01T10:00:00Z", **one} for one in entries]
    return told_apart(
        [one for one in timed if isinstance(payload(one), dict) and isinstance(one.get("resource", {}), dict)]
    )


def payload(one):
    return one.get("protoPayload") or one.get("protopayload_auditlog")


def told_apart(entries):
    """Leave out examples that share an id and a time though they differ: which one counts is chance."""
    kinds = {}
    for one in entries:
        kinds.setdefault(identity(one), set()).add(json.dumps(one, sort_keys=True))
    return [one for one in entries if len(kinds[identity(one)]) == 1 or not identity(one)[1]]


def identity(one):
    """Return what tells an entry from others; some tools write its keys in small letters."""
    log_name, insert_id = (one.get(key) or one.get(key.lower()) for key in ("logName", "insertId"))
    return log_name, insert_id, one["timestamp"]


SETS = [
    "panther/gcp_audit_half.jsonl",
    "dftimewolf/gcp-project-logs.jsonl",
    "stratus/stratus_gcp_doc_events.jsonl",
    "csa/google.cloud.audit.AuditLog.setIamPolicy.json",
    "csa/google.cloud.bigquery.v2.JobService.InsertJob-dataRead.json",
    "csa/google.cloud.aiplatform.v1.PredictionService.Predict.json",
]


@pytest.mark.parametrize("name", SETS)
def test_pushed_down_rows_are_those_of_the_files(shared, tmp_path, name):
    entries = audit_entries(shared / name)
    assert entries
    read = from_files(entries, EVER, tmp_path)
    _, found = pushed(entries, EVER, tmp_path)
    assert list(read.rows) == list(found.rows)
    assert list(from_files(once(entries), EVER, tmp_path).presence) == list(found.presence)


def once(entries):
    """Return entries without copies, which the query takes out too: presence counts them in files."""
    held = {identity(one) if identity(one)[1] else place: one for place, one in enumerate(entries)}
    return list(held.values())


NAMES = [
    "projects/_/buckets/b/objects/o",
    "projects/_/buckets/b/objects/a/o",
    "projects/_/buckets/b/objects/a/b/o",
    "projects/_/buckets/b/objects/a/b/c/d/o",
    "projects/_/buckets/b/objects/a/",
    "projects/_/buckets/b/objects//o",
    "projects/_/buckets/b/objects/",
    'projects/_/buckets/b/objects/a"b/c\\d/"e"',
    "projects/_/buckets/b/objects/two\nlines/x",
    "projects/_/buckets/b/objects/jobs/x/y/z",
    "projects/_/buckets/b/objects/x/jobs/z",
    "projects/p/jobs/j1",
    "projects/p/jobs/j1/more",
    'projects/p/operations/o"1',
    "projects/p/objects/x/sessions/s",
    "//x/buckets/b/y/objects/o",
    "",
]


@pytest.mark.parametrize("method", ["storage.objects.get", "storage.setIamPolicy"])
@pytest.mark.parametrize("permission", ["", "storage.objects.get"])
def test_names_fold_as_the_reader_folds_them(tmp_path, method, permission):
    entries = [entry(permission, resource=name, method=method) for name in NAMES]
    entries += [entry(permission, resource=name, method=method, who="") for name in NAMES]
    assert list(from_files(entries, EVER, tmp_path).rows) == list(pushed(entries, EVER, tmp_path)[1].rows)


def test_many_objects_of_a_folder_are_one_group_and_copies_count_once(tmp_path):
    entries = [
        entry("storage.objects.get", resource=f"projects/_/buckets/b/objects/a/b/{number}", kind="DATA_READ")
        for number in range(50)
    ]
    groups, found = pushed([*entries, *entries], QUARTER, tmp_path)
    assert [50] == [group.calls for group in groups]
    assert list(from_files(entries, QUARTER, tmp_path).rows) == list(found.rows)


def test_what_a_row_depends_on_is_kept_apart(tmp_path):
    chain = [{"firstPartyPrincipal": {"principalEmail": "a@example.com"}}, {"principalSubject": "user:b@x.y"}]
    who = {
        "principalEmail": "rag@p.iam.gserviceaccount.com",
        "serviceAccountKeyName": "//iam.googleapis.com/projects/p/serviceAccounts/rag/keys/k",
        "serviceAccountDelegationInfo": chain,
    }
    delta = {"action": "REMOVE", "service": "allServices", "logType": "DATA_READ"}
    data = {"@type": "t/AuditData", "policyDelta": {"auditConfigDeltas": [delta]}}
    entries = [
        entry("a.b.c", authenticationInfo=who),
        entry("a.b.c", granted=False, status={"code": 7, "message": "no"}),
        entry("a.b.c", granted=None),
        entry("a.b.c", status={"code": 5}),
        entry("a.b.d", log="policy"),
        entry("a.b.d", log="system_event"),
        entry("", who="", authenticationInfo={"authoritySelector": "anonymous"}),
        entry("x.y.setIamPolicy", method="SetIamPolicy", resource="projects/p/jobs/j", serviceData=data),
        {**entry(""), "operation": {"id": "o", "first": True}},
        {**entry(""), "operation": {"id": "o", "last": True}},
        {**entry("a.b.c"), "operation": {"id": "o", "last": True}},
        entry("a.b.c", at="2026-09-02T10:00:00.123456789Z"),
    ]
    del entries[0]["insertId"]
    entries.append(entries[0])
    read, found = from_files(entries, QUARTER, tmp_path), pushed(entries, QUARTER, tmp_path)[1]
    assert list(read.rows) == list(found.rows)
    assert 11 == len(found.rows)


def test_the_window_bounds_what_counts(tmp_path):
    times = (
        "2026-07-31T23:59:59.999999Z",
        "2026-08-01T00:00:00Z",
        "2026-10-31T23:59:59.9Z",
        "2026-11-01T00:00:00Z",
    )
    entries = [entry("a.b.c", at=time) for time in times]
    read, found = from_files(entries, QUARTER, tmp_path), pushed(entries, QUARTER, tmp_path)[1]
    assert list(read.rows) == list(found.rows)
    assert 2 == sum(row.count for row in found.rows)


FIELDS = schema([as_row(entry("a.b.c"))])["fields"]


@pytest.mark.parametrize(
    ("partitions", "expected"),
    [
        (
            {"type": "DAY", "field": "timestamp"},
            "e.timestamp >= TIMESTAMP '2026-08-01 00:00:00+00' AND e.timestamp < TIMESTAMP '2026-11-01 00:00:00+00'",
        ),
        (
            {"type": "DAY"},
            (
                "(_PARTITIONTIME >= TIMESTAMP '2026-07-31 00:00:00+00' AND _PARTITIONTIME < TIMESTAMP"
                " '2026-11-04 00:00:00+00' OR _PARTITIONTIME IS NULL)"
            ),
        ),
        (
            {"type": "MONTH", "field": "receiveTimestamp"},
            (
                "e.receiveTimestamp >= TIMESTAMP '2026-07-01 00:00:00+00' AND e.receiveTimestamp < TIMESTAMP"
                " '2026-11-04 00:00:00+00'"
            ),
        ),
    ],
)
def test_only_the_partitions_of_the_window_are_read(partitions, expected):
    text = describe(NAME, table(FIELDS, timePartitioning=partitions), QUARTER, shard=False).text
    assert f"FROM `{NAME}` AS e\n  WHERE {expected}\n)" in text
    assert is_own(text, [NAME])


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (table(FIELDS, timePartitioning=None), "no partitions by time"),
        (table(FIELDS, timePartitioning={"type": "DAY", "field": "made"}), "no partitions by time"),
        (table(FIELDS, type="VIEW"), "is a view"),
        (
            table([one for one in FIELDS if one["name"] != "protopayload_auditlog"]),
            "no sink wrote audit logs",
        ),
        (table([{**one, "name": one["name"].lower()} for one in FIELDS]), "spells logName as logname"),
        ({"type": "TABLE"}, "no column protopayload_auditlog"),
    ],
)
def test_a_table_that_is_no_sinks_or_would_be_read_whole_is_refused(found, words):
    with pytest.raises(UnknownTableError, match=words):
        describe(NAME, found, QUARTER, shard=False)


def test_tables_of_one_day_each_are_those_of_the_window():
    window = Window(datetime(2026, 12, 31, tzinfo=UTC), datetime(2027, 1, 1, 5, tzinfo=UTC))
    assert [f"{NAME}_20261231", f"{NAME}_20270101"] == shards(f"{NAME}_*", window)


def test_no_other_text_is_its_own():
    text = describe(NAME, table(FIELDS), QUARTER, shard=False).text
    for other in (
        text + "; DROP TABLE x",
        text.replace(NAME, "audit-1.logs.salaries"),
        text.replace("COUNT(*)", "ANY_VALUE(secret)"),
        text.replace("e.logName", "(SELECT x FROM y)"),
        "SELECT 1",
    ):
        assert not is_own(other, [NAME])
    shard = describe(
        f"{NAME}_20260801", {**table(FIELDS), "timePartitioning": None}, QUARTER, shard=True
    ).text
    assert (True, False) == (is_own(shard, [f"{NAME}_*"]), is_own(shard, [NAME]))
