"""A block of public access bounds what public policies of buckets give, and what is public is as S3 says.

The policies are synthetic, after the examples of the S3 user guide, "Blocking public access".
"""

import json

import pytest

from connectors.aws.grants.derivation import rule
from connectors.aws.grants.public_access import is_public
from connectors.aws.policy.document import parse_document
from tests.connectors.aws.conftest import YEAR

ACCOUNT, OTHER = "111122223333", "444455556666"
AGENT = f"arn:aws:iam::{ACCOUNT}:role/agent"
BUCKET = "arn:aws:s3:::shared"
READ = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"{BUCKET}/*"}
EVERYBODY = {**READ, "Principal": "*"}
FRIENDS = {**READ, "Principal": {"AWS": ACCOUNT}, "Action": "s3:PutObject"}
MAY = {**READ, "Action": ["s3:GetObject", "s3:PutObject"]}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({}, True),
        ({"StringEquals": {"aws:SourceVpc": "vpc-91237329"}}, False),
        ({"StringLike": {"aws:SourceVpc": "vpc-*"}}, True),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-abc123"}}, False),
        ({"StringNotEquals": {"aws:PrincipalOrgID": "o-abc123"}}, True),
        ({"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-abc123"}}, None),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:sns:us-west-2:444455556666:*"}}, True),
        ({"StringEquals": {"aws:SourceAccount": "${aws:PrincipalAccount}"}}, True),
        ({"ArnLike": {"s3:DataAccessPointArn": "arn:aws:s3:us-west-2:444455556666:accesspoint/*"}}, False),
        ({"ArnLike": {"s3:DataAccessPointArn": "arn:aws:s3:us-west-2:*:accesspoint/x"}}, True),
        ({"IpAddress": {"aws:SourceIp": ["192.0.2.0/24", "10.0.0.0/8", "2001:db8::/32"]}}, False),
        ({"IpAddress": {"aws:SourceIp": ["192.0.2.0/24", "0.0.0.0/1"]}}, True),
        ({"IpAddress": {"aws:SourceIp": "2001::/16"}}, True),
        ({"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, True),
        ({"IpAddress": {"aws:SourceIp": "here"}}, True),
        ({"Bool": {"aws:SecureTransport": "true"}}, True),
        ({"StringLike": {"aws:Referer": "https://example.com/"}}, True),
        ({"ArnEquals": {"aws:PrincipalArn": AGENT}}, None),
        ({"StringLike": {"aws:userid": "AROAEXAMPLE:*"}}, True),
        ({"Bool": {"aws:SecureTransport": "true"}, "StringEquals": {"aws:SourceVpce": "vpce-1"}}, False),
    ],
)
def test_only_fixed_values_keep_a_statement_to_everybody_from_being_public(condition, expected):
    statement = {**EVERYBODY, "Condition": condition}
    assert expected is is_public(parse_document({"Version": "2012-10-17", "Statement": [statement]}))


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([FRIENDS], False),
        ([FRIENDS, EVERYBODY], True),
        ([{**EVERYBODY, "Effect": "Deny"}], False),
        ([{**READ, "NotPrincipal": {"AWS": AGENT}}], True),
        ([{**READ, "Principal": {"Service": "logging.s3.amazonaws.com"}}], False),
        ([], False),
    ],
)
def test_one_public_statement_makes_a_policy_public(statements, expected):
    assert expected is is_public(parse_document({"Statement": statements}))


def policy(*statements, owner=OTHER):
    return {"ResourceArn": BUCKET, "Account": owner, "Policy": {"Statement": list(statements)}}


def block(on, **place):
    return {"PublicAccessBlockConfiguration": {"RestrictPublicBuckets": on}, **place}


ENFORCED = {
    "ResourceArn": BUCKET,
    "Account": OTHER,
    "Owner": {"ID": "a"},
    "Grants": [],
    "ObjectOwnership": "BucketOwnerEnforced",
}


@pytest.fixture
def gathered(gaad, collect, tmp_path):
    """Return the evidence of a role that may read and write in a bucket, beside what the bucket says."""

    def gathered(*records):
        path = tmp_path / "resource-policies.json"
        path.write_text(json.dumps(list(records)))
        return {"authorization_details": [gaad(MAY)], "resource_policies": [path]}

    return gathered


@pytest.fixture
def hold(gathered, interpret):
    """Return what that role holds for certain and perhaps, and what is said of the bucket."""

    def hold(*records):
        facts = interpret(gathered(*records))
        held = facts.entitlements[AGENT]
        names = facts.permissions.names
        said = [one.what for one in facts.caveats if one.where == BUCKET]
        return set(names(held.granted)), set(names(held.conditional)), said

    return hold


