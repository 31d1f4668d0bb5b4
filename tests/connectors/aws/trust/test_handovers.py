"""Conditions on the service that a role is passed to are decided service by service, through all layers."""

import pytest

from tests.connectors.aws.grants.test_grants import AGENT, BOUNDARY, allow, deny, policy

LAMBDA, ECS = "lambda.amazonaws.com", "ecs-tasks.amazonaws.com"


@pytest.fixture
def passed(gaad, interpret):
    """Return by service whether roles may be passed to it, and whether any role may."""

    def passed(*statements, **lists):
        facts = interpret({"authorization_details": [gaad(*statements, **lists)]})
        return {one.service: (one.held, one.wide) for one in facts.entitlements[AGENT].handovers}

    return passed


def to(*services, operator="StringEquals"):
    return {"Condition": {operator: {"iam:PassedToService": list(services)}}}


def test_nothing_is_asked_where_no_condition_names_services(passed):
    assert passed(allow("iam:PassRole")) == {}


def test_only_the_named_service_gets_roles(passed):
    found = passed(allow("iam:PassRole", **to(LAMBDA)))
    assert found[LAMBDA] == (True, True)
    assert {held for name, (held, _) in found.items() if name != LAMBDA} == {False}


def test_a_named_role_is_not_every_role(passed):
    found = passed(allow("iam:PassRole", "arn:aws:iam::111122223333:role/worker", **to(LAMBDA)))
    assert found[LAMBDA] == (True, False)


@pytest.mark.parametrize(
    ("pattern", "operator", "lambda_", "ecs"),
    [
        ("*.amazonaws.com", "StringLike", True, True),
        ("lambda.*", "StringLike", True, False),
        (LAMBDA, "StringNotEquals", False, True),
        (LAMBDA, "StringEqualsIfExists", True, False),
    ],
)
def test_every_operator_counts(passed, pattern, operator, lambda_, ecs):
    found = passed(allow("iam:*", **to(pattern, operator=operator)))
    assert (found[LAMBDA][0], found[ECS][0]) == (lambda_, ecs)


def test_a_second_grant_without_the_condition_gives_all(passed):
    found = passed(allow("iam:PassRole", **to(LAMBDA)), allow("iam:Pass*", "arn:aws:iam::*:role/a"))
    assert (found[LAMBDA], found[ECS]) == ((True, True), (True, False))


def test_a_deny_of_one_service_leaves_the_others(passed):
    found = passed(allow("*"), deny("iam:PassRole", **to(LAMBDA)))
    assert (found[LAMBDA][0], found[ECS]) == (False, (True, True))


def test_a_boundary_may_name_the_services(passed):
    limit = policy(BOUNDARY, allow("iam:PassRole", **to(ECS)))
    found = passed(
        allow("iam:PassRole"),
        Policies=[limit],
        role={"PermissionsBoundary": {"PermissionsBoundaryArn": BOUNDARY}},
    )
    assert (found[LAMBDA][0], found[ECS][0]) == (False, True)


def test_another_undecided_condition_keeps_it_undecided(passed):
    other = {"StringEquals": {"iam:PassedToService": [LAMBDA], "iam:AssociatedResourceArn": ["x"]}}
    assert passed(allow("iam:PassRole", Condition=other))[LAMBDA] == (None, False)
