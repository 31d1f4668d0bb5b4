"""Exported logs are read out of Blob Storage: those of the window, whatever one of them does."""

import json
from datetime import UTC, datetime

import pytest

from connectors.azure.connector import CONNECTOR
from connectors.azure.logs.address import parsed, served
from connectors.azure.logs.objects import BlobLogs
from connectors.bundle import BundleWriter, open_bundle
from connectors.errors import EvidenceError
from connectors.facts import Window
from connectors.interface import Source, silent
from tests.connectors.logs.fake_stores import blob_storage

NOVEMBER = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC))
FOLDER = "resourceId=/SUBSCRIPTIONS/11112222-BBBB-3333-CCCC-4444DDDD5555"


@pytest.fixture
def shelf(monkeypatch):
    monkeypatch.setenv("AZURE_STORAGE_KEY", "cGxhbnRlZC1rZXk=")
    with blob_storage() as running:
        yield running


def record(number: int, day: str) -> bytes:
    found = {
        "time": f"{day}T10:00:00.0000000Z",
        "resourceId": "/SUBSCRIPTIONS/11112222-BBBB-3333-CCCC-4444DDDD5555/RESOURCEGROUPS/G",
        "operationName": "MICROSOFT.RESOURCES/SUBSCRIPTIONS/RESOURCEGROUPS/WRITE",
        "category": "Administrative",
        "resultType": "Success",
        "correlationId": f"00000000-0000-0000-0000-{number:012}",
        "identity": {
            "claims": {"http://schemas.microsoft.com/identity/claims/objectidentifier": "a-b-c"},
            "authorization": {"action": "Microsoft.Resources/subscriptions/resourceGroups/write"},
        },
    }
    return json.dumps(found).encode() + b"\r\n"


def dated(day: str, hour: int = 10) -> str:
    year, month, number = day.split("-")
    return f"{FOLDER}/y={year}/m={month}/d={number}/h={hour:02}/m=00/PT1H.json"


def collected(tmp_path, shelf, container: str = "insights-activity-logs", state=None):
    address = f"{shelf.address}/devstoreaccount1/{container}"
    source = Source("foundry", "azure", "", "export", {}, {}, {"activity_logs": (address,)}, state)
    with BundleWriter(tmp_path / "bundle", [source], NOVEMBER, tool="test", now=NOVEMBER.end) as writer:
        CONNECTOR.collect([source], writer, NOVEMBER, silent)
    (evidence,) = open_bundle(tmp_path / "bundle").sources
    return evidence


def fetched(shelf) -> list[str]:
    return [one for one in shelf.requests if "comp=list" not in one]


def test_only_the_days_of_the_window_are_fetched_and_appended_blobs_again(shelf, tmp_path):
    for number, day in enumerate(["2025-11-05", "2026-11-02", "2026-11-19", "2026-11-29"]):
        shelf.put(dated(day), record(number, day))
    evidence = collected(tmp_path, shelf, state=tmp_path / "state")
    assert 2 == sum(row.count for row in evidence.usage())
    assert 2 == len(fetched(shelf))
    shelf.requests.clear()
    shelf.put(dated("2026-11-19"), record(2, "2026-11-19") + record(9, "2026-11-19"))
    again = collected(tmp_path, shelf, state=tmp_path / "state")
    assert (3, 1) == (sum(row.count for row in again.usage()), len(fetched(shelf)))
    assert {"GET"} == {one.split()[0] for one in shelf.requests}


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (403, "AuthorizationPermissionMismatch", "Storage Blob Data Reader"),
        (404, "BlobNotFound", "no such container or blob"),
        (409, "BlobArchived", "brought back first"),
        (412, "ConditionNotMet", "changed while it was read"),
    ],
)
def test_a_blob_that_is_refused_is_named_and_the_others_are_read(shelf, tmp_path, status, code, said):
    for hour in (1, 2, 3):
        shelf.put(dated("2026-11-02", hour), record(hour, "2026-11-02"))
    shelf.refused[dated("2026-11-02", 2)] = (status, code)
    evidence = collected(tmp_path, shelf)
    assert 2 == sum(row.count for row in evidence.usage())
    (failed,) = [file for file in evidence.log_files() if file.status != "ok"]
    assert ("failed", True) == (failed.status, failed.lost)
    assert said in failed.reason
    assert "planted" not in failed.reason


