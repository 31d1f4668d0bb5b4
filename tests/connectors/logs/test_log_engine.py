"""Rows hold every event once, on its day, whatever the files, their order, and the number of processes."""

import csv
import json
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.aws.usage.events import CloudTrailReader
from connectors.facts import Window
from connectors.logs.engine import read_logs
from connectors.logs.rows import LogRead, Presence, UsageRow
from connectors.logs.seen import SeenEvents
from tests.connectors.logs.harness import (
    DEADLY,
    SHARED,
    YEAR,
    SmallReader,
    document,
    event,
    only,
    plain,
    read,
    total,
    zipped,
)

EVER = Window(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


def trail(*paths: Path, workers: int | None = 1) -> LogRead:
    return read_logs(paths, CloudTrailReader(), EVER, seen=SeenEvents(), workers=workers)


def shared(name: str) -> Path:
    path = SHARED / name
    if not path.exists():
        pytest.skip("the shared AWS data is not beside this checkout")
    return path


def usage(rows: Sequence[UsageRow]) -> dict[tuple[str, ...], list[int | str]]:
    """Fold rows into those of expected/usage.csv."""
    found: dict[tuple[str, ...], list[list[int | str]]] = {}
    for row in rows:
        if not row.permission:
            source, _, name = row.operation.partition(":")
            found.setdefault((row.identity, row.account, row.identity_type, source, name), []).append(
                [row.count, row.outcome, row.via, row.first, row.last]
            )
    return {key: _sum(parts) for key, parts in found.items()}


def _sum(parts: list) -> list[int | str]:
    passed = [part for part in parts if part[1] != "denied"]
    return [
        sum(part[0] for part in parts),
        sum(part[0] for part in parts if part[1] == "denied"),
        sum(part[0] for part in parts if part[1] == "error"),
        sum(part[0] for part in parts if part[2]),
        min(part[3] for part in parts),
        max(part[4] for part in parts),
        min((part[3] for part in passed), default=""),
        max((part[4] for part in passed), default=""),
    ]


def expected_usage(path: Path) -> dict[tuple[str, ...], list[int | str]]:
    with path.open(newline="") as stream:
        lines = [list(line.values()) for line in csv.DictReader(stream)]
    return {tuple(line[:5]): [*map(int, line[5:9]), *line[9:]] for line in lines}


def test_generated_logs_give_exactly_the_expected_usage_with_any_number_of_processes():
    tree = shared("generated_20k")
    logs = trail(tree / "AWSLogs")
    assert expected_usage(tree / "expected" / "usage.csv") == usage(logs.rows)
    assert plain(logs) == plain(trail(tree / "AWSLogs", workers=2))
    assert (20_386, 386) == (sum(f.records for f in logs.files), sum(f.duplicates for f in logs.files))


@pytest.mark.parametrize("name", ["invictus_aws_dataset", "flaws_cloud_subset"])
def test_real_trails_have_no_unread_file(name):
    logs = trail(shared(f"cloudtrail/{name}"))
    assert {("ok", "")} == {(file.status, file.reason) for file in logs.files}
    assert {"invictus_aws_dataset": 2900, "flaws_cloud_subset": 184}[name] == total_calls(logs)


def total_calls(logs: LogRead) -> int:
    return sum(row.count for row in logs.rows if not row.permission)


def test_every_sample_file_of_cloudtrail_reads_and_malformed_records_are_counted():
    samples = sorted(path for path in shared("cloudtrail").glob("*.json"))
    for path in samples:
        held = len(json.loads(path.read_bytes())["Records"])
        file = only(trail(path))
        # A call whose time cannot be read may be one of the window: nothing counts as unused beside it.
        assert file.lost is ("no usable" in file.reason), file.reason
        assert ("partial" if file.lost else "ok") == file.status, file.reason
        assert held == file.records + file.rejected, path.name
    malformed = only(trail(shared("cloudtrail/malformed.json")))
    assert malformed.lost
    assert 6 <= malformed.rejected


def test_event_history_exports_are_read(tmp_path):
    records = json.loads((shared("cloudtrail/stratus_red_team.json")).read_bytes())["Records"]
    pages = [
        {"Events": [{"EventId": one.get("eventID"), "CloudTrailEvent": json.dumps(one)} for one in half]}
        for half in (records[:20], records[20:])
    ]
    (tmp_path / "page.json").write_text(json.dumps(pages[0], indent=4))
    (tmp_path / "pages.json").write_text(json.dumps(pages))
    (tmp_path / "lines.json").write_text("\n".join(map(json.dumps, pages)))
    whole = trail(shared("cloudtrail/stratus_red_team.json"))
    assert list(whole.rows) == list(trail(tmp_path / "pages.json").rows)
    assert list(whole.rows) == list(trail(tmp_path / "lines.json").rows)
    assert 20 == only(trail(tmp_path / "page.json")).records


def test_rows_tell_days_apart_and_keep_first_and_last(tmp_path):
    times = ["2026-03-01T23:59:59Z", "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", "2026-03-01T12:00:00Z"]
    (tmp_path / "log").write_bytes(document([event(at, time=time) for at, time in enumerate(times)]))
    expected = [("2026-03-01", 3, times[1], times[0]), ("2026-03-02", 1, times[2], times[2])]
    assert expected == [(row.day, row.count, row.first, row.last) for row in read(tmp_path).rows]


def test_the_window_is_half_open_and_presence_knows_more(tmp_path):
    window = Window(datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC))
    times = ["2026-03-01T23:59:59Z", "2026-03-02T00:00:00Z", "2026-03-02T23:59:59Z", "2026-03-03T00:00:00Z"]
    (tmp_path / "log").write_bytes(document([event(at, time=time) for at, time in enumerate(times)]))
    logs = read(tmp_path, window=window)
    assert (2, 4, 2) == (total(logs), only(logs).records, only(logs).outside_window)
    assert [Presence("", "here", "management", "", 4, times[0], times[3])] == logs.presence


