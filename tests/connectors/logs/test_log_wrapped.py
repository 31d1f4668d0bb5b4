"""Events where a log file does not keep them: among containers, inside records of other tools, behind links."""

import base64
import gzip
import json
from pathlib import Path

import pytest

from connectors.aws.usage.events import CloudTrailReader
from connectors.azure.usage.events import AzureLogs
from connectors.gcp.usage.events import AuditLogReader
from connectors.logs import decode
from connectors.logs.engine import read_logs
from connectors.logs.seen import SeenEvents
from tests.connectors.logs.harness import YEAR, only, total
from tests.connectors.logs.hostile_zoo import CLOUDS, aws

READERS = {"aws": CloudTrailReader, "gcp": AuditLogReader, "azure": AzureLogs}


def read(path, cloud="aws"):
    return read_logs([path], READERS[cloud](), YEAR, seen=SeenEvents())


def lines(values):
    return "\n".join(map(json.dumps, values))


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("whole", [2 << 20, 500])
def test_containers_among_records_are_opened(cloud, whole, tmp_path, monkeypatch):
    monkeypatch.setattr(decode, "WHOLE_BYTES", whole)
    record, key, _ = CLOUDS[cloud]
    some = [record(number) for number in range(12)]
    shapes = {
        "lines-document.json": f"{lines(some[:6])}\n{json.dumps({key: some[6:]})}\n",
        "lines-documents.json": lines([*some[:4], *({key: [one]} for one in some[4:])]),
        "list-of-documents.json": json.dumps([{key: some[:4]}, {key: some[4:6]}, {key: some[6:]}]),
        "mixed-list.json": json.dumps([*some[:6], {key: some[6:]}]),
    }
    for name, text in shapes.items():
        (tmp_path / name).write_text(text)
        logs = read(tmp_path / name, cloud)
        assert (name, 12, "ok", False) == (name, total(logs), only(logs).status, only(logs).lost)


def event_hub(record):
    return {"SequenceNumber": 1, "EnqueuedTimeUtc": record["time"], "Body": json.dumps({"records": [record]})}


WRAPPINGS = {
    "EventBridge": ("aws", lambda one: {"version": "0", "resources": [], "detail": one}),
    "CloudWatch Logs": ("aws", lambda one: {"logEvents": [{"id": "1", "message": json.dumps(one)}]}),
    "filter-log-events": ("aws", lambda one: {"events": [{"timestamp": 1, "message": json.dumps(one)}]}),
    "Elasticsearch": ("aws", lambda one: {"_index": "x", "_source": one}),
    "Splunk": ("aws", lambda one: {"preview": False, "result": {"_raw": json.dumps(one)}}),
    "a search": ("gcp", lambda one: {"hits": [{"_source": one}]}),
    "Event Hubs": ("azure", event_hub),
}


@pytest.mark.parametrize("name", WRAPPINGS)
def test_records_of_other_tools_are_taken_apart(name, tmp_path):
    cloud, wrap = WRAPPINGS[name]
    (tmp_path / "log").write_text(lines([wrap(CLOUDS[cloud][0](number)) for number in range(3)]))
    logs = read(tmp_path, cloud)
    assert (3, "ok") == (total(logs), only(logs).status), only(logs).reason


def test_events_in_records_that_cannot_be_taken_apart_are_lost(tmp_path):
    columns = [[{"eventTime": "2026-03-01T10:00:00Z"}, {"eventSource": "s3"}, {"eventName": "GetObject"}]]
    (tmp_path / "log").write_text(json.dumps({"QueryStatus": "FINISHED", "QueryResultRows": columns}))
    file = only(read(tmp_path))
    assert ("failed", True) == (file.status, file.lost)
    assert "inside records of another tool" in file.reason


def test_records_of_something_else_lose_no_calls(tmp_path):
    (tmp_path / "snapshot.json").write_text(json.dumps({"configurationItems": [{"resourceType": "x"}]}))
    assert not only(read(tmp_path)).lost


