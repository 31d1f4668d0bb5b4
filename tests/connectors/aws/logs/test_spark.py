"""Spark in local mode gives the rows that reading the files gives: over real events, torn files and tables."""

import gzip
import json
from datetime import UTC, datetime

import pytest

from connectors.aws.exports.files import QUERIES, collect_exports
from connectors.aws.live.examine import examine_logs
from connectors.aws.live.settings import LiveSettings
from connectors.aws.logs.groups import parameter_keys
from connectors.aws.logs.spark import look, query_lake, run, spark_text
from connectors.aws.usage.events import CloudTrailReader
from connectors.bundle import BundleWriter, open_bundle
from connectors.errors import EvidenceError, SettingError
from connectors.facts import Window
from connectors.interface import Source, Status, silent
from connectors.logs.engine import read_logs
from connectors.logs.seen import SeenEvents
from tests.connectors.aws.logs.test_groups import SETS, records, told_apart, usable

EVER = Window(datetime(2010, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
WINDOW = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC))


def source(*paths, **texts):
    settings = {f"logs.{name}": value for name, value in texts.items()}
    lists = {"logs.path": tuple(map(str, paths))} if paths else {}
    return Source("s", "aws", "pilot", "export", {}, {"logs.engine": "spark", **settings}, lists)


def event(name="ListBuckets", number=1, **more):
    return {
        "eventTime": "2026-11-02T01:00:00Z", "eventSource": "s3.amazonaws.com", "eventName": name,
        "awsRegion": "eu-west-1", "eventID": f"e-{number}", "eventType": "AwsApiCall", "readOnly": True,
        "recipientAccountId": "111122223333", "eventCategory": "Management",
        "userIdentity": {"type": "AssumedRole", "sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::111122223333:role/agent"}}},
    } | more  # fmt: skip


def put(folder, events, name="a.json.gz"):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(gzip.compress(json.dumps({"Records": events}).encode()))
    return path


def rows(path, window):
    return list(read_logs([path], CloudTrailReader(), window, seen=SeenEvents(), workers=1).rows)


ODD_KEYS = ['say "hello"/there', "back\\slash", 'both\\"', "é/ü", ""]
BY_PREFIX = {
    "eventSource": "iam.amazonaws.com",
    "requestParameters": {"policyArn": "arn:aws:iam::111122223333:policy/p"},
    "resources": [{"type": "AWS::IAM::Policy", "ARNPrefix": "policy/"}],
}


def object_read(number, key):
    listed = [{"type": "AWS::S3::Object", "ARN": f"arn:aws:s3:::docs/{key}"}]
    return event("GetObject", 80 + number, resources=listed)


def test_rows_of_real_events_are_those_of_the_files(spark, data, tmp_path):
    """All sets in one job: a job costs more than its events."""
    for number, name in enumerate(SETS):
        place = data / "cloudtrail" / name
        paths = [one for one in place.rglob("*.json*") if one.is_file()] if place.is_dir() else [place]
        found = told_apart([one for path in sorted(paths) for one in records(path) if usable(one)])
        put(tmp_path / str(number), found)
    put(
        tmp_path / "odd",
        [*map(object_read, range(len(ODD_KEYS)), ODD_KEYS), event("GetRole", 90, **BY_PREFIX)],
    )
    found = query_lake(source(tmp_path), EVER)
    assert "" == found.problem
    assert rows(tmp_path, EVER) == list(found.read.rows)
    assert 1_000 < sum(row.count for row in found.read.rows)


def test_only_the_folders_of_the_window_are_read_and_what_is_torn_is_named(spark, tmp_path):
    day = tmp_path / "AWSLogs" / "111122223333" / "CloudTrail" / "eu-west-1" / "2026" / "11"
    put(day / "02", [event(), event(number=2), event(number=2)])
    put(day / "02", [event(number=1)], "copy.json.gz")
    put(day / "02", [], "empty.json")
    (day / "02" / "empty.json").write_text('{"Records":[]}')
    put(day.parent / "07" / "02", [event("OutOfTheWindow", 3)])
    put(
        tmp_path / "AWSLogs" / "111122223333" / "CloudTrail-Digest" / "2026" / "11" / "02",
        [event("Digest", 4)],
    )
    whole = query_lake(source(tmp_path), WINDOW)
    assert ("", [("s3.amazonaws.com:ListBuckets", 2)]) == (
        whole.problem, [(row.operation, row.count) for row in whole.read.rows],
    )  # fmt: skip
    (day / "02" / "torn.json").write_text(json.dumps({"Records": [event(number=5)]})[:-20])
    (day / "02" / "lines.json").write_text(f"{json.dumps(event(number=6))}\n{json.dumps(event(number=7))}\n")
    (day / "02" / "table.parquet").write_text("x")
    found = query_lake(source(tmp_path), WINDOW)
    assert ("torn.json" in found.problem, "lines.json" in found.problem) == (True, True)
    assert "1 files are no JSON" in found.problem
    (file,) = found.read.files
    assert (True, "partial") == (file.lost, file.status)


