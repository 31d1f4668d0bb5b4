"""A compressed list names exactly the wanted actions, or says more only when it was asked to fit."""

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.aws.catalog.actions import Catalogue
from connectors.aws.policy.compress import Compressor, length

CATALOGUE = Catalogue()
COMPRESSOR = Compressor(CATALOGUE)


def expand(patterns):
    found = 0
    for pattern in patterns:
        found |= CATALOGUE.expand(pattern)
    return found


def anything(pattern):
    del pattern
    return True


def sample(seed, services, share):
    choice = random.Random(seed)  # noqa: S311 a repeatable sample
    names = [name for service in services for name in CATALOGUE.permissions.names(expand([f"{service}:*"]))]
    return CATALOGUE.permissions.mask(name for name in names if choice.random() < share)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.02, 0.3, 0.7, 0.95, 1.0]))
def test_expansion_is_exactly_the_wanted_set(seed, share):
    wanted = sample(seed, ("s3", "bedrock", "ec2", "sqs"), share)
    assert wanted == expand(COMPRESSOR.shortest(wanted, 0, anything))


def test_free_actions_may_be_named_but_need_not():
    wanted = CATALOGUE.expand("s3:Get*")
    free = CATALOGUE.expand("s3:*") & ~wanted
    assert ["s3:*"] == COMPRESSOR.shortest(wanted, free, anything)
    assert wanted == expand(COMPRESSOR.shortest(wanted, 0, anything))


def test_wildcards_end_at_whole_words_and_save_three_names():
    wanted = sample(7, ("ec2",), 0.9)
    for pattern in COMPRESSOR.shortest(wanted, 0, anything):
        if pattern.endswith("*"):
            assert re.fullmatch(r"ec2:([A-Z0-9][A-Za-z0-9]*)?\*", pattern)
            assert 4 <= CATALOGUE.expand(pattern).bit_count()


def test_no_wildcard_where_none_is_allowed():
    wanted = CATALOGUE.expand("sqs:*")
    assert sorted(CATALOGUE.permissions.names(wanted)) == sorted(
        COMPRESSOR.shortest(wanted, 0, lambda _: False)
    )


def test_names_outside_the_catalogue_are_written_as_they_are():
    wanted = 1 << CATALOGUE.permissions.index("s3:MadeUpAction")
    assert ["s3:MadeUpAction"] == COMPRESSOR.shortest(wanted, 0, anything)


@pytest.mark.parametrize("room", [6_000, 2_000, 500, 120])
def test_a_list_made_to_fit_fits_and_still_names_everything_wanted(room):
    wanted = sample(3, ("s3", "ec2", "sagemaker"), 0.5)
    found = COMPRESSOR.shortest(wanted, 0, anything, within=room)
    assert length(found) <= room
    assert wanted == expand(found) & wanted


def test_a_list_made_to_fit_gives_back_reading_before_changing_permissions():
    read = sample(1, ("iam",), 1) & CATALOGUE.level("Read")
    power = CATALOGUE.level("Permissions management") & CATALOGUE.expand("iam:*")
    wanted = CATALOGUE.expand("iam:*") & ~CATALOGUE.permissions.mask(
        [*CATALOGUE.permissions.names(read)[::2], *CATALOGUE.permissions.names(power)[::2]]
    )
    exact = COMPRESSOR.shortest(wanted, 0, anything)
    shorter = COMPRESSOR.shortest(wanted, 0, anything, within=length(exact) * 3 // 4)
    back = expand(shorter) & ~wanted
    assert back & read
    assert (back & power).bit_count() * 3 < (back & read).bit_count()


def test_the_whole_catalogue_is_a_wildcard_per_service():
    services = {name.partition(":")[0] for name in CATALOGUE.permissions.names(CATALOGUE.known)}
    found = COMPRESSOR.shortest(CATALOGUE.known, 0, anything)
    assert len(services) == len(found)
