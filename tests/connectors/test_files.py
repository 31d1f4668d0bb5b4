"""Export files in every container and encoding that the clouds' tools write."""

import gzip
import json

import pytest

from connectors.errors import EvidenceError
from connectors.files import expand, read_csv, read_json, read_records


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'[{"a":1},{"a":2}]', [{"a": 1}, {"a": 2}]),
        (b'{"value":[{"a":1}]}', [{"a": 1}]),
        (b'[{"value":[{"a":1}]},{"value":[{"a":2}]}]', [{"a": 1}, {"a": 2}]),
        (b'{"a":1}\n{"a":2}\r\n', [{"a": 1}, {"a": 2}]),
        (b'{"value":[{"a":1}]}\n{"value":[{"a":2}]}', [{"a": 1}, {"a": 2}]),
        (b'\xef\xbb\xbf{"a":1}', [{"a": 1}]),
        ('{"a":1}'.encode("utf-16"), [{"a": 1}]),
        (gzip.compress(b'{"a":1}', mtime=0), [{"a": 1}]),
        (gzip.compress(b'{"a":1}', mtime=0) + gzip.compress(b'\n{"a":2}', mtime=0), [{"a": 1}, {"a": 2}]),
    ],
)
def test_records_are_found_in_any_container(tmp_path, content, expected):
    file = tmp_path / "export.json"
    file.write_bytes(content)
    assert expected == read_records(file, ("value",))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"{", "line 1: not JSON"),
        (b"<html>", "not JSON"),
        (gzip.compress(b'{"a":1}' * 500, mtime=0)[:-12], "cut off or corrupt"),
        (b"\x1f\x8bgarbage", "cut off or corrupt"),
        (b"\xff\xff\xff", "text"),
        (b"[" * 200_000, "nested too deeply"),
    ],
)
def test_bad_files_are_named_with_what_to_do(tmp_path, content, message):
    file = tmp_path / "export.json"
    file.write_bytes(content)
    with pytest.raises(EvidenceError, match=message) as caught:
        read_json(file)
    assert str(file) in str(caught.value)
    assert caught.value.hint


def test_missing_file_and_folder_are_told_apart(tmp_path):
    with pytest.raises(EvidenceError, match="no such file"):
        read_json(tmp_path / "none.json")
    with pytest.raises(EvidenceError, match="is a folder"):
        read_json(tmp_path)


def test_values_that_are_no_objects_are_refused(tmp_path):
    file = tmp_path / "export.json"
    file.write_text(json.dumps([1, 2]))
    with pytest.raises(EvidenceError, match="no objects"):
        read_records(file)


def test_csv_rows_by_column_name_survive_ragged_lines(tmp_path):
    file = tmp_path / "report.csv"
    file.write_text("user,arn\na,b\nc\nd,e,f\n")
    assert read_csv(file) == [{"user": "a", "arn": "b"}, {"user": "c", "arn": ""}, {"user": "d", "arn": "e"}]


def test_folders_are_searched_and_links_in_a_circle_do_no_harm(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.json").write_text("{}")
    (tmp_path / "a.json").write_text("{}")
    (tmp_path / ".hidden.json").write_text("{}")
    (tmp_path / "sub" / "loop").symlink_to(tmp_path)
    assert [tmp_path / "a.json", tmp_path / "sub" / "b.json"] == expand([tmp_path], (".json",))