def test_a_container_that_cannot_be_listed_is_a_failed_part(shelf, tmp_path):
    shelf.refused["list"] = (403, "AuthorizationFailure")
    evidence = collected(tmp_path, shelf)
    outcomes = [(one.status, "Storage Blob Data Reader" in one.reason) for one in evidence.outcomes()]
    assert [("failed", True)] == outcomes


def test_nothing_but_reading_is_sent(shelf):
    store = BlobLogs(
        f"{shelf.address}/devstoreaccount1/logs", Source("s", "azure", "", "export", {}), NOVEMBER
    )
    with pytest.raises(EvidenceError, match="nothing was sent"):
        store._connected().upload_blob("x", b"x")
    store.close()
    assert [] == shelf.requests


def test_doctor_tries_the_container_and_prints_the_role(shelf):
    address = f"{shelf.address}/devstoreaccount1/logs"
    source = Source("foundry", "azure", "", "export", {}, {}, {"activity_logs": (address,)})
    assert ["failed"] == [one.status for one in CONNECTOR.examine(source, NOVEMBER)]
    shelf.put(dated("2026-11-02"), record(1, "2026-11-02"))
    assert [(address, "ok")] == [(one.subject, one.status) for one in CONNECTOR.examine(source, NOVEMBER)]
    assert "blobs/read" in CONNECTOR.policy(source)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (
            "https://acc1.blob.core.windows.net/insights-activity-logs/resourceId=/X",
            ("https://acc1.blob.core.windows.net", "insights-activity-logs", "resourceId=/X"),
        ),
        ("azblob://acc1/logs", ("https://acc1.blob.core.windows.net", "logs", "")),
        (
            "https://acc1.blob.core.usgovcloudapi.net/logs/",
            ("https://acc1.blob.core.usgovcloudapi.net", "logs", ""),
        ),
        (
            "http://127.0.0.1:10000/devstoreaccount1/logs/p",
            ("http://127.0.0.1:10000/devstoreaccount1", "logs", "p"),
        ),
        ("http://evil.example/devstoreaccount1/logs/p", None),
        ("https://acc1.blob.core.windows.net/logs?sv=1&sig=secret", None),
    ],
)
def test_addresses_of_containers(address, expected):
    assert expected == parsed(address)


@pytest.mark.parametrize(
    ("address", "endpoint", "expected"),
    [
        ("azblob://acc1/logs", "", "https://acc1.blob.core.windows.net"),
        (
            "azblob://acc1/logs",
            "https://management.usgovcloudapi.net",
            "https://acc1.blob.core.usgovcloudapi.net",
        ),
        (
            "azblob://acc1/logs",
            "https://management.chinacloudapi.cn",
            "https://acc1.blob.core.chinacloudapi.cn",
        ),
        (
            "https://acc1.blob.core.windows.net/logs",
            "https://management.usgovcloudapi.net",
            "https://acc1.blob.core.windows.net",
        ),
        ("azblob://acc1/logs", "http://127.0.0.1:81", "http://127.0.0.1:81/acc1"),
        ("https://acc1.blob.core.windows.net/logs", "http://127.0.0.1:81/", "http://127.0.0.1:81/acc1"),
    ],
)
def test_the_endpoint_of_a_source_says_where_its_containers_are(address, endpoint, expected):
    assert expected == served(address, parsed(address).account, endpoint)


def test_a_container_is_read_at_the_endpoint_of_its_source(shelf):
    shelf.put(dated("2026-11-02"), record(1, "2026-11-02"))
    source = Source("foundry", "azure", "", "live", {}, {"endpoint_url": shelf.address})
    store = BlobLogs("azblob://devstoreaccount1/logs", source, NOVEMBER)
    assert [f"{shelf.address}/devstoreaccount1/logs/{dated('2026-11-02')}"] == [
        one.path for one in store.objects()
    ]
    store.close()
