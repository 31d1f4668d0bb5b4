"""Resource policies give, refuse and are needed as the IAM user guide says; what is unknown is said.

The policies are synthetic; the shapes of the files are those that the services' own commands write.
"""

import json

import pytest

from connectors.aws.connector import CONNECTOR
from connectors.aws.grants.derivation import rule
from connectors.interface import Patterns
from connectors.reduction import Question
from tests.connectors.aws.conftest import YEAR

ACCOUNT = "111122223333"
OTHER = "444455556666"
AGENT = f"arn:aws:iam::{ACCOUNT}:role/agent"
ROOT = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1"
QUEUE = f"arn:aws:sqs:eu-west-1:{ACCOUNT}:jobs"
BUCKET = "arn:aws:s3:::data"


def allow(action, resource="*", principal=None, **more):
    named = {"Principal": principal} if principal else {}
    return {"Effect": "Allow", "Action": action, "Resource": resource, **named, **more}


def deny(action, resource="*", principal="*", **more):
    return {**allow(action, resource, principal, **more), "Effect": "Deny"}


def policy(arn, *statements, **more):
    return {
        "ResourceArn": arn,
        "Policy": json.dumps({"Version": "2012-10-17", "Statement": statements}),
        **more,
    }


@pytest.fixture
def hold(gaad, interpret, tmp_path):
    """Return (granted, conditional, facts) of a role beside some resource policies."""

    def hold(own, *policies, role=None, **lists):
        path = tmp_path / "resource-policies.json"
        path.write_text(json.dumps(list(policies)))
        dump = gaad(*own, role=role or {}, **lists)
        files = {"authorization_details": [dump]}
        if policies:
            files["resource_policies"] = [path]
        facts = interpret(files)
        held = facts.entitlements[AGENT]
        names = facts.permissions.names
        return set(names(held.granted)), set(names(held.conditional)), facts

    return hold


@pytest.mark.parametrize(
    ("principal", "given"),
    [
        ({"AWS": AGENT}, True),
        ({"AWS": "AROAEXAMPLE"}, True),
        ("*", True),
        (ROOT, False),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:role/other"}, False),
        ({"Service": "lambda.amazonaws.com"}, False),
    ],
)
def test_in_one_account_a_resource_policy_that_names_the_role_is_enough(hold, principal, given):
    granted, _, facts = hold([], policy(QUEUE, allow("sqs:SendMessage", principal=principal)))
    assert ({"sqs:SendMessage"} if given else set()) == granted
    grants = [grant for grant in facts.grants if grant.identity == AGENT]
    assert [f"{QUEUE}: resource policy, statement 0"] * given == [grant.source for grant in grants]


def test_a_condition_that_cannot_be_decided_makes_it_conditional(hold):
    test = {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}
    granted, conditional, _ = hold(
        [], policy(QUEUE, allow("sqs:SendMessage", principal={"AWS": AGENT}, Condition=test))
    )
    assert (set(), {"sqs:SendMessage"}) == (granted, conditional)


def test_another_account_cannot_give_alone(hold):
    queue = QUEUE.replace(ACCOUNT, OTHER)
    assert set() == hold([], policy(queue, allow("sqs:SendMessage", principal={"AWS": AGENT})))[0]


@pytest.mark.parametrize(
    ("principal", "granted"), [({"AWS": AGENT}, True), (ROOT, True), ("*", True), ({"AWS": OTHER}, False)]
)
def test_across_accounts_the_resource_must_let_in(hold, principal, granted):
    queue = QUEUE.replace(ACCOUNT, OTHER)
    found, _, _ = hold([allow("sqs:SendMessage", queue)], policy(queue, allow("sqs:*", principal=principal)))
    assert granted is ("sqs:SendMessage" in found)


def test_a_deny_of_a_resource_takes_away_only_there(hold):
    refuse = policy(QUEUE, deny("sqs:SendMessage"))
    assert set() == hold([allow("sqs:SendMessage", QUEUE)], refuse)[0]
    assert {"sqs:SendMessage"} == hold([allow("sqs:SendMessage")], refuse)[0]


