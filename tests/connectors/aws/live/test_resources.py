"""Resource policies are read for what the account's identities name or touched, and for nothing else."""

import json

import boto3
import pytest

from connectors.aws.collect import Way, collect_live
from connectors.aws.connector import CONNECTOR
from connectors.aws.live_resources import Touched, whole
from connectors.interface import Patterns, Status, silent
from connectors.logs.seen import SeenEvents
from tests.connectors.aws.conftest import YEAR, Memory

ACCOUNT = "123456789012"
QUEUE = f"arn:aws:sqs:eu-west-1:{ACCOUNT}:jobs"
KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1"
AGENT = f"arn:aws:iam::{ACCOUNT}:role/agent"


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("arn:aws:s3:::data/in/*", "arn:aws:s3:::data"),
        ("arn:aws:s3:::*", ""),
        ("arn:aws:s3:::data-*/x", ""),
        (
            f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:run:*",
            f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:run",
        ),
        (
            f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/t/index/*",
            f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/t",
        ),
        (KEY, KEY),
        (f"arn:aws:kms:eu-west-1:{ACCOUNT}:alias/a", ""),
        (f"arn:aws:ec2:eu-west-1:{ACCOUNT}:instance/i-1", ""),
        ("*", ""),
    ],
)
def test_a_pattern_names_the_one_resource_it_lies_in(pattern, expected):
    assert expected == whole(pattern)


@pytest.fixture
def agent(cloud):
    iam = boto3.client("iam")
    iam.create_role(RoleName="agent", AssumeRolePolicyDocument=json.dumps({"Statement": []}))

    def may(*resources):
        statement = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": list(resources)}
        document = {"Version": "2012-10-17", "Statement": [statement]}
        iam.put_role_policy(RoleName="agent", PolicyName="p", PolicyDocument=json.dumps(document))

    cloud.may = may
    return cloud


def test_the_policy_of_a_named_key_decides_what_is_granted(agent, source, gather):
    agent.may(KEY)
    admin = {"Effect": "Allow", "Action": "kms:*", "Resource": "*", "Principal": {"AWS": f"{AGENT}-admin"}}
    agent.answer("kms", "GetKeyPolicy", {"Policy": json.dumps({"Statement": [admin]})})
    grant = {"GrantId": "g", "GranteePrincipal": AGENT, "Operations": ["Encrypt"]}
    agent.answer("kms", "ListGrants", {"Grants": [grant]})
    found = gather(source())
    assert Status.OK == found.outcomes["resource_policies"].status
    facts = CONNECTOR.interpret([found.evidence], YEAR, Patterns())
    assert ["kms:Encrypt"] == list(facts.permissions.names(facts.entitlements[AGENT].granted))


def test_a_resource_without_a_policy_is_no_failure(agent, source, gather):
    agent.may(QUEUE, "arn:aws:s3:::data", "arn:aws:s3:::of-somebody-else")
    agent.answer("s3", "ListBuckets", {"Buckets": [{"Name": "data"}]})
    agent.refuse("s3", "GetBucketPolicy", "NoSuchBucketPolicy")
    agent.answer("sqs", "GetQueueAttributes", {})
    found = gather(source())
    assert (Status.OK, 2) == (
        found.outcomes["resource_policies"].status,
        found.outcomes["resource_policies"].records,
    )
    assert 1 == agent.calls.count(("s3", "GetBucketPolicy"))


def test_a_refusal_is_named_and_the_rest_is_read(agent, source, gather):
    agent.may(QUEUE, KEY)
    agent.refuse("kms", "GetKeyPolicy", "AccessDeniedException")
    agent.answer("sqs", "GetQueueAttributes", {"Attributes": {"Policy": json.dumps({"Statement": []})}})
    found = gather(source())
    assert Status.PARTIAL == found.outcomes["resource_policies"].status
    assert "grant kms:GetKeyPolicy" in found.outcomes["resource_policies"].reason
    assert [QUEUE] == [one["ResourceArn"] for one in found.records("resource_policies")]


def test_resources_of_other_accounts_are_not_asked_about(agent, source, gather):
    agent.may(QUEUE.replace(ACCOUNT, "999999999999"))
    gather(source())
    assert 0 == agent.calls.count(("sqs", "GetQueueAttributes"))


def test_what_the_logs_show_touched_is_asked_about(agent, source):

    agent.answer("sqs", "GetQueueAttributes", {})
    memory = Memory("live")
    way = Way(YEAR, silent, SeenEvents(), touched={QUEUE}, wait=lambda _: None)
    collect_live(source(), memory, way)
    assert [QUEUE] == [one["record"]["ResourceArn"] for one in memory.parts["resource_policies"]]


def test_logs_on_their_way_to_the_bundle_show_what_was_touched(collect, tmp_path):

    record = {
        "eventTime": "2026-06-01T00:00:00Z",
        "eventName": "SendMessage",
        "eventSource": "sqs.amazonaws.com",
        "resources": [{"ARN": QUEUE}],
    }
    path = tmp_path / "log.json"
    path.write_text(json.dumps({"Records": [record]}))
    held = collect({"cloudtrail": [path]})
    memory = Memory("s")
    noting = Touched(memory)
    noting.add_logs("s", held.rows, held.files, held.seen)
    assert ({"s": {QUEUE}}, 1) == (noting.of, len(memory.rows))
