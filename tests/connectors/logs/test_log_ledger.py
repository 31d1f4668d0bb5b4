"""A scan with a ledger reads only what is new, and learns exactly what a cold scan learns."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.aws.usage.events import CloudTrailReader
from connectors.errors import StateError
from connectors.facts import Window
from connectors.logs import ledger as ledgers
from connectors.logs.engine import read_logs
from connectors.logs.ledger import Ledger
from connectors.logs.rows import KEPT
from connectors.logs.seen import SeenEvents
from connectors.logs.version import version_of
from tests.connectors.logs.harness import (
    OLD,
    YEAR,
    SmallReader,
    again,
    document,
    event,
    plain,
    put,
    read,
    total,
)

ROOT = Path(__file__).resolve().parents[3]


def test_a_second_scan_reads_nothing_and_learns_the_same(tree, state):
    for at in range(5):
        put(tree / f"{at}.json.gz", at, at + 1, at + 100)
    first, told = again(tree, state=state)
    assert {"read": 5, "unchanged": 0, "changed": 0, "gone": 0} == told
    second, told = again(tree, state=state)
    assert {"read": 0, "unchanged": 5, "changed": 0, "gone": 0} == told
    assert plain(read(tree)) == plain(first) == plain(second)


def test_only_new_and_changed_files_are_read(tree, state):
    put(tree / "b.json.gz", 1, 2)
    put(tree / "c.json.gz", 2, 3)
    again(tree, state=state)
    put(tree / "a.json.gz", 3, 4)  # late, and before the others: now its copy of 3 counts
    put(tree / "b.json.gz", 1, 5, age=OLD + 1)
    logs, told = again(tree, state=state)
    assert {"read": 2, "unchanged": 1, "changed": 1, "gone": 0} == told
    assert plain(read(tree)) == plain(logs)
    assert [0, 0, 1] == [file.duplicates for file in logs.files]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.lists(
            st.tuples(st.integers(0, 5), st.lists(st.integers(0, 12), max_size=4), st.sampled_from("xyz")),
            max_size=3,
        ),
        min_size=1,
        max_size=4,
    )
)
def test_any_course_of_files_gives_what_one_clean_scan_gives(tmp_path_factory, scans):
    folder = tmp_path_factory.mktemp("course")
    tree, state = folder / "logs", folder / "state"
    tree.mkdir()
    for age, files in enumerate(scans):
        for name, numbers, what in files:
            put(tree / f"{name}.json.gz", *numbers, what=what, age=OLD + age)
        window = Window(datetime(2026, 3, 1, 5 + age, tzinfo=UTC), datetime(2026, 3, 1, 12, tzinfo=UTC))
        assert plain(read(tree, window=window)) == plain(again(tree, state=state, window=window)[0])


def test_the_window_of_a_later_scan_may_be_another(tree, state):
    put(tree / "a.json.gz", *range(60))
    again(tree, state=state)
    for start, end in ((1, 2), (2, 4)):
        window = Window(datetime(2026, 3, start, 7, tzinfo=UTC), datetime(2026, 3, end, 3, tzinfo=UTC))
        logs, told = again(tree, state=state, window=window)
        assert (0, plain(read(tree, window=window))) == (told["read"], plain(logs))


def test_copies_in_other_sources_count_once_also_when_remembered(tmp_path, state):
    for name in "ab":
        put(tmp_path / name / "log.json.gz", 1, 2)
    for _ in range(2):
        seen = SeenEvents()
        counts = [
            total(again(tmp_path / name, state=state, seen=seen, scope=f"{name}/logs")[0]) for name in "ab"
        ]
        assert [2, 0] == counts


def test_a_file_that_is_gone_still_counts_and_is_named(tree, state):
    put(tree / "a.json.gz", 1, 2)
    put(tree / "b.json.gz", 3)
    again(tree, state=state)
    (tree / "a.json.gz").unlink()
    for _ in range(2):
        logs, told = again(tree, state=state)
        assert (3, 1) == (total(logs), told["gone"])
        assert f"no longer there; {KEPT}" == logs.files[0].reason
        assert ("ok", False) == (logs.files[0].status, logs.files[0].lost)


def test_a_file_that_cannot_be_opened_now_counts_as_before_and_may_have_lost_calls(tree, state, monkeypatch):
    put(tree / "a.json.gz", 1, 2)
    again(tree, state=state)
    (tree / "a.json.gz").unlink()
    (tree / "a.json.gz").symlink_to(tree / "nowhere")
    logs, _ = again(tree, state=state)
    assert (2, "partial", True) == (total(logs), logs.files[0].status, logs.files[0].lost)
    assert "cannot be opened" in logs.files[0].reason


def test_files_of_a_path_that_the_source_names_no_more_are_forgotten(tmp_path, state):
    for name in ("old", "new"):
        put(tmp_path / name / "log.json.gz", 1, 2 if name == "new" else 3)
    again(tmp_path / "old", state=state)
    assert plain(read(tmp_path / "new")) == plain(again(tmp_path / "new", state=state)[0])
    assert 1 == again(tmp_path / "old", state=state)[1]["read"]


def test_a_file_changed_a_moment_ago_is_read_again(tree, state):
    (tree / "a.json").write_bytes(document([event(1)]))
    assert [1, 1] == [again(tree, state=state)[1]["read"] for _ in range(2)]


def test_a_file_that_could_not_be_read_to_its_end_is_tried_again(tree, state):
    put(tree / "a.json.gz", 1)
    (tree / "a.json.gz").write_bytes((tree / "a.json.gz").read_bytes()[:-9])
    os.utime(tree / "a.json.gz", (OLD, OLD))
    first, second = (again(tree, state=state) for _ in range(2))
    assert plain(first[0]) == plain(second[0])
    assert "cut off" in second[0].files[0].reason


def test_another_version_of_the_reader_reads_everything_again(tree, state, monkeypatch):
    put(tree / "a.json.gz", 1)
    put(tree / "b.json.gz", 2)
    again(tree, state=state)
    (tree / "b.json.gz").unlink()
    monkeypatch.setattr(ledgers, "version_of", lambda reader: "newer")
    logs, told = again(tree, state=state)
    assert ({"read": 1, "unchanged": 0, "changed": 1, "gone": 1}, 2) == (told, total(logs))
    assert 0 == again(tree, state=state)[1]["read"]


def test_the_version_of_a_reader_tells_its_code_and_tables():
    small, trail = version_of(SmallReader()), version_of(CloudTrailReader())
    assert small != trail
    assert trail == version_of(CloudTrailReader())
    assert CloudTrailReader().data_version in trail
    from connectors.logs import version  # noqa: PLC0415 - its inside

    names = {path.name for path in version._files((CloudTrailReader.__module__,))}
    assert {"events.py", "principals.py", "passed_roles.py", "event_resources.toml", "rows.py"} <= names


_SCRIPT = """
import os, signal, sys
from pathlib import Path
from connectors.logs import ledger
from connectors.logs.engine import read_logs
from connectors.logs.seen import SeenEvents
from tests.connectors.logs.harness import YEAR, SmallReader, plain
tree, state, left, where = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
ledger._COMMIT_FILES = 2
rows = ledger.Ledger._stored_events
commit = ledger.Ledger.commit
def dying(self, events):
    global left
    for row in rows(self, events):
        left -= 1
        if left == 0 and where == "inside":
            os.kill(os.getpid(), signal.SIGKILL)
        yield row
