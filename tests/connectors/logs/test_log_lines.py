"""Rows are written from columns, and are what they would be one by one."""

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from connectors.bundle import BundleWriter, _encode, open_bundle
from connectors.interface import Source
from connectors.logs.cells import cells_of
from connectors.logs.clock import DAY_SECONDS, day, stamp
from connectors.logs.fold import Kind
from connectors.logs.kinds import Kinds
from connectors.logs.rows import Lines, RowKey
from connectors.logs.stamps import stamps
from connectors.logs.usage import Rows, by_row
from tests.connectors.logs.harness import YEAR, event, put, read

SECONDS = st.integers(0, 2**32 - 1)
WORDS = st.text(st.characters(), max_size=3) | st.sampled_from(["\ud800", '"\\', "é", "\x00", "\n"])
EVENTS = st.lists(st.tuples(st.lists(WORDS, max_size=2), SECONDS | st.integers(86_300, 86_500)), max_size=20)


@given(st.lists(SECONDS, max_size=20))
def test_times_are_written_as_one_by_one(seconds):
    expected = [stamp(day(second // DAY_SECONDS), second % DAY_SECONDS) for second in seconds]
    assert expected == stamps(np.array(seconds, np.uint32))


def rows(events: list[tuple[list[str], int]]) -> Rows:
    kinds = Kinds()
    numbers = []
    for words, _ in events:
        keys = [
            RowKey("1", word, "", "", "s3:Get", "", word, "", "", "", "allowed", "", "") for word in words
        ]
        numbers.append(kinds.number(Kind(tuple(keys), ("", "", "", ""))))
    times = np.array([time for _, time in events], np.uint32)
    return Rows(by_row(cells_of(np.array(numbers, np.uint32), times), kinds.ranked()), kinds.ranked().keys)


@given(EVENTS)
def test_lines_are_the_rows_encoded_one_by_one(events):
    made = rows(events)
    lines = [*made.lines(_encode)]
    assert b"".join(_encode(list(msgspec.structs.astuple(row))) + b"\n" for row in made) == b"".join(
        text for text, _ in lines
    )
    assert len(made) == sum(count for _, count in lines)


def test_lines_come_piece_by_piece(monkeypatch):
    made = rows([([str(number)], number * DAY_SECONDS) for number in range(10)])
    whole = b"".join(text for text, _ in made.lines(_encode))
    monkeypatch.setattr("connectors.logs.usage._AT_ONCE", 3)
    pieces = [*made.lines(_encode)]
    assert [3, 3, 3, 1] == [count for _, count in pieces]
    assert whole == b"".join(text for text, _ in pieces)


def test_a_bundle_holds_the_same_whichever_way_rows_come(tmp_path):
    put(tmp_path / "logs" / "a.json.gz", *range(40))
    made = read(tmp_path / "logs").rows
    assert isinstance(made, Lines)
    source = Source("one", "aws", "", "export", {})
    for name, some in (("columns", made), ("one by one", list(made))):
        with BundleWriter(tmp_path / name, [source], YEAR, tool="t", now=YEAR.end) as writer:
            writer.add_logs("one", some, [], [])
    found = [open_bundle(tmp_path / name) for name in ("columns", "one by one")]
    assert list(made) == [*found[0].sources[0].usage()] == [*found[1].sources[0].usage()]
    assert found[0].digest == found[1].digest
    assert len(made) == found[0].manifest.files[-1].records
    assert event(1)["who"] == made[0].identity
