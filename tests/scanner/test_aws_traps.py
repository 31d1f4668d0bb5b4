"""Three made-up AWS accounts full of traps: every verdict was worked out by hand before the command was run.

All of it is synthetic: A holds agents behind a boundary, B is another account of the owner, C has an SCP above it.
"""

import gzip
import itertools
import json

import pytest
from click.testing import CliRunner

from scanner.cli import cli

A, B, C = "111111111111", "222222222222", "333333333333"
GITHUB = "token.actions.githubusercontent.com"


def arn(account, name, kind="role"):
    return f"arn:aws:iam::{account}:{kind}/{name}"


def allow(action, resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action, resource="*", **more):
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def document(statements, version="2012-10-17"):
    return {"Version": version, "Statement": list(statements)}


def trusted(principal, condition=None):
    found = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return {**found, **({"Condition": condition} if condition else {})}


def unique(name):
    return ("AROA" + name.upper().replace("-", "") + "X" * 17)[:21]


def role(
    account,
    name,
    *statements,
    path="/",
    trust=(),
    boundary="",
    created="2025-01-01",
    id_="",
    version="2012-10-17",
):
    return {
        "Path": path,
        "RoleName": name,
        "RoleId": id_ or unique(name),
        "Arn": arn(account, f"{path[1:]}{name}"),
        "CreateDate": f"{created}T00:00:00+00:00",
        "AssumeRolePolicyDocument": document(trust or [trusted({"Service": "lambda.amazonaws.com"})]),
        "RolePolicyList": [{"PolicyName": "p", "PolicyDocument": document(statements, version)}],
        "AttachedManagedPolicies": [],
        "InstanceProfileList": [],
        "Tags": [],
        **({"PermissionsBoundary": {"PermissionsBoundaryArn": boundary}} if boundary else {}),
    }


def managed(name, *statements):
    versions = [{"VersionId": "v1", "IsDefaultVersion": True, "Document": document(statements)}]
    return {
        "Arn": name,
        "PolicyName": name.rpartition("/")[2],
        "DefaultVersionId": "v1",
        "PolicyVersionList": versions,
    }


def session(account, name, path="/", id_="", **more):
    issuer = arn(account, f"{path[1:]}{name}")
    return {
        "type": "AssumedRole",
        "principalId": f"{id_ or unique(name)}:s",
        "arn": f"arn:aws:sts::{account}:assumed-role/{name}/s",  # the path is gone
        "accountId": account,
        "sessionContext": {"sessionIssuer": {"type": "Role", "arn": issuer}},
        **more,
    }


_numbers = itertools.count(1)


def event(account, source, name, who, parameters=None, **more):
    number = next(_numbers)
    category = more.pop("category", "Management")
    return {
        "eventVersion": "1.11",
        "eventID": f"00000000-0000-4000-8000-{number:012}",
        "eventTime": f"2026-10-{1 + number % 27:02}T10:00:00Z",
        "eventSource": f"{source}.amazonaws.com",
        "eventName": name,
        "awsRegion": "eu-west-1",
        "eventType": "AwsApiCall",
        "eventCategory": category,
        "managementEvent": category == "Management",
        "readOnly": False,
        "recipientAccountId": account,
        "userIdentity": who,
        "requestParameters": parameters,
        **more,
    }


