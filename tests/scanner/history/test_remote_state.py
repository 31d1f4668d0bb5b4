"""State in S3, Cloud Storage and Blob Storage: who comes second does the work again on the first one's result."""

import json
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import boto3
import pytest
from changing_account import changes, states
from moto import mock_aws

from connectors.errors import ConflictError, StateError
from connectors.state_store import object_state
from tests.connectors.logs.fake_stores import blob_storage, cloud_storage

KEY = "entdrift/state.sqlite"


@contextmanager
def s3(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket="state-bucket")
        yield SimpleNamespace(address=f"s3://state-bucket/{KEY}")


@contextmanager
def gcs(monkeypatch):
    with cloud_storage() as shelf:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", shelf.address)
        yield SimpleNamespace(address=f"gs://state-bucket/{KEY}", shelf=shelf)


@contextmanager
def blob(monkeypatch):
    monkeypatch.setenv("AZURE_STORAGE_KEY", "cGxhbnRlZC1rZXk=")
    with blob_storage() as shelf:
        yield SimpleNamespace(address=f"{shelf.address}/devstoreaccount1/states/{KEY}", shelf=shelf)


@pytest.fixture(params=[s3, gcs, blob], ids=["s3", "gcs", "blob"])
def store(request, monkeypatch):
    with request.param(monkeypatch) as running:
        yield running


def test_only_the_version_that_was_read_is_replaced(store, tmp_path):
    first, second = object_state(store.address), object_state(store.address)
    file = tmp_path / "file"
    assert "" == first.read(file)
    assert not file.exists()
    file.write_bytes(b"one")
    version = first.write(file, "")
    with pytest.raises(ConflictError):
        second.write(file, "")
    file.write_bytes(b"two")
    newer = first.write(file, version)
    with pytest.raises(ConflictError):
        second.write(file, version)
    assert newer == second.read(file)
    assert b"two" == file.read_bytes()


@pytest.mark.parametrize(
    "address",
    [
        "s3://bucket-only",
        "gs://bucket-only",
        "azblob://account1/container-only",
        "https://account1.blob.core.windows.net/c/key?sig=planted",
    ],
)
def test_what_is_no_address_of_an_object_is_refused(address):
    with pytest.raises(StateError, match="no address") as caught:
        object_state(address)
    assert "planted" not in str(caught.value)


def test_a_bucket_that_is_absent_is_named_with_the_permissions(monkeypatch, tmp_path):
    with s3(monkeypatch), pytest.raises(StateError, match="GetObject") as caught:
        object_state("s3://absent-bucket/key").read(tmp_path / "file")
    assert "s3:GetObject" in caught.value.hint


@pytest.mark.parametrize(
    ("store", "code", "wanted"),
    [
        (gcs, "caller does not have it", "storage.objects.create"),
        (blob, "AuthorizationPermissionMismatch", "Contributor"),
    ],
    indirect=["store"],
    ids=["gcs", "blob"],
)
def test_what_is_refused_is_named_with_the_role_it_takes(store, tmp_path, code, wanted):
    (tmp_path / "file").write_bytes(b"one")
    store.shelf.refused[KEY] = (403, code)
    with pytest.raises(StateError, match=code):
        object_state(store.address).read(tmp_path / "read")
    with pytest.raises(StateError, match=code) as caught:
        object_state(store.address).write(tmp_path / "file", "")
    assert wanted in caught.value.hint
    assert "planted" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "extra"),
    [("gs://bucket/key", "entdrift[gcs]"), ("azblob://account1/states/key", "entdrift[azure-blob]")],
)
def test_without_the_extra_it_says_how_to_install_it(monkeypatch, address, extra):
    for name in [name for name in sys.modules if name.endswith((".state_object", ".log_objects"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "google.cloud.storage", None)
    monkeypatch.setitem(sys.modules, "azure.storage.blob", None)
    with pytest.raises(StateError, match="not installed") as caught:
        object_state(address)
    assert extra in caught.value.hint


def test_scans_on_fresh_disks_share_their_history(store, account):
    account.grant("iam:PutRolePolicy")
    report = account.scan("2026-11-19", "--state", store.address)
    (found,) = [f for f in report["findings"] if f["rule"] == "ED106"]
    flags = ("--state", store.address, "--now", "2026-11-19", "--until", "2026-12-24")
    waived = account.run(
        "waive", found["fingerprint"], "--from", account.out, "--reason", "a", "--owner", "b", *flags
    )
    assert 0 == waived.exit_code, waived.stderr
    account.out = account.folder / "another-disk"
    account.grant("iam:PutRolePolicy", "s3:GetObject")
    again = account.scan("2026-11-20", "--state", store.address)
    assert ("granted_more", "rag-agent", ["s3:GetObject"]) in changes(again)
    assert ["waived"] == states(again, "ED106")
    listed = account.run("history", "--from", account.out, "--state", store.address).stdout
    assert 2 == len(listed.splitlines())


def test_the_slower_of_two_scans_records_itself_again(store, account, monkeypatch):
    account.scan("2026-11-18", "--state", store.address)
    kind = type(object_state(store.address))
    write = kind.write

    def slower(self, source, version):
        monkeypatch.setattr(kind, "write", write)
        here = account.out
        account.out = account.folder / "quicker"
        account.scan("2026-11-19", "--state", store.address)
        account.out = here
        return write(self, source, version)

    monkeypatch.setattr(kind, "write", slower)
    account.scan("2026-11-20", "--state", store.address)
    listed = account.run("history", "--from", account.out, "--state", store.address).stdout
    assert ["2026-11-18", "2026-11-19", "2026-11-20"] == [
        line.split("  ")[1][:10] for line in listed.splitlines()
    ]


def test_an_approval_is_put_into_the_store_and_read_from_it(store, account):
    account.scan("2026-11-19", "--state", store.address)
    written = account.run(
        "baseline", "write", "--from", account.out, "--output", account.folder / "baselines"
    )
    assert 0 == written.exit_code, written.stderr
    (file,) = (account.folder / "baselines").glob("*.toml")
    check = (
        "baseline", "check", "--baselines", account.folder / "baselines", "--from", account.out,
        "--state", store.address, "--require-approval", "--format", "json", "--now", "2026-11-19",
    )  # fmt: skip
    before = json.loads(account.run(*check).stdout)
    done = account.run(
        "baseline", "approve", file, "--who", "sam", "--why", "CHG-1", "--until", "2027-06-30",
        "--from", account.out, "--state", store.address, "--now", "2026-11-19",
    )  # fmt: skip
    assert 0 == done.exit_code, done.stderr
    assert f"entry 1 of {store.address}" in done.stderr
    after = json.loads(account.run(*check).stdout)
    assert before != after
    assert "not approved" in json.dumps(before)
    assert "not approved" not in json.dumps(after)
    gate = (
        "gate", "--stage", "pilot", "--from", account.out, "--baselines", account.folder / "baselines",
        "--state", store.address, "--now", "2026-11-19", "--format", "json",
    )  # fmt: skip
    missing = "no approval is on record"
    assert missing not in account.run(*gate).stdout
    assert missing in account.run(*gate, "--state", account.folder / "absent.sqlite").stdout
    assert not (account.out / "state.sqlite").exists()
