"""An event is remembered by its whole id, in few bytes."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from connectors.logs.copies import columns, copies, part
from connectors.logs.seen import Run, SeenEvents, packed_ids

IDS = st.lists(
    st.sampled_from([bytes([a]) * 8 + bytes([b]) * 8 for a in range(3) for b in range(1, 4)]), max_size=30
)


@given(st.lists(IDS, max_size=6))
def test_an_id_is_a_duplicate_exactly_from_its_second_time(batches):
    runs, known = [], set()
    for batch in batches:
        expected = []
        for event in batch:
            expected.append(event in known)
            known.add(event)
        copied, run = copies(*columns(b"".join(batch)), runs)
        runs.append(run)
        assert expected == copied.tolist()


def test_ids_that_share_their_sorted_column_are_told_apart():
    same = np.zeros(4, np.uint64)
    low = np.array([3, 1, 3, 2], np.uint64)
    copied, run = copies(same, low, [])
    assert [False, False, True, False] == copied.tolist()
    assert [False, True, True, False] == copies(same, np.array([0, 1, 2, 9], np.uint64), [run])[0].tolist()


def test_an_id_can_be_got_back_from_its_columns():
    ids = np.random.default_rng(1).bytes(16 * 1000)
    mixed, low = columns(ids)
    assert 1000 == len({*zip(mixed.tolist(), low.tolist(), strict=True)})
    assert columns(bytes(16))[0][0] == 0


@given(st.lists(st.integers(0, 2**64 - 1), max_size=40), st.sampled_from([1, 2, 64]))
def test_the_parts_of_a_run_are_the_run(values, parts):
    mixed = np.array(sorted(values), np.uint64)
    run = Run(mixed, mixed)
    cut = [part(run, number, parts).mixed.tolist() for number in range(parts)]
    assert sorted(values) == [value for piece in cut for value in piece]
    assert all(value * parts >> 64 == number for number, piece in enumerate(cut) for value in piece)


def test_a_file_is_known_by_what_read_it():
    seen = SeenEvents()
    asked = [("d", "r"), ("d", "r"), ("d", "other"), ("e", "r")]
    assert [False, True, False, False] == [seen.file_again(*one) for one in asked]


@given(
    st.lists(st.text("0123456789abcdef-", max_size=36).filter(lambda text: len(text.replace("-", "")) <= 32))
)
def test_ids_as_text_are_packed_alike_together_and_alone(ids):
    assert b"".join(packed_ids([event]) for event in ids) == packed_ids(ids)
    assert 16 * len(ids) == len(packed_ids(ids))