def test_objects_stand_under_the_policy_of_their_bucket(hold):
    own = [allow("s3:GetObject", f"{BUCKET}/in/*")]
    assert set() == hold(own, policy(BUCKET, deny("s3:*", [BUCKET, f"{BUCKET}/*"])))[0]
    assert {"s3:GetObject"} == hold(own, policy(BUCKET, deny("s3:*", f"{BUCKET}/out/*")))[0]


def test_demanding_tls_is_said_once_and_takes_nothing(hold):
    tls = {"Bool": {"aws:SecureTransport": "false"}}
    buckets = [f"arn:aws:s3:::b{number}" for number in range(3)]
    own = [allow("s3:GetObject", [f"{bucket}/*" for bucket in buckets])]
    policies = [policy(bucket, deny("s3:*", f"{bucket}/*", Condition=tls)) for bucket in buckets]
    granted, _, facts = hold(own, *policies)
    assert {"s3:GetObject"} == granted
    assert 1 == sum("how the request is made" in caveat.what for caveat in facts.caveats)


@pytest.mark.parametrize(
    ("statement", "granted", "conditional"),
    [
        (allow("kms:*", principal=ROOT), True, False),
        (allow("kms:*", principal={"AWS": AGENT}), True, False),
        (allow("kms:*", principal={"AWS": f"arn:aws:iam::{ACCOUNT}:role/admin"}), False, False),
        (
            allow("kms:*", principal=ROOT, Condition={"StringEquals": {"kms:ViaService": "s3.x"}}),
            False,
            True,
        ),
    ],
)
def test_identity_policies_count_on_a_key_as_far_as_its_policy_lets_them(
    hold, statement, granted, conditional
):
    found, perhaps, _ = hold([allow("kms:Decrypt", KEY)], policy(KEY, statement))
    assert (granted, conditional) == ("kms:Decrypt" in found, "kms:Decrypt" in perhaps)


def test_a_key_whose_policy_is_not_known_is_taken_to_trust_its_account(hold):
    grant = {"Grants": [{"KeyId": KEY, "GranteePrincipal": AGENT, "Operations": ["Encrypt"], "GrantId": "g"}]}
    granted, _, facts = hold([allow("kms:Decrypt", KEY)], grant)
    assert {"kms:Decrypt", "kms:Encrypt"} == granted
    assert any("grant g" in one.source for one in facts.grants)


def test_a_grant_with_constraints_is_conditional(hold):
    limits = {"EncryptionContextEquals": {"a": "b"}}
    grant = {"KeyId": KEY, "GranteePrincipal": AGENT, "Operations": ["Encrypt"], "Constraints": limits}
    assert {"kms:Encrypt"} == hold([], {"Grants": [grant]})[1]


