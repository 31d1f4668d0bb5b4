"""What a selector is said to take in, it takes in: held against single resources."""

from hypothesis import given
from hypothesis import strategies as st

from connectors.aws.coverage.field_filters import FieldFilter
from connectors.aws.coverage.places import Need, Places, ResourceFilter
from connectors.aws.policy.globs import matches
from connectors.aws.usage.actions import needed_by_tables

BITS = {"s3:GetObject": 1, "s3:PutObject": 2}
TEXTS = st.text("ab/", min_size=1, max_size=4)
HOW = st.sampled_from(["Equals", "StartsWith", "EndsWith", "MatchesTomorrow"])
CONDITIONS = st.lists(st.tuples(HOW, TEXTS), max_size=2).map(tuple)
PATTERNS = st.text("ab/*?", min_size=1, max_size=5)


def mask(names):
    return sum(BITS.get(name, 4) for name in names)


def all_admitted(one, event, places):
    return Need.of(event, mask).stays_in(ResourceFilter(one).admitted(places), places.permissions)


def cannot_be(event, places):
    return Need.of(event, mask).lacks(places.permissions)


@given(CONDITIONS, CONDITIONS, st.lists(PATTERNS, min_size=1, max_size=3), st.lists(TEXTS, max_size=20))
def test_whatever_matches_a_place_passes_a_filter_that_admits_all_places(
    select, exclude, patterns, resources
):
    one = FieldFilter("resources.ARN", select, exclude)
    places = Places.of(dict.fromkeys(patterns, 1), 1)
    admitted = all_admitted(one, "s3:GetObject", places)
    for resource in resources:
        inside = any(matches(pattern, resource) for pattern in patterns)
        assert one.admits(resource) or not (inside and admitted)


def test_a_call_that_needs_what_is_held_nowhere_cannot_be():
    reads = Places.of({"b/*": 1}, 3)
    both = Places.of({"b/*": 1, "c/*": 2}, 3)
    assert ("s3:GetObject", "s3:PutObject") == needed_by_tables("s3:CopyObject").permissions
    assert cannot_be("s3:CopyObject", reads)
    assert not cannot_be("s3:CopyObject", both)
    assert not cannot_be("s3:GetObject", reads)
    only_b = FieldFilter("resources.ARN", select=(("StartsWith", "b/"),))
    assert all_admitted(only_b, "s3:GetObject", both)
    assert not all_admitted(only_b, "s3:CopyObject", both)


def test_where_nothing_is_known_of_places_nothing_is_admitted():
    assert not all_admitted(FieldFilter("resources.ARN"), "s3:GetObject", Places())
    assert not all_admitted(
        FieldFilter("resources.ARN", select=(("StartsWith", "b%20/"),)),
        "s3:GetObject",
        Places.of({"b%20/*": 1}, 1),
    )
