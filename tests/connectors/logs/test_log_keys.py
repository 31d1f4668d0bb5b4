"""Keys as numbers of words are the keys, in their order, whatever is put among them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from connectors.logs.keys import Keys
from connectors.logs.packing import narrow, released, squeezed, wide
from connectors.logs.rows import RowKey

FIELDS = len(RowKey._fields)
WORD = st.sampled_from(["", "a", "aa", "b", "é", "\ud800", "z" * 300]) | st.text(max_size=2)
KEYS = st.lists(st.lists(WORD, min_size=FIELDS, max_size=FIELDS).map(tuple), max_size=12)


def texts(keys: Keys) -> list[tuple[str, ...]]:
    """Return keys as words."""
    return [*map(tuple, keys.texts().tolist())]


@given(KEYS, KEYS, KEYS)
def test_keys_that_are_put_among_others_stand_in_order(first, second, third):
    keys = Keys.of(sorted({*first}))
    assert sorted({*first}) == texts(keys)
    for more in (second, third):
        before, asked = texts(keys), [*{*more}]
        keys, moved, places = keys.joined(asked)
        after = texts(keys)
        assert sorted({*before, *asked}) == after
        assert before == [after[at] for at in moved.tolist()]
        assert asked == [after[at] for at in places.tolist()]
        assert sorted({*keys.words}) == keys.words


@given(st.lists(st.lists(st.integers(0, 2**64 - 1)), max_size=4))
def test_columns_come_back_from_few_bytes(columns):
    packed = narrow([np.array(column, np.uint64) for column in columns])
    assert columns == [column.tolist() for column in wide(packed)]
    assert all(len(data) <= 8 * len(column) for (_, data), column in zip(packed, columns, strict=True))


@given(st.binary())
def test_what_is_squeezed_comes_back(data):
    assert data == released(squeezed(data))