def test_which_events_count_is_told_by_their_time_and_not_by_the_names_of_files(tmp_path):
    window = Window(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))
    for named, time in (("2020/01/01", "2026-03-01T10:00:00Z"), ("2026/03/01", "2020-01-01T10:00:00Z")):
        folder = tmp_path / "CloudTrail" / "eu-west-1" / named
        folder.mkdir(parents=True)
        (folder / f"1_CloudTrail_{named.replace('/', '')}T1000Z_x.json").write_bytes(
            document([event(len(time) + int(named[3]), time=time)])
        )
    logs = read(tmp_path, window=window)
    assert ["2026-03-01T10:00:00Z"] == [row.first for row in logs.rows]
    assert [0, 1] == [file.outside_window for file in logs.files]


@pytest.mark.parametrize(
    ("time", "written"),
    [
        ("2026-03-01T10:00:00.123456789Z", "2026-03-01T10:00:00Z"),
        ("2026-03-01T12:00:00+02:00", "2026-03-01T10:00:00Z"),
        ("2026-03-01 10:00:00", "2026-03-01T10:00:00Z"),
        ("20260301T100000Z", "2026-03-01T10:00:00Z"),
    ],
)
def test_times_are_read_however_they_are_written(tmp_path, time, written):
    (tmp_path / "log").write_bytes(document([event(1, time=time)]))
    assert [written] == [row.first for row in read(tmp_path).rows]


@pytest.mark.parametrize(
    "time", ["soon", "2026-13-01T00:00:00Z", "1969-12-31T23:59:59Z", "9999-01-01T00:00:00Z"]
)
def test_unusable_times_are_rejected(tmp_path, time):
    (tmp_path / "log").write_bytes(document([event(1, time=time)]))
    assert (0, 1) == (only(read(tmp_path)).records, only(read(tmp_path)).rejected)


def test_copies_count_once_and_are_told_by_file_whatever_the_processes(tmp_path):
    for at, (start, stop) in enumerate([(0, 40), (20, 60), (0, 60), (59, 61)]):
        data = document([event(number) for number in range(start, stop)])
        (tmp_path / f"{at}.json.gz").write_bytes(zipped(data))
    one = read(tmp_path)
    assert [0, 20, 60, 1] == [file.duplicates for file in one.files]
    assert 61 == total(one)
    assert plain(one) == plain(read(tmp_path, workers=2))


def test_copies_within_one_file_count_once(tmp_path):
    (tmp_path / "log").write_bytes(document([event(1), event(2), event(1)]))
    assert (2, 1) == (total(read(tmp_path)), only(read(tmp_path)).duplicates)


def test_copies_in_other_sources_count_once(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "log").write_bytes(
            document([event(1), event(2) | {"id": ""}, event(2) | {"id": ""}])
        )
    seen = SeenEvents()
    assert [3, 0] == [total(read(tmp_path / name, seen=seen)) for name in ("a", "b")]


