"""Applied to an account and rolled back, the commands do what the simulation says (moto stands in for IAM)."""

import json
import os
import shlex
import subprocess
from datetime import UTC, datetime

import pytest

from connectors.aws.connector import CONNECTOR
from connectors.aws.remediation.cli import commands, restore_commands, script
from connectors.facts import Usage, Window
from connectors.interface import Patterns
from connectors.reduction import Question

moto = pytest.importorskip("moto")
boto3 = pytest.importorskip("boto3")
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

YEAR = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
AWS_MANAGED = "arn:aws:iam::aws:policy/AmazonSQSFullAccess"


def allow(action, resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@pytest.fixture
def iam(monkeypatch):
    """Return an IAM client of an account with a role and a user that hold policies of every kind."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with moto.mock_aws(config={"iam": {"load_aws_managed_policies": True}}):
        client = boto3.client("iam")
        trust = policy(
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        )
        for name in ("agent", "other"):
            client.create_role(RoleName=name, AssumeRolePolicyDocument=trust, Path="/ai/")
        client.create_user(UserName="bob")
        client.create_group(GroupName="builders")
        client.put_role_policy(
            RoleName="agent",
            PolicyName="mixed",
            PolicyDocument=policy(
                allow(["s3:GetObject", "s3:DeleteBucket"]),
                {"Effect": "Deny", "Action": "iam:*", "Resource": "*"},
            ),
        )
        client.put_role_policy(
            RoleName="agent", PolicyName="it's gone", PolicyDocument=policy(allow("sns:Publish"))
        )
        own = client.create_policy(PolicyName="own", PolicyDocument=policy(allow("kms:*")))["Policy"]["Arn"]
        shared = client.create_policy(
            PolicyName="shared", PolicyDocument=policy(allow(["sns:Publish", "ec2:RunInstances"]))
        )["Policy"]["Arn"]
        for arn in (own, shared, AWS_MANAGED):
            client.attach_role_policy(RoleName="agent", PolicyArn=arn)
        client.attach_role_policy(RoleName="other", PolicyArn=shared)
        client.put_group_policy(
            GroupName="builders",
            PolicyName="build",
            PolicyDocument=policy(allow(["s3:PutObject", "s3:DeleteBucket"])),
        )
        client.attach_group_policy(GroupName="builders", PolicyArn=shared)
        client.add_user_to_group(GroupName="builders", UserName="bob")
        client.create_access_key(UserName="bob")
        yield client


def dump(client, folder):
    pages = list(client.get_paginator("get_account_authorization_details").paginate())
    found = {
        name: [one for page in pages for one in page[name]]
        for name in ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")
    }
    found["Policies"] = [
        one for one in found["Policies"] if ":aws:policy/" not in one["Arn"] or one["Arn"] == AWS_MANAGED
    ]
    path = folder / "gaad.json"
    path.write_text(json.dumps(found, default=str))
    return path


def state(client):
    """Return what each principal holds, by asking IAM."""
    found = {}
    for kind, name in (("role", "agent"), ("role", "other"), ("user", "bob")):
        who = {f"{kind.title()}Name": name}
        inline = getattr(client, f"list_{kind}_policies")(**who)["PolicyNames"]
        attached = getattr(client, f"list_attached_{kind}_policies")(**who)["AttachedPolicies"]
        documents = {}
        for policy_ in attached:
            version = client.get_policy(PolicyArn=policy_["PolicyArn"])["Policy"]["DefaultVersionId"]
            held = client.get_policy_version(PolicyArn=policy_["PolicyArn"], VersionId=version)
            documents[policy_["PolicyArn"]] = held["PolicyVersion"]["Document"]
        found[name] = {
            "inline": {
                one: getattr(client, f"get_{kind}_policy")(**who, PolicyName=one)["PolicyDocument"]
                for one in inline
            },
            "attached": documents,
            "boundary": getattr(client, f"get_{kind}")(**who)[kind.title()]
            .get("PermissionsBoundary", {})
            .get("PermissionsBoundaryArn"),
        }
    found["groups"] = [group["GroupName"] for group in client.list_groups_for_user(UserName="bob")["Groups"]]
    found["keys"] = [key["Status"] for key in client.list_access_keys(UserName="bob")["AccessKeyMetadata"]]
    return found


def run(client, words):
    """Run one `aws iam` command against the mocked account."""
    assert ["aws", "iam"] == list(words[:2])
    arguments, rest = {}, list(words[3:])
    while rest:
        name = "".join(part.title() for part in rest.pop(0).removeprefix("--").split("-"))
        arguments[name] = rest.pop(0) if rest and not rest[0].startswith("--") else True
    getattr(client, words[2].replace("-", "_"))(**arguments)


def reduce(client, collect, tmp_path, **more):
    memory = collect({"authorization_details": [dump(client, tmp_path)]}, YEAR)
    facts = CONNECTOR.interpret([memory], YEAR, Patterns())
    gone = facts.permissions.mask(
        ["s3:DeleteBucket", "sns:Publish", "kms:CreateKey", "kms:ScheduleKeyDeletion", "sqs:DeleteQueue"]
    )
    questions = [
        Question(
            one.id,
            gone,
            (
                Usage(
                    one.id,
                    "s3:GetObject",
                    "arn:aws:s3:::b/k",
                    "",
                    1,
                    0,
                    "2026-02-01T00:00:00Z",
                    "2026-02-01T00:00:00Z",
                ),
            ),
            credentials=tuple(c.id for c in facts.credentials if c.identity == one.id),
            **more,
        )
        for one in facts.identities
        if one.name != "other"
    ]
    return CONNECTOR.reduce([memory], facts, questions, YEAR).found


def test_apply_read_back_roll_back(iam, collect, tmp_path):
    original = state(iam)
    found = reduce(iam, collect, tmp_path)
    assert ["agent", "bob"] == sorted(arn.rpartition("/")[2] for arn in found)
    for one in found.values():
        for words in commands(one.changes):
            run(iam, words)
    after = state(iam)
    agent, bob = after["agent"], after["bob"]
    assert {"mixed"} == set(agent["inline"])
    assert "s3:GetObject" == agent["inline"]["mixed"]["Statement"][0]["Action"][0]
    assert "Deny" == agent["inline"]["mixed"]["Statement"][1]["Effect"]
    assert original["other"] == after["other"]
    assert AWS_MANAGED not in agent["attached"]
    assert 3 == len(agent["attached"])
    assert [] == after["groups"]
    assert 2 == len(bob["attached"])
    written = json.dumps([agent, bob])
    assert not any(
        name in written for name in ("s3:DeleteBucket", "sns:Publish", '"kms:*"', "sqs:DeleteQueue")
    )
    for one in reversed(list(found.values())):
        for words in restore_commands(one.changes):
            run(iam, words)
    assert original == state(iam)


def test_an_idle_role_is_disabled_by_its_boundary_and_comes_back(iam, collect, tmp_path):
    original = state(iam)
    # moto has no PutUserPermissionsBoundary, so the role stands for both.
    found = {
        k: v for k, v in reduce(iam, collect, tmp_path, idle=True).items() if k.endswith("role/ai/agent")
    }
    assert found
    for one in found.values():
        for words in commands(one.changes):
            run(iam, words)
    assert "arn:aws:iam::aws:policy/AWSDenyAll" == state(iam)["agent"]["boundary"]
    for one in found.values():
        for words in restore_commands(one.changes):
            run(iam, words)
    assert original == state(iam)


def test_scripts_reach_the_program_as_the_words_they_were(iam, collect, tmp_path):
    found = reduce(iam, collect, tmp_path)
    wanted = [
        list(words)
        for one in found.values()
        for words in (*commands(one.changes), *restore_commands(one.changes))
    ]
    fake = tmp_path / "aws"
    fake.write_text('#!/bin/sh\nprintf "%s\\0" aws "$@" >> "$OUT"; printf "\\1" >> "$OUT"\n')
    fake.chmod(0o700)
    out = tmp_path / "out"
    text = "".join(
        script(commands(one.changes)) + script(restore_commands(one.changes)) for one in found.values()
    )
    subprocess.run(
        ["/bin/sh", "-c", text],
        check=True,
        env={**os.environ, "PATH": f"{tmp_path}:/bin:/usr/bin", "OUT": str(out)},
    )
    assert wanted == [one.split("\0")[:-1] for one in out.read_bytes().decode().split("\1")[:-1]]
    assert wanted[0] == shlex.split(script([tuple(wanted[0])]))
