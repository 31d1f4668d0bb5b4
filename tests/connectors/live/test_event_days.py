"""Event histories are asked for what is not known, and give what one question for everything would give."""

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import connectors.live.event_days
from connectors.errors import StateError
from connectors.facts import Window
from connectors.live.event_days import DaysRead, Event, History, Place, read_days
from connectors.live.failures import CallError
from connectors.logs.ledger import Ledger
from connectors.logs.seen import SeenEvents
from tests.connectors.logs.harness import SmallReader, event, plain, total

NOW = datetime(2026, 6, 1, 12, 30, tzinfo=UTC)
DAY = timedelta(days=1)
ROOT = Path(__file__).resolve().parents[3]


class Service:
    """A cloud that keeps events for 90 days, hands out those of a span, newest first, and may break off."""

    def __init__(self, *regions: str) -> None:
        self.events: dict[str, list[tuple[datetime, datetime, int]]] = {region: [] for region in regions}
        self.asked: list[tuple[str, datetime, datetime]] = []
        self.most: int | None = None
        self.knows_late = False

    def happen(
        self, number: int, at: datetime, *, region: str = "north", late: timedelta = timedelta(0)
    ) -> None:
        self.events[region].append((at, at + late, number))

    def places(self, now: datetime) -> list[Place]:
        return [self._place(region, now) for region in self.events]

    def _place(self, region: str, now: datetime) -> Place:
        def listed(start: datetime, end: datetime, since: datetime):
            for place, (at, received, number) in enumerate(sorted(self.events[region], reverse=True)):
                if self.most is not None and place >= self.most:
                    raise CallError("throttled", "throttled", "list")
                if start <= at <= end and since <= received <= now:
                    yield written(number, at)

        def ask(start: datetime, end: datetime):
            assert start >= now - 90 * DAY
            self.asked.append((region, start, end))
            return listed(start, end, datetime.min.replace(tzinfo=UTC))

        def late(since: datetime, start: datetime, end: datetime):
            return listed(start, end, since)

        return Place(f"history/{region}.json", ask, late if self.knows_late else None)


def written(number: int, at: datetime) -> Event:
    time = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return Event(time, json.dumps(event(number, time=time)))


def scan(
    service: Service,
    state: Path | None,
    now: datetime = NOW,
    days: float = 30,
    window: Window | None = None,
    asked: str = "role",
    reread: bool = False,
) -> DaysRead:
    """Read with the ledger in a state file, or without one."""
    service.asked.clear()
    history = History(SmallReader(), asked, __file__, now - 90 * DAY, chunk_days=7)
    ledger = Ledger.open(state, "s/history", SmallReader(), reread=reread) if state else None
    try:
        return read_days(
            service.places(now),
            history,
            window or Window(now - days * DAY, now),
            now,
            seen=SeenEvents(),
            ledger=ledger,
            each=lambda work, places: [work(place) for place in places],
        )
    finally:
        if ledger is not None:
            ledger.close()


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state.sqlite"


@pytest.fixture
def service():
    found = Service("north", "south")
    for number in range(120):
        at = NOW - timedelta(hours=18 * number + 1)
        found.happen(number, at, region="north" if number % 3 else "south")
    return found


def same(service: Service, state: Path, **way) -> None:
    remembered = scan(service, state, **way)
    way.pop("reread", None)
    assert plain(scan(service, None, **way).read) == plain(remembered.read)


def test_a_second_scan_asks_only_for_the_days_that_may_still_change(service, state):
    same(service, state)
    tomorrow = NOW + DAY
    service.happen(500, tomorrow - timedelta(hours=2))
    service.happen(501, NOW - timedelta(hours=6), late=timedelta(hours=9))
    scan(service, state, now=tomorrow)
    starts = {(region, start.date().isoformat()) for region, start, _ in service.asked}
    assert {("north", "2026-05-29"), ("south", "2026-05-29")} == starts
    same(service, state, now=tomorrow)


