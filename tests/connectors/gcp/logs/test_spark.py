"""Spark in local mode gives the rows that reading a sink's files gives: over real entries and torn files."""

import base64
import gzip
import json
from datetime import UTC, datetime
from importlib.resources import files

import msgspec
import pytest

from connectors.bundle import BundleWriter, open_bundle
from connectors.errors import SettingError
from connectors.facts import Window
from connectors.gcp.connector import CONNECTOR
from connectors.gcp.logs.spark import audit_lines
from connectors.gcp.usage.entry import Audit, LogEntry, Operation, Resource
from connectors.gcp.usage.events import AuditLogReader
from connectors.interface import Source, Status, silent
from connectors.logs.engine import read_logs
from connectors.logs.lake_lines import query_lines
from connectors.logs.lake_settings import LakeSettings
from connectors.logs.seen import SeenEvents
from tests.connectors.gcp.logs.test_groups import NAMES, SETS, audit_entries, once, payload
from tests.connectors.gcp.records import EVER, QUARTER, entry

HOUR = "09:00:00_09:59:59_S0.json"
"""What a sink calls a file."""
DAY = Window(datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 9, 2, tzinfo=UTC))


def put(folder, entries, name=HOUR, *, more=""):
    folder.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{json.dumps(one)}\n" for one in entries) + more
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def asked(folder, window):
    return query_lines(audit_lines(window), LakeSettings((str(folder),)), window)


def read(folder, window):
    return read_logs([folder], AuditLogReader(), window, seen=SeenEvents(), workers=1)


def sunk(one):
    """Return an entry as a sink writes it: other tools' spellings of its keys and time put right."""
    log_name = (
        one.get("logName") or one.get("logname") or "projects/p/logs/cloudaudit.googleapis.com%2Factivity"
    )
    made = {"logName": log_name, "insertId": one.get("insertId") or one.get("insertid")}
    made |= {key: one[key] for key in ("timestamp", "operation", "resource") if one.get(key)}
    made["timestamp"] = made["timestamp"].replace(" ", "T").removesuffix("Z") + "Z"
    return {key: value for key, value in made.items() if value} | {"protoPayload": payload(one)}


def test_rows_of_real_entries_are_those_of_the_files(spark, shared, tmp_path):
    """All sets in one job: a job costs more than its entries."""
    entries = [sunk(one) for name in SETS for one in audit_entries(shared / name)]
    put(tmp_path / "a", entries[::2])
    put(tmp_path / "b", entries[1::2], "lines.jsonl.gz")
    put(tmp_path / "b", entries[:20], "copies.json")
    found = asked(tmp_path, EVER)
    assert "" == found.problem
    assert list(read(tmp_path, EVER).rows) == list(found.read.rows)
    put(tmp_path / "c", once([*entries, *entries[:20]]))  # without an id a copy is not known
    assert read(tmp_path / "c", EVER).presence == found.read.presence
    assert 200 < sum(row.count for row in found.read.rows)


