"""Calls stay below the quotas: so many a minute, and the rest wait."""

from connectors.gcp.live.access import quotas
from connectors.gcp.live.pace import Pace


class Clock:
    def __init__(self):
        self.now = 0.0
        self.waits = []

    def wait(self, seconds):
        self.waits.append(seconds)
        self.now += seconds

    def time(self):
        return self.now


def test_a_quota_lets_its_calls_through_and_then_waits_for_the_minute():
    clock = Clock()
    pace = Pace({"iam-v2": 5}, clock.wait, clock.time)
    for _ in range(11):
        pace.take("iam-v2")
    assert [60.0, 60.0] == clock.waits


def test_quotas_do_not_wait_for_each_other_and_one_without_a_number_has_none():
    clock = Clock()
    pace = Pace({"logging": 1}, clock.wait, clock.time)
    for name in ("logging", "asset", "asset", "iam"):
        pace.take(name)
    assert [] == clock.waits


def test_never_more_than_its_number_falls_into_any_minute():
    clock = Clock()
    pace = Pace({"asset": 3}, clock.wait, clock.time)
    made = []
    for step in range(40):
        clock.now += step % 7
        pace.take("asset")
        made.append(clock.now)
    assert all(later - earlier >= 60 for earlier, later in zip(made, made[3:], strict=False))


def test_the_documented_quotas_are_kept():
    assert (5, 5) == (quotas()["iam-v2"], quotas()["iam-v3"])
    assert quotas()["logging"] < 60
