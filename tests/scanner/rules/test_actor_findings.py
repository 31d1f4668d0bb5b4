"""Findings about who acts as an identity: people, and other owners."""

from dataclasses import replace

import pytest
from rule_builders import World

from connectors.facts import Actor
from scanner.results import Confidence
from scanner.rules import human_use, third_party_access

PERSON = Actor("arn:aws:iam::111122223333:user/ada", True, "AssumeRole", 3, "2026-11-02T10:00:00Z")
PROGRAM = Actor("lambda.amazonaws.com", False, "AssumeRole", 90, "2026-11-20T10:00:00Z")
VENDOR = "arn:aws:iam::999988887777:root"


def acted(world, **changes):
    result = world.result(usage=(), grants=(world.grant("s3:GetObject"),))
    return replace(result, identity=replace(result.identity, **changes), is_ai=True)


def test_people_who_take_a_workloads_identity_are_named_with_count_and_last_use():
    world = World()
    (found,) = human_use.find(acted(world, actors=(PERSON, PROGRAM)), world.context())
    assert (["arn:aws:iam::111122223333:user/ada"], 3) == (found.evidence["people"], found.evidence["count"])
    assert "2026-11-02T10:00:00Z" in found.message


def test_programs_alone_are_no_finding():
    world = World()
    assert [] == list(human_use.find(acted(world, actors=(PROGRAM,)), world.context()))


def test_identities_of_people_are_no_finding():
    world = World()
    result = replace(acted(world, actors=(PERSON,)), is_ai=False)
    assert [] == list(human_use.find(result, world.context()))


@pytest.mark.parametrize(
    ("entry", "severity"),
    [(VENDOR, "medium"), (f'{VENDOR} if {{"StringEquals": {{"sts:ExternalId": ["4711"]}}}}', "low")],
)
def test_another_owner_is_worse_without_a_condition_that_names_the_caller(entry, severity):
    world = World()
    (found,) = third_party_access.find(acted(world, outsiders=(entry,)), world.context())
    assert (severity, entry) == (found.severity.value, found.subject)


@pytest.mark.parametrize(("sure", "confidence"), [(True, Confidence.HIGH), (False, Confidence.MEDIUM)])
def test_an_outsider_is_sure_only_where_all_own_accounts_are_known(sure, confidence):
    world = World()
    result = acted(world, outsiders=(VENDOR,), outsiders_sure=sure)
    (found,) = third_party_access.find(result, world.context())
    assert confidence is found.confidence
