"""Whatever a log folder holds, each file is read as far as it goes, named, and stops no other."""

import codecs
import hashlib
import json
import os
import sys
import zlib
from pathlib import Path

import pytest

from connectors.logs import decode, fold, inflate
from tests.connectors.logs.harness import (
    SPITEFUL,
    document,
    event,
    only,
    plain,
    read,
    total,
    zipped,
)

THREE = [event(1), event(2), event(3)]


@pytest.mark.parametrize(
    "name", ["log.json.gz", "log.json", "log", "log.txt", "log.gz", "LOG.JSON", "a b\u2028\x1b[31m.jsonl"]
)
def test_content_decides_and_not_the_name(tmp_path, name):
    (tmp_path / name).write_bytes(zipped(document(THREE)))
    assert (3, "ok") == (total(read(tmp_path)), only(read(tmp_path)).status)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("CRLF lines", b"\r\n".join(json.dumps(one).encode() for one in THREE) + b"\r\n"),
        ("byte order mark", codecs.BOM_UTF8 + document(THREE)),
        ("UTF-16 little endian", codecs.BOM_UTF16_LE + document(THREE).decode().encode("utf-16-le")),
        ("UTF-16 big endian", codecs.BOM_UTF16_BE + document(THREE).decode().encode("utf-16-be")),
        ("UTF-16 without a mark", document(THREE).decode().encode("utf-16-le")),
        ("NaN in a field nobody reads", document(THREE).replace(b'"id"', b'"x":NaN,"y":-Infinity,"id"', 1)),
        ("lone surrogate", document([*THREE[:2], THREE[2] | {"who": "\ud800anna"}])),
        ("a number where text is wanted", document([*THREE[:2], THREE[2] | {"who": 7}])),
        ("an object where text is wanted", document([*THREE[:2], THREE[2] | {"who": {"a": [1]}}])),
        ("null records beside the list", b'{"value":null,' + document(THREE)[1:]),
        ("huge number", document(THREE).replace(b'"id"', b'"x":1e999,"id"', 1)),
        ("two gzip members", zipped(document(THREE[:1])) + zipped(b"\n" + document(THREE[1:]))),
        (
            "one document cut into three gzip members",
            b"".join(zipped(document(THREE)[at : at + 99]) for at in range(0, 999, 99)),
        ),
        ("zeros after gzip", zipped(document(THREE)) + b"\0" * 5000),
        ("gzip within gzip", zipped(zipped(document(THREE)))),
    ],
)
def test_odd_but_complete_files_are_read_in_full(tmp_path, name, data):
    (tmp_path / "log").write_bytes(data)
    logs = read(tmp_path)
    assert (3, "ok") == (total(logs), only(logs).status), (name, only(logs).reason)


def test_a_lone_surrogate_leaves_text_that_can_be_written(tmp_path):
    (tmp_path / "log").write_bytes(document([event(1) | {"who": "an\ud800na"}]))
    assert ["an?na"] == [row.identity for row in read(tmp_path).rows]


def test_the_digest_is_that_of_the_stored_bytes(tmp_path):
    data = zipped(document(THREE)) + b"\0" * 9_000_000
    (tmp_path / "log").write_bytes(data)
    file = only(read(tmp_path))
    assert (hashlib.sha256(data).hexdigest(), "") == (file.digest, file.reason)


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.95])
def test_a_truncated_gzip_gives_what_it_holds(tmp_path, keep):
    events = [event(number, what=f"Do{number}") for number in range(400)]
    data = zipped(document(events))
    (tmp_path / "log.json.gz").write_bytes(data[: int(len(data) * keep)])
    logs = read(tmp_path)
    assert "partial" == only(logs).status
    assert "the gzip data is cut off" in only(logs).reason
    assert 400 * keep * 0.4 < total(logs) < 400


