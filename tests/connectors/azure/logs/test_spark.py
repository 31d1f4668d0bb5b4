"""Spark in local mode gives the rows that reading Azure's exported files gives: over real records and torn files."""

import ast
import gzip
import importlib
import inspect
import json
import re
from importlib.resources import files

import msgspec
import pytest

from connectors.azure.connector import CONNECTOR
from connectors.azure.ids import fold
from connectors.azure.logs.spark import exported_lines
from connectors.azure.usage.events import AzureLogs
from connectors.azure.usage.record import SPELLINGS
from connectors.bundle import BundleWriter, open_bundle
from connectors.errors import SettingError
from connectors.interface import Source, Status, silent
from connectors.logs.engine import read_logs
from connectors.logs.lake_lines import query_lines
from connectors.logs.lake_settings import LakeSettings
from connectors.logs.seen import SeenEvents
from tests.connectors.azure.harness import WINDOW
from tests.connectors.azure.logs.test_tables import (
    BY_GROUP,
    DENIED,
    EVER,
    SETS,
    UPN,
    cosmos,
    graph,
    shared_records,
)
from tests.connectors.azure.synthetic import (
    AGENT,
    AGENT_APP,
    OBJECT_ID,
    PERSON,
    blob_event,
    event,
    key_blob_event,
    openai_event,
    sign_in_event,
    vault_event,
)

HOUR = "PT1H.json"
"""What a diagnostic setting calls a file."""


def put(folder, records, name=HOUR, *, whole=False):
    folder.mkdir(parents=True, exist_ok=True)
    lines = [{"records": records}] if whole else records
    text = "".join(f"{json.dumps(one)}\r\n" for one in lines)
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def asked(folder, window):
    return query_lines(exported_lines(window), LakeSettings((str(folder),)), window)


def read(folder, window):
    return read_logs([folder], AzureLogs(), window, seen=SeenEvents(), workers=1)


def test_rows_of_real_records_are_those_of_the_files(spark, shared, tmp_path):
    """All sets in one job: a job costs more than its records."""
    records = [one for name in SETS for one in shared_records(shared / name)]
    put(tmp_path / "y=2026" / "m=09" / "d=10" / "h=00" / "m=00", records[::2])
    put(tmp_path / "b", records[1::2], "lines.jsonl.gz")
    put(tmp_path / "b", records[:20], "copies.json", whole=True)
    found = asked(tmp_path, EVER)
    assert "" == found.problem
    assert list(read(tmp_path, EVER).rows) == list(found.read.rows)
    assert 90 < sum(row.count for row in found.read.rows)
    put(tmp_path / "c", once([*records, *records[:20]]))  # without an id a copy is not known
    assert read(tmp_path / "c", EVER).presence == found.read.presence


def once(records):
    """Return each record once, told apart as the reader tells copies."""
    decode = msgspec.json.Decoder(AzureLogs.record_type).decode
    folded_of = AzureLogs().fold
    kept = {}
    for place, record in enumerate(records):
        folded = folded_of(decode(json.dumps(record)))
        if not isinstance(folded, str):
            kept[folded.event_id or place] = record
    return list(kept.values())


def kinds():
    """Return records of every kind that differ in what a row depends on."""
    write = "Microsoft.Storage/storageAccounts/write"
    person = {OBJECT_ID: PERSON, UPN: "Ann@Example.com", "appid": AGENT_APP, "scp": "user_impersonation"}
    sas = "https://agentdata.blob.core.windows.net/docs/a?skoid="
    blob = {"accountName": "agentdata", "objectKey": "/agentdata/docs/a/b"}
    return [
        event(write),
        event(write, grant=BY_GROUP),
        event(write, status="Started"),
        event(write, status="Accepted"),
        event(write, claims={**person, "uti": "a", "iat": 1}),
        event(write, claims={**person, "uti": "b", "iat": "2"}),
        event(write, claims={}, caller="Bob@Example.com"),
        event(write, status="Failed", properties={"statusCode": "Forbidden", "statusMessage": DENIED}),
        event(write, status="Failed", properties={"statusMessage": DENIED}),
        event(write, category={"value": "Policy"}),
        blob_event(),
        blob_event("PutBlob", status=403),
        blob_event(properties=blob),
        blob_event(properties={**blob, "objectKey": "/agentdata/other/a/b"}),
        key_blob_event(),
        key_blob_event("key2"),
        *(
            {**key_blob_event(), "identity": {"type": "DelegationSas"}, "uri": sas + who}
            for who in (AGENT, PERSON)
        ),
        vault_event(),
        vault_event(properties={"id": "https://safe.vault.azure.net/secrets/a/1", "httpStatusCode": 200}),
        vault_event(properties={"id": "https://safe.vault.azure.net/secrets/b/1", "httpStatusCode": 403}),
        openai_event(),
        cosmos(),
        cosmos(activityId="other", statusCode=403),
        graph(),
        graph("POST", "https://graph.microsoft.com/v1.0/groups?$expand=members", 403),
        sign_in_event(),
        sign_in_event(key="a0a0a0a0-bbbb-4ccc-8ddd-e1e1e1e1e1e1"),
        *(
            event(write, time=f"2026-{day}Z")
            for day in ("07-31T23:59:59.9", "08-01T00:00:00", "11-01T00:00:00")
        ),
    ]


def test_what_a_row_depends_on_is_kept_apart(spark, tmp_path):
    records = kinds()
    again = {**records[0], "status": "success", "resourceId": f"{records[0]['resourceId']}/".upper()}
    own = [{**event("A.B/c/write", eventDataId="own"), "correlationId": ""} for _ in range(2)]
    nobody = [{**event("A.B/d/write"), "correlationId": "", "eventDataId": None}] * 2
    put(tmp_path / "a", [*records, *own, *nobody])
    put(tmp_path / "b", [again, *records[3:]], whole=True)
    found = asked(tmp_path, WINDOW)
    assert "" == found.problem
    assert list(read(tmp_path, WINDOW).rows) == list(found.read.rows)