BOTH = {"s3:GetObject", "s3:PutObject"}
NOT_KNOWN = "the policy of the bucket is public; whether RestrictPublicBuckets is on is not known"
OFF = "the policy of the bucket is public, and RestrictPublicBuckets is off"


@pytest.mark.parametrize(
    ("blocks", "granted", "said"),
    [
        ([], BOTH, [NOT_KNOWN]),
        ([block(False, Account=OTHER)], BOTH, [NOT_KNOWN]),
        ([block(False, Account=OTHER), block(False, ResourceArn=BUCKET)], BOTH, [OFF]),
        ([block(True, Account=OTHER)], set(), []),
        ([block(True, ResourceArn=BUCKET, Account=OTHER)], set(), []),
        ([block(True, Bucket="shared"), block(False, Account=OTHER)], set(), []),
        ([block(True, Account=ACCOUNT)], BOTH, [NOT_KNOWN]),
        ([block("true", Account=OTHER)], set(), []),
        ([block(True, Account=OTHER), block(False, Account=OTHER)], BOTH, [NOT_KNOWN]),
    ],
)
def test_a_public_bucket_whose_owner_restricts_it_lets_no_other_account_in(hold, blocks, granted, said):
    """Whom the policy names is kept out too; the stricter of bucket and account counts."""
    assert (granted, set(), said) == hold(policy(EVERYBODY, FRIENDS), ENFORCED, *blocks)


def test_access_control_lists_open_no_bucket_that_is_kept_within_its_account(hold):
    listed = {**ENFORCED, "ObjectOwnership": "ObjectWriter"}
    on = block(True, Account=OTHER)
    assert (set(), set(), []) == hold(policy(EVERYBODY), listed, on)
    assert {"s3:PutObject"} == hold(policy(READ | {"Principal": {"AWS": ACCOUNT}}), listed, on)[1]


def test_a_policy_that_is_not_public_is_not_bounded(hold):
    on = block(True, Account=OTHER)
    assert ({"s3:PutObject"}, set(), []) == hold(policy(FRIENDS), ENFORCED, on)
    perhaps = {**EVERYBODY, "Condition": {"ArnEquals": {"aws:PrincipalArn": AGENT}}}
    assert (set(), {"s3:GetObject"}, []) == hold(policy(perhaps), ENFORCED, on)


def test_identities_of_the_owning_account_keep_what_a_public_policy_gives(gaad, interpret, tmp_path):
    path = tmp_path / "resource-policies.json"
    on = block(True, Account=ACCOUNT)
    path.write_text(json.dumps([policy(EVERYBODY, owner=ACCOUNT), on]))
    facts = interpret({"authorization_details": [gaad()], "resource_policies": [path]})
    assert ["s3:GetObject"] == list(facts.permissions.names(facts.entitlements[AGENT].granted))


def test_a_public_list_does_not_make_a_policy_public(hold):
    everybody = {"Grantee": {"URI": "http://acs.amazonaws.com/groups/global/AllUsers"}, "Permission": "READ"}
    listed = {**ENFORCED, "ObjectOwnership": "ObjectWriter", "Grants": [everybody]}
    granted, _, _ = hold(policy(FRIENDS), listed, block(True, Account=OTHER))
    assert {"s3:PutObject"} == granted


@pytest.mark.parametrize(
    ("blocks", "answer"),
    [
        ([], "allowed"),
        ([block(True, Account=OTHER)], "not allowed by any statement"),
    ],
)
def test_one_request_is_decided_with_the_block(gathered, collect, blocks, answer):
    memory = collect(gathered(policy(EVERYBODY), ENFORCED, *blocks))
    found = rule([memory], AGENT, "s3:GetObject", f"{BUCKET}/x", YEAR)
    assert answer == found.answer
    open_question = {**EVERYBODY, "Condition": {"StringLike": {"aws:PrincipalArn": AGENT}}}
    memory = collect(gathered(policy(open_question), ENFORCED, *blocks))
    found = rule([memory], AGENT, "s3:GetObject", f"{BUCKET}/x", YEAR)
    assert ("undecided" if blocks else "allowed") == found.answer


def test_a_block_that_names_neither_bucket_nor_account_is_not_used(hold, interpret, gathered):
    """`get-public-access-block` does not say in its answer what was asked about."""
    files = gathered(policy(EVERYBODY, FRIENDS, owner=ACCOUNT), block(True))
    (said,) = [one.what for one in interpret(files).caveats if "do not say" in one.what]
    assert said.startswith("1 resource policies or settings")
    assert (BOTH, set(), [NOT_KNOWN]) == hold(policy(EVERYBODY, FRIENDS), ENFORCED, block(True))
