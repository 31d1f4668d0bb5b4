"""What an earlier scan added up is used only where it still holds, and then gives the same."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.errors import StateError
from connectors.facts import Window
from connectors.logs import ledger as ledgers
from connectors.logs.engine import read_logs
from connectors.logs.fold import Kind
from connectors.logs.kinds import Kinds, unpacked
from connectors.logs.ledger import LEDGER, Ledger
from connectors.logs.rolled import flags, read_rolled
from connectors.logs.rows import RowKey
from connectors.logs.seen import SeenEvents
from connectors.logs.store import Numbers
from connectors.state import Component, open_state
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
    zipped,
)

ROOT = Path(__file__).resolve().parents[3]
SOURCES = ("a", "b")


def rolled(state: Path, scope: int = 1) -> "tuple[int, list[bool]] | None":
    """Return how many objects were added up, and which of their events are copies."""
    with open_state(state, LEDGER) as opened:
        found = read_rolled(opened, scope)
    if found is None:
        return None
    events = sum(file.events for file in found.objects.files)
    return len(found.objects.files), flags(found.copied, events).tolist()


def forget_rolled(state: Path) -> None:
    """Have the next scan find out everything anew."""
    with closing(sqlite3.connect(state)) as connection, connection:
        connection.execute("DELETE FROM log_rolled")


@pytest.fixture
def counted(monkeypatch):
    """How many events were looked through for copies, scan by scan."""
    told: list[int] = []
    from connectors.logs.store import Store  # noqa: PLC0415 its inside is watched

    close = Store.close

    def closing_store(self: Store) -> None:
        told.append(self.count)
        close(self)

    monkeypatch.setattr(Store, "close", closing_store)
    return told


def test_only_what_is_new_is_looked_through_for_copies(tree, state, counted):
    for at in range(5):
        put(tree / f"{at}.json.gz", at * 10, at * 10 + 1, at * 10 + 11)
    again(tree, state=state)
    again(tree, state=state)
    put(
        tree / "2a.json.gz", 12, 41, 90
    )  # 12 and 41 stand in others, 41 in a later one and before it in another
    logs, told = again(tree, state=state)
    assert (1, 5) == (told["read"], told["unchanged"])
    assert plain(read(tree)) == plain(logs)
    assert plain(logs) == plain(again(tree, state=state)[0])
    assert [15, 0, 3 + 2, 18, 0] == counted


def test_events_without_an_id_are_copies_where_their_whole_file_is_one(tmp_path, state):
    same = document([event(1) | {"id": ""}, event(2), event(3) | {"id": ""}])
    files = [tmp_path / name for name in ("a/1.json", "a/2.json", "b/1.json", "a/0.json", "b/0.json")]
    for course in (files[:3], [], files[3:], []):
        for file in course:
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(same)
            os.utime(file, (OLD, OLD))
        warm, cold = SeenEvents(), SeenEvents()
        for name in "ab":
            logs, _ = again(tmp_path / name, state=state, seen=warm, scope=name)
            assert plain(read(tmp_path / name, seen=cold)) == plain(logs)


@pytest.mark.parametrize("now", [(7, 8), (7,), (7, 8, 9)])
def test_a_copy_counts_when_the_file_of_its_first_event_changed(tree, state, now):
    put(tree / "a.json.gz", 1, 3)
    put(tree / "b.json.gz", 3, 4)
    again(tree, state=state)
    put(tree / "a.json.gz", *now, age=OLD + 1)
    for _ in range(2):
        assert plain(read(tree)) == plain(again(tree, state=state)[0])


def test_a_copy_counts_when_the_file_of_its_first_event_was_never_kept(tree, state):
    (tree / "a.json").write_bytes(document([event(1), event(3)]))  # may change within this second
    put(tree / "b.json.gz", 3, 4)
    again(tree, state=state)
    (tree / "a.json").unlink()
    for _ in range(2):
        assert plain(read(tree)) == plain(again(tree, state=state)[0])


def test_a_window_may_move_by_seconds(tree, state, counted):
    put(tree / "a.json.gz", *range(60))
    put(tree / "b.json.gz", *range(30, 90))
    again(tree, state=state)
    noon = datetime(2026, 3, 2, 12, 30, tzinfo=UTC)
    for seconds in (-86_400, -1, 0, 1, 86_400):
        for window in (
            Window(noon + timedelta(seconds=seconds), YEAR.end),
            Window(YEAR.start, noon + timedelta(seconds=seconds)),
        ):
            logs, _ = again(tree, state=state, window=window)
            assert plain(read(tree, window=window)) == plain(logs)
    assert 0 == sum(counted[1::2])


@pytest.mark.parametrize("body", ["kinds", "copies", "objects", "cells"])
def test_what_cannot_be_read_is_found_out_again(tree, state, body):
    put(tree / "a.json.gz", 1, 1, 2)
    again(tree, state=state)
    before = rolled(state)
    with closing(sqlite3.connect(state)) as connection, connection:
        connection.execute(f"UPDATE log_rolled SET {body} = x'0102'")
    assert rolled(state) is None
    assert plain(read(tree)) == plain(again(tree, state=state)[0])
    assert before == rolled(state)


def test_what_other_code_added_up_is_added_up_again(tree, state, monkeypatch):
    put(tree / "a.json.gz", 1, 1, 2)
    again(tree, state=state)
    before = rolled(state)
    monkeypatch.setattr("connectors.logs.rolled.counted_by", lambda: b"other code")
    assert rolled(state) is None
    logs, told = again(tree, state=state)
    assert (0, plain(read(tree))) == (told["read"], plain(logs))
    assert before == rolled(state)


def test_rows_that_had_other_fields_are_found_out_again(tree, state, monkeypatch):
    put(tree / "a.json.gz", 1, 1, 2)
    again(tree, state=state)
    monkeypatch.setattr("connectors.logs.kinds.RowKey._fields", (*RowKey._fields, "more"))
    assert rolled(state) is None


@pytest.mark.parametrize("version", [1, 2])
def test_a_state_file_of_an_older_version_is_brought_up_to_date(tree, state, version):
    for at in range(4):
        put(tree / f"{at}.json.gz", at, at + 1)
    again(tree, state=state)
    with closing(sqlite3.connect(state)) as connection, connection:
        connection.execute("DROP TABLE log_rolled")
        connection.executescript(LEDGER.migrations[1] if version > 1 else "")
        connection.execute(f"UPDATE schema_versions SET version = {version} WHERE component = 'log ledger'")
    with open_state(state, Component(LEDGER.name, LEDGER.migrations[:version])):
        pass  # it is one of that version
    for _ in range(2):
        logs, told = again(tree, state=state)
        assert (0, plain(read(tree))) == (told["read"], plain(logs))
    assert rolled(state) == (4, [False, False, *[True, False] * 3])


class Step(NamedTuple):
    """What happens before a scan, and which window it has."""

    changes: list[tuple[str, str, str, list[int]]]
    """Source, file, what becomes of it, events."""
    shift: int
    reread: bool
    newer: bool
    order: str
    """The sources in the order in which they are read; one that is missing has no part in the scan."""


STEPS = st.builds(
    Step,
    st.lists(
        st.tuples(
            st.sampled_from(SOURCES),
            st.sampled_from(["0.json.gz", "1.json.gz", "x/2.json"]),
            st.sampled_from(["write"] * 4 + ["young", "cut", "nameless", "gone", "unreadable"]),
            st.lists(st.integers(0, 6), min_size=1, max_size=5),
        ),
        max_size=3,
    ),
    st.sampled_from([0, 0, 0, -1, 1, 3600, 5400, 86_400, 200_000]),
    st.sampled_from([False] * 5 + [True]),
    st.sampled_from([False] * 9 + [True]),
    st.sampled_from(["ab", "ab", "ba", "a"]),
)


def change(path: Path, what: str, numbers: list[int], age: int) -> None:
    """Do to a file what a step says."""
    path.parent.mkdir(exist_ok=True, parents=True)
    if path.is_symlink() or what in ("gone", "unreadable"):
        path.unlink(missing_ok=True)
    if what == "gone":
        return
    if what == "unreadable":
        path.symlink_to(path.parent / "nowhere")
        return
    # The same event is not always of the same kind and time: which copy counts can be seen.
    events = [
        event(number, f"Get{(number + age + at) % 3 if number % 2 else number}")
        | {"time": f"2026-03-0{1 + (number * 5 + age * (number % 3 > 1)) % 7}T0{number}:30:{at:02}Z"}
        for at, number in enumerate(numbers)
    ]
    if what == "nameless":
        events = [one | {"id": ""} if at % 2 else one for at, one in enumerate(events)]
    data = document(events)
    data = zipped(data) if path.suffix == ".gz" else data
    path.write_bytes(data[:-9] if what == "cut" else data)
    if what != "young":
        os.utime(path, (OLD + age, OLD + age))


def scans(folder: Path, state: Path, step: Step, *, settle: bool) -> Iterator[bytes]:
    """Read all sources of a step as one scan does."""
    if state.exists() and not settle:
        forget_rolled(state)
    seen = SeenEvents()
    for at in step.order:
        asked = {"seen": seen, "window": window(step), "scope": at, "reread": step.reread}
        yield plain(again(folder / at, state=state, **asked)[0])


def colds(folder: Path, step: Step) -> Iterator[bytes]:
    """Read all sources of a step without remembering anything."""
    seen = SeenEvents()
    for at in step.order:
        yield plain(read(folder / at, seen=seen, window=window(step)))


def window(step: Step) -> Window:
    moved = timedelta(seconds=step.shift)
    end = datetime(2026, 3, 6, 4, 30, tzinfo=UTC) + moved if step.shift % 2 else YEAR.end
    return Window(datetime(2026, 3, 1, 2, 30, tzinfo=UTC) + moved, end)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEPS, min_size=1, max_size=6))
def test_any_course_of_scans_gives_what_it_gives_when_all_is_found_out_anew(
    tmp_path_factory, monkeypatch, course
):
    folder = tmp_path_factory.mktemp("course")
    for source in SOURCES:
        (folder / source).mkdir()
    kept = False
    for age, step in enumerate(course):
        for source, name, what, numbers in step.changes:
            change(folder / source / name, what, numbers, age)
            kept |= what in ("gone", "unreadable")
        monkeypatch.setattr(ledgers, "version_of", lambda _, newer=step.newer and age: f"version {newer}")
        found = list(scans(folder, folder / "state", step, settle=True))
        assert list(scans(folder, folder / "twin", step, settle=False)) == found
        if not kept:
            assert list(colds(folder, step)) == found


def kind(*whats: str, place: str = "here") -> Kind:
    keys = [RowKey("", "anna", "", "", what, "", "", "", "", "", "allowed", "", "") for what in whats]
    return Kind(tuple(keys), ("", place, "management", ""))


KINDS = st.lists(
    st.builds(kind, st.sampled_from("abcd"), st.sampled_from("abcd")) | st.builds(kind), max_size=8
)


def meaning(kinds: Kinds, numbers: "list[int] | Numbers") -> list[Kind]:
    """Return kinds by their numbers, told from what rows and places are made of."""
    keys, ranks, starts = kinds.ranked()
    assert sorted(map(tuple, keys.tolist())) == [*map(tuple, keys.tolist())]
    places, placed = kinds.places(), kinds.placed().tolist()
    found = []
    for number in numbers:
        rows = [RowKey(*keys[rank]) for rank in ranks[starts[number] : starts[number + 1]]]
        found.append(Kind(tuple(rows), places[placed[number]]))
    return found


@given(KINDS, KINDS, KINDS)
def test_a_table_of_kinds_holds_what_was_put_in(first, second, third):
    """Whatever part of the kinds was known before, and however often."""
    stored: dict[Kind, int] = {}
    for one in [*third, *first, *second]:
        stored.setdefault(one, 7 + 3 * len(stored))
    table = None
    for course in (first, second, third):
        kinds = Kinds()
        if table is not None:
            kinds.adopt(table)
        numbers = [kinds.number(one) for one in course]
        assert course == meaning(kinds, numbers)
        table = kinds.settled({number: stored[one] for number, one in zip(numbers, course, strict=True)})
        if table is not None:
            table = unpacked(table.packed()) or table
            whole = Kinds()
            whole.adopt(table)
            by_number = {number: one for one, number in stored.items()}
            known = [by_number[number] for number in table.numbers.tolist()]
            assert known == meaning(whole, range(len(known)))
            assert {*course} <= {*known}
            assert len({*known}) == len(known)
            widths = np.diff(table.starts.astype(int))
            firsts = table.ranks[table.starts[:-1][widths > 0]]
            assert np.all(firsts[1:] >= firsts[:-1])


_SCRIPT = """
import os, signal, sys
from pathlib import Path
from connectors.logs import ledger, rolled
from connectors.logs.engine import read_logs
from connectors.logs.seen import SeenEvents
from connectors.state import State
from tests.connectors.logs.harness import YEAR, SmallReader, plain
tree, state, where = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
if where == "before":
    ledger.write_rolled = die
