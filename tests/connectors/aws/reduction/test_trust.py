"""Trust is narrowed only where records show which services take a role."""

import json

import pytest

from connectors.aws.reduction.trust import check_trust, narrow_trust
from connectors.reduction import Standing


def trust(services, **more):
    statement = {"Effect": "Allow", "Principal": {"Service": services}, "Action": "sts:AssumeRole", **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


BOTH = ["lambda.amazonaws.com", "bedrock.amazonaws.com"]


def test_services_never_seen_go_and_all_else_stays():
    condition = {"StringEquals": {"aws:SourceAccount": "111122223333"}}
    found = narrow_trust(trust(BOTH, Condition=condition), {"bedrock.amazonaws.com"})
    assert json.loads(trust("bedrock.amazonaws.com", Condition=condition)) == json.loads(found)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (trust(BOTH), set()),
        (trust(BOTH), {"ecs-tasks.amazonaws.com"}),
        (trust(BOTH), set(BOTH)),
        (trust("lambda.amazonaws.com"), {"bedrock.amazonaws.com"}),
        (trust(BOTH, Effect="Deny"), {"lambda.amazonaws.com"}),
        (trust(BOTH, Principal="*"), {"lambda.amazonaws.com"}),
        ("not json", {"lambda.amazonaws.com"}),
    ],
)
def test_everything_else_is_left_alone(text, seen):
    assert "" == narrow_trust(text, seen)


ONE, TWO = "arn:aws:iam::111122223333:role/one", "arn:aws:iam::111122223333:user/two"
ACCOUNT = "arn:aws:iam::444455556666:root"


def trusting(principal):
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": statement})


def principals(text):
    return json.loads(text)["Statement"]["Principal"]


def test_users_and_roles_never_seen_go_and_whole_accounts_stay():
    found = narrow_trust(trusting({"AWS": [ONE, TWO, ACCOUNT]}), {ONE})
    assert {"AWS": [ONE, ACCOUNT]} == principals(found)


def test_a_service_of_one_region_is_the_service_that_records_name():
    listed = ["lambda.amazonaws.com", "states.eu-west-1.amazonaws.com", "glue.amazonaws.com"]
    found = narrow_trust(trust(listed), {"lambda.amazonaws.com", "states.amazonaws.com"})
    assert listed[:2] == json.loads(found)["Statement"][0]["Principal"]["Service"]


@pytest.mark.parametrize(
    ("principal", "stranger"),
    [
        ({"Service": BOTH}, "AWS Internal"),  # one of the two, nobody says which
        ({"Service": BOTH, "AWS": [ONE, "arn:aws:iam::444455556666:role/three"]}, "AWSAccount:444455556666"),
    ],
)
def test_nothing_goes_where_a_caller_is_not_named_by_itself(principal, stranger):
    assert "" == narrow_trust(trusting(principal), {"lambda.amazonaws.com", ONE, stranger})


@pytest.mark.parametrize("everyone", ["*", {"AWS": "*"}, {"AWS": ["*"]}])
def test_everyone_becomes_those_seen(everyone):
    assert {"AWS": [ONE, TWO]} == principals(narrow_trust(trusting(everyone), {TWO, ONE}))


@pytest.mark.parametrize("stranger", ["AWSAccount:444455556666", "lambda.amazonaws.com", ""])
def test_everyone_stays_when_a_caller_cannot_be_named_as_a_user_or_role(stranger):
    assert "" == narrow_trust(trusting("*"), {ONE, stranger})


def test_a_narrowed_trust_is_proved_to_let_nobody_new_in_and_nobody_out():
    before = trusting({"AWS": "*", "Service": BOTH})
    after = narrow_trust(before, {ONE})
    assert [Standing.PROVED, Standing.PROVED] == [c.standing for c in check_trust(before, after, {ONE})]


def test_a_trust_that_lets_somebody_new_in_is_refuted_with_a_request():
    _, contained = check_trust(trusting({"AWS": [ONE]}), trusting({"AWS": [ONE, TWO]}), {ONE})
    assert (Standing.REFUTED, f"sts:AssumeRole by {TWO}") == (contained.standing, contained.witness)


def test_a_trust_that_shuts_out_who_takes_the_role_is_refuted():
    replayed, _ = check_trust(trusting({"AWS": [ONE, TWO]}), trusting({"AWS": [TWO]}), {ONE})
    assert (Standing.REFUTED, (f"sts:AssumeRole by {ONE}",)) == (replayed.standing, replayed.refused)


def test_a_changed_condition_is_no_narrower_trust():
    before = trust(BOTH, Condition={"StringEquals": {"aws:SourceAccount": "111122223333"}})
    _, contained = check_trust(before, trust(BOTH), set())
    assert Standing.REFUTED is contained.standing
