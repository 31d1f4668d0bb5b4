"""A policy written anew names recorded resources only where the next call is of the same resource."""

import json

import pytest

from connectors.aws.connector import CONNECTOR
from connectors.interface import Patterns
from connectors.reduction import Question
from tests.connectors.aws.conftest import YEAR

ROLE = "arn:aws:iam::111122223333:role/agent"
FUNCTION = "arn:aws:lambda:eu-west-1:111122223333:function:f"
MODEL = "arn:aws:sagemaker:eu-west-1:111122223333:model/m"


@pytest.fixture
def rebuilt(gaad, collect, tmp_path):
    """Return by action the resources that a role keeps, after calls (source, name, parameters)."""

    def rebuilt(granted, *calls, resource="*"):
        log = tmp_path / "log.json"
        log.write_text(json.dumps({"Records": [record(n, *call) for n, call in enumerate(calls)]}))
        dump = gaad({"Effect": "Allow", "Action": [*granted, "sqs:ListQueues"], "Resource": resource})
        memory = collect({"authorization_details": [dump], "cloudtrail": [log]})
        facts = CONNECTOR.interpret([memory], YEAR, Patterns())
        gone = facts.permissions.mask(["sqs:ListQueues"])
        question = Question(ROLE, gone, facts.usage, rebuild=True)
        found = CONNECTOR.reduce([memory], facts, [question], YEAR).found[ROLE]
        kept = {}
        for change in found.changes:
            for one in json.loads(change.after or "{}").get("Statement", ()):
                for action in one["Action"] if isinstance(one["Action"], list) else [one["Action"]]:
                    resources = one["Resource"] if isinstance(one["Resource"], list) else [one["Resource"]]
                    kept[action] = resources
        return kept

    return rebuilt


def record(number, source, name, parameters):
    return {
        "eventVersion": "1.11",
        "eventTime": f"2026-05-01T10:{number:02}:00Z",
        "eventSource": f"{source}.amazonaws.com",
        "eventName": name,
        "awsRegion": "eu-west-1",
        "eventID": f"00000000-0000-0000-0000-{number:012}",
        "eventType": "AwsApiCall",
        "eventCategory": "Management",
        "recipientAccountId": "111122223333",
        "userIdentity": {"type": "AssumedRole", "sessionContext": {"sessionIssuer": {"arn": ROLE}}},
        "requestParameters": parameters,
    }


def test_what_makes_new_things_keeps_its_resources(rebuilt):
    kept = rebuilt(
        ["sagemaker:CreateModel", "sagemaker:DescribeModel"],
        ("sagemaker", "CreateModel", {"modelName": "m"}),
        ("sagemaker", "DescribeModel", {"modelName": "m"}),
    )
    assert kept == {"sagemaker:CreateModel": ["*"], "sagemaker:DescribeModel": [MODEL]}


def test_a_function_keeps_its_versions_and_aliases(rebuilt):
    kept = rebuilt(["lambda:GetFunction"], ("lambda", "GetFunction20150331v2", {"functionName": "f"}))
    assert kept == {"lambda:GetFunction": [FUNCTION, f"{FUNCTION}:*"]}


def test_versions_that_were_not_held_are_not_added(rebuilt):
    kept = rebuilt(
        ["lambda:GetFunction"],
        ("lambda", "GetFunction20150331v2", {"functionName": "f"}),
        resource=["*:f", "arn:aws:sqs:*"],
    )
    assert kept == {"lambda:GetFunction": [FUNCTION]}
