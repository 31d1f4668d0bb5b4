"""The same cut made earlier: what it would have refused is counted, and a short log proves nothing."""

from datetime import UTC, datetime, timedelta

import pytest

from connectors.facts import Blind, Effect, Entitlement, Grant, Identity, Usage, Window
from connectors.logs.rows import UsageRow
from connectors.permissions import Permissions
from connectors.reduction import Standing
from scanner.backtest import DAYS, backtest, calls_since, cut_moment
from scanner.results import Confidence, GrantResult, GrantVerdict, IdentityResult
from scanner.verdicts import judge

END = datetime(2026, 11, 23, 12, tzinfo=UTC)
WINDOW = Window(END - timedelta(days=90), END)
NAMES = Permissions(source="test", date="2026-01-01", service=lambda name: name.partition(":")[0])
A, B = NAMES.mask(["s:A"]), NAMES.mask(["s:B"])
BEFORE, AFTER = "2026-09-15T00:00:00Z", "2026-11-10T00:00:00Z"


def run(*usage, window=WINDOW, observed=None, created="", grants=(), blind=(), granted=A | B, requests=100):
    entitlement = Entitlement("me", granted, blind=blind)
    entry = IdentityResult(
        identity=Identity("me", "aws", "1", "role", "me", "s", created=created),
        stage="",
        is_ai=True,
        ai_confidence=Confidence.HIGH,
        readable=True,
        verdicts=judge(entitlement, usage, NAMES),
        usage=tuple(usage),
        grants=tuple(GrantResult(one, GrantVerdict.USED, "") for one in grants),
        credentials=(),
        reach={},
        observed=observed or window,
    )
    return backtest(entry, entitlement, NAMES, window=window, grace_days=14, requests=requests)


def call(name, first, count=5, denied=0):
    return Usage("me", name, "r", "", count, denied, first, first)


def grant(created):
    return Grant("g", "me", "p", "p", Effect.ALLOW, "*", A | B, created=created)


def test_nothing_new_since_the_cut_is_proved():
    found = run(call("s:A", BEFORE))
    assert (Standing.PROVED, DAYS, 100, 0, 0) == (
        found.standing,
        found.days,
        found.requests,
        found.refused,
        found.broken,
    )
    assert "weekly yes, monthly yes, quarterly no" in found.reason


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (END - timedelta(days=47), "end on 2026-10-07 and hold nothing after the cut"),
        (END - timedelta(days=26), "end on 2026-10-28 and hold 4 days after the cut"),
    ],
)
def test_logs_that_end_before_anything_could_meet_the_cut_prove_nothing(end, words):
    """No call since is no proof where no log was kept since."""
    found = run(call("s:A", BEFORE), observed=Window(WINDOW.start, end))
    assert Standing.UNDECIDED is found.standing
    assert words in found.reason
    assert "7 days are needed" in found.reason
    late = run(call("s:A", BEFORE), call("s:B", "2026-10-26T00:00:00Z"), observed=Window(WINDOW.start, end))
    assert Standing.REFUTED is late.standing


def test_a_first_use_since_the_cut_is_counted_and_named():
    found = run(call("s:A", BEFORE), call("s:B", AFTER, count=7, denied=2))
    assert (Standing.REFUTED, 5, 1) == (found.standing, found.refused, found.broken)
    assert "s:B on r would have been refused" in found.reason


@pytest.mark.parametrize(
    "more",
    [
        {"blind": (Blind(B, "data-events-unknown", "", ""),)},
        {"grants": (grant("2026-10-20T00:00:00Z"),)},
        {"granted": A},
    ],
)
def test_what_the_cut_would_have_spared_is_not_counted(more):
    assert Standing.PROVED is run(call("s:A", BEFORE), call("s:B", AFTER), **more).standing


def test_refused_calls_before_the_cut_would_have_kept_the_permission():
    assert Standing.PROVED is run(call("s:B", BEFORE, 1, 1), call("s:B", AFTER)).standing


@pytest.mark.parametrize(
    "more",
    [
        {"window": Window(END - timedelta(days=45), END)},
        {"observed": Window(END - timedelta(days=40), END)},
        {"created": "2026-10-10T00:00:00Z"},
    ],
)
def test_a_log_too_short_proves_nothing_and_says_how_short(more):
    found = run(call("s:B", AFTER), **more)
    assert Standing.UNDECIDED is found.standing
    assert "30 are needed" in found.reason


def test_calls_are_counted_from_the_day_of_the_cut_on():
    def row(day, outcome="allowed"):
        blank = [""] * 9
        return UsageRow(
            "1", "me", "Role", "", *blank[:6], outcome, "", "", day, 2, f"{day}T01:00:00Z", f"{day}T02:00:00Z"
        )

    cut = cut_moment(WINDOW)
    assert datetime(2026, 10, 24, tzinfo=UTC) == cut
    assert {"me": 4} == dict(
        calls_since(
            [row("2026-10-23"), row("2026-10-24"), row("2026-11-01"), row("2026-11-01", "denied")], cut
        )
    )