def test_what_a_row_depends_on_is_kept_apart_and_the_rest_is_grouped(spark, tmp_path):
    chain = [{"firstPartyPrincipal": {"principalEmail": "a@example.com"}}, {"principalSubject": "user:b@x.y"}]
    who = {
        "principalEmail": "rag@p.iam.gserviceaccount.com",
        "serviceAccountKeyName": "//iam.googleapis.com/projects/p/serviceAccounts/rag/keys/k",
    }
    delta = {"action": "REMOVE", "service": "allServices", "logType": "DATA_READ"}
    data = {"@type": "t/AuditData", "policyDelta": {"auditConfigDeltas": [delta]}}
    entries = [
        entry("a.b.c", authenticationInfo=who),
        entry("a.b.c", authenticationInfo={**who, "serviceAccountDelegationInfo": chain}),
        entry("a.b.c", granted=False, status={"code": 7, "message": "no"}),
        entry("a.b.c", granted=None),
        entry("a.b.c", status={"code": 5}),
        entry("a.b.d", log="policy"),
        entry("a.b.d", log="system_event"),
        entry("", who="", authenticationInfo={"authoritySelector": "anonymous"}),
        entry("x.y.setIamPolicy", method="SetIamPolicy", resource="projects/p/jobs/j", serviceData=data),
        entry("x.y.setIamPolicy", method="SetIamPolicy", resource="projects/p/jobs/k", serviceData=data),
        {**entry(""), "operation": {"id": "o", "first": True}},
        {**entry(""), "operation": {"id": "o", "last": True}},
        {**entry("a.b.c"), "operation": {"id": "o", "last": True}},
        entry("a.b.e", at="2026-09-02T10:00:00.123456789Z"),
        *(entry("a.b.f", at=f"{day}T23:59:59.9Z") for day in ("2026-07-31", "2026-10-31", "2026-11-01")),
        *(entry("a.b.g", at=f"{day}T00:00:00Z") for day in ("2026-08-01", "2026-11-01")),
        {
            "logName": "projects/p/logs/app",
            "timestamp": "2026-09-01T00:00:00Z",
            "jsonPayload": {"message": "x"},
        },
    ]
    again = {**entries[13], "timestamp": "2026-09-02T10:00:00.123456Z"}  # BigQuery keeps microseconds
    del entries[0]["insertId"]
    for method in ("storage.objects.get", "storage.setIamPolicy"):
        for permission in ("", "storage.objects.get"):
            entries += [entry(permission, resource=name, method=method) for name in NAMES]
            entries += [entry(permission, resource=name, method=method, who="") for name in NAMES]
    put(tmp_path / "a", [*entries, entries[0]])
    put(tmp_path / "b", [again, *entries[5:]])
    found = asked(tmp_path, QUARTER)
    assert "" == found.problem
    assert list(read(tmp_path, QUARTER).rows) == list(found.read.rows)
    (file,) = found.read.files
    assert ("ok", sum(one.rejected for one in read(tmp_path, QUARTER).files)) == (file.status, file.rejected)


def test_many_objects_of_a_folder_are_one_group(spark, tmp_path):
    put(tmp_path, [entry("a.b.c", resource=f"projects/_/buckets/b/objects/a/b/{one}") for one in range(50)])
    listed = asked(tmp_path, QUARTER)
    assert [50] == [row.count for row in listed.read.rows]
    spark.read.text(str(tmp_path)).selectExpr("'f' AS path", "value").createOrReplaceTempView(
        "entdrift_lines"
    )
    assert 1 == spark.sql(audit_lines(QUARTER).text).count()


def test_lines_that_are_torn_or_no_entries_of_a_sink_are_named(spark, tmp_path):
    one, two = entry("a.b.c"), entry("a.b.c")
    whole = put(tmp_path / "good", [one])
    message = base64.b64encode(json.dumps(two).encode()).decode()
    foreign = {
        "torn.json": json.dumps(two)[:-20],
        "two.json": json.dumps(one) + json.dumps(two),
        "rest.json": f"{json.dumps(one)},",
        "array.json": json.dumps([one, two]),
        "pretty.json": json.dumps(two, indent=1),
        "pubsub.json": json.dumps({**two, "message": {"data": message}}),
        "small.json": json.dumps({key.lower(): value for key, value in two.items()}),
        "untimed.json": json.dumps({**two, "timestamp": "yesterday"}),
        "table.json": json.dumps(
            {"protopayload_auditlog" if k == "protoPayload" else k: v for k, v in two.items()}
        ),
        "form.json": json.dumps({**two, "protoPayload": "text"}),
    }
    for name, text in foreign.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "table.parquet").write_text("x")
    query = audit_lines(QUARTER).text
    lines = spark.read.text([str(tmp_path / name) for name in foreign])
    lines.selectExpr("_metadata.file_name AS path", "value").createOrReplaceTempView("entdrift_lines")
    assert sorted(foreign) == sorted(row["torn"] for row in spark.sql(query).collect())
    found = asked(tmp_path, QUARTER)
    assert "array.json" in found.problem
    assert "1 files are no JSON" in found.problem
    assert [1] == [row.count for row in found.read.rows]
    (file,) = found.read.files
    assert (True, "partial") == (file.lost, file.status)
    whole.write_text(json.dumps(one).replace('"storage.objects.get"', "5"))
    assert "1 records have fields of a form that is not known" in asked(tmp_path / "good", QUARTER).problem


