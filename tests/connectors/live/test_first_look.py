"""A first page says how long all pages may take."""

from datetime import UTC, datetime

from connectors.facts import Window
from connectors.live.first_look import first_look
from connectors.logs.rows import LogFile, Presence

QUARTER = Window(datetime(2026, 8, 1, tzinfo=UTC), datetime(2026, 10, 30, tzinfo=UTC))


def look(records, first, last):
    file = LogFile("event-history/1/eu-west-1.json", 0, "ok", "", records, 0, 0, 0)
    seen = Presence("1", "eu-west-1", "management", "", records, first, last)
    return first_look([([file], [seen])], "event-history/", QUARTER, page=50, seconds_a_page=0.5)


def test_a_full_page_gives_the_pace_of_the_window():
    told = look(50, "2026-10-29T00:00:00Z", "2026-10-29T02:00:00Z")
    assert (
        "; event-history/1/eu-west-1.json: at the pace of its first page some 54,000 events in 90 days,"
        " 1,080 pages, about 9 minutes the first time and a part of it later"
    ) == told
    assert "about 27.0 hours" in look(50, "2026-10-29T00:00:00Z", "2026-10-29T00:00:40Z")


def test_a_page_that_is_not_full_is_all_there_is():
    told = look(3, "2026-10-29T00:00:00Z", "2026-10-29T00:00:00Z")
    assert told.endswith("3 events in its newest days, one page")


def test_events_of_one_second_give_a_bound_and_no_error():
    assert "hours" in look(50, "2026-10-29T00:00:00Z", "2026-10-29T00:00:00Z")


def test_nothing_is_said_where_nothing_was_seen():
    assert "" == first_look([([], [])], "event-history/", QUARTER, page=50, seconds_a_page=0.5)
