"""Rows of several days are added up only where nothing but the day tells them apart."""

from collections import defaultdict

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from connectors.logs.rows import RowKey, UsageRow
from connectors.logs.sums import added_up

WORDS = st.sampled_from(["a", "b"])


def row(who: str, resource: str, day: int, count: int) -> UsageRow:
    key = RowKey("", who, "", "", "Get", "", resource, "", "", "", "allowed", "", "")
    date = f"2026-03-0{day}"
    return UsageRow(*key, date, count, f"{date}T0{count}:00:00Z", f"{date}T0{2 * count}:00:00Z")


ROWS = st.lists(st.builds(row, WORDS, WORDS, st.integers(1, 9), st.integers(1, 4)))


def sums(rows: list[UsageRow]) -> dict[tuple[str, str], tuple[int, str, str]]:
    """Return by caller and resource the calls, the first and the last time."""
    held: dict[tuple[str, str], list[UsageRow]] = defaultdict(list)
    for one in rows:
        held[one.identity, one.resource].append(one)
    return {
        key: (
            sum(one.count for one in some),
            min(one.first for one in some),
            max(one.last for one in some),
        )
        for key, some in held.items()
    }


@given(ROWS)
def test_rows_that_are_added_up_hold_the_same_calls(rows):
    together = [*added_up(rows)]
    assert sums(rows) == sums(together)
    keys = [msgspec.structs.astuple(one)[: len(RowKey._fields)] for one in together]
    assert all(keys[at] != keys[at + 1] for at in range(len(keys) - 1))
    assert [*added_up(sorted(rows))] == [*added_up(added_up(sorted(rows)))]


@given(ROWS)
def test_rows_of_one_day_stay_as_they_are(rows):
    alone = [*{(one.identity, one.resource): one for one in rows}.values()]
    assert alone == [*added_up(alone)]
