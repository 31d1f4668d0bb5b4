"""Trust is narrowed only where records show which services take a role."""

import json

import pytest

from connectors.aws.trust import narrow_trust


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
