"""Pattern logic agrees with brute force over short texts."""

import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.aws.policy.globs import NAME, PART, STAR, covers, matches, overlaps

ALPHABET = "ab:"
TEXTS = ["".join(letters) for size in range(5) for letters in product(ALPHABET, repeat=size)]
patterns = st.text(alphabet=ALPHABET + "*?", max_size=5)


def language(pattern):
    """Return the short texts a pattern matches, by Python's own regular expressions."""
    parts = [".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern]
    compiled = re.compile("".join(parts))
    return {text for text in TEXTS if compiled.fullmatch(text)}


@given(patterns, st.sampled_from(TEXTS))
def test_matches_is_what_the_letters_say(pattern, text):
    assert matches(pattern, text) == (text in language(pattern))


@given(patterns, patterns)
def test_overlap_is_exact(left, right):
    common = language(left) & language(right)
    if common:
        assert overlaps(left, right)
    elif len(left) + len(right) <= 4:
        assert not overlaps(left, right)
    assert overlaps(left, right) == overlaps(right, left)


@given(patterns, patterns)
def test_covers_is_never_a_wrong_yes(outer, inner):
    if covers(outer, inner):
        assert language(inner) <= language(outer)


def test_covers_sees_the_ordinary_cases():
    assert covers("arn:aws:s3:::b/*", "arn:aws:s3:::b/x/*")
    assert covers("s3:*", "s3:Get*")
    assert not covers("s3:Get*", "s3:*")
    assert not covers("arn:aws:s3:::b", "arn:aws:s3:::b*")


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("arn:aws:s3:::b/*", f"arn:{PART}:s3:::{NAME}", False),
        ("arn:aws:s3:::b*", f"arn:{PART}:s3:::{NAME}", True),
        ("arn:aws:s3:::b/*", f"arn:{PART}:s3:::{NAME}/*", True),
        ("arn:aws:s3*", f"arn:{PART}:sqs:{PART}:{PART}:*", False),
        ("arn:aws:sqs*", f"arn:{PART}:sqs:{PART}:{PART}:*", True),
    ],
)
def test_template_variables_stop_at_their_separator(left, right, expected):
    assert overlaps(left, right) is expected


def test_a_plain_star_is_a_character():
    assert matches(f"a{STAR}", "a*")
    assert not matches(f"a{STAR}", "ab")


def test_a_pattern_of_a_thousand_wildcards_is_matched_at_once():
    assert matches("*" * 1000 + "a", "b" * 5000 + "a")
    assert overlaps("*" * 1000 + "a", "b*")