def test_events_on_the_edges_of_days_and_of_the_window_count_once(state):
    service = Service("north")
    window = Window(datetime(2026, 5, 10, 12, tzinfo=UTC), datetime(2026, 5, 20, 6, tzinfo=UTC))
    edges = [datetime(2026, 5, 10, 12, tzinfo=UTC) + offset * timedelta(seconds=1) for offset in (-1, 0, 1)]
    edges += [datetime(2026, 5, 20, 6, tzinfo=UTC) + offset * timedelta(seconds=1) for offset in (-1, 0, 1)]
    edges += [datetime(2026, 5, day, tzinfo=UTC) for day in range(11, 21)]
    for number, at in enumerate(edges):
        service.happen(number, at)
    for _ in range(2):
        found = scan(service, state, window=window)
        assert 2 + 1 + 10 == total(found.read) == found.read.files[0].records
        assert 0 == found.read.files[0].outside_window
    assert [] == service.asked


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(
            st.integers(0, 60),
            st.integers(1, 60),
            st.lists(st.tuples(st.integers(0, 90 * 24), st.integers(0, 71)), max_size=6),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_any_course_of_scans_gives_what_one_clean_question_gives(tmp_path_factory, scans):
    """Events come up to three days late, windows are long and short, and lie anywhere in what is kept."""
    state, service, now = tmp_path_factory.mktemp("course") / "state", Service("north", "south"), NOW
    number = 0
    for older, days, happened in scans:
        now += timedelta(hours=7)
        for hours, late in happened:
            number += 1
            at = now - timedelta(hours=min(hours, 60))
            service.happen(number, at, late=timedelta(hours=late), region=("north", "south")[number % 2])
        end = now - timedelta(hours=older)
        same(service, state, now=now, window=Window(end - timedelta(days=days), end))


def test_where_a_service_knows_when_it_received_an_event_no_late_one_is_missed(service, state):
    service.knows_late = True
    same(service, state)
    service.happen(700, NOW - 20 * DAY, late=timedelta(days=20, hours=3))
    service.happen(701, NOW - 25 * DAY, late=timedelta(days=25, hours=5))
    for hours in (4, 8, 24, 72):
        scan(service, state, now=NOW + timedelta(hours=hours))
        ours = {start.date() for region, start, _ in service.asked if region == "north"}
        assert len(ours) <= 3
        same(service, state, now=NOW + timedelta(hours=hours))


def test_a_late_day_that_cannot_be_asked_for_is_looked_for_again(service, state):
    service.knows_late = True
    same(service, state)
    service.happen(700, NOW - 20 * DAY, late=timedelta(days=20, hours=3))
    service.most = 60
    assert scan(service, state, now=NOW + DAY).errors
    service.most = None
    same(service, state, now=NOW + 2 * DAY)


@pytest.mark.parametrize("asked", ["another role", "another endpoint"])
def test_another_way_of_asking_remembers_nothing(service, state, asked):
    scan(service, state)
    scan(service, state, asked=asked)
    assert NOW.date() - timedelta(days=30) == min(start for _, start, _ in service.asked).date()


def test_another_version_of_what_asks_remembers_nothing(service, state, monkeypatch, tmp_path):
    scan(service, state)
    code = tmp_path / "event_days.py"
    code.write_text("changed")
    monkeypatch.setattr(connectors.live.event_days, "__file__", str(code))
    scan(service, state)
    assert NOW.date() - timedelta(days=30) == min(start for _, start, _ in service.asked).date()


def test_another_version_of_the_reader_asks_for_everything(service, state, monkeypatch):
    scan(service, state)
    monkeypatch.setattr("connectors.logs.ledger.version_of", lambda _: "another")
    same(service, state)
    scan(service, state)
    assert {"2026-05-29"} == {start.date().isoformat() for _, start, _ in service.asked}


def test_read_again_asks_for_everything_and_is_remembered_anew(service, state):
    scan(service, state)
    service.happen(900, NOW - 20 * DAY)
    assert total(scan(service, state).read) + 1 == total(scan(service, None).read)
    same(service, state, reread=True)
    same(service, state)
    scan(service, state)
    assert {"2026-05-29"} == {start.date().isoformat() for _, start, _ in service.asked}


def test_a_shorter_window_in_between_forgets_nothing(service, state):
    scan(service, state, days=60)
    scan(service, state, days=2)
    scan(service, state, days=60)
    assert {"2026-05-29"} == {start.date().isoformat() for _, start, _ in service.asked}


def test_what_the_service_forgot_still_counts(service, state):
    """A window may come to be longer than what the service keeps."""
    first = scan(service, state, days=80)
    later = NOW + 40 * DAY
    found = scan(service, state, now=later, days=120)
    assert total(first.read) == total(found.read)
    assert not any(file.lost for file in found.read.files)


def test_a_place_that_breaks_off_keeps_what_was_whole_and_loses_calls(service, state):
    service.most = 45
    found = scan(service, state)
    assert {"history/north.json"} == set(found.errors)
    (north,) = [file for file in found.read.files if "north" in file.path]
    assert ("partial", True) == (north.status, north.lost)
    assert "throttled" in north.reason
    service.most = None
    same(service, state)


def test_a_full_disk_is_a_place_that_lost_calls(service, state, monkeypatch):
    monkeypatch.setattr(
        connectors.live.event_days._Days, "_path", lambda self, place, day: Path("/nowhere") / str(day)
    )
    found = scan(service, state)
    assert all("free some space in TMPDIR" in file.reason and file.lost for file in found.read.files)
    monkeypatch.undo()
    same(service, state)


def test_a_region_without_events_is_asked_once(state):
    service = Service("empty")
    scan(service, state)
    assert [] == scan(service, state).read.files
    assert {"2026-05-29"} == {start.date().isoformat() for _, start, _ in service.asked}


def test_a_state_file_that_fails_costs_no_evidence(service, state, monkeypatch):
    scan(service, state)
    expected = plain(scan(service, None).read)

    def failing(*_):
        raise StateError("state.sqlite: disk I/O error")

    monkeypatch.setattr(Ledger, "remembered", failing)
    assert expected == plain(scan(service, state).read)


def test_a_time_that_is_none_goes_to_the_reader(state):
    def ask(start, end):
        yield Event("", json.dumps(event(1, time="nonsense")))
        yield Event("9999-99-99", json.dumps(event(2, time="2026-05-30T10:00:00Z")))

    history = History(SmallReader(), "", __file__, NOW - 90 * DAY, chunk_days=50)
    found = read_days(
        [Place("p", ask)],
        history,
        Window(NOW - 10 * DAY, NOW),
        NOW,
        seen=SeenEvents(),
        ledger=None,
        each=lambda work, places: [work(place) for place in places],
    )
    assert (1, 1) == (total(found.read), found.read.files[0].rejected)


_KILLED = """
import os, signal, sys
from pathlib import Path
from connectors.logs import ledger
from tests.connectors.live.test_event_days import Service, scan, NOW
from datetime import timedelta
ledger._COMMIT_FILES = 1
found = Service("north", "south")
for number in range(120):
    found.happen(number, NOW - timedelta(hours=18 * number + 1), region="north" if number % 3 else "south")
left = int(sys.argv[2])
commit = ledger.Ledger.commit
def dying(self, tally):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    commit(self, tally)
ledger.Ledger.commit = dying
scan(found, Path(sys.argv[1]))
"""


@pytest.mark.parametrize("after", [0, 1])
def test_a_scan_that_is_killed_leaves_what_the_next_can_use(service, state, after):
    killed = subprocess.run([sys.executable, "-c", _KILLED, str(state), str(after)], cwd=ROOT, check=False)
    assert -signal.SIGKILL == killed.returncode
    same(service, state)
    assert os.access(state, os.R_OK)


def test_a_history_that_gave_no_day_at_all_names_its_places_and_nothing_else(service):
    service.most = 0
    found = scan(service, None)
    assert ["history/north.json", "history/south.json"] == [file.path for file in found.read.files]
    assert all(file.lost for file in found.read.files)
    service.most = None
    older = Window(NOW - 200 * DAY, NOW - 150 * DAY)
    assert [] == scan(service, None, window=older).read.files