def account_a():
    limit = arn(A, "limit", "policy")
    most = {"Effect": "Allow", "NotAction": ["iam:*", "organizations:*"], "Resource": "*"}
    agent = role(
        A, "invoice-agent", most, allow("iam:PassRole", arn(A, "worker")), deny("s3:DeleteBucket"),
        deny("s3:PutObject", "arn:aws:s3:::locked/*"), path="/agents/prod/", boundary=limit,
        trust=[
            trusted({"Service": "bedrock.amazonaws.com"}, {"StringEquals": {"aws:SourceAccount": A}}),
            trusted({"AWS": arn(B, "caller")}),
        ],
    )  # fmt: skip
    to_ecs = {"Condition": {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}}
    roles = [
        agent,
        role(A, "worker", allow(["bedrock:ListGuardrails", "bedrock:GetGuardrail"]), id_="AROANEWWORKERAAAAAAAA", created="2026-09-10"),
        role(A, "deployer", allow("iam:PassRole", **to_ecs), allow(["lambda:CreateFunction", "lambda:InvokeFunction", "ec2:RunInstances"])),
        role(A, "boss", allow("*"), trust=[trusted({"AWS": f"arn:aws:iam::{A}:root"})]),
    ]  # fmt: skip
    user = {
        "Path": "/",
        "UserName": "BedrockAPIKey-x1",
        "UserId": "AIDABEDROCKKEYX1AAAAA",
        "Arn": arn(A, "BedrockAPIKey-x1", "user"),
        "CreateDate": "2025-03-01T00:00:00+00:00",
        "GroupList": [],
        "UserPolicyList": [
            {"PolicyName": "k", "PolicyDocument": document([allow(["bedrock:InvokeModel", "bedrock:CallWithBearerToken"])])}
        ],
        "AttachedManagedPolicies": [],
    }  # fmt: skip
    within = [
        "s3:*",
        "bedrock:*",
        "lambda:InvokeFunction",
        "lambda:GetFunction",
        "kms:Decrypt",
        "iam:PassRole",
        "sts:*",
    ]
    return {"UserDetailList": [user], "RoleDetailList": roles, "Policies": [managed(limit, allow(within))]}


def events_a():
    me = session(A, "invoice-agent", "/agents/prod/")
    function = f"arn:aws:lambda:eu-west-1:{A}:function:worker"
    key = {
        "type": "IAMUser",
        "principalId": "AIDABEDROCKKEYX1AAAAA",
        "arn": arn(A, "BedrockAPIKey-x1", "user"),
        "accountId": A,
    }
    before = {"eventTime": "2026-09-02T00:00:00Z"}
    return [
        event(A, "bedrock", "Converse", me, {"modelId": "eu.anthropic.claude-v3"}, readOnly=True),
        event(A, "bedrock", "ConverseStream", me, {"modelId": "anthropic.claude-v3"}, readOnly=True),
        event(A, "lambda", "Invoke", me, {"functionName": function, "qualifier": "live"}, category="Data"),
        event(A, "lambda", "GetFunction20150331v2", me, {"functionName": "worker"}, readOnly=True),
        event(A, "kms", "Decrypt", {**me, "invokedBy": "s3.amazonaws.com"}, readOnly=True),
        event(A, "bedrock", "CreateAgent", me, {"agentName": "n", "agentResourceRoleArn": arn(A, "worker")}),
        event(A, "bedrock", "CreateAgent", me, {"agentName": "n", "agentResourceRoleArn": arn(A, "boss")}, errorCode="AccessDenied"),
        event(A, "s3", "PutBucketPolicy", me, {"bucketName": "x"}, errorCode="AccessDenied", errorMessage="Access Denied"),
        event(A, "bedrock", "GetGuardrail", me, {"guardrailIdentifier": "g"}, errorCode="ResourceNotFoundException"),
        event(A, "bedrock", "CreateModelCustomizationJob", me, {"jobName": "j"}, errorCode="AccessDeniedException",
              errorMessage="You don't have access to the model with the specified model ID."),
        event(A, "bedrock", "ListGuardrails", session(A, "worker", id_="AROAOLDWORKERAAAAAAAA"), {}, **before),
        event(A, "bedrock", "InvokeModel", key, {"modelId": "m"}, additionalEventData={"callWithBearerToken": True}),
        event(A, "sts", "AssumeRole", {"type": "AWSAccount", "principalId": f"{unique('caller')}:s", "accountId": B},
              {"roleArn": arn(A, "agents/prod/invoice-agent")}, sharedEventID="shared"),
        # The bucket is A's, so only A's trail saw who of B read it.
        event(A, "s3", "GetObject", {"type": "AWSAccount", "principalId": f"{unique('caller')}:s", "accountId": B},
              {"bucketName": "shared-a", "key": "k"}, category="Data", readOnly=True),
    ]  # fmt: skip