def test_calls_of_one_kind_are_one_group(spark, tmp_path):
    blobs = [
        blob_event(
            time=f"2026-09-10T10:00:{number:02}.5Z",
            uri=f"https://agentdata.blob.core.windows.net/docs/{number}?sig=x",
            durationMs=number + 1,
            callerIpAddress=f"10.0.0.{number}:443",
            properties={
                "accountName": "agentdata",
                "objectKey": f"/agentdata/docs/{number}",
                "etag": f"0x{number}",
            },
        )
        for number in range(50)
    ]
    put(tmp_path, [{**one, "correlationId": f"c{number}"} for number, one in enumerate(blobs)])
    assert [50] == [row.count for row in asked(tmp_path, WINDOW).read.rows]
    assert 1 == spark.sql(exported_lines(WINDOW).text).count()


def test_lines_that_are_torn_or_no_records_are_named(spark, tmp_path):
    one, two = blob_event(), blob_event()
    put(tmp_path / "good", [one])
    foreign = {
        "torn.json": json.dumps(two)[:-20],
        "two.json": json.dumps(one) + json.dumps(two),
        "array.json": json.dumps([one, two]),
        "document.json": json.dumps({"records": [two]}, indent=1),
        "torn-document.json": json.dumps({"records": [one, two]})[:-20],
        "value.json": json.dumps({"value": [two]}),
        "untimed.json": json.dumps({**two, "time": "yesterday"}),
        "answer.json": json.dumps({"tables": [{"rows": []}]}),
    }
    for name, text in foreign.items():
        (tmp_path / name).write_text(text)
    lines = spark.read.text([str(tmp_path / name) for name in foreign])
    lines.selectExpr("_metadata.file_name AS path", "value").createOrReplaceTempView("entdrift_lines")
    assert sorted(foreign) == sorted(row["torn"] for row in spark.sql(exported_lines(WINDOW).text).collect())
    (tmp_path / "export.csv").write_text("x")
    found = asked(tmp_path, WINDOW)
    assert "answer.json" in found.problem
    assert "1 files are no JSON" in found.problem
    assert [1] == [row.count for row in found.read.rows]
    assert [True] == [file.lost for file in found.read.files]


def test_a_gzip_file_that_breaks_off_fails_the_query_and_is_named(spark, tmp_path):
    put(tmp_path, [blob_event()])
    path = put(tmp_path, [blob_event() for _ in range(200)], "broken.json.gz")
    path.write_bytes(path.read_bytes()[:-200])
    found = asked(tmp_path, WINDOW)
    assert "broken.json.gz" in found.problem
    assert ([], [True]) == (list(found.read.rows), [file.lost for file in found.read.files])


def source(**more):
    lists = {"logs.path": more["path"]} if "path" in more else {}
    texts = {"logs.engine": more.get("engine", "spark")}
    return Source("s", "azure", "pilot", more.get("mode", "export"), {}, texts, lists)


def test_only_the_days_of_the_window_are_read_and_the_query_is_evidence(spark, tmp_path):
    logs = tmp_path / "insights-logs-storageread" / "resourceId=" / "SUBSCRIPTIONS"
    put(logs / "y=2026" / "m=09" / "d=10" / "h=10" / "m=00", [blob_event()])
    put(logs / "y=2026" / "m=12" / "d=10" / "h=10" / "m=00", [blob_event()])
    chosen = source(path=(str(tmp_path),))
    (check,) = CONNECTOR.examine(chosen, WINDOW)
    assert ("ok", True) == (check.status, "1 files" in check.detail)
    with BundleWriter(tmp_path / "bundle", [chosen], WINDOW, tool="t", now=WINDOW.end) as writer:
        CONNECTOR.collect([chosen], writer, WINDOW, silent)
    (found,) = open_bundle(tmp_path / "bundle").sources
    (query,) = found.records("log_query")
    assert ("spark", exported_lines(WINDOW).text) == (query["engine"], query["text"])
    (outcome,) = found.outcomes()
    assert (Status.OK, "1 files", 1) == (outcome.status, outcome.reason, outcome.records)


READERS = ("events", "activity", "storage", "data_plane", "graph_activity", "sign_ins", "callers")


def test_nothing_that_the_reader_looks_at_is_left_out():
    text = files("connectors.azure").joinpath("logs", "queries", "spark.sql").read_text()
    left_out = {fold(name) for name in re.search(r'\("\(\?:([\w|]+)\)"', text)[1].split("|")}
    assert 30 < len(left_out)
    modules = [importlib.import_module(f"connectors.azure.usage.{name}") for name in READERS]
    looked_at = {
        fold(node.value)
        for module in modules
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    of_copies = {fold(name) for key in ("time", "correlation", "event") for name in SPELLINGS[key]}
    spelled = {fold(name) for names in SPELLINGS.values() for name in names}
    # The reader names time, and createdDateTime, but not what stands in it: the query keeps that apart.
    assert set() == (left_out & (looked_at | spelled)) - of_copies


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (source(), "no path is named"),
        (source(mode="live", path=("abfss://b",)), "reads exports"),
        (source(engine="log_analytics"), "asks the cloud"),
    ],
)
def test_an_engine_that_does_not_fit_the_source_is_refused(chosen, words):
    with pytest.raises(SettingError, match=words):
        CONNECTOR.collect([chosen], None, WINDOW, silent)
