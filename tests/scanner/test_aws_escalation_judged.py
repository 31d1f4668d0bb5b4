"""Whom a made-up AWS identity may hand over or act as, judged by hand before the command was run (synthetic)."""

import pytest

from tests.scanner.test_aws_judged import scan
from tests.scanner.test_aws_traps import A, allow, arn, deny, document, managed, noise, role, trusted

FUNCTIONS = allow(["lambda:CreateFunction", "lambda:InvokeFunction"])
TO_LAMBDA = {"Condition": {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}}
OWN_KEYS = allow(
    ["iam:CreateAccessKey", "iam:UpdateLoginProfile", "iam:CreateServiceSpecificCredential"],
    "arn:aws:iam::*:user/${aws:username}",
)


def user(name, *statements):
    return {
        "Path": "/",
        "UserName": name,
        "UserId": ("AIDA" + name.upper() + "X" * 17)[:21],
        "Arn": arn(A, name, "user"),
        "CreateDate": "2025-03-01T00:00:00+00:00",
        "GroupList": [],
        "UserPolicyList": [{"PolicyName": "p", "PolicyDocument": document(statements)}],
        "AttachedManagedPolicies": [],
    }


def passes(resource, **more):
    return allow("iam:PassRole", resource, **more)


@pytest.fixture(scope="module")
def severities(tmp_path_factory):
    """Return by identity the severity of each escalation path."""
    to_ecs = trusted({"Service": "ecs-tasks.amazonaws.com"})
    roles = [
        role(A, "boss", allow("*")),
        role(A, "boss-limited", allow("*"), boundary=arn(A, "little", "policy")),
        role(A, "container", allow("s3:ListAllMyBuckets"), trust=[to_ecs]),
        role(A, "machine", allow("*"), trust=[trusted({"Service": "states.eu-west-1.amazonaws.com"})]),
        role(
            A,
            "runs-machine",
            passes(arn(A, "machine")),
            allow(["states:CreateStateMachine", "states:StartExecution"]),
        ),
        role(A, "hands-over-boss", passes(arn(A, "boss")), FUNCTIONS),
        role(A, "hands-over-limited", passes(arn(A, "boss-limited")), FUNCTIONS),
        role(A, "hands-over-container", passes(arn(A, "container")), FUNCTIONS),
        role(A, "hands-over-unknown", passes(arn(A, "gone")), FUNCTIONS),
        role(A, "hands-over-elsewhere", passes("arn:aws:iam::999999999999:role/boss"), FUNCTIONS),
        role(A, "by-name-and-service", passes(arn(A, "bos*"), **TO_LAMBDA), FUNCTIONS),
        role(A, "refused", passes(arn(A, "bos*")), deny("iam:PassRole", arn(A, "boss")), FUNCTIONS),
        role(A, "not-a-user", OWN_KEYS),
        role(A, "writes-itself", allow("iam:PutRolePolicy", arn(A, "writes-itself"))),
        role(
            A,
            "writes-within",
            allow("iam:PutRolePolicy", arn(A, "writes-*")),
            boundary=arn(A, "wide", "policy"),
        ),
        role(A, "writes-others", allow("iam:PutRolePolicy", arn(A, "container"))),
        {
            **role(A, "rewrites", allow("s3:ListAllMyBuckets")),
            "AttachedManagedPolicies": [
                {"PolicyName": "rewritten", "PolicyArn": arn(A, "rewritten", "policy")}
            ],
        },
    ]
    policies = [
        managed(arn(A, "little", "policy"), allow("s3:*")),
        managed(arn(A, "wide", "policy"), allow("*")),
        managed(
            arn(A, "rewritten", "policy"), allow("iam:CreatePolicyVersion", arn(A, "rewritten", "policy"))
        ),
    ]
    moved = {**user("moved", OWN_KEYS), "Path": "/team/", "Arn": arn(A, "team/moved", "user")}
    users = [user("own", OWN_KEYS), moved, user("other", allow("iam:CreateAccessKey", arn(A, "own", "user")))]
    details = {"RoleDetailList": roles, "UserDetailList": users, "Policies": policies}
    report = scan(tmp_path_factory.mktemp("escalation"), details, [*noise(A)])
    found = {}
    for one in report["findings"]:
        if one["rule"] == "ED106":
            found.setdefault(one["identity"].rpartition("/")[2], {})[one["subject"]] = one["severity"]
    return found


@pytest.mark.parametrize(
    ("name", "severity"),
    [
        ("hands-over-boss", "high"),  # an administrator that Lambda may take
        ("by-name-and-service", "high"),
        ("hands-over-limited", "medium"),  # its boundary leaves it little
        ("hands-over-unknown", "medium"),  # the evidence does not say whom that role trusts
        ("refused", "medium"),  # not that administrator, but others of such a name
    ],
)
def test_the_path_is_as_grave_as_who_may_be_handed_over(severities, name, severity):
    assert severities[name]["aws-pass-role-lambda"] == severity


@pytest.mark.parametrize("name", ["hands-over-container", "hands-over-elsewhere"])
def test_a_role_goes_only_to_a_service_that_it_trusts_and_only_within_its_account(severities, name):
    assert name not in severities


def test_keys_and_passwords_of_its_own_lead_nowhere(severities):
    assert not {"own", "moved"} & severities.keys()
    assert "not-a-user" not in severities  # a role has no user name
    assert severities["other"] == {"aws-access-key": "medium"}


@pytest.mark.parametrize(
    ("name", "path", "severity"),
    [
        ("writes-itself", "aws-role-policy", "high"),
        ("rewrites", "aws-policy-version", "high"),  # the policy that gives it is attached to it
        ("writes-within", "aws-role-policy", "medium"),  # what it gains stays within its boundary
        ("writes-others", "aws-role-policy", "medium"),
    ],
)
def test_who_may_change_what_itself_holds_needs_no_other_target(severities, name, path, severity):
    assert severities[name][path] == severity


def test_trust_in_a_service_of_one_region_is_trust_in_the_service(severities):
    assert set(severities["runs-machine"].values()) == {"high"}
