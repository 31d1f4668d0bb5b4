"""Objects of log sinks are read out of Cloud Storage: those of the window, whatever one of them does."""

import json
from datetime import UTC, datetime

import pytest

from connectors.bundle import BundleWriter, open_bundle
from connectors.errors import EvidenceError
from connectors.facts import Window
from connectors.gcp.connector import CONNECTOR
from connectors.gcp.logs.objects import GcsLogs
from connectors.interface import Source, silent
from connectors.logs.try_store import examine_store
from tests.connectors.logs.fake_stores import cloud_storage

NOVEMBER = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC))
LOG = "cloudaudit.googleapis.com/activity"


@pytest.fixture
def shelf(monkeypatch):
    with cloud_storage() as running:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", running.address)
        yield running


def entry(number: int, day: str) -> bytes:
    found = {
        "logName": "projects/p/logs/cloudaudit.googleapis.com%2Factivity",
        "insertId": str(number),
        "timestamp": f"{day}T10:00:00Z",
        "protoPayload": {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            "serviceName": "storage.googleapis.com",
            "methodName": "storage.buckets.create",
            "authenticationInfo": {"principalEmail": "bot@p.iam.gserviceaccount.com"},
            "authorizationInfo": [{"permission": "storage.buckets.create", "granted": True}],
        },
    }
    return json.dumps(found).encode() + b"\n"


def collected(tmp_path, *addresses: str, state=None):
    source = Source("agents", "gcp", "", "export", {}, {}, {"audit_logs": addresses}, state)
    with BundleWriter(tmp_path / "bundle", [source], NOVEMBER, tool="test", now=NOVEMBER.end) as writer:
        CONNECTOR.collect([source], writer, NOVEMBER, silent)
    (evidence,) = open_bundle(tmp_path / "bundle").sources
    return evidence


def test_only_the_days_of_the_window_are_fetched_and_only_once(shelf, tmp_path):
    for number, day in enumerate(["2025-11-05", "2026-10-31", "2026-11-02", "2026-11-19", "2026-11-29"]):
        shelf.put(f"{LOG}/{day.replace('-', '/')}/10:00:00_10:59:59_S0.json", entry(number, day))
    shelf.put(f"{LOG}/2026/11/03/a_A0.json", entry(2, "2026-11-02"))
    shelf.put("cloudaudit.googleapis.com-old/2026/11/03/x.json", entry(99, "2026-11-03"))
    address = "gs://sink-logs/cloudaudit.googleapis.com"
    evidence = collected(tmp_path, address, state=tmp_path / "state")
    assert 2 == sum(row.count for row in evidence.usage())
    fetched = [one for one in shelf.requests if "alt=media" in one]
    assert 4 == len(fetched)
    assert {"GET"} == {one.split()[0] for one in shelf.requests}
    shelf.requests.clear()
    shelf.put(f"{LOG}/2026/11/03/a_A0.json", entry(7, "2026-11-03"))
    again = collected(tmp_path, address, state=tmp_path / "state")
    assert (3, 1) == (
        sum(row.count for row in again.usage()),
        len([one for one in shelf.requests if "alt=media" in one]),
    )


@pytest.mark.parametrize(
    ("status", "said"),
    [(403, "roles/storage.objectViewer"), (404, "no such bucket or object")],
)
def test_an_object_that_is_refused_is_named_and_the_others_are_read(shelf, tmp_path, status, said):
    for name in "abc":
        shelf.put(f"{name}.json", entry(ord(name), "2026-11-02"))
    shelf.refused["b.json"] = (status, "caller does not have it")
    evidence = collected(tmp_path, "gs://sink-logs")
    assert 2 == sum(row.count for row in evidence.usage())
    (failed,) = [file for file in evidence.log_files() if file.status != "ok"]
    assert ("gs://sink-logs/b.json", "failed", True) == (failed.path, failed.status, failed.lost)
    assert said in failed.reason


