"""Resource policies are read for what the account's identities name or touched, and for nothing else."""

import json

import boto3
import pytest

from connectors.aws.connector import CONNECTOR
from connectors.aws.grants.public_access import NO_BLOCK
from connectors.aws.live.collect import Way, collect_live
from connectors.aws.live.resources import Touched, whole
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
        (
            f"arn:aws:es:eu-west-1:{ACCOUNT}:domain/search/logs/*",
            f"arn:aws:es:eu-west-1:{ACCOUNT}:domain/search",
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
    agent.refuse("s3", "GetBucketOwnershipControls", "OwnershipControlsNotFoundError")
    agent.refuse("s3", "GetPublicAccessBlock", "NoSuchPublicAccessBlockConfiguration")
    agent.refuse("s3control", "GetPublicAccessBlock", "NoSuchPublicAccessBlockConfiguration")
    found = gather(source())
    assert (Status.OK, 5) == (
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


def test_the_policy_of_a_search_domain_is_read(agent, source, gather):
    domain = f"arn:aws:es:eu-west-1:{ACCOUNT}:domain/search"
    agent.may(f"{domain}/*")
    asked = []
    named = {
        "Effect": "Allow",
        "Principal": {"AWS": AGENT},
        "Action": "es:ESHttpGet",
        "Resource": f"{domain}/*",
    }

    def give(**sent):
        asked.append(sent)
        return {
            "DomainStatus": {"AccessPolicies": json.dumps({"Statement": [named]}), "DomainName": "search"}
        }

    agent.answer("opensearch", "DescribeDomain", give)
    found = gather(source())
    facts = CONNECTOR.interpret([found.evidence], YEAR, Patterns())
    assert ["es:ESHttpGet"] == list(facts.permissions.names(facts.entitlements[AGENT].granted))
    assert 1 == len(asked)


PUBLIC = {"Type": "Group", "URI": "http://acs.amazonaws.com/groups/global/AllUsers"}


@pytest.mark.parametrize(
    ("ownership", "ignored", "lists"),
    [
        ("BucketOwnerEnforced", False, 0),
        ("ObjectWriter", True, 1),
        ("ObjectWriter", False, 1),
        ("", False, 1),
    ],
)
def test_the_access_control_list_of_a_bucket_is_read_where_it_counts(
    agent, source, gather, ownership, ignored, lists
):
    agent.may("arn:aws:s3:::data/*")
    agent.answer("s3", "ListBuckets", {"Buckets": [{"Name": "data"}]})
    agent.refuse("s3", "GetBucketPolicy", "NoSuchBucketPolicy")
    if ownership:
        rules = {"Rules": [{"ObjectOwnership": ownership}]}
        agent.answer("s3", "GetBucketOwnershipControls", {"OwnershipControls": rules})
    else:
        agent.refuse("s3", "GetBucketOwnershipControls", "OwnershipControlsNotFoundError")
    block = {"PublicAccessBlockConfiguration": {"IgnorePublicAcls": ignored}}
    agent.answer("s3", "GetPublicAccessBlock", block)
    agent.answer("s3control", "GetPublicAccessBlock", {"PublicAccessBlockConfiguration": NO_BLOCK})
    grants = [{"Grantee": PUBLIC, "Permission": "READ"}, {"Grantee": {"ID": "b" * 64}, "Permission": "WRITE"}]
    agent.answer("s3", "GetBucketAcl", {"Owner": {"ID": "a" * 64}, "Grants": grants})
    found = gather(source())
    assert Status.OK == found.outcomes["resource_policies"].status
    assert lists == agent.calls.count(("s3", "GetBucketAcl"))
    facts = CONNECTOR.interpret([found.evidence], YEAR, Patterns())
    open_to_all = lists and not ignored
    names = facts.permissions.names(facts.entitlements[AGENT].granted)
    assert ("s3:ListBucket" in names) is bool(open_to_all)
    said = [caveat.what for caveat in facts.caveats if caveat.what.startswith("the access control list")]
    assert [f"{text}" for text in said if "AllUsers" in text] == [
        "the access control list of the bucket gives READ to AllUsers"
    ] * bool(open_to_all)
    assert lists == len([text for text in said if "canonical user bbbb" in text])


@pytest.mark.parametrize(
    ("account_answer", "expected"),
    [
        ({"PublicAccessBlockConfiguration": {**NO_BLOCK, "IgnorePublicAcls": True}}, "nothing"),
        ("NoSuchPublicAccessBlockConfiguration", "granted"),
        ("AccessDenied", "conditional"),
    ],
)
def test_the_block_of_the_account_counts_for_each_of_its_buckets(
    agent, source, gather, account_answer, expected
):
    """It is asked for once, and where it cannot be read nothing is certain."""
    agent.may("arn:aws:s3:::data/*", "arn:aws:s3:::more/*")
    agent.answer("s3", "ListBuckets", {"Buckets": [{"Name": "data"}, {"Name": "more"}]})
    agent.refuse("s3", "GetBucketPolicy", "NoSuchBucketPolicy")
    agent.refuse("s3", "GetBucketOwnershipControls", "OwnershipControlsNotFoundError")
    agent.refuse("s3", "GetPublicAccessBlock", "NoSuchPublicAccessBlockConfiguration")
    grants = [{"Grantee": PUBLIC, "Permission": "READ"}]
    agent.answer("s3", "GetBucketAcl", {"Owner": {"ID": "a" * 64}, "Grants": grants})
    if isinstance(account_answer, str):
        agent.refuse("s3control", "GetPublicAccessBlock", account_answer)
    else:
        agent.answer("s3control", "GetPublicAccessBlock", account_answer)
    found = gather(source())
    assert 1 == agent.calls.count(("s3control", "GetPublicAccessBlock"))
    assert 2 == agent.calls.count(("s3", "GetPublicAccessBlock"))
    facts = CONNECTOR.interpret([found.evidence], YEAR, Patterns())
    held = facts.entitlements[AGENT]
    bit = facts.permissions.mask(["s3:ListBucket"])
    assert expected == (
        "granted" if held.granted & bit else "conditional" if held.conditional & bit else "nothing"
    )
    reason = found.outcomes["resource_policies"].reason
    assert ("grant s3:GetAccountPublicAccessBlock" in reason) is (account_answer == "AccessDenied")


def test_data_access_policies_and_endpoints_are_read_in_each_region(agent, source, gather):
    """Both lists have further pages; a refusal of one costs a part of the source and nothing else."""
    agent.may(KEY)
    rule = {
        "Rules": [
            {"ResourceType": "index", "Resource": ["index/vectors/*"], "Permission": ["aoss:ReadDocument"]}
        ],
        "Principal": [AGENT],
    }

    def listed(nextToken="", **_):
        page = {"accessPolicySummaries": [{"name": f"vectors{nextToken}", "type": "data"}]}
        return page if nextToken else {**page, "nextToken": "2"}

    agent.answer("opensearchserverless", "ListAccessPolicies", listed)
    policy = {"accessPolicyDetail": {"name": "p", "policy": [rule]}}
    agent.answer("opensearchserverless", "GetAccessPolicy", policy)
    agent.refuse("ec2", "DescribeVpcEndpoints", "UnauthorizedOperation")
    found = gather(source(regions=("eu-west-1", "us-east-1")))
    assert 4 == len(found.records("resource_policies", "DataAccessPolicy"))
    assert Status.PARTIAL == found.outcomes["resource_policies"].status
    assert "grant ec2:DescribeVpcEndpoints" in found.outcomes["resource_policies"].reason


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
