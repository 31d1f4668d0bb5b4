"""Unique ids tell a re-created identity only where dump and log speak of the same ids at all."""

import json
from dataclasses import replace

import pytest

from connectors.aws.identities.unique_ids import forget_incomparable
from connectors.aws.inventory import read_inventory
from connectors.aws.usage.usage import Called

ACCOUNT = "111122223333"
SEEN = {"first": ("2026-07-01T00:00:00Z", "2026-08-01T00:00:00Z")}


def unique(number):
    return f"AROA{number:016}"


@pytest.fixture
def three(collect, tmp_path):
    roles = [
        {
            "RoleName": f"r{n}",
            "Arn": f"arn:aws:iam::{ACCOUNT}:role/r{n}",
            "RoleId": unique(n),
            "AssumeRolePolicyDocument": {},
        }
        for n in range(3)
    ]
    dump = tmp_path / "gaad.json"
    dump.write_text(json.dumps({"RoleDetailList": roles}))
    return read_inventory([collect({"authorization_details": [dump]})])


def called(inventory, offset):
    """Return calls under ids that are those of the dump, moved on by `offset`."""
    return {
        holder.arn: {unique(int(holder.immutable_id[4:]) + offset): SEEN["first"]}
        for holder in inventory.holders
    }


def test_ids_that_never_agree_say_nothing(three):
    held = Called(ids=called(three, 100))
    (caveat,) = forget_incomparable(held, three)
    assert {} == held.ids
    assert "the unique ids of all 3 users and roles that call differ between dump and logs" == caveat.what


def test_one_that_agrees_makes_the_others_strangers(three):
    ids = called(three, 100)
    agreeing = three.holders[0]
    held = Called(ids=ids | {agreeing.arn: {agreeing.immutable_id: SEEN["first"]}})
    assert [] == forget_incomparable(held, three)
    assert 3 == len(held.ids)


def test_ids_that_agree_nowhere_say_nothing_in_small_accounts_either(three):
    for number, holder in enumerate([*three.roles.values()]):
        three.roles[holder.arn] = replace(holder, account=f"11112222333{number}")
    held = Called(ids=called(three, 100))
    assert 3 == len(forget_incomparable(held, three))
    assert {} == held.ids


def test_two_alone_prove_nothing(three):
    ids = called(three, 100)
    ids.popitem()
    held = Called(ids=ids)
    assert [] == forget_incomparable(held, three)
    assert 2 == len(held.ids)