@pytest.mark.parametrize(
    ("name", "data", "lost"),
    [
        ("export.json", b"", True),
        ("export.json", b" \n", True),
        ("export.json.gz", gzip.compress(b"", mtime=0), True),
        ("export.log.gz", b"", True),
        ("export.jsonl", b"", False),
        ("export.log.gz", gzip.compress(b"", mtime=0), False),
        ("export.json.gz", b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', True),
        ("export.jsonl", b'east-1","eventName":"GetObject"}', True),
        ("export.json", b"[", True),
        ("README.md", b"# Logs\n", False),
        ("export.json", b"[]", False),
    ],
)
def test_what_is_named_as_a_log_and_holds_none_is_lost(name, data, lost, tmp_path):
    (tmp_path / name).write_bytes(data)
    file = only(read(tmp_path))
    assert lost is file.lost, file.reason


@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_call_whose_time_cannot_be_read_is_lost(cloud, tmp_path):
    record = CLOUDS[cloud][0]
    key = "eventTime" if cloud == "aws" else "timestamp" if cloud == "gcp" else "time"
    for bad in ("yesterday", "01/03/2026 10:00", "0001-01-01T00:00:00Z"):
        (tmp_path / "log").write_text(lines([record(1), record(2) | {key: bad}]))
        file = only(read(tmp_path, cloud))
        assert (1, 1, "partial", True) == (file.records, file.rejected, file.status, file.lost), file.reason


def test_a_link_to_a_folder_that_is_not_read_may_hide_calls(tmp_path):
    logs, elsewhere = tmp_path / "logs", tmp_path / "elsewhere"
    for folder in (logs / "below", elsewhere):
        folder.mkdir(parents=True)
        (folder / "log.json").write_text(json.dumps({"Records": [aws(1)]}))
    (logs / "ring").symlink_to(logs)
    (logs / "again").symlink_to(logs / "below")
    (logs / "away").symlink_to(elsewhere)
    found = {Path(file.path).name: (file.status, file.lost) for file in read(logs).files}
    assert ("skipped", False) == found["ring"] == found["again"]
    assert ("failed", True) == found["away"]
    both = read_logs([logs, elsewhere], CloudTrailReader(), YEAR, seen=SeenEvents())
    assert not any(file.lost for file in both.files)


def test_a_file_of_another_log_is_passed_over(tmp_path):
    other = {"logName": "projects/p/logs/stdout", "textPayload": "x", "timestamp": "2026-03-01T10:00:00Z"}
    (tmp_path / "stdout.json").write_text(lines([other, other]))
    file = only(read(tmp_path, "gcp"))
    assert ("skipped", 2, False) == (file.status, file.rejected, file.lost)
    (tmp_path / "stdout.json").write_text(f"{lines([other])}\n{json.dumps(other)[:-9]}")
    file = only(read(tmp_path, "gcp"))
    assert ("failed", True) == (file.status, file.lost)


@pytest.mark.parametrize(
    ("cloud", "path"),
    [
        ("aws", ["userIdentity"]),
        ("gcp", ["protoPayload", "authenticationInfo"]),
        ("gcp", ["protoPayload", "status"]),
    ],
)
def test_a_part_that_is_left_out_for_its_type_is_said(cloud, path, tmp_path):
    """Who called may have stood in it."""
    record = CLOUDS[cloud][0](1)
    part = record
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = "anna"
    (tmp_path / "log").write_text(json.dumps(record))
    file = only(read(tmp_path, cloud))
    assert (1, "partial", True) == (file.records, file.status, file.lost)
    assert ".".join(path) in file.reason


def test_a_pubsub_message_whose_entry_cannot_be_read_is_lost(tmp_path):
    record = CLOUDS["gcp"][0](1)
    record["protoPayload"]["authorizationInfo"] = "none"
    data = base64.b64encode(json.dumps(record).encode()).decode()
    (tmp_path / "log").write_text(json.dumps({"message": {"data": data}}))
    file = only(read(tmp_path, "gcp"))
    assert ("failed", True) == (file.status, file.lost)
