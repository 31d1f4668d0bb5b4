"""An export that is not all there says so, and nothing in it counts as never called."""

import json

import pytest

from connectors.aws.usage.events import CloudTrailReader
from connectors.logs.engine import read_logs
from connectors.logs.seen import SeenEvents
from tests.connectors.logs.harness import YEAR, document, event, only, read, total


def page(*numbers: int, **more: object) -> dict[str, object]:
    return {"Records": [event(number) for number in numbers], **more}


@pytest.mark.parametrize("key", ["NextToken", "nextPageToken", "nextLink", "@odata.nextLink"])
@pytest.mark.parametrize("indent", [None, 2])
def test_a_token_left_in_an_export_makes_it_partial(tmp_path, key, indent):
    (tmp_path / "log.json").write_text(json.dumps(page(1, 2, **{key: "abc"}), indent=indent))
    file = only(read(tmp_path))
    assert ("partial", 2, True) == (file.status, file.records, file.lost)
    assert "goes on elsewhere" in file.reason


@pytest.mark.parametrize("token", [None, ""])
def test_an_empty_token_says_that_all_is_there(tmp_path, token):
    (tmp_path / "log.json").write_text(json.dumps(page(1, NextToken=token)))
    assert ("ok", False) == (only(read(tmp_path)).status, only(read(tmp_path)).lost)


def test_pages_that_follow_each_other_in_one_file_are_whole(tmp_path):
    pages = [page(1, NextToken="a"), page(2, NextToken="b"), page(3)]
    (tmp_path / "lines.json").write_text("\n".join(map(json.dumps, pages)))
    (tmp_path / "list.json").write_text(json.dumps(pages))
    (tmp_path / "pretty.json").write_text("\n".join(json.dumps(one, indent=1) for one in pages))
    assert {("ok", "")} == {(file.status, file.reason) for file in read(tmp_path).files}
    (tmp_path / "lines.json").write_text("\n".join(map(json.dumps, pages[:2])))
    (tmp_path / "list.json").write_text(json.dumps(pages[:2]))
    assert [True, True, False] == [file.lost for file in read(tmp_path).files]


def test_a_token_after_a_long_list_is_seen_too(tmp_path, monkeypatch):
    monkeypatch.setattr("connectors.logs.decode.WHOLE_BYTES", 500)
    monkeypatch.setattr("connectors.logs.inflate.STORED_BYTES", 100)
    (tmp_path / "log.json").write_text(json.dumps(page(*range(50), NextToken="a")))
    logs = read(tmp_path)
    assert (50, True) == (total(logs), only(logs).lost)


def test_a_token_of_another_file_is_not_this_ones(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(page(1, NextToken="x")))
    (tmp_path / "b.json").write_bytes(document([event(2)]))
    (tmp_path / "c.json").write_text(json.dumps(event(3)))
    assert [True, False, False] == [file.lost for file in read(tmp_path).files]


def trail(path):
    return only(read_logs([path], CloudTrailReader(), YEAR, seen=SeenEvents(), workers=1))


def test_rows_of_an_athena_table_are_named_and_lose_calls(tmp_path):
    row = {"eventversion": "1.08", "eventtime": "2026-03-01T10:00:00Z", "eventsource": "s3.amazonaws.com",
           "eventname": "GetObject", "useridentity": "{type=AssumedRole}"}  # fmt: skip
    (tmp_path / "rows.json").write_text(json.dumps([row]))
    file = trail(tmp_path / "rows.json")
    assert ("failed", True) == (file.status, file.lost)
    assert "Athena" in file.reason
    (tmp_path / "rows.csv").write_text(
        '"eventversion","eventtime","eventsource","eventname"\n"1","2","3","4"\n'
    )
    file = trail(tmp_path / "rows.csv")
    assert ("failed", True) == (file.status, file.lost)
    assert "table with columns of events" in file.reason


def test_a_readme_among_the_logs_loses_no_calls(tmp_path):
    (tmp_path / "README.md").write_text("# These logs\n")
    assert ("skipped", False) == (trail(tmp_path / "README.md").status, trail(tmp_path / "README.md").lost)