if where == "inside":
    class Dying:
        def __init__(self, connection): self.connection = connection
        def execute(self, *query):
            self.connection.execute(*query)
            die()
    transaction = State.transaction
    def dying(self):
        import contextlib
        @contextlib.contextmanager
        def inner():
            with transaction(self) as connection:
                yield Dying(connection)
        return inner()
    write = rolled.write_rolled
    def writing(*what):
        State.transaction = dying
        write(*what)
    ledger.write_rolled = writing
held = ledger.Ledger.open(state, "s/logs", SmallReader())
logs = read_logs([tree], SmallReader(), YEAR, seen=SeenEvents(), workers=1, ledger=held)
sys.stdout.buffer.write(plain(logs))
if where == "after":
    sys.stdout.buffer.flush()
    die()
"""


def start(tree: Path, state: Path, where: str = "nowhere") -> "subprocess.Popen[bytes]":
    call = [sys.executable, "-c", _SCRIPT, str(tree), str(state), where]
    return subprocess.Popen(call, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=-1)


@pytest.mark.parametrize("where", ["before", "inside", "after"])
def test_a_scan_killed_while_it_settles_leaves_what_was_settled_before(tree, state, where):
    for at in range(4):
        put(tree / f"{at}.json.gz", at, at + 1)
    again(tree, state=state)
    before = rolled(state)
    put(tree / "00.json.gz", 0, 3, 9)
    killed = start(tree, state, where)
    said = killed.communicate()[0]
    assert -signal.SIGKILL == killed.returncode
    assert said == (plain(read(tree)) if where == "after" else b"")
    assert (rolled(state) == before) == (where != "after")
    logs, told = again(tree, state=state)
    assert (0, plain(read(tree))) == (told["read"], plain(logs))
    found = rolled(state)
    assert found is not None
    assert 5 == found[0]


def test_scans_at_once_that_settle_different_files_give_the_same_afterwards(tree, state):
    for at in range(6):
        put(tree / f"{at:02}.json.gz", at, at + 1, at + 2)
    again(tree, state=state)
    for at in range(6, 9):
        put(tree / f"{at - 6:02}x.json.gz", at, at - 3, at - 5)
    running = [start(tree, state) for _ in range(3)]
    expected = plain(read(tree))
    assert [expected] * 3 == [one.communicate()[0] for one in running]
    for _ in range(2):
        logs, told = again(tree, state=state)
        assert (expected, 0) == (plain(logs), told["read"])


@pytest.mark.parametrize("why", ["malformed", "read anew"])
def test_a_ledger_that_fails_half_way_does_not_believe_what_was_added_up(tree, state, monkeypatch, why):
    """A copy whose first event is not there any more would count nowhere."""
    put(tree / "b.json.gz", 3, 4)
    again(tree, state=state)
    put(tree / "a.json.gz", 1, 2, 3)
    again(tree, state=state)
    assert rolled(state) == (2, [True, *[False] * 4])
    (tree / "a.json.gz").unlink()
    ledger = Ledger.open(state, "s/logs", SmallReader())
    ask = ledger.state.read

    def failing(query, values=()):
        if "SELECT events" not in query:
            return ask(query, values)
        if why == "malformed":
            raise StateError("state.sqlite: database disk image is malformed")
        return ask(query, values)[1:]  # another scan read an object once more, and it has another number

    monkeypatch.setattr(ledger.state, "read", failing)
    within = Window(datetime(2026, 3, 1, 3, tzinfo=UTC), YEAR.end)
    logs = read_logs([tree], SmallReader(), within, seen=SeenEvents(), workers=1, ledger=ledger)
    ledger.close()
    assert plain(read(tree, window=within)) == plain(logs)
    assert plain(read(tree)) != plain(again(tree, state=state)[0])  # what is gone counts again