def test_events_without_an_id_are_no_copies_of_each_other(tmp_path):
    (tmp_path / "a").write_bytes(document([event(1) | {"id": ""}] * 3))
    (tmp_path / "b").write_bytes(document([event(1) | {"id": ""}] * 2))
    assert 5 == total(read(tmp_path))


def test_a_copy_outside_the_window_is_a_duplicate_and_not_outside(tmp_path):
    for name in "ab":
        (tmp_path / name).write_bytes(document([event(1, time="2020-01-01T00:00:00Z")]))
    files = read(tmp_path).files
    assert [(0, 1), (1, 0)] == [(file.duplicates, file.outside_window) for file in files]


def test_progress_tells_files_bytes_and_events(tmp_path):
    for name in "ab":
        (tmp_path / name).write_bytes(document([event(1), event(2)]))
    heard = []
    read_logs(
        [tmp_path], SmallReader(), YEAR, seen=SeenEvents(), observe=lambda *a, **n: heard.append((a, n))
    )
    size = (tmp_path / "a").stat().st_size
    assert [
        (("log-file",), {"files": 1, "total": 2, "bytes": size, "events": 2}),
        (("log-file",), {"files": 2, "total": 2, "bytes": 2 * size, "events": 4}),
    ] == heard


def test_rows_are_a_sequence_in_order(tmp_path):
    events = [event(number, what=f"Do{number % 5}", who=f"w{number % 3}") for number in range(500)]
    (tmp_path / "log").write_bytes(document(events))
    rows = read(tmp_path).rows
    listed = list(rows)
    assert sorted(listed) == listed == [rows[at] for at in range(len(rows))]
    assert (listed[-1], listed[2:5]) == (rows[-1], rows[2:5])
    with pytest.raises(IndexError):
        rows[len(rows)]


def test_nothing_to_read_is_no_error(tmp_path):
    assert ([], [], []) == (list(read().rows), read(tmp_path).files, read(tmp_path).presence)


def test_many_kinds_of_event_in_little_memory_give_the_same(tmp_path, monkeypatch):
    for at in range(30):
        events = [event(number, what=f"Do{number % 41}") for number in range(at * 50, at * 50 + 60)]
        (tmp_path / f"{at:02}").write_bytes(document(events))
    whole = read(tmp_path)
    monkeypatch.setattr("connectors.logs.fold.MOST_KINDS", 3)
    monkeypatch.setattr("connectors.logs.engine.BATCH_FILES", 1)
    assert plain(whole) == plain(read(tmp_path))


def test_a_killed_process_costs_the_file_that_kills_and_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr("connectors.logs.engine.BATCH_FILES", 2)
    for at in range(6):
        what = DEADLY if at == 3 else "Get"
        (tmp_path / f"{at}.json").write_bytes(document([event(at * 10), event(at * 10 + 1, what)]))
    logs = read(tmp_path, workers=2)
    assert ["ok", "ok", "ok", "failed", "ok", "ok"] == [file.status for file in logs.files]
    assert "killed" in logs.files[3].reason
    assert 10 == total(logs)


def test_processes_that_cannot_start_leave_the_work_to_this_one(tmp_path, monkeypatch):
    for at in range(4):
        (tmp_path / f"{at}.json").write_bytes(document([event(at)]))
    monkeypatch.setattr("connectors.logs.engine.BATCH_FILES", 1)
    monkeypatch.setattr("connectors.logs.workers._serve", "not callable")
    assert 4 == total(read(tmp_path, workers=2))


def test_an_interrupted_read_leaves_no_process_behind(tmp_path, monkeypatch):
    import multiprocessing  # noqa: PLC0415 - only this test looks at it

    monkeypatch.setattr("connectors.logs.engine.BATCH_FILES", 1)
    for at in range(20):
        (tmp_path / f"{at:02}.json").write_bytes(document([event(at)]))

    def interrupt(*_: str, **__: int | str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_logs([tmp_path], SmallReader(), YEAR, seen=SeenEvents(), workers=2, observe=interrupt)
    assert [] == multiprocessing.active_children()


def test_thousands_of_tiny_files_are_read(tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    data = zipped(document([event(1)]))
    for number in range(2_000):
        (folder / f"{number}.json.gz").write_bytes(data)
    logs = read(folder)
    assert (1, 1_999) == (total(logs), sum(file.duplicates for file in logs.files))
    shutil.rmtree(folder)