def target(trust):
    return {
        "Path": "/",
        "RoleName": "target",
        "RoleId": "AROATARGET",
        "Arn": f"arn:aws:iam::{ACCOUNT}:role/target",
        "AssumeRolePolicyDocument": {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", **trust}]},
    }


@pytest.mark.parametrize(
    ("trusted", "by_policy", "granted"),
    [
        ({"AWS": AGENT}, False, True),
        (ROOT, False, False),
        (ROOT, True, True),
        ({"Service": "ec2.amazonaws.com"}, True, False),
    ],
)
def test_a_role_can_be_taken_as_its_trust_says(hold, gaad, interpret, trusted, by_policy, granted):
    own = (
        [allow(["sts:AssumeRole", "iam:PassRole"], f"arn:aws:iam::{ACCOUNT}:role/target")]
        if by_policy
        else []
    )
    agent = json.loads(gaad(*own).read_text())["RoleDetailList"][0]
    dump = gaad(RoleDetailList=[agent, target({"Principal": trusted})])
    facts = interpret({"authorization_details": [dump]})
    names = facts.permissions.names(facts.entitlements[AGENT].granted)
    assert granted is ("sts:AssumeRole" in names)
    assert by_policy is ("iam:PassRole" in names)


def test_a_boundary_limits_what_a_role_is_given_by_name_but_not_what_everybody_is(hold):
    boundary = {
        "PolicyName": "limit",
        "Arn": f"arn:aws:iam::{ACCOUNT}:policy/limit",
        "DefaultVersionId": "v1",
        "PolicyVersionList": [
            {"VersionId": "v1", "IsDefaultVersion": True, "Document": {"Statement": [allow("ec2:*")]}}
        ],
    }
    role = {"PermissionsBoundary": {"PermissionsBoundaryArn": boundary["Arn"]}}

    def held(principal):
        rule = policy(QUEUE, allow("sqs:SendMessage", principal=principal))
        return hold([], rule, role=role, Policies=[boundary])[0]

    assert (set(), {"sqs:SendMessage"}) == (held({"AWS": AGENT}), held("*"))


@pytest.mark.parametrize(
    "written",
    [
        {"Policy": json.dumps({"Statement": [allow("s3:GetObject", f"{BUCKET}/*", {"AWS": AGENT})]})},
        {"Statement": [allow("s3:GetObject", f"{BUCKET}/*", {"AWS": AGENT})]},
        {BUCKET: {"Statement": [allow("s3:GetObject", "*", {"AWS": AGENT})]}},
        {"Bucket": "data", "Policy": {"Statement": [allow("s3:GetObject", "*", {"AWS": AGENT})]}},
    ],
    ids=["get-bucket-policy", "document", "by ARN", "by bucket"],
)
def test_files_are_read_as_commands_write_them(hold, written):
    assert {"s3:GetObject"} == hold([], written)[0]


def test_attributes_of_a_queue_and_a_secrets_policy_are_read(hold):
    queue = {
        "Attributes": {
            "QueueArn": QUEUE,
            "Policy": json.dumps({"Statement": [allow("sqs:ReceiveMessage", QUEUE, {"AWS": AGENT})]}),
        }
    }
    secret = {
        "ARN": f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:db-a1b2c3",
        "Name": "db",
        "ResourcePolicy": json.dumps(
            {"Statement": [allow("secretsmanager:GetSecretValue", "*", {"AWS": AGENT})]}
        ),
    }
    assert {"sqs:ReceiveMessage", "secretsmanager:GetSecretValue"} == hold([], queue, secret)[0]


def test_a_policy_that_does_not_say_whose_it_is_is_named(hold):
    nameless = {
        "Policy": json.dumps({"Statement": [allow("kms:*", "*", {"AWS": AGENT})]}),
        "PolicyName": "default",
    }
    granted, _, facts = hold([], nameless)
    assert set() == granted
    assert any("1 resource policies or settings that do not say" in caveat.what for caveat in facts.caveats)


def test_without_resource_policies_that_is_said(hold):
    _, _, facts = hold([allow("s3:GetObject")])
    assert any(caveat.what == "no resource policies in the evidence" for caveat in facts.caveats)
    _, _, facts = hold([allow("s3:GetObject")], policy(QUEUE))
    assert not any(caveat.what == "no resource policies in the evidence" for caveat in facts.caveats)


def test_explain_decides_with_the_resource_policy(hold, collect, gaad, tmp_path):
    path = tmp_path / "policies.json"
    path.write_text(json.dumps([policy(KEY, allow("kms:*", principal={"AWS": "arn:aws:iam::1:role/x"}))]))
    files = {"authorization_details": [gaad(allow("kms:Decrypt"))], "resource_policies": [path]}
    ruling = rule([collect(files)], AGENT, "kms:Decrypt", KEY, YEAR)
    assert ("not allowed by any statement", f"the policy of {KEY}") == (
        ruling.answer,
        ruling.layer,
    )


def test_a_reduction_does_not_claim_what_a_resource_gives_besides(collect, gaad, tmp_path):
    path = tmp_path / "policies.json"
    path.write_text(json.dumps([policy(QUEUE, allow("sqs:SendMessage", principal={"AWS": AGENT}))]))
    own = allow(["sqs:SendMessage", "sqs:CreateQueue", "sqs:ListQueues"])
    memory = collect({"authorization_details": [gaad(own)], "resource_policies": [path]})
    facts = CONNECTOR.interpret([memory], YEAR, Patterns())
    mask, names = facts.permissions.mask, facts.permissions.names
    unused = Question(AGENT, mask(["sqs:SendMessage", "sqs:CreateQueue"]), ())
    found = CONNECTOR.reduce([memory], facts, [unused], YEAR).found[AGENT]
    assert ["sqs:CreateQueue"] == list(names(found.removed))
    assert [("given-by-resource", ["sqs:SendMessage"])] == [
        (stay.code, list(names(stay.permissions))) for stay in found.stays
    ]


def test_one_condition_on_many_resources_is_decided_for_each_identity_anew(gaad, interpret, tmp_path):
    """Statements to everybody under the same condition are decided together: never for another identity."""
    names = [f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in ("agent", "other", "third")]
    roles = [{"Path": "/", "RoleName": arn.rpartition("/")[2], "RoleId": "", "Arn": arn} for arn in names]
    only = {"Condition": {"ArnLike": {"aws:PrincipalArn": [names[0], names[2]]}}}
    spared = {"Effect": "Allow", "Action": "sns:Publish", "NotPrincipal": {"AWS": names[0]}}
    policies = [
        *(policy(f"{QUEUE}-{n}", allow("sqs:SendMessage", principal="*", **only)) for n in range(3)),
        policy(f"arn:aws:sns:eu-west-1:{ACCOUNT}:news", spared),
        policy(f"{QUEUE}-9", allow("sqs:ReceiveMessage", principal="*")),
    ]
    path = tmp_path / "policies.json"
    path.write_text(json.dumps(policies))
    dump = gaad(RoleDetailList=roles)
    facts = interpret({"authorization_details": [dump], "resource_policies": [path]})
    held = {arn: set(facts.permissions.names(facts.entitlements[arn].granted)) for arn in names}
    assert held == {
        names[0]: {"sqs:SendMessage", "sqs:ReceiveMessage"},
        names[1]: {"sns:Publish", "sqs:ReceiveMessage"},
        names[2]: {"sns:Publish", "sqs:SendMessage", "sqs:ReceiveMessage"},
    }
    of_agent = [grant.id.partition("#")[0] for grant in facts.grants if grant.identity == names[0]]
    assert [f"{QUEUE}-{n}" for n in (0, 1, 2, 9)] == of_agent


def lists(arn=BUCKET, **more):
    return {"ResourceArn": arn, "Owner": {"ID": "a"}, "Grants": [], **more}


def block(account="", arn="", **settings):
    """Write a block of public access as `get-public-access-block` answers, with what it is of beside it."""
    place = {"ResourceArn": arn} if arn else {"Account": account}
    return {"PublicAccessBlockConfiguration": settings, **place}


def test_a_bucket_without_access_control_lists_lets_nobody_in_from_elsewhere_but_by_policy(hold):
    """With them it may: what its policy does not say stays open."""
    own = [allow("s3:GetObject", f"{BUCKET}/*")]
    foreign = policy(BUCKET, allow("s3:GetObject", f"{BUCKET}/*", {"AWS": OTHER}), Account=OTHER)
    _, conditional, _ = hold(own, foreign, lists())
    assert {"s3:GetObject"} == conditional
    granted, conditional, _ = hold(own, foreign, lists(ObjectOwnership="BucketOwnerEnforced"))
    assert (set(), set()) == (granted, conditional)


def test_a_public_access_control_list_gives_where_the_account_is_known_not_to_ignore_it(hold):
    everybody = {"Grantee": {"URI": "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"}}
    listed = lists(Account=ACCOUNT, Grants=[{**everybody, "Permission": "WRITE"}])
    granted, conditional, _ = hold([], listed)
    assert (set(), {"s3:PutObject"}) == (granted, conditional)
    off = block(ACCOUNT, IgnorePublicAcls=False)
    for known in ({"AccountIgnorePublicAcls": False}, {"IgnorePublicAcls": False}):
        _, conditional, _ = hold([], {**listed, **known})
        assert {"s3:PutObject"} == conditional
    granted, _, facts = hold([], {**listed, "IgnorePublicAcls": False}, off)
    assert {"s3:PutObject"} == granted
    (said,) = [one for one in facts.caveats if one.what.startswith("the access control list")]
    assert "everybody may use it; disable ACLs (BucketOwnerEnforced)" == said.effect
    for ignored in ({"AccountIgnorePublicAcls": True}, {"IgnorePublicAcls": True}):
        assert (set(), set()) == hold([], {**listed, **ignored})[:2]
    granted, conditional, facts = hold([], listed, block(ACCOUNT, IgnorePublicAcls=True))
    assert (set(), set()) == (granted, conditional)
    assert [] == [one for one in facts.caveats if one.what.startswith("the access control list")]


def test_collections_open_to_whom_a_data_access_policy_names_besides(hold):
    rules = [{"ResourceType": "index", "Resource": ["index/v/*"], "Permission": ["aoss:ReadDocument"]}]
    detail = {"name": "vectors", "type": "data", "policy": [{"Rules": rules, "Principal": [AGENT]}]}
    own = [allow("aoss:APIAccessAll")]
    granted, _, facts = hold(own, {"accessPolicyDetail": detail})
    assert {"aoss:APIAccessAll"} == granted
    (grant,) = [one for one in facts.grants if one.name == "data access policy vectors"]
    assert (AGENT, "index/v/*") == (grant.identity, grant.scope)
    assert "aoss:ReadDocument" in grant.source
    other = {**detail, "policy": [{"Rules": rules, "Principal": [f"{AGENT}-2"]}]}
    _, _, facts = hold(own, {"accessPolicyDetail": other})
    assert [ACCOUNT] == [one.where for one in facts.caveats if one.what.startswith("no data access policy")]
    _, _, facts = hold([allow("aoss:ListCollections")], {"accessPolicyDetail": detail})
    assert [] == [one for one in facts.grants if "data access" in one.name]


def test_endpoints_with_policies_of_their_own_are_named(hold):
    wide = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}
    narrow = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}]}
    endpoints = [
        {
            "VpcEndpointId": name,
            "ServiceName": "s3",
            "OwnerId": ACCOUNT,
            "PolicyDocument": json.dumps(document),
        }
        for name, document in (("vpce-1", wide), ("vpce-2", narrow))
    ]
    _, _, facts = hold([allow("s3:GetObject")], {"VpcEndpoints": endpoints})
    (said,) = [one for one in facts.caveats if one.what.startswith("VPC endpoints with policies")]
    assert (ACCOUNT, "VPC endpoints with policies of their own: vpce-2 (s3)") == (said.where, said.what)