def test_a_table_is_asked_by_its_partitions(spark, tmp_path):
    columns = (
        "useridentity STRUCT<type: STRING, principalid: STRING, arn: STRING, accountid: STRING, invokedby: STRING,"
        " accesskeyid: STRING, username: STRING, sessioncontext: STRUCT<sessionissuer: STRUCT<arn: STRING>>>,"
        " eventtime STRING, eventsource STRING, eventname STRING, awsregion STRING, errorcode STRING,"
        " errormessage STRING, requestparameters STRING, additionaleventdata STRING, eventid STRING,"
        " resources ARRAY<STRUCT<arn: STRING, accountid: STRING, type: STRING>>, eventtype STRING,"
        " readonly STRING, recipientaccountid STRING, sharedeventid STRING, eventcategory STRING,"
        " addendum STRUCT<originaleventid: STRING>, `timestamp` STRING"
    )
    spark.sql(
        f"CREATE TABLE trails ({columns}) USING json OPTIONS (path '{tmp_path}/t') PARTITIONED BY (`timestamp`)"
    )
    one = {key.lower(): value for key, value in event().items()} | {"readonly": "true"}
    one["useridentity"] = {
        "type": "AssumedRole",
        "sessioncontext": {"sessionissuer": {"arn": "arn:aws:iam::1:role/x"}},
    }
    for day in ("2026-11-02", "2026-07-02"):
        folder = tmp_path / "t" / f"timestamp={day}"
        folder.mkdir(parents=True)
        (folder / "a.json").write_text(json.dumps(one))
    spark.sql("MSCK REPAIR TABLE trails")
    chosen = source(table="default.trails", partition_format="yyyy-MM-dd")
    found = query_lake(chosen, WINDOW)
    assert ("", [1]) == (found.problem, [row.count for row in found.read.rows])
    assert "`timestamp` BETWEEN '2026-10-31' AND '2026-11-24'" in found.query.text
    assert "lacks identityprovider" in found.notes[0]
    spark.sql("CREATE TABLE flat (eventtime STRING) USING json")
    assert "no partition by day" in query_lake(source(table="default.flat"), WINDOW).problem


def test_the_query_is_evidence_and_doctor_only_looks(spark, tmp_path):
    put(tmp_path / "logs", [event()])
    chosen = source(tmp_path / "logs", max_scan_gb="5")
    (check,) = examine_logs(chosen, WINDOW)
    assert ("ok", True) == (check.status, "at most 5 GB" in check.detail)
    with BundleWriter(tmp_path / "b", [chosen], WINDOW, tool="t", now=WINDOW.end) as writer:
        collect_exports([chosen], writer, WINDOW, silent, SeenEvents())
    (held,) = open_bundle(tmp_path / "b").sources
    (query,) = held.records(QUERIES)
    assert ("spark", str(tmp_path / "logs")) == (query["engine"], query["place"])
    assert all((query["query_id"], query["scanned_bytes"]))
    (outcome,) = [one for one in held.outcomes() if one.part == QUERIES]
    assert (Status.OK, "1 files") == (outcome.status, outcome.reason)


def test_what_is_not_there_or_too_much_is_named(spark, tmp_path):
    assert "PATH_NOT_FOUND" in query_lake(source(tmp_path / "nowhere"), WINDOW).problem
    put(tmp_path / "2026" / "01" / "01", [event()])
    assert "no log file of the window" in query_lake(source(tmp_path), WINDOW).problem
    (check,) = examine_logs(source(tmp_path / "nowhere"), WINDOW)
    assert "failed" == check.status
    with pytest.raises(EvidenceError, match="not entdrift's own"):
        run(spark, "WITH events AS (SELECT 1 FROM other\n)", LiveSettings.of(source(tmp_path)))


def test_more_than_the_limit_is_not_read(monkeypatch, spark, tmp_path):
    put(tmp_path / "logs", [event()])
    monkeypatch.setattr("connectors.logs.lake._GB", 1)
    with pytest.raises(EvidenceError, match="no query was run"):
        look(spark, LiveSettings.of(source(tmp_path / "logs", max_scan_gb="5")), WINDOW)


def test_the_text_is_athenas_in_sparks_dialect():
    text = spark_text("db.t", "1 = 1", WINDOW, ("onbehalfof",))
    assert [] == [word for word in ("json_extract", "json_format", "VARCHAR", "<<") if word in text]
    assert len(parameter_keys()) <= text.count("asked['")


def test_a_path_or_a_table_must_be_named_and_only_one():
    for chosen in (source(), source("/logs", table="a.b")):
        with pytest.raises(SettingError, match=r"logs\.path or logs\.table"):
            LiveSettings.of(chosen)


def test_without_pyspark_it_is_said(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyspark.sql", None)
    found = query_lake(source("/logs"), WINDOW)
    assert "pip install 'entdrift[spark]'" in found.problem
    assert [True] == [file.lost for file in found.read.files]