def account_b():
    into = allow("sts:AssumeRole", arn(A, "agents/prod/*"))
    objects = allow(["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::shared-a/*")
    return {"RoleDetailList": [role(B, "caller", into, objects, allow("bedrock:InvokeModel"))]}


def events_b():
    me = session(B, "caller")
    target = {"roleArn": arn(A, "agents/prod/invoice-agent")}
    return [
        event(B, "sts", "AssumeRole", me, target, sharedEventID="shared"),
        event(B, "bedrock", "InvokeModel", me, {"modelId": "m"}, errorCode="ThrottlingException"),
    ]


def account_c():
    subject = {
        "StringEquals": {f"{GITHUB}:aud": "sts.amazonaws.com"},
        "StringLike": {f"{GITHUB}:sub": "repo:acme/*"},
    }
    vendor = {"StringEqualsIfExists": {"sts:ExternalId": "e"}}
    early = {"Condition": {"DateLessThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}}}
    endpoint = {"Condition": {"StringEquals": {"aws:SourceVpce": "vpce-1"}}}
    model = allow("bedrock:InvokeModel")
    mine = {"Effect": "Deny", "Action": "s3:*", "NotResource": ["arn:aws:s3:::mine", "arn:aws:s3:::mine/*"]}
    group = {
        "Path": "/", "GroupName": "g", "GroupId": "AGPAG", "Arn": arn(C, "g", "group"), "CreateDate": "2025-03-01T00:00:00+00:00",
        "GroupPolicyList": [{"PolicyName": "d", "PolicyDocument": document([mine])}], "AttachedManagedPolicies": [],
    }  # fmt: skip
    user = {
        "Path": "/", "UserName": "ann", "UserId": "AIDAANNXXXX", "Arn": arn(C, "ann", "user"), "CreateDate": "2025-03-01T00:00:00+00:00",
        "GroupList": ["g"], "AttachedManagedPolicies": [],
        "UserPolicyList": [{"PolicyName": "k", "PolicyDocument": document([allow(["s3:ListAllMyBuckets", "s3:GetBucketPolicy"])])}],
    }  # fmt: skip
    roles = [
        role(C, "gha", model, trust=[trusted({"Federated": arn(C, GITHUB, "oidc-provider")}, subject)]),
        role(C, "vendor", model, trust=[trusted({"AWS": "arn:aws:iam::999999999999:root"}, vendor)]),
        role(C, "tenant", allow(["dynamodb:DescribeTable", "dynamodb:ListTables"])),
        role(C, "streamer", allow(["bedrock:InvokeModel*", "bedrock:InvokeAgent", "sagemaker:InvokeEndpoint", "sagemaker:DescribeModel"])),
        role(C, "unbounded", model, boundary=arn(C, "gone", "policy")),
        role(C, "buckets", allow(["s3:GetObject", "s3:GetBucketPolicy"], "arn:aws:s3:::bucket")),
        role(C, "endpoint", allow(["bedrock:InvokeModel", "bedrock:ListGuardrails"], **endpoint)),
        role(C, "expired", allow("bedrock:ListGuardrails", **early), model),
        role(C, "mixed", allow(["dynamodb:PartiQLSelect", "dynamodb:PartiQLDelete", "sns:Publish", "lambda:InvokeFunction"]),
             allow(["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::b/*")),
        role(C, "below", allow(["bedrock:ListGuardrails", "sagemaker:CreateModel"])),
    ]  # fmt: skip
    return {"RoleDetailList": roles, "UserDetailList": [user], "GroupDetailList": [group]}


def events_c():
    policy = document([allow("dynamodb:DescribeTable", "arn:aws:dynamodb:*:*:table/t1")])
    service = {"type": "AWSService", "invokedBy": "lambda.amazonaws.com"}
    tenant, streamer, mixed = (session(C, name) for name in ("tenant", "streamer", "mixed"))
    refused = "is not authorized to perform: dynamodb:ListTables because no session policy allows it"
    return [
        event(C, "sts", "AssumeRole", service, {"roleArn": arn(C, "tenant"), "policy": json.dumps(policy)}, readOnly=True),
        event(C, "dynamodb", "DescribeTable", tenant, {"tableName": "t1"}, readOnly=True),
        event(C, "dynamodb", "ListTables", tenant, {}, errorCode="AccessDeniedException", errorMessage=refused),
        event(C, "bedrock", "InvokeModelWithResponseStream", streamer, {"modelId": "m"}),
        event(C, "bedrock", "InvokeAgent", streamer, {"agentId": "A1", "agentAliasId": "B1"}, category="Data"),
        event(C, "sagemaker", "InvokeEndpointWithResponseStream", streamer, {"endpointName": "ep"}, category="Data"),
        event(C, "sagemaker", "DescribeModel", streamer, {"modelName": "m1"}, readOnly=True),
        event(C, "dynamodb", "ExecuteStatement", mixed, {"statement": "SELECT"}, category="Data"),
        event(C, "s3", "CopyObject", mixed, {"bucketName": "b", "key": "k"}, category="Data"),
        event(C, "sns", "PublishBatch", mixed, {"topicArn": f"arn:aws:sns:eu-west-1:{C}:t"}, category="Data"),
        event(C, "lambda", "InvokeWithResponseStream", mixed, {"functionName": "f", "qualifier": "$LATEST"}, category="Data"),
        event(C, "bedrock", "ListGuardrails", session(C, "endpoint"), {}, readOnly=True),
    ]  # fmt: skip


def noise(account):
    """Others call all through the window, so that the logs cover it."""
    for number in range(40):
        name = f"noise{number % 7}"
        who = {
            "type": "IAMUser",
            "principalId": "AIDAZZZ",
            "arn": arn(account, name, "user"),
            "accountId": account,
        }
        time = f"2026-{8 + number % 4:02}-{1 + (number * 3) % 28:02}T01:00:00Z"
        yield event(account, "ec2", "DescribeInstances", who, {}, eventTime=time, readOnly=True)


def trail(account):
    name = f"arn:aws:cloudtrail:eu-west-1:{account}:trail/main"
    listed = {
        "Name": "main",
        "TrailARN": name,
        "S3BucketName": "l",
        "IsMultiRegionTrail": True,
        "HomeRegion": "eu-west-1",
    }
    fields = [{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]}]
    fields += [
        {
            "FieldSelectors": [
                {"Field": "eventCategory", "Equals": ["Data"]},
                {"Field": "resources.type", "Equals": [kind]},
            ]
        }
        for kind in ("AWS::Lambda::Function",)
    ]
    return [
        {"trailList": [listed]},
        {"TrailARN": name, "AdvancedEventSelectors": fields},
        {"TrailARN": name, "IsLogging": True, "StartLoggingTime": "2025-01-01T00:00:00Z"},
    ]


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Run the command on the three accounts."""
    place = tmp_path_factory.mktemp("traps")
    full = {"Id": "p-FullAWSAccess", "Content": json.dumps(document([allow("*")]))}
    region = {"Condition": {"StringNotEquals": {"aws:RequestedRegion": ["eu-west-1"]}}}
    scp = {"Id": "p-2", "Content": json.dumps(document([deny("sagemaker:CreateModel"), deny("*", **region)]))}
    children = [
        {"Id": A, "Policies": [full]},
        {"Id": B, "Policies": [full]},
        {"Id": C, "Policies": [full, scp]},
    ]
    tree = {
        "Id": "r-1",
        "Arn": "arn:aws:organizations::444444444444:root/o-1/r-1",
        "Policies": [full],
        "Children": children,
    }
    shared = document(
        [
            {
                "Effect": "Allow",
                "Principal": {"AWS": arn(B, "caller")},
                "Action": "s3:GetObject",
                "Resource": "arn:aws:s3:::shared-a/*",
            }
        ]
    )
    lines = ["[scan]", 'start = "2026-08-01"', 'end = "2026-11-20"', 'identities = "all"']
    for name, account, details, events in (
        ("a", A, account_a(), events_a()),
        ("b", B, account_b(), events_b()),
        ("c", C, account_c(), events_c()),
    ):
        (place / f"{name}.json").write_text(json.dumps(details))
        log = place / f"{name}-logs" / f"{account}_CloudTrail_eu-west-1_20261101T0000Z_abc.json.gz"
        log.parent.mkdir()
        log.write_bytes(gzip.compress(json.dumps({"Records": [*events, *noise(account)]}).encode()))
        for number, part in enumerate(trail(account)):
            (place / f"{name}-trail{number}.json").write_text(json.dumps(part))
        lines += [
            "[[source]]",
            f'name = "{name}"',
            'provider = "aws"',
            'stage = "production"',
            'mode = "export"',
        ]
        lines += [f'authorization_details = "{name}.json"', f'cloudtrail = ["{name}-logs"]']
        lines += [f"trails = {json.dumps([f'{name}-trail{number}.json' for number in range(3)])}"]
    (place / "policies.json").write_text(
        json.dumps([{"ResourceArn": "arn:aws:s3:::shared-a", "Account": A, "Policy": shared}])
    )
    (place / "organization.json").write_text(json.dumps(tree))
    lines += ['resource_policies = ["policies.json"]', 'organization_policies = "organization.json"']
    (place / "config.toml").write_text("\n".join(lines))
    arguments = [
        "scan",
        "--config",
        str(place / "config.toml"),
        "--output",
        str(place / "out"),
        "--now",
        "2026-11-22T00:00:00Z",
    ]
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads((place / "out" / "report.json").read_text())


def identity(report, name):
    (found,) = [one for one in report["identities"] if one["name"] == name]
    return found


def verdict(report, name, permission):
    """Return the verdict of one permission; `not held` where the identity neither holds nor used it."""
    for service in identity(report, name)["services"]:
        for word in ("used", "denied", "unused", "unobservable", "conditional"):
            if permission in service[word]:
                return word
    return "not held"


@pytest.mark.parametrize(
    ("name", "permission", "expected"),
    [
        # A role with a path, NotAction and Deny, under a boundary.
        ("invoice-agent", "bedrock:InvokeModel", "used"),  # Converse
        ("invoice-agent", "bedrock:InvokeModelWithResponseStream", "used"),  # ConverseStream
        ("invoice-agent", "lambda:InvokeFunction", "used"),
        ("invoice-agent", "lambda:GetFunction", "used"),  # the name ends in a version
        ("invoice-agent", "kms:Decrypt", "used"),  # S3 acted for it
        ("invoice-agent", "iam:PassRole", "used"),  # CreateAgent handed a role over
        ("invoice-agent", "bedrock:GetGuardrail", "used"),  # failed after authorisation
        ("invoice-agent", "s3:PutBucketPolicy", "denied"),
        ("invoice-agent", "bedrock:CreateModelCustomizationJob", "denied"),  # kept: it was tried
        ("invoice-agent", "s3:DeleteBucket", "not held"),  # Deny everywhere
        ("invoice-agent", "s3:PutObject", "unobservable"),  # Deny on one bucket, and no data events
        ("invoice-agent", "bedrock:InvokeAgent", "unobservable"),
        ("invoice-agent", "bedrock:ListGuardrails", "unused"),
        ("invoice-agent", "iam:CreateUser", "not held"),  # NotAction
        ("invoice-agent", "ec2:RunInstances", "not held"),  # outside the boundary
        ("worker", "bedrock:ListGuardrails", "used"),  # by an earlier role of the name: said, not guessed
        ("worker", "bedrock:GetGuardrail", "unused"),
        ("deployer", "iam:PassRole", "conditional"),
        ("BedrockAPIKey-x1", "bedrock:CallWithBearerToken", "used"),  # no event has this name
        ("BedrockAPIKey-x1", "bedrock:InvokeModel", "used"),
        # Another account of the owner.
        ("caller", "sts:AssumeRole", "used"),
        ("caller", "bedrock:InvokeModel", "used"),  # throttled
        ("caller", "s3:GetObject", "used"),  # only the bucket's account recorded it
        ("caller", "s3:PutObject", "conditional"),  # the bucket policy lets in reading alone; an ACL may do more
        # Under an SCP, and odd policies.
        ("below", "sagemaker:CreateModel", "not held"),
        ("below", "bedrock:ListGuardrails", "unused"),  # the Deny of other regions can be avoided
        ("tenant", "dynamodb:DescribeTable", "used"),
        ("tenant", "dynamodb:ListTables", "denied"),  # by a session policy
        ("streamer", "bedrock:InvokeModelWithResponseStream", "used"),
        ("streamer", "bedrock:InvokeAgent", "used"),
        ("streamer", "bedrock:InvokeModel", "unused"),
        ("streamer", "sagemaker:InvokeEndpoint", "used"),
        ("unbounded", "bedrock:InvokeModel", "conditional"),  # the boundary is not in the dump
        ("buckets", "s3:GetObject", "not held"),  # a bucket is no object
        ("buckets", "s3:GetBucketPolicy", "unused"),
        ("endpoint", "bedrock:ListGuardrails", "used"),
        ("endpoint", "bedrock:InvokeModel", "conditional"),
        ("expired", "bedrock:ListGuardrails", "not held"),
        ("mixed", "s3:GetObject", "used"),  # CopyObject reads and writes
        ("mixed", "s3:PutObject", "used"),
        ("mixed", "sns:Publish", "used"),  # PublishBatch
        ("mixed", "lambda:InvokeFunction", "used"),
        ("mixed", "dynamodb:PartiQLSelect", "unobservable"),  # one statement used one of them
        ("mixed", "dynamodb:PartiQLDelete", "unobservable"),
        ("ann", "s3:ListAllMyBuckets", "not held"),  # the group's Deny spares one bucket
        ("ann", "s3:GetBucketPolicy", "unused"),
    ],
)  # fmt: skip
def test_every_verdict_is_the_one_worked_out_by_hand(report, name, permission, expected):
    assert verdict(report, name, permission) == expected


@pytest.mark.parametrize(
    ("name", "permission", "resources"),
    [
        ("invoice-agent", "iam:PassRole", {arn(A, "worker")}),  # the refused one of boss is no use
        ("invoice-agent", "bedrock:InvokeModel", {f"arn:aws:bedrock:eu-west-1:{A}:inference-profile/eu.anthropic.claude-v3"}),
        ("invoice-agent", "lambda:InvokeFunction", {f"arn:aws:lambda:eu-west-1:{A}:function:worker:live"}),
        ("streamer", "bedrock:InvokeAgent", {f"arn:aws:bedrock:eu-west-1:{C}:agent-alias/A1/B1"}),
        ("streamer", "sagemaker:DescribeModel", {f"arn:aws:sagemaker:eu-west-1:{C}:model/m1"}),
        ("mixed", "lambda:InvokeFunction", {f"arn:aws:lambda:eu-west-1:{C}:function:f:$LATEST"}),
        ("caller", "sts:AssumeRole", {arn(A, "agents/prod/invoice-agent")}),
        ("caller", "s3:GetObject", {"arn:aws:s3:::shared-a/*"}),
    ],
)  # fmt: skip
def test_resources_are_named_exactly(report, name, permission, resources):
    rows = [row for row in identity(report, name)["usage"] if row["permission"] == permission]
    assert {row["resource"] for row in rows} == resources
    assert sum(row["count"] for row in rows) == 1, "a call that two accounts record counts once"


def found(report, rule):
    return {
        (one["identity"].rpartition("/")[2], one["severity"])
        for one in report["findings"]
        if one["rule"] == rule
    }


def test_ways_to_more_power_and_weak_trust_are_found_and_nothing_else(report):
    chains = {
        (one["identity"].rpartition("/")[2], one["evidence"]["hops"])
        for one in report["findings"]
        if one["subject"].startswith("become:")
    }
    assert chains == {("invoice-agent", 1), ("caller", 2)}
    assert "deployer" not in {name for name, _ in found(report, "ED106")}  # roles may go to ECS alone
    assert found(report, "ED107") == {("gha", "medium")}
    assert found(report, "ED207") == {("vendor", "medium")}


def test_what_was_not_certain_is_said(report):
    said = {(one["what"], one["where"]) for one in report["limits_of_analysis"]}
    assert ("all 1 sessions seen of this identity were limited by session policies", arn(C, "tenant")) in said
    assert any("refused by a session policy" in what and where == arn(C, "tenant") for what, where in said)
    assert any("an earlier role had this name" in what and where == arn(A, "worker") for what, where in said)
    assert any(what == "policy document not in the dump" and "gone" in where for what, where in said)
    assert [one["operation"] for one in report["unmapped_events"]] == ["ExecuteStatement"]