def test_the_policy_of_a_search_domain_is_taken_from_its_description(hold):
    domain = f"arn:aws:es:eu-west-1:{ACCOUNT}:domain/search"
    statements = [allow("es:ESHttpGet", f"{domain}/*", {"AWS": AGENT})]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    granted, _, _ = hold([], {"DomainStatus": {"ARN": domain, "AccessPolicies": document}})
    assert {"es:ESHttpGet"} == granted


SESSION = {"AWS": f"arn:aws:sts::{ACCOUNT}:assumed-role/agent/nightly"}


def test_a_policy_that_names_a_session_of_a_role_gives_to_the_role_perhaps(hold):
    """Whoever takes the role may choose that name for the session, or another one."""
    granted, conditional, facts = hold([], policy(QUEUE, allow("sqs:SendMessage", "*", SESSION)))
    assert (set(), {"sqs:SendMessage"}) == (granted, conditional)
    assert "names single sessions of it" in facts.entitlements[AGENT].conditional_reason
    role = {"Path": "/team/", "Arn": AGENT}
    own = [allow("s3:GetObject", f"{BUCKET}/*")]
    theirs = policy(BUCKET, allow("s3:GetObject", f"{BUCKET}/*", SESSION), Account=OTHER)
    enforced = lists(ObjectOwnership="BucketOwnerEnforced")
    assert (set(), {"s3:GetObject"}) == hold(own, theirs, enforced, role=role)[:2]
    other = {"AWS": SESSION["AWS"].replace("agent", "helper")}
    assert (set(), set()) == hold([], policy(QUEUE, allow("sqs:SendMessage", "*", other)))[:2]


def test_a_refusal_for_one_session_of_a_role_may_concern_it(hold):
    refuses = policy(QUEUE, deny("sqs:SendMessage", QUEUE, SESSION))
    granted, conditional, _ = hold([allow("sqs:SendMessage", QUEUE)], refuses)
    assert (set(), {"sqs:SendMessage"}) == (granted, conditional)


def test_the_bucket_of_an_answer_is_of_the_partition_that_its_policy_names(hold):
    """`get-bucket-policy` names no ARN, and a name beside it has no partition."""
    arn = BUCKET.replace("aws", "aws-cn", 1)
    document = json.dumps({"Statement": [deny("s3:GetObject", f"{arn}/*")]})
    own = [allow("s3:GetObject", f"{arn}/*")]
    assert set() == hold(own, {"Bucket": "data", "Policy": document})[0]