def test_a_bucket_that_cannot_be_listed_is_a_failed_part(shelf, tmp_path):
    shelf.refused["list"] = (403, "no")
    evidence = collected(tmp_path, "gs://sink-logs/x")
    outcomes = [(one.status, "storage.objects.list was refused" in one.reason) for one in evidence.outcomes()]
    assert [("failed", True)] == outcomes
    assert [True] == [file.lost for file in evidence.log_files()]


def test_nothing_but_reading_is_sent(shelf):
    store = GcsLogs("gs://sink-logs", Source("s", "gcp", "", "export", {}), NOVEMBER)
    with pytest.raises(EvidenceError, match="nothing was sent"):
        store._connected().bucket("sink-logs").blob("x").upload_from_string("x")
    store.close()
    assert [] == shelf.requests


def test_the_client_asks_for_nothing_of_its_own(shelf, monkeypatch):
    """google-cloud-storage 3.17 asks for a bucket in the background unless it is kept from it."""
    started = []

    def note(thread):
        started.append(thread)

    monkeypatch.setattr("threading.Thread.start", note)
    store = GcsLogs("gs://sink-logs", Source("s", "gcp", "", "export", {}), NOVEMBER)
    with pytest.raises(EvidenceError):
        store._connected().bucket("sink-logs").blob("x").upload_from_string("x")
    store.close()
    assert [] == started


def test_doctor_tries_the_bucket(shelf):
    shelf.put("a.json", entry(1, "2026-11-02"))
    store = GcsLogs("gs://sink-logs", Source("s", "gcp", "", "export", {}), NOVEMBER)
    assert "ok" == examine_store(store, "calls").status
    shelf.refused["a.json"] = (403, "no")
    assert "can be listed, but" in examine_store(store, "calls").detail
    store.close()


def test_a_bucket_is_read_at_the_endpoint_of_its_source(monkeypatch):
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    with cloud_storage() as shelf:
        shelf.put("a.json", entry(1, "2026-11-02"))
        source = Source("s", "gcp", "", "live", {}, {"endpoint_url": f"{shelf.address}/"})
        store = GcsLogs("gs://sink-logs", source, NOVEMBER)
        assert ["gs://sink-logs/a.json"] == [one.path for one in store.objects()]
        store.close()


def test_without_credentials_the_part_fails_and_says_how_to_sign_in(monkeypatch, tmp_path):
    import google.auth  # noqa: PLC0415 only this test replaces it
    from google.auth.exceptions import DefaultCredentialsError  # noqa: PLC0415

    def refuse(**_):
        raise DefaultCredentialsError("Your default credentials were not found.")

    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.setattr(google.auth, "default", refuse)
    (outcome,) = collected(tmp_path, "gs://sink-logs").outcomes()
    assert ("failed", True) == (outcome.status, "gcloud auth application-default login" in outcome.reason)


def test_an_address_without_objects_of_the_window_is_named(shelf, tmp_path):
    shelf.put(f"{LOG}/2026/11/03/a_S0.json", entry(1, "2026-11-03"))
    shelf.put(f"old/{LOG}/2020/11/03/a_S0.json", entry(2, "2020-11-03"))
    evidence = collected(tmp_path, "gs://sink-logs/cloudaudit.googleapis.com", "gs://sink-logs/old")
    named = {file.path: file.reason for file in evidence.log_files() if file.status == "skipped"}
    assert ["gs://sink-logs/old"] == list(named)
    assert "none of the days" in named["gs://sink-logs/old"]


def test_the_date_of_a_copy_is_no_day_of_its_events(shelf, tmp_path):
    shelf.put(f"copies/2024/01/15/{LOG}/2026/11/03/a.json", entry(1, "2026-11-03"))
    shelf.put(f"copies/2024/01/15/{LOG}/2025/11/03/b.json", entry(2, "2025-11-03"))
    evidence = collected(tmp_path, "gs://sink-logs/copies")
    assert [f"gs://sink-logs/copies/2024/01/15/{LOG}/2026/11/03/a.json"] == [
        file.path for file in evidence.log_files()
    ]
