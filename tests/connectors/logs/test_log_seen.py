"""An event is remembered by its whole id, in few bytes."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.logs.copies import columns, copies, few, part
from connectors.logs.new_ids import NewIds
from connectors.logs.seen import Run, SeenEvents, packed_ids
from tests.connectors.logs.harness import put, read, total

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
        runs = few([*runs, run])
        assert expected == copied.tolist()


def test_hundreds_of_runs_become_a_few():
    runs = []
    for start in range(0, 30_000, 100):
        some = np.arange(start, start + 100, dtype=np.uint64)
        runs = few([*runs, Run(some, some)])
    assert len(runs) < 10
    assert sorted(np.concatenate([run.mixed for run in runs]).tolist()) == list(range(30_000))


def test_large_runs_are_left_alone():
    large = Run(np.arange(600_000, dtype=np.uint64), np.zeros(600_000, np.uint64))
    assert [large, large] == few([large, large])


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
    seen.add_files([("d", "r")])
    asked = [("d", "r"), ("d", "other"), ("e", "r")]
    assert [True, False, False] == [seen.has_file(*one) for one in asked]


@given(
    st.lists(st.text("0123456789abcdef-", max_size=36).filter(lambda text: len(text.replace("-", "")) <= 32))
)
def test_ids_as_text_are_packed_alike_together_and_alone(ids):
    assert b"".join(packed_ids([event]) for event in ids) == packed_ids(ids)
    assert 16 * len(ids) == len(packed_ids(ids))


class Full(io.FileIO):
    """A file on a disk that has room for a hundred bytes."""

    def write(self, data):
        if self.tell() + len(data) > 100:
            raise OSError(28, "No space left on device")
        return super().write(data)


@pytest.mark.parametrize("full", [False, True])
def test_new_ids_survive_a_disk_that_fills_up(tmp_path, monkeypatch, full):
    numbers = iter(range(2))

    def opened(**_):
        path = tmp_path / str(next(numbers))
        path.touch()
        return io.BufferedRandom((Full if full else io.FileIO)(path, "r+"))

    monkeypatch.setattr("connectors.logs.new_ids.tempfile.TemporaryFile", opened)
    kept = NewIds(many=True)
    for start in (0, 10, 20):
        some = np.arange(start, start + 10, dtype=np.uint64)
        kept.add(Run(some, some + np.uint64(100)))
    found = kept.run()
    assert list(range(30)) == found.mixed.tolist()
    assert list(range(100, 130)) == found.low.tolist()


def test_a_read_that_was_not_announced_is_an_error_and_counts_nothing_twice(tmp_path):
    for name in "abc":
        put(tmp_path / name / "log.json.gz", 1, 2)
    announced, unknown = SeenEvents(reads=2), SeenEvents()
    for name, counted in (("a", 2), ("b", 0)):
        assert [counted] * 2 == [total(read(tmp_path / name, seen=seen)) for seen in (announced, unknown)]
    assert 0 == total(read(tmp_path / "c", seen=unknown))
    with pytest.raises(RuntimeError, match="3 reads"):
        read(tmp_path / "c", seen=announced)
