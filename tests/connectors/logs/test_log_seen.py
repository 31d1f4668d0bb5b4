"""An event is remembered by its whole id, in few bytes."""

import sys
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from connectors.logs.seen import NO_ID, SeenEvents

IDS = st.lists(
    st.sampled_from([bytes([a]) * 8 + bytes([b]) * 8 for a in range(3) for b in range(3)]), max_size=30
)


@given(st.lists(IDS, max_size=6))
def test_an_id_is_a_duplicate_exactly_from_its_second_time(batches):
    seen, known = SeenEvents(), set()
    for batch in batches:
        expected = []
        for at, event in enumerate(batch):
            if event in known and event != NO_ID:
                expected.append(at)
            known.add(event)
        assert expected == seen.duplicates(b"".join(batch))


def test_an_id_across_two_neighbours_is_not_mistaken_for_one():
    seen = SeenEvents()
    tail = b"\1" * 12 + b"\5\5" + b"\1\1"
    seen.duplicates(b"\2" * 12 + b"\5\5" + b"\2\2" + b"\3" * 12 + b"\5\5" + b"\3\3" + tail)
    across = b"\2\2" + b"\3" * 12 + b"\5\5"
    assert [] == seen.duplicates(across)


def test_ids_take_little_more_than_their_bytes():
    random = Random(1)  # noqa: S311 - any bytes will do
    seen = SeenEvents()
    for _ in range(10):
        assert [] == seen.duplicates(random.randbytes(16 * 30_000))
    held = sum(map(sys.getsizeof, seen._buckets))
    assert held < 300_000 * 16 + 65_536 * 40


def test_a_file_is_known_by_what_read_it():
    seen = SeenEvents()
    asked = [("d", "r"), ("d", "r"), ("d", "other"), ("e", "r")]
    assert [False, True, False, False] == [seen.file_again(*one) for one in asked]


def test_leaving_forgets():
    with SeenEvents() as seen:
        seen.duplicates(b"1" * 16)
    assert [] == seen.duplicates(b"1" * 16)
