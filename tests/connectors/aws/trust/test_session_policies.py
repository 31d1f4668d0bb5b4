"""Policies that sessions were issued with are known per role, and never taken for limits of the role itself."""

import json
from datetime import UTC, datetime

import pytest

from connectors.aws.trust.session_policies import session_policy
from connectors.aws.usage.events import CloudTrailReader
from connectors.aws.usage.row_marks import Marks, read, written
from connectors.facts import Window
from connectors.logs.engine import read_logs
from connectors.logs.seen import SeenEvents

WINDOW = Window(datetime(2023, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC))
ACCOUNT = "111122223333"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/agent"
READ_ONLY = {
    "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::tenant-1/*"}]
}


def issued(number, operation="AssumeRole", policy=None, arns=None, **more):
    parameters = {"roleArn": ROLE, "roleSessionName": f"s{number}"}
    if policy is not None:
        parameters["policy"] = policy if isinstance(policy, str) else json.dumps(policy)
    if arns:
        parameters["policyArns"] = [{"arn": arn} for arn in arns]
    return {
        "eventVersion": "1.11",
        "eventTime": f"2026-05-01T10:{number:02}:00Z",
        "eventSource": "sts.amazonaws.com",
        "eventName": operation,
        "awsRegion": "eu-west-1",
        "eventID": f"00000000-0000-0000-0000-{number:012}",
        "eventType": "AwsApiCall",
        "eventCategory": "Management",
        "readOnly": True,
        "recipientAccountId": ACCOUNT,
        "userIdentity": {"type": "AWSService", "invokedBy": "lambda.amazonaws.com"},
        "requestParameters": parameters,
        **more,
    }


def refused(number, message):
    return {
        **issued(number),
        "eventSource": "dynamodb.amazonaws.com",
        "eventName": "DescribeTable",
        "userIdentity": {
            "type": "AssumedRole",
            "principalId": "AROAEXAMPLE:s",
            "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/agent/s",
            "sessionContext": {"sessionIssuer": {"arn": ROLE}},
        },
        "errorCode": "AccessDenied",
        "errorMessage": message,
        "requestParameters": {"tableName": "t"},
    }


@pytest.fixture
def learn(gaad, interpret, tmp_path):
    """Return the caveats about the role, and the facts, for some events."""

    def learn(*events):
        log = tmp_path / "log.json"
        log.write_text(json.dumps({"Records": list(events)}))
        grant = {"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"}
        facts = interpret({"authorization_details": [gaad(grant)], "cloudtrail": [log]})
        return [one for one in facts.caveats if one.where == ROLE], facts

    return learn


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, ""),
        ({"policy": ""}, ""),
        ({"policyArns": []}, ""),
        ({"policy": json.dumps(READ_ONLY)}, "allow s3:GetObject"),
        ({"policy": READ_ONLY}, "allow s3:GetObject"),
        ({"policy": "{cut off"}, "a policy that could not be read"),
        ({"policyArns": [{"arn": "arn:aws:iam::aws:policy/B"}, {"arn": "arn:aws:iam::aws:policy/A"}]},
         "arn:aws:iam::aws:policy/A; arn:aws:iam::aws:policy/B"),
        ({"policy": json.dumps({"Statement": {"Effect": "Deny", "NotAction": ["s3:*"], "Resource": "*"}})}, "deny all but s3:*"),
    ],
)  # fmt: skip
def test_what_a_session_was_limited_to(parameters, expected):
    assert session_policy(json.dumps(parameters, separators=(",", ":")).encode()) == expected


def test_policies_that_differ_in_the_tenant_alone_are_of_one_shape():
    other = json.loads(json.dumps(READ_ONLY).replace("tenant-1", "tenant-2"))
    texts = {session_policy(json.dumps({"policy": json.dumps(one)}).encode()) for one in (READ_ONLY, other)}
    assert len(texts) == 1


def test_long_policies_are_told_apart_by_a_digest():
    names = [f"s3:GetObject{n}" for n in range(40)]
    texts = [
        session_policy(json.dumps({"policy": {"Statement": {"Effect": "Allow", "Action": some}}}).encode())
        for some in (names, names[:-1])
    ]
    assert texts[0] != texts[1]
    assert max(map(len, texts)) < 160


@pytest.mark.parametrize("operation", ["AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"])
def test_some_limited_sessions_are_counted_per_role(learn, operation):
    (caveat,), _ = learn(issued(1, operation), issued(2, operation, READ_ONLY), issued(3, operation))
    assert caveat.what == "1 of 3 sessions seen of this identity were limited by session policies"
    assert "[allow s3:GetObject]" in caveat.effect
    assert "All by one" not in caveat.effect


def test_all_sessions_limited_alike_are_said_and_narrow_nothing(learn):
    (caveat,), facts = learn(issued(1, policy=READ_ONLY), issued(2, policy=READ_ONLY))
    assert caveat.what.startswith("all 2 sessions")
    assert "All by one" in caveat.effect
    assert "dynamodb:DeleteTable" in facts.permissions.names(facts.entitlements[ROLE].granted)


def test_sessions_with_different_policies_are_not_called_alike(learn):
    (caveat,), _ = learn(
        issued(1, policy=READ_ONLY), issued(2, arns=["arn:aws:iam::aws:policy/ReadOnlyAccess"])
    )
    assert "All by one" not in caveat.effect


def test_a_session_recorded_in_the_callers_account_too_counts_once(learn):
    away = issued(2, policy=READ_ONLY, recipientAccountId="999988887777")
    (caveat,), _ = learn(issued(1, policy=READ_ONLY), away)
    assert caveat.what.startswith("all 1 sessions")


def test_sessions_without_policies_are_not_mentioned_and_refused_ones_not_counted(learn):
    assert learn(issued(1), issued(2, policy=READ_ONLY, errorCode="AccessDenied"))[0] == []


def test_a_refusal_by_a_session_policy_is_told_from_one_of_the_role(learn):
    because = (
        "User: x is not authorized to perform: dynamodb:DescribeTable because no session policy allows it"
    )
    (caveat,), facts = learn(refused(1, because), refused(2, "no identity-based policy allows it"))
    assert caveat.what == "1 calls were refused by a session policy, as the log says (dynamodb:DescribeTable)"
    assert "may hold these permissions all the same" in caveat.effect
    (usage,) = facts.usage
    assert (usage.count, usage.denied) == (2, 2)
    assert "dynamodb:DescribeTable" in facts.permissions.names(facts.entitlements[ROLE].granted)


def test_real_sessions_of_a_service_role_are_read(data):
    """RDS takes its role with a policy for each job (invictus-ir/aws_dataset, account renamed there)."""
    paths = sorted((data / "cloudtrail" / "invictus_aws_dataset").rglob("*.json"))
    rows = read_logs(paths, CloudTrailReader(), WINDOW, seen=SeenEvents(), workers=1).rows
    found = {read(row.detail).session for row in rows if row.operation.endswith(":AssumeRole")}
    assert any(text.startswith("allow ") and "ec2:AllocateAddress" in text for text in found)


@pytest.mark.parametrize(
    "marks",
    [
        Marks("Management:AwsApiCall"),
        Marks("Management:AwsApiCall", "AROA1"),
        Marks("", "AROA1", by_session=True),
        Marks("x:y", "", by_session=True, session="allow s3:Get;id=evil;refused-by=session-policy"),
        Marks("x:y", "AROA1", session="allow s3:Get; arn:aws:iam::aws:policy/A"),
    ],
)
def test_marks_come_back_as_they_were_written(marks):
    assert read(written(marks)) == marks
