"""Times of log records: read by their hour where they are written as usual, and as any other then."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.azure.usage.record import moment

USUAL = (
    "2026-08-14T06:29:45.4132180Z",
    "2026-08-14T06:29:45Z",
    "2026-08-14 06:29:45.1Z",
    "2026-08-14t23:59:59.999999999Z",
    "2026-W33-5T06:29:45Z",
    "2026-02-30T01:01:01.5Z",
    "0999-08-14T06:29:45.12Z",
)


def otherwise(time):
    """Return a time that is the same, written as it is not usually."""
    return f"{time[:-1]}+00:00"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-08-14T06:29:45.4132180Z", ("2026-08-14T06:29:45Z", "413")),
        ("2026-08-14T06:29:45.4Z", ("2026-08-14T06:29:45Z", "400")),
        ("2026-08-14 06:29:45Z", ("2026-08-14T06:29:45Z", "000")),
        ("2026-08-14T01:29:45.25+02:00", ("2026-08-13T23:29:45Z", "250")),
        ("2026-W33-5T06:29:45Z", ("2026-08-14T06:29:45Z", "000")),
        ("2026-08-14T24:00:00Z", None),
        ("2026-02-30T01:01:01.5Z", None),
        ("2026-08-14T06:29:4Z", None),
        ("2026-08-14T06:29:45.²Z", None),
        (1_786_000_000, None),
    ],
)
def test_times_are_read_to_the_second_and_their_fraction_cut(written, read):
    assert read == moment(written)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(USUAL), st.integers(0, 25), st.text("0123456789-:T. W²", min_size=1, max_size=2))
def test_a_time_is_read_the_same_however_it_is_written(time, place, text):
    changed = f"{time[:place]}{text}{time[place + 1 : -1]}Z"
    if changed[19:20] in (".", "Z"):
        assert moment(otherwise(changed)) == moment(changed)