def test_corrupt_gzip_gives_what_came_before(tmp_path):
    data = bytearray(zipped(document([event(number, what=os.urandom(20).hex()) for number in range(900)])))
    data[len(data) // 2 : len(data) // 2 + 200] = b"\xff" * 200
    (tmp_path / "log.json.gz").write_bytes(data)
    logs = read(tmp_path)
    assert "partial" == only(logs).status
    assert 0 < total(logs) < 900


def test_bytes_after_the_gzip_data_are_said(tmp_path):
    (tmp_path / "log.json.gz").write_bytes(zipped(document(THREE)) + b"surprise")
    logs = read(tmp_path)
    assert (3, "partial") == (total(logs), only(logs).status)
    assert "after the end of the gzip data" in only(logs).reason


def test_a_gzip_bomb_is_refused_before_it_unfolds(tmp_path, monkeypatch):
    monkeypatch.setattr(inflate, "BOMB_BYTES", 1 << 20)
    (tmp_path / "bomb.json.gz").write_bytes(zipped(b"[" + b" " * (64 << 20)))
    (tmp_path / "log.json").write_bytes(document(THREE))
    bomb, log = read(tmp_path).files
    assert ("failed", "ok") == (bomb.status, log.status)
    assert "bomb" in bomb.reason


@pytest.mark.parametrize(
    "broken", ['{"id": "x', '{"id": broken}', '{"id": "a" "b"}', '{"id": "\x01"}', "[1, 2"]
)
def test_one_bad_record_costs_itself_alone(tmp_path, broken):
    good = [json.dumps(one) for one in THREE]
    (tmp_path / "log").write_text('{"Records": [' + ", ".join([good[0], broken, good[1], good[2]]) + "]}")
    (tmp_path / "lines").write_text("\n".join([good[0], broken, good[1], good[2]]))
    lines, log = read(tmp_path).files
    assert [(3, "partial"), (3, "partial")] == [(file.records, file.status) for file in (lines, log)]
    assert " could not be read: " in log.reason


def test_a_cut_off_document_gives_every_whole_record(tmp_path):
    data = document([event(number) for number in range(100)])
    (tmp_path / "log.json").write_bytes(data[: len(data) // 2])
    logs = read(tmp_path)
    assert (49, "partial") == (total(logs), only(logs).status)


@pytest.mark.parametrize("ending", [b"", b",", b", "])
@pytest.mark.parametrize("opening", [b'{"value":[', b"["])
def test_a_list_cut_off_between_two_records_is_not_whole(tmp_path, opening, ending):
    """Nothing in such a file is broken, and yet calls are missing."""
    records = b",".join(json.dumps(one).encode() for one in THREE)
    (tmp_path / "log").write_bytes(opening + records + ending)
    found = read(tmp_path)
    assert 3 == total(found)
    assert ("partial", True) == (only(found).status, only(found).lost)
    assert "ends before its list of records does" == only(found).reason


def test_what_is_no_object_is_counted_as_lost(tmp_path):
    (tmp_path / "log.json").write_bytes(document([1, "two", event(3), [4]]))
    logs = read(tmp_path)
    assert (1, "partial") == (total(logs), only(logs).status)


def test_deep_nesting_costs_its_record_alone(tmp_path):
    deep = "[" * 200_000 + "]" * 200_000
    text = '{"Records":[' + json.dumps(event(1)) + ',{"x":' + deep + "}," + json.dumps(event(2)) + "]}"
    (tmp_path / "log.json").write_text(text)
    logs = read(tmp_path)
    assert (2, "partial") == (total(logs), only(logs).status)
    assert "nested too deeply" in only(logs).reason


def test_brackets_without_end_are_given_up_quickly(tmp_path):
    (tmp_path / "a.json").write_text("[" * 3_000_000)
    (tmp_path / "b.json").write_text('{"a":' * 300_000)
    (tmp_path / "c.json").write_bytes(document(THREE))
    assert 3 == total(read(tmp_path))


def test_bytes_that_are_not_utf8_are_replaced_and_said(tmp_path):
    (tmp_path / "log.json").write_bytes(document(THREE).replace(b"anna", b"an\xffna"))
    logs = read(tmp_path)
    assert (3, "partial") == (total(logs), only(logs).status)
    assert "UTF-8" in only(logs).reason


@pytest.mark.parametrize(
    ("data", "status", "reason"),
    [
        (b"", "skipped", "is empty"),
        (b" \r\n\0", "skipped", "is empty"),
        (zipped(b""), "skipped", "is empty"),
        (b"# Read me\n", "skipped", "is not JSON"),
        (b"\x89PNG\r\n\x1a\n\0\0", "skipped", "is not JSON"),
        (b"PAR1\0\0", "failed", "Parquet"),
        (b"PK\x03\x04\0", "failed", "zip archive"),
        (b'"text"', "skipped", "is not JSON"),
        (b"[]", "ok", ""),
        (b'{"Records":[]}', "ok", ""),
        (b'{"Records":null}', "ok", ""),
        (b'{"Statement":[{"Effect":"Allow"}]}', "failed", "1 x no time"),
        (b'{"Records":', "failed", "could not be read"),
    ],
)
def test_files_without_events_say_what_they_are(tmp_path, data, status, reason):
    (tmp_path / "file").write_bytes(data)
    file = only(read(tmp_path))
    assert status == file.status
    assert reason in file.reason


def test_rejected_records_are_counted_with_their_reason(tmp_path):
    (tmp_path / "log").write_bytes(document([*THREE, {"id": "x"}, event(4, time="soon"), event(5, SPITEFUL)]))
    file = only(read(tmp_path))
    assert (3, 3, "partial", True) == (file.records, file.rejected, file.status, file.lost)
    assert "no time" in file.reason
    assert "RuntimeError" in file.reason


def test_a_file_of_nothing_but_broken_records_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr("connectors.logs.salvage.MOST_LOST", 5)
    (tmp_path / "log").write_bytes(document(THREE)[:-2] + b',{"id":!' * 9 + b"]}")
    file = only(read(tmp_path))
    assert (3, "partial") == (file.records, file.status)
    assert "given up" in file.reason


def test_broken_keys_and_endless_numbers_cost_their_record_alone(tmp_path):
    good = json.dumps(event(1)).encode()
    (tmp_path / "log").write_bytes(b'{"Records":[{"\\x":1},{"n":' + b"9" * 5000 + b"}," + good + b"]}")
    (tmp_path / "top").write_bytes(b'"\\x":1,' + good)
    log, top = read(tmp_path).files
    assert (1, "partial") == (log.records, log.status)
    assert "skipped" == top.status


def test_file_names_that_are_no_text_can_still_be_written_down(tmp_path):
    name = os.fsencode(tmp_path) + b"/caf\xe9.json"
    with open(name, "wb") as stream:  # noqa: PTH123 - the name is bytes
        stream.write(document(THREE))
    assert (3, str(tmp_path / "caf\ufffd.json")) == (only(read(tmp_path)).records, only(read(tmp_path)).path)


def test_digest_files_are_skipped_unread(tmp_path):
    (tmp_path / "digest.json.gz").write_bytes(b"never opened")
    assert ("skipped", "a digest") == (only(read(tmp_path)).status, only(read(tmp_path)).reason)


def test_a_vanished_file_is_named(tmp_path):
    logs = read(tmp_path / "gone.json")
    assert "failed" == only(logs).status
    assert "No such file" in only(logs).reason


def test_a_file_that_vanishes_between_finding_and_reading_is_named(tmp_path, monkeypatch):
    (tmp_path / "a.json").write_bytes(document(THREE))
    (tmp_path / "b.json").write_bytes(document(THREE[:1]))
    found = fold.Folder.read

    def remove_first(self, files):
        (tmp_path / "a.json").unlink()
        return found(self, files)

    monkeypatch.setattr(fold.Folder, "read", remove_first)
    first, second = read(tmp_path).files
    assert ("failed", "ok") == (first.status, second.status)


def test_a_file_that_grows_while_it_is_read_is_partial(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    path.write_bytes(document(THREE))
    fold_events = fold.Folder._events

    def grow(self, *arguments):
        fold_events(self, *arguments)
        with path.open("ab") as stream:
            stream.write(b"\n")

    monkeypatch.setattr(fold.Folder, "_events", grow)
    logs = read(tmp_path)
    assert (3, "partial") == (total(logs), only(logs).status)
    assert "changed while it was read" in only(logs).reason


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_may_not_be_read_is_named(tmp_path):
    (tmp_path / "shut").mkdir(mode=0o000)
    (tmp_path / "file").write_bytes(document(THREE))
    (tmp_path / "file").chmod(0o000)
    assert ["failed", "failed"] == [file.status for file in read(tmp_path).files]


def test_a_folder_that_cannot_be_listed_is_named(tmp_path, monkeypatch):
    (tmp_path / "shut").mkdir()
    (tmp_path / "log").write_bytes(document(THREE))
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    log, shut = read(tmp_path).files
    assert ("ok", "failed") == (log.status, shut.status)
    assert "cannot be listed" in shut.reason


def test_folder_loops_links_pipes_and_hidden_files_do_no_harm(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "log.json").write_bytes(document(THREE))
    (tmp_path / "real" / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "real" / "again.json").symlink_to(tmp_path / "real" / "log.json")
    (tmp_path / "real" / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / ".hidden").write_bytes(document([event(9)]))
    os.mkfifo(tmp_path / "pipe")
    logs = read(tmp_path)
    fates = {Path(file.path).name: file.status for file in logs.files}
    assert {"again.json": "ok", "loop": "skipped", "dangling": "failed", "pipe": "failed"} == fates
    assert 3 == total(logs)


def test_the_same_file_named_twice_is_read_once(tmp_path):
    (tmp_path / "log.json").write_bytes(document([one | {"id": ""} for one in THREE]))
    logs = read(tmp_path, tmp_path / "log.json", tmp_path)
    assert (1, 3) == (len(logs.files), total(logs))


@pytest.fixture
def small_pieces(monkeypatch):
    monkeypatch.setattr(inflate, "BLOCK_BYTES", 700)
    monkeypatch.setattr(inflate, "STORED_BYTES", 500)
    monkeypatch.setattr(decode, "WHOLE_BYTES", 1000)
    monkeypatch.setattr(decode, "LARGEST_DOCUMENT_BYTES", 20_000)


MANY = [event(number, what=f"Do{number % 7}", who="b}, {c") for number in range(300)]
SHAPES = {
    "document": document(MANY),
    "spaced document": json.dumps({"Records": MANY}, indent=3).encode(),
    "array": json.dumps(MANY).encode(),
    "spaced array": json.dumps(MANY, indent=1).encode(),
    "lines": "\n".join(json.dumps(one) for one in MANY).encode(),
    "CRLF lines": "\r\n".join(json.dumps(one) for one in MANY).encode(),
    "spaced objects": "\n".join(json.dumps(one, indent=2) for one in MANY).encode(),
    "lines of documents": b"\n".join(document(MANY[at : at + 5]) for at in range(0, 300, 5)),
    "pages": document(MANY[:150])[:-1] + b',"next":"page"}\n' + document(MANY[150:]),
    "nested objects": document([one | {"more": [{"id": "a"}, {"id": "b"}]} for one in MANY]),
    "wrapped": json.dumps({"Records": [{"Wrapped": json.dumps(one)} for one in MANY]}).encode(),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("pack", [bytes, zipped])
def test_long_files_are_read_in_pieces_with_the_same_result(tmp_path, small_pieces, shape, pack):
    (tmp_path / "log").write_bytes(pack(SHAPES[shape]))
    logs = read(tmp_path)
    assert (300, 300, "ok") == (only(logs).records, total(logs), only(logs).status), only(logs).reason


def test_one_bad_record_in_a_long_file_costs_itself_alone(tmp_path, small_pieces):
    for name in ("document", "array", "lines", "spaced array"):
        (tmp_path / name).write_bytes(SHAPES[name].replace(b'"Do3"', b"Do3", 1))
    assert {(299, "partial")} == {(file.records, file.status) for file in read(tmp_path).files}


def test_a_cut_off_long_file_gives_every_whole_record(tmp_path, small_pieces):
    data = SHAPES["document"]
    (tmp_path / "log").write_bytes(data[: len(data) // 2])
    logs = read(tmp_path)
    assert (149, "partial") == (total(logs), only(logs).status)


def test_a_long_document_that_cannot_be_cut_is_named(tmp_path, small_pieces):
    (tmp_path / "log").write_bytes(b'{"name":"' + b"x" * 30_000 + b'","Records":[]}')
    file = only(read(tmp_path))
    assert "failed" == file.status
    assert "split it" in file.reason
    assert hashlib.sha256((tmp_path / "log").read_bytes()).hexdigest() == file.digest


def test_the_standard_librarys_inflater_gives_the_same(tmp_path, monkeypatch):
    (tmp_path / "log").write_bytes(zipped(SHAPES["document"]) + zipped(b"\n" + document(THREE)))
    with_isal = plain(read(tmp_path))
    monkeypatch.setattr(inflate, "deflate", zlib)
    assert with_isal == plain(read(tmp_path))


def test_reading_never_raises_the_recursion_limit_or_leaves_collection_off(tmp_path):
    import gc  # noqa: PLC0415 - only this test looks at it

    limit = sys.getrecursionlimit()
    (tmp_path / "log").write_bytes(document(THREE))
    read(tmp_path)
    assert (limit, True) == (sys.getrecursionlimit(), gc.isenabled())