def after(self, tally):
    commit(self, tally)
    if left <= 0 and where == "after":
        os.kill(os.getpid(), signal.SIGKILL)
if where != "nowhere":
    ledger.Ledger._stored_events, ledger.Ledger.commit = dying, after
import connectors.logs.engine as engine
engine.BATCH_FILES = 1
held = ledger.Ledger.open(state, "s/logs", SmallReader())
logs = read_logs([tree], SmallReader(), YEAR, seen=SeenEvents(), workers=1, ledger=held)
sys.stdout.buffer.write(plain(logs))
"""


def start(tree: Path, state: Path, left: int = 0, where: str = "nowhere") -> "subprocess.Popen[bytes]":
    call = [sys.executable, "-c", _SCRIPT, str(tree), str(state), str(left), where]
    return subprocess.Popen(call, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=-1)


@pytest.mark.parametrize(("left", "where"), [(1, "inside"), (4, "inside"), (3, "after"), (7, "after")])
def test_a_killed_scan_leaves_nothing_half_and_the_next_gives_the_same(tree, state, left, where):
    for at in range(8):
        put(tree / f"{at}.json.gz", at, at + 1, at + 2)
    killed = start(tree, state, left, where)
    assert b"" == killed.communicate()[0]
    assert -signal.SIGKILL == killed.returncode
    logs, told = again(tree, state=state)
    assert plain(read(tree)) == plain(logs)
    assert told["unchanged"] % 2 == 0  # objects are stored two at a time, or not at all
    assert {"read": 0, "unchanged": 8, "changed": 0, "gone": 0} == again(tree, state=state)[1]


def test_three_scans_at_once_give_the_same_and_one_ledger(tree, state):
    for at in range(12):
        put(tree / f"{at:02}.json.gz", at, at + 1, at + 2)
    running = [start(tree, state) for _ in range(3)]
    expected = plain(read(tree))
    assert [expected] * 3 == [one.communicate()[0] for one in running]
    logs, told = again(tree, state=state)
    assert (expected, 0) == (plain(logs), told["read"])


def test_a_state_file_that_fails_costs_no_evidence(tree, state, monkeypatch, caplog):
    for at in range(3):
        put(tree / f"{at}.json.gz", at)
    again(tree, state=state)
    put(tree / "3.json.gz", 3)

    def full(self):
        raise StateError("state.sqlite: database or disk is full", hint="free some space")

    ledger = Ledger.open(state, "s/logs", SmallReader())
    monkeypatch.setattr("connectors.state.State.transaction", full)
    logs = read_logs([tree], SmallReader(), YEAR, seen=SeenEvents(), workers=1, ledger=ledger)
    assert plain(read(tree)) == plain(logs)
    assert "disk is full" in caplog.text


def test_a_ledger_that_cannot_be_read_costs_no_evidence(tree, state, monkeypatch, caplog):
    for at in range(600):
        put(tree / f"{at}.json.gz", at)
    again(tree, state=state)
    ledger = Ledger.open(state, "s/logs", SmallReader())
    pages = ledger.state.read
    asked = []

    def failing(*query):
        asked.append(query)
        if len(asked) > 3:
            raise StateError("state.sqlite: database disk image is malformed")
        return pages(*query)

    monkeypatch.setattr(ledger.state, "read", failing)
    logs = read_logs([tree], SmallReader(), YEAR, seen=SeenEvents(), workers=1, ledger=ledger)
    assert plain(read(tree)) == plain(logs)
    assert "malformed" in caplog.text


def test_more_events_than_memory_holds_give_the_same(tree, state, monkeypatch):
    for at in range(20):
        put(tree / f"{at:02}.json.gz", *range(at * 7, at * 7 + 11))
    (tree / "x.json").write_bytes(document([event(1) | {"id": ""}, event(2) | {"id": ""}]))
    (tree / "y.json").write_bytes(document([event(1) | {"id": ""}, event(2) | {"id": ""}]))
    whole = read(tree)
    monkeypatch.setattr("connectors.logs.store.MOST_IN_MEMORY", 40)
    monkeypatch.setattr("connectors.logs.tally.MOST_IN_MEMORY", 40)
    monkeypatch.setattr("connectors.logs.tally._TOGETHER", 15)
    monkeypatch.setattr("connectors.logs.count._PAIRS", 30)
    seen = SeenEvents()
    assert plain(whole) == plain(read(tree, seen=seen))
    assert 0 == total(read(tree, seen=seen))
    assert plain(whole) == plain(again(tree, state=state)[0]) == plain(again(tree, state=state)[0])


def test_a_disk_without_room_leaves_the_events_in_memory(tree, monkeypatch):
    for at in range(20):
        put(tree / f"{at:02}.json.gz", *range(at * 7, at * 7 + 11))
    whole = read(tree)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("connectors.logs.store.MOST_IN_MEMORY", 40)
    monkeypatch.setattr("connectors.logs.tally.MOST_IN_MEMORY", 40)
    monkeypatch.setattr("connectors.logs.tally._TOGETHER", 15)
    monkeypatch.setattr("connectors.logs.store.tempfile.TemporaryFile", full)
    assert plain(whole) == plain(read(tree))
