"""The evidence bundle: written whole or not at all, and every changed byte is noticed."""

import gzip
import hashlib
from datetime import UTC, datetime

import pytest

from connectors.bundle import BundleWriter, open_bundle
from connectors.errors import BundleError
from connectors.facts import Window
from connectors.interface import Outcome, Source, Status
from connectors.logs.rows import LogFile, Presence, UsageRow

NOW = datetime(2026, 11, 22, tzinfo=UTC)
WINDOW = Window(datetime(2026, 8, 24, tzinfo=UTC), NOW)
SOURCE = Source("pilot/../aws", "aws", "pilot", "export", files={})
ROW = UsageRow(*["x"] * 13, "2026-11-01", 3, "2026-11-01T00:00:00Z", "2026-11-01T01:00:00Z")
FILE = LogFile("log.json.gz", 10, "partial", "cut off", 3, 0, 0, 0)
SEEN = Presence("1", "eu-west-1", "management", "", 3, ROW.first, ROW.last)


def write(path):
    with BundleWriter(path, [SOURCE], WINDOW, tool="entdrift test", now=NOW) as writer:
        assert writer.add(SOURCE.name, "roles", [{"Name": "a", "Path": "/"}, {"Name": "\ud800"}]) == 2
        writer.add_logs(SOURCE.name, [ROW], [FILE], [SEEN])
        writer.outcome(Outcome(SOURCE.name, "roles", Status.OK, 2, "", "2026-11-20T00:00:00Z"))
    return path


def test_what_is_written_comes_back(tmp_path):
    bundle = open_bundle(write(tmp_path / "evidence"))
    (source,) = bundle.sources
    assert list(source.records("roles")) == [{"Name": "a", "Path": "/"}, {"Name": "\ud800"}]
    assert list(source.records("never-collected")) == []
    assert list(source.usage()) == [ROW]
    assert source.log_files() == [FILE]
    assert source.presence() == [SEEN]
    assert [Outcome(SOURCE.name, "roles", Status.OK, 2, "", "2026-11-20T00:00:00Z")] == source.outcomes()
    assert bundle.window == WINDOW
    assert (source.source, source.provider, source.stage) == ("pilot/../aws", "aws", "pilot")


def test_two_writes_give_the_same_bytes(tmp_path):
    one, two = write(tmp_path / "one"), write(tmp_path / "two")
    assert {f.relative_to(one): f.read_bytes() for f in one.rglob("*") if f.is_file()} == {
        f.relative_to(two): f.read_bytes() for f in two.rglob("*") if f.is_file()
    }


def test_every_file_of_the_bundle_is_guarded(tmp_path):
    """Flip one byte in each file in turn: opening names that file."""
    path = write(tmp_path / "evidence")
    for file in sorted(f for f in path.rglob("*") if f.is_file()):
        good = file.read_bytes()
        file.write_bytes(good[:-2] + bytes([good[-2] ^ 1]) + good[-1:])
        with pytest.raises(BundleError) as caught:
            open_bundle(path)
        expected = "manifest" if file.name.startswith("manifest") else file.name
        assert expected in str(caught.value)
        file.write_bytes(good)
    open_bundle(path)


def test_a_missing_and_a_foreign_file_are_named(tmp_path):
    path = write(tmp_path / "evidence")
    stranger = path / "extra.json"
    stranger.write_text("{}")
    with pytest.raises(BundleError, match=r"extra\.json.*not part"):
        open_bundle(path)
    stranger.unlink()
    (gone,) = path.rglob("roles.jsonl.gz")
    gone.unlink()
    with pytest.raises(BundleError, match=r"roles\.jsonl\.gz.*missing"):
        open_bundle(path)


def interrupted_write(path):
    with BundleWriter(path, [SOURCE], WINDOW, tool="t", now=NOW) as writer:
        writer.add(SOURCE.name, "roles", [{"Name": "half"}])
        raise KeyboardInterrupt


def test_an_interrupted_write_leaves_the_old_bundle_and_no_rest(tmp_path):
    path = write(tmp_path / "evidence")
    before = (path / "manifest.json").read_bytes()
    with pytest.raises(KeyboardInterrupt):
        interrupted_write(path)
    assert before == (path / "manifest.json").read_bytes()
    assert [path] == list(tmp_path.iterdir())


def test_a_folder_that_is_no_bundle_is_never_overwritten(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_text("cat")
    with pytest.raises(BundleError, match="no evidence bundle"):
        BundleWriter(tmp_path / "photos", [SOURCE], WINDOW, tool="t", now=NOW)


def test_files_are_for_the_owner_only(tmp_path):
    path = write(tmp_path / "evidence")
    assert {0o600} == {f.stat().st_mode & 0o777 for f in path.rglob("*") if f.is_file()}
    assert path.stat().st_mode & 0o777 == 0o700


def test_a_newer_schema_is_refused_with_a_hint(tmp_path):
    path = write(tmp_path / "evidence")
    manifest = path / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b'"schema_version": 1', b'"schema_version": 9'))
    (path / "manifest.sha256").write_text(hashlib.sha256(manifest.read_bytes()).hexdigest())
    with pytest.raises(BundleError, match="schema 9"):
        open_bundle(path)


def test_a_plain_folder_is_no_bundle(tmp_path):
    with pytest.raises(BundleError, match="is no evidence bundle"):
        open_bundle(tmp_path)


def test_gzip_headers_hold_no_time_and_no_name(tmp_path):
    (file,) = write(tmp_path / "evidence").rglob("roles.jsonl.gz")
    assert bytes(4) == file.read_bytes()[4:8]
    assert b"Name" in gzip.decompress(file.read_bytes())
