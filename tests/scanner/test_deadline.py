"""A time limit ends gathering, keeps what there is, and never makes anything unused."""

import sys
import time
from datetime import UTC, datetime

import pytest

from connectors.facts import Window
from connectors.interface import Outcome, Patterns, Source, Status
from scanner import pipeline
from scanner.deadline import TimeUp, duration, limited
from scanner.errors import ConfigError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs interval timers")
NOW = datetime(2026, 11, 22, tzinfo=UTC)
SOURCE = Source("slow", "aws", "pilot", "export", files={})


class Slow:
    """A cloud whose first part is quick and whose second never ends."""

    def collect(self, sources, sink, window, observe):
        def endless():
            for number in range(1_000_000):
                time.sleep(0.002)
                yield {"number": number}

        for source in sources:
            sink.add(source.name, "quick", [{"a": 1}])
            sink.outcome(Outcome(source.name, "quick", Status.OK, 1))
            sink.add(source.name, "slow", endless())


def test_what_was_gathered_is_kept_and_the_rest_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "connector", lambda provider: Slow())
    bundle = pipeline.collect(
        [SOURCE],
        tmp_path / "evidence",
        window=Window(datetime(2026, 8, 24, tzinfo=UTC), NOW),
        now=NOW,
        tool="test",
        observe=lambda *_, **__: None,
        most_seconds=0.3,
    )
    (source,) = bundle.sources
    assert [{"a": 1}] == list(source.records("quick"))
    numbers = [record["number"] for record in source.records("slow")]
    assert list(range(len(numbers))) == numbers != []
    assert [("quick", Status.OK), ("time limit", Status.FAILED)] == [
        (o.part, o.status) for o in source.outcomes()
    ]
    assert [True] == [file.lost for file in source.log_files()]


def test_a_limit_that_is_not_reached_changes_nothing():
    with limited(60):
        assert Patterns() is not None
    with pytest.raises(TimeUp), limited(0.01):
        time.sleep(5)


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("45m", 2700), ("2h", 7200)])
def test_durations_are_seconds_minutes_or_hours(text, seconds):
    assert seconds == duration(text)


@pytest.mark.parametrize("text", ["", "0", "soon", "-1", "1.5h"])
def test_anything_else_is_refused(text):
    with pytest.raises(ConfigError, match="no duration"):
        duration(text)
