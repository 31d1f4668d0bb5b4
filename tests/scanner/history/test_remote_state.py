"""State in S3: whoever comes second does its work again on the first one's result."""

import boto3
import pytest
from changing_account import changes, states
from moto import mock_aws

from connectors.errors import StateError
from connectors.state_store import ConflictError, ObjectState

ADDRESS = "s3://state-bucket/entdrift/state.sqlite"


@pytest.fixture
def bucket(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="state-bucket")
        yield client


def test_only_the_version_that_was_read_is_replaced(bucket, tmp_path):
    first, second = ObjectState(ADDRESS), ObjectState(ADDRESS)
    file = tmp_path / "file"
    assert "" == first.read(file)
    assert not file.exists()
    file.write_bytes(b"one")
    version = first.write(file, "")
    with pytest.raises(ConflictError):
        second.write(file, "")
    file.write_bytes(b"two")
    first.write(file, version)
    with pytest.raises(ConflictError):
        second.write(file, version)
    second.read(file)
    assert b"two" == file.read_bytes()


def test_what_is_no_address_and_what_is_refused_is_named(bucket, tmp_path):
    with pytest.raises(StateError, match="no address"):
        ObjectState("s3://bucket-only")
    with pytest.raises(StateError, match="GetObject") as caught:
        ObjectState("s3://absent-bucket/key").read(tmp_path / "file")
    assert "s3:GetObject" in caught.value.hint


def test_scans_on_fresh_disks_share_their_history(bucket, account):
    account.grant("iam:PutRolePolicy")
    report = account.scan("2026-11-19", "--state", ADDRESS)
    (found,) = [f for f in report["findings"] if f["rule"] == "ED106"]
    flags = ("--state", ADDRESS, "--now", "2026-11-19", "--until", "2026-12-24")
    waived = account.run(
        "waive", found["fingerprint"], "--from", account.out, "--reason", "a", "--owner", "b", *flags
    )
    assert 0 == waived.exit_code, waived.stderr
    account.out = account.folder / "another-disk"
    account.grant("iam:PutRolePolicy", "s3:GetObject")
    again = account.scan("2026-11-20", "--state", ADDRESS)
    assert ("granted_more", "rag-agent", ["s3:GetObject"]) in changes(again)
    assert ["waived"] == states(again, "ED106")
    listed = account.run("history", "--from", account.out, "--state", ADDRESS).stdout
    assert 2 == len(listed.splitlines())


def test_the_slower_of_two_scans_records_itself_again(bucket, account, monkeypatch):
    account.scan("2026-11-18", "--state", ADDRESS)
    write = ObjectState.write

    def slower(self, source, version):
        monkeypatch.setattr(ObjectState, "write", write)
        here = account.out
        account.out = account.folder / "quicker"
        account.scan("2026-11-19", "--state", ADDRESS)
        account.out = here
        return write(self, source, version)

    monkeypatch.setattr(ObjectState, "write", slower)
    account.scan("2026-11-20", "--state", ADDRESS)
    listed = account.run("history", "--from", account.out, "--state", ADDRESS).stdout
    assert ["2026-11-18", "2026-11-19", "2026-11-20"] == [
        line.split("  ")[1][:10] for line in listed.splitlines()
    ]