def test_a_gzip_file_that_breaks_off_fails_the_query_and_is_named(spark, tmp_path):
    put(tmp_path, [entry("a.b.c")])
    path = put(tmp_path, [entry("a.b.c", resource=f"r/{one}") for one in range(500)], "broken.json.gz")
    path.write_bytes(path.read_bytes()[:-200])
    spark.conf.set("spark.sql.files.ignoreCorruptFiles", "true")
    found = asked(tmp_path, QUARTER)
    assert "broken.json.gz" in found.problem
    assert ([], [True]) == (list(found.read.rows), [file.lost for file in found.read.files])


def source(**more):
    lists = {"logs.path": more["path"]} if "path" in more else {}
    texts = {"logs.engine": more.get("engine", "spark")}
    return Source("s", "gcp", "pilot", more.get("mode", "export"), {}, texts, lists)


def test_only_the_days_of_the_window_are_read_and_the_query_is_evidence(spark, tmp_path):
    log = tmp_path / "cloudaudit.googleapis.com" / "data_access"
    put(log / "2026" / "09" / "01", [entry("a.b.c")])
    put(log / "2026" / "11" / "02", [entry("a.b.c")])
    chosen = source(path=(str(tmp_path),))
    (check,) = CONNECTOR.examine(chosen, DAY)
    assert ("ok", True) == (check.status, "1 files" in check.detail)
    with BundleWriter(tmp_path / "bundle", [chosen], DAY, tool="t", now=DAY.end) as writer:
        CONNECTOR.collect([chosen], writer, DAY, silent)
    (found,) = open_bundle(tmp_path / "bundle").sources
    (query,) = found.records("log_query")
    assert ("spark", str(tmp_path), audit_lines(DAY).text) == (query["engine"], query["place"], query["text"])
    (outcome,) = found.outcomes()
    assert (Status.OK, "1 files", 1) == (outcome.status, outcome.reason, outcome.records)


def test_nothing_there_is_no_silence(spark, tmp_path):
    assert "PATH_NOT_FOUND" in asked(tmp_path / "nowhere", DAY).problem
    (check,) = CONNECTOR.examine(source(path=(str(tmp_path / "nowhere"),)), DAY)
    assert "failed" == check.status


def test_every_field_that_the_reader_knows_is_in_the_text():
    text = files("connectors.gcp").joinpath("logs", "queries", "spark.sql").read_text()
    for struct in (Audit, Operation, Resource):
        for field in msgspec.structs.fields(struct):
            assert f"{field.encode_name}: " in text.replace("`", ""), field.name
    other = {"analytics", "protopayload_auditlog", "lower_payload", "snake_log_name", "snake_insert_id"}
    other |= {"lower_log_name", "lower_insert_id", "lower_receive_timestamp", "json_payload"}
    for field in msgspec.structs.fields(LogEntry):
        assert field.name in other or f"{field.encode_name}: " in text, field.name


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (source(), "no path is named"),
        (source(mode="live", path=("gs://b",)), "reads exports"),
        (source(engine="bigquery"), "asks the cloud"),
    ],
)
def test_an_engine_that_does_not_fit_the_source_is_refused(chosen, words):
    with pytest.raises(SettingError, match=words):
        CONNECTOR.collect([chosen], None, DAY, silent)
