"""CloudTrail objects are read out of a bucket: those of the window, each once, whatever one of them does."""

import gzip
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from moto.server import ThreadedMotoServer

from connectors.aws.exports.files import collect_exports
from connectors.aws.live import session as live_session
from connectors.aws.live.access import policy_text
from connectors.aws.live.examine import examine
from connectors.aws.live.session import open_session
from connectors.aws.live.settings import LiveSettings
from connectors.aws.logs.objects import LogBuckets
from connectors.bundle import BundleWriter, open_bundle
from connectors.facts import Window
from connectors.interface import Source, silent
from connectors.live.failures import NotAllowedError
from connectors.logs.rows import KEPT
from connectors.logs.seen import SeenEvents

NOVEMBER = Window(datetime(2026, 11, 1, 12, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC))
BUCKET = "trail-logs"
ACCOUNT = "111122223333"
FOLDER = f"org/AWSLogs/o-1/{ACCOUNT}/CloudTrail/eu-west-1"


@pytest.fixture(scope="module")
def server():
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def bucket(server, monkeypatch):
    """Return an S3 client with an empty bucket."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "planted-secret-key",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
    }.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", endpoint_url=server)
    place = {"LocationConstraint": "eu-west-1"}
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
    yield client
    for one in client.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
        client.delete_object(Bucket=BUCKET, Key=one["Key"])
    client.delete_bucket(Bucket=BUCKET)
    client.close()


@pytest.fixture
def calls(monkeypatch):
    """Return the S3 calls that the code under test makes, as (operation, parameters)."""
    made: list[tuple[str, dict[str, Any]]] = []
    lock = Lock()
    guarded = live_session._guarded

    def note(model: Any, context: Any, **_: Any) -> None:
        with lock:
            made.append((model.name, context.get("entdrift", {})))

    def watch(params: Any, context: Any, **_: Any) -> None:
        context["entdrift"] = dict(params)

    def watched(boto: Any) -> Any:
        boto = guarded(boto)
        boto.events.register("before-parameter-build.s3", watch)
        boto.events.register("before-call.s3", note)
        return boto

    monkeypatch.setattr(live_session, "_guarded", watched)
    return made


def record(number: int, day: str) -> dict[str, Any]:
    return {
        "eventVersion": "1.11",
        "userIdentity": {"type": "IAMUser", "arn": f"arn:aws:iam::{ACCOUNT}:user/bot", "accountId": ACCOUNT},
        "eventTime": f"{day}T10:00:00Z",
        "eventSource": "s3.amazonaws.com",
        "eventName": "ListBuckets",
        "awsRegion": "eu-west-1",
        "eventID": f"00000000-0000-4000-8000-{number:012}",
        "eventType": "AwsApiCall",
        "recipientAccountId": ACCOUNT,
        "eventCategory": "Management",
    }


def put(client: Any, key: str, *records: dict[str, Any]) -> None:
    body = gzip.compress(json.dumps({"Records": records}).encode(), mtime=0)
    client.put_object(Bucket=BUCKET, Key=key, Body=body)


def dated(day: str, name: str = "log") -> str:
    return f"{FOLDER}/{day.replace('-', '/')}/{name}.json.gz"


def source(server: str, *addresses: str, state: Path | None = None, **texts: str) -> Source:
    given = addresses or (f"s3://{BUCKET}/org/AWSLogs",)
    settings = {"endpoint_url": server, **texts}
    return Source("pilot", "aws", "", "export", {}, settings, {"cloudtrail": given}, state)


def collected(tmp_path: Path, one: Source, window: Window = NOVEMBER) -> Any:
    """Collect a source into a bundle and return its evidence."""
    with BundleWriter(tmp_path / "bundle", [one], window, tool="test", now=window.end) as writer:
        collect_exports([one], writer, window, silent, SeenEvents())
    (evidence,) = open_bundle(tmp_path / "bundle").sources
    return evidence


def test_only_the_days_that_may_hold_the_window_are_listed_and_events_count_by_their_own_time(
    server, bucket, calls, tmp_path
):
    for number, day in enumerate(
        ["2025-11-05", "2026-10-30", "2026-10-31", "2026-11-10", "2026-11-22", "2026-11-24"]
    ):
        put(bucket, dated(day), record(number, day))
    put(bucket, dated("2026-11-22", "late"), record(50, "2026-11-19"), record(51, "2026-11-21"))
    put(
        bucket,
        f"{FOLDER.replace('CloudTrail', 'CloudTrail-Digest')}/2026/11/10/d.json.gz",
        record(60, "2026-11-10"),
    )
    put(bucket, f"org/AWSLogs-old/x/{ACCOUNT}/2026/11/10/o.json.gz", record(61, "2026-11-10"))
    evidence = collected(tmp_path, source(server))
    read = [(Path(file.path).parts[-2:], file.records, file.outside_window) for file in evidence.log_files()]
    assert [
        (("31", "log.json.gz"), 1, 1),
        (("10", "log.json.gz"), 1, 0),
        (("22", "late.json.gz"), 2, 1),
        (("22", "log.json.gz"), 1, 1),
    ] == read
    assert 2 == sum(row.count for row in evidence.usage())
    assert {f"s3://{BUCKET}/"} == {file.path[: len(f"s3://{BUCKET}/")] for file in evidence.log_files()}
    after = [given["StartAfter"] for name, given in calls if "StartAfter" in given]
    assert [f"{FOLDER}/2026/10/31"] == after
    assert {"ListObjectsV2", "GetObject"} == {name for name, _ in calls}


def test_a_later_scan_fetches_only_new_objects_and_learns_the_same(server, bucket, calls, tmp_path):
    state = tmp_path / "state.sqlite"
    for number in range(4):
        put(bucket, dated("2026-11-10", f"{number}"), record(number, "2026-11-10"))
    collected(tmp_path, source(server, state=state))
    assert 4 == len([name for name, _ in calls if name == "GetObject"])
    put(bucket, dated("2026-11-09", "late"), record(3, "2026-11-10"), record(9, "2026-11-09"))
    put(bucket, dated("2026-11-10", "0"), record(0, "2026-11-10"), record(8, "2026-11-10"))
    bucket.delete_object(Bucket=BUCKET, Key=dated("2026-11-10", "1"))
    calls.clear()
    evidence = collected(tmp_path, source(server, state=state))
    fetched = {given["Key"] for name, given in calls if name == "GetObject"}
    assert {dated("2026-11-09", "late"), dated("2026-11-10", "0")} == fetched
    assert 6 == sum(row.count for row in evidence.usage())
    reasons = {Path(file.path).name: file.reason for file in evidence.log_files() if file.reason}
    assert {"1.json.gz": f"no longer there; {KEPT}"} == reasons
    (outcome,) = evidence.outcomes()
    assert ("ok", "1 log file is no longer there; its events count as an earlier scan read them") == (
        outcome.status,
        outcome.reason,
    )


def test_objects_outside_the_listed_days_are_neither_gone_nor_forgotten(server, bucket, tmp_path):
    state = tmp_path / "state.sqlite"
    put(bucket, dated("2026-11-10"), record(1, "2026-11-10"))
    collected(tmp_path, source(server, state=state))
    later = Window(datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 1, 2, tzinfo=UTC))
    put(bucket, dated("2027-01-01"), record(2, "2027-01-01"))
    evidence = collected(tmp_path, source(server, state=state), later)
    assert [(1, "")] == [(file.records, file.reason) for file in evidence.log_files()]


@pytest.mark.parametrize(
    ("code", "message", "said"),
    [
        ("AccessDenied", "Access Denied", "grant s3:GetObject"),
        (
            "AccessDenied",
            "User: x is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:eu-west-1:1:key/k",
            "the log is encrypted",
        ),
        ("NoSuchKey", "gone", "NoSuchKey"),
        ("InvalidObjectState", "archived", "restore it first"),
        ("SlowDown", "Please reduce your request rate.", "was throttled"),
    ],
)
def test_an_object_that_is_refused_is_named_and_the_others_are_read(
    server, bucket, monkeypatch, tmp_path, code, message, said
):
    for name in "abc":
        put(bucket, dated("2026-11-10", name), record(ord(name), "2026-11-10"))
    refuse(monkeypatch, "GetObject", dated("2026-11-10", "b"), code, message)
    evidence = collected(tmp_path, source(server))
    assert 2 == sum(row.count for row in evidence.usage())
    (failed,) = [file for file in evidence.log_files() if file.status != "ok"]
    assert ("failed", True, dated("2026-11-10", "b")) == (
        failed.status,
        failed.lost,
        failed.path.removeprefix(f"s3://{BUCKET}/"),
    )
    assert said in failed.reason
    assert ("encrypted" in failed.reason) is ("kms" in message)
    assert "planted-secret-key" not in failed.reason


def refuse(monkeypatch: pytest.MonkeyPatch, operation: str, key: str, code: str, message: str) -> None:
    """Let S3 refuse an operation on a key (or prefix)."""
    guarded = live_session._guarded
    status = {"SlowDown": 503, "NoSuchKey": 404, "NoSuchBucket": 404}.get(code, 403)

    def remember(params: Any, context: Any, **_: Any) -> None:
        context["key"] = params.get("Key", params.get("Prefix"))

    def answer(context: Any, **_: Any) -> Any:
        if context.get("key") != key:
            return None
        error = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
        return AWSResponse("http://fake", status, {}, None), error

    def watched(boto: Any) -> Any:
        boto = guarded(boto)
        boto.events.register("before-parameter-build.s3", remember)
        boto.events.register(f"before-call.s3.{operation}", answer)
        return boto

    monkeypatch.setattr(live_session, "_guarded", watched)


@pytest.mark.parametrize(
    ("code", "said"),
    [("AccessDenied", "grant s3:ListBucket"), ("NoSuchBucket", "NoSuchBucket"), ("SlowDown", "throttled")],
)
def test_a_bucket_that_cannot_be_listed_fails_the_part_and_may_have_lost_calls(
    server, bucket, monkeypatch, tmp_path, code, said
):
    refuse(monkeypatch, "ListObjectsV2", "org/AWSLogs", code, "no")
    evidence = collected(tmp_path, source(server))
    (outcome,) = evidence.outcomes()
    assert "failed" == outcome.status
    assert said in outcome.reason
    assert [True] == [file.lost for file in evidence.log_files()]


def test_a_connection_that_breaks_is_tried_again(server, bucket, monkeypatch, tmp_path):
    put(bucket, dated("2026-11-10"), record(1, "2026-11-10"))
    broken = []

    def breaking(self, size=1):
        broken.append(1)
        if len(broken) < 3:
            from botocore.exceptions import ResponseStreamingError  # noqa: PLC0415

            yield b"half"
            raise ResponseStreamingError(error="reset")
        yield self.read()

    monkeypatch.setattr("botocore.response.StreamingBody.iter_chunks", breaking)
    assert 1 == sum(row.count for row in collected(tmp_path, source(server)).usage())


def test_an_address_may_be_one_object_or_the_whole_bucket(server, bucket, tmp_path):
    put(bucket, "a.json.gz", record(1, "2026-11-10"))
    put(bucket, "a.json.gz.old", record(2, "2026-11-10"))
    assert 1 == len(collected(tmp_path, source(server, f"s3://{BUCKET}/a.json.gz")).log_files())
    assert 2 == len(collected(tmp_path, source(server, f"s3://{BUCKET}")).log_files())


def test_several_workers_read_objects_too(server, bucket, tmp_path, monkeypatch):
    for number in range(6):
        put(bucket, dated("2026-11-10", f"{number}"), record(number, "2026-11-10"))
    monkeypatch.setattr("connectors.logs.engine.ALONE_BYTES", 0)
    monkeypatch.setattr("connectors.logs.engine.BATCH_FILES", 2)
    monkeypatch.setattr("connectors.logs.engine.processors", lambda: 2)
    assert 6 == sum(row.count for row in collected(tmp_path, source(server)).usage())


def test_nothing_but_the_named_objects_can_be_read(bucket, server):
    settings = LiveSettings.of(source(server))
    client = open_session(settings).client("s3")
    for call, given in (
        (client.get_object, {"Bucket": BUCKET, "Key": "org/AWSLogs-old/x"}),
        (client.get_object, {"Bucket": "other", "Key": "org/AWSLogs/x"}),
        (client.list_objects_v2, {"Bucket": "other"}),
        (client.put_object, {"Bucket": BUCKET, "Key": "org/AWSLogs/x", "Body": b""}),
        (client.delete_object, {"Bucket": BUCKET, "Key": "org/AWSLogs/x"}),
    ):
        with pytest.raises(NotAllowedError, match="nothing was sent"):
            call(**given)


def test_no_credentials_are_a_failed_part(server, monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    (outcome,) = collected(tmp_path, source(server)).outcomes()
    assert "failed" == outcome.status
    assert "sign in again" in outcome.reason


def test_the_policy_names_the_buckets_and_nothing_else_for_a_source_of_files(server):
    policy = json.loads(policy_text(LiveSettings.of(source(server))))
    granted = {one["Sid"]: (one["Action"], one["Resource"]) for one in policy["Statement"]}
    assert {
        "EntdriftListLogs": ("s3:ListBucket", [f"arn:aws:s3:::{BUCKET}"]),
        "EntdriftReadLogs": ("s3:GetObject", [f"arn:aws:s3:::{BUCKET}/org/AWSLogs*"]),
        "EntdriftDecryptLogs": ("kms:Decrypt", "*"),
    } == granted
    live = LiveSettings("live", log_addresses=(f"s3://{BUCKET}/org",))
    assert {"EntdriftRead", "EntdriftReadLogs"} <= {
        one["Sid"] for one in json.loads(policy_text(live))["Statement"]
    }


def test_doctor_tries_the_bucket(server, bucket, monkeypatch):
    assert ["failed"] == [one.status for one in examine(source(server), NOVEMBER)]
    put(bucket, dated("2026-11-10"), record(1, "2026-11-10"))
    assert [(f"s3://{BUCKET}/org/AWSLogs", "ok")] == [
        (one.subject, one.status) for one in examine(source(server), NOVEMBER)
    ]
    refuse(monkeypatch, "GetObject", dated("2026-11-10"), "AccessDenied", "no")
    (check,) = examine(source(server), NOVEMBER)
    assert ("failed", True) == (check.status, "can be listed, but" in check.detail)


def test_a_session_opens_only_when_a_bucket_is_read(server):
    with LogBuckets(source(server), NOVEMBER) as buckets:
        assert 1 == len(buckets.stores())
        assert buckets._calls is None


def test_the_date_of_a_copy_is_no_day_of_its_events(server, bucket, tmp_path):
    copied = f"copies/2024/01/15/{FOLDER}"
    for number, day in enumerate(["2026-10-01", "2026-11-10"]):
        put(bucket, f"{copied}/{day.replace('-', '/')}/log.json.gz", record(number, day))
    put(bucket, "copies/2025/02/01/export.json.gz", record(2, "2026-11-11"))
    state = tmp_path / "state.sqlite"
    for _ in range(2):
        evidence = collected(tmp_path, source(server, f"s3://{BUCKET}/copies", state=state))
        assert {"copies/2024/01/15", "copies/2025/02/01"} == {
            file.path.removeprefix(f"s3://{BUCKET}/")[:17] for file in evidence.log_files()
        }
        assert 2 == sum(row.count for row in evidence.usage())
        shutil.rmtree(tmp_path / "bundle")
