"""A permission that a call checks beside its own is not unused: it leaves no event, or none that anybody documents.

Every account here is synthetic; the truths were worked out from the API references before the code was run.
"""

import json

import pytest

AGENT = "arn:aws:iam::111122223333:role/agent"
TRAIL = "arn:aws:cloudtrail:us-east-1:111122223333:trail/main"
DELIVERED = "AWSLogs/111122223333/CloudTrail/us-east-1/2026/06/01"


def event(name, source, **more):
    return {
        "eventVersion": "1.11",
        "eventTime": "2026-06-01T00:00:00Z",
        "eventName": name,
        "eventSource": f"{source}.amazonaws.com",
        "eventID": f"{name} {source} {more}",
        "eventType": "AwsApiCall",
        "eventCategory": "Management",
        "awsRegion": "us-east-1",
        "recipientAccountId": "111122223333",
        "userIdentity": {
            "type": "AssumedRole",
            "arn": "arn:aws:sts::111122223333:assumed-role/agent/job",
            "accountId": "111122223333",
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": AGENT}},
        },
        **more,
    }


def selects(kind):
    fields = [{"Field": "eventCategory", "Equals": ["Data"]}, {"Field": "resources.type", "Equals": [kind]}]
    return {"FieldSelectors": fields}


def trail(*kinds):
    listed = {"Name": "main", "S3BucketName": "logs", "HomeRegion": "us-east-1", "TrailARN": TRAIL}
    management = {"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]}
    return [
        {"trailList": [{**listed, "IsMultiRegionTrail": True, "IncludeGlobalServiceEvents": True}]},
        {"TrailARN": TRAIL, "AdvancedEventSelectors": [management, *map(selects, kinds)]},
    ]


@pytest.fixture
def blind(gaad, interpret, tmp_path):
    """Return {permission: code of the first blind spot} of a role, whose trail records data of these kinds."""

    def blind(actions, events, *kinds, **role):
        place = tmp_path / DELIVERED
        place.mkdir(parents=True)
        name = "111122223333_CloudTrail_us-east-1_20260601T0000Z_abcdefgh.json"
        (place / name).write_text(json.dumps({"Records": events}))
        (tmp_path / "trails.json").write_text(json.dumps(trail(*kinds)))
        statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
        facts = interpret(
            {
                "authorization_details": [gaad(statement, role=role)],
                "cloudtrail": [tmp_path / "AWSLogs"],
                "trails": [tmp_path / "trails.json"],
            }
        )
        codes = {}
        for spot in facts.entitlements[AGENT].blind:
            for permission in facts.permissions.names(spot.permissions):
                codes.setdefault(permission, spot.code)
        return codes

    return blind


@pytest.mark.parametrize(
    ("called", "source", "hidden"),
    [
        # The caller of a third party's model subscribes to it, the first time.
        ("Converse", "bedrock", "aws-marketplace:ViewSubscriptions"),
        ("InvokeModel", "bedrock", "bedrock:GetInferenceProfile"),
        # Filters need ListSecrets, each secret GetSecretValue.
        ("BatchGetSecretValue", "secretsmanager", "secretsmanager:ListSecrets"),
        ("BatchGetSecretValue", "secretsmanager", "secretsmanager:GetSecretValue"),
        # "Dependent actions" of the service authorization reference.
        ("QueryVectors", "s3vectors", "s3vectors:GetVectors"),
        ("CreateKey", "kms", "kms:PutKeyPolicy"),
        ("CreateStateMachine", "states", "states:PublishStateMachineVersion"),
        ("GetObjectAttributes", "s3", "s3:GetObject"),
        ("InvokeFunctionUrl", "lambda", "lambda:InvokeFunction"),
    ],
)
def test_what_a_call_checks_besides_is_not_called_unused(blind, called, source, hidden):
    kinds = ("AWS::S3Vectors::Index", "AWS::S3::Object", "AWS::Lambda::Function")
    assert blind([hidden], [event(called, source)], *kinds) == {hidden: "part-of-another-call"}


@pytest.mark.parametrize(
    ("error", "code"),
    [({}, None), ({"errorCode": "NoSuchKey"}, "part-of-another-call"), ({"errorCode": "AccessDenied"}, None)],
)
def test_a_missing_object_is_only_told_to_who_may_list_its_bucket(blind, error, code):
    """Without s3:ListBucket the same call is refused: what asks whether an object is there would break."""
    found = blind(["s3:GetObject", "s3:ListBucket"], [event("HeadObject", "s3", **error)], "AWS::S3::Object")
    assert found.get("s3:ListBucket") == code


@pytest.mark.parametrize(
    ("held", "kinds", "code"),
    [
        ("bedrock:RetrieveAndGenerate", (), "part-of-another-call"),
        ("bedrock:RetrieveAndGenerate", ("AWS::Bedrock::KnowledgeBase",), None),
        ("bedrock:Retrieve*", (), "part-of-another-call"),
        ("bedrock:InvokeAgent", (), None),
    ],
)
def test_what_a_call_that_no_trail_records_would_need_is_not_called_unused(blind, held, kinds, code):
    """RetrieveAndGenerate is a data event and needs InvokeModel: nobody can say that it was not called."""
    found = blind([held, "bedrock:InvokeModel"], [event("DescribeInstances", "ec2")], *kinds)
    assert found.get("bedrock:InvokeModel") == code


@pytest.mark.parametrize(
    ("source_arn", "code"),
    [
        ("arn:aws:bedrock:us-east-1:111122223333:model-invocation-job/*", "other-calls-not-logged"),
        ("arn:aws:bedrock:us-east-1:111122223333:evaluation-job/*", "other-calls-not-logged"),
        ("arn:aws:bedrock:us-east-1:111122223333:agent/*", None),
    ],
)
def test_the_model_calls_of_a_batch_job_are_in_no_documented_event(blind, source_arn, code):
    trusts = {
        "Effect": "Allow",
        "Principal": {"Service": "bedrock.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"ArnEquals": {"aws:SourceArn": source_arn}},
    }
    document = {"Version": "2012-10-17", "Statement": [trusts]}
    found = blind(
        ["bedrock:InvokeModel"], [event("DescribeInstances", "ec2")], AssumeRolePolicyDocument=document
    )
    assert found.get("bedrock:InvokeModel") == code


def test_a_role_that_was_handed_to_a_batch_job_may_call_models_unseen(blind):
    job = event("CreateModelInvocationJob", "bedrock", requestParameters={"roleArn": AGENT, "jobName": "j"})
    found = blind(["bedrock:InvokeModel", "bedrock:ListGuardrails"], [job])
    assert found == {"bedrock:InvokeModel": "other-calls-not-logged"}


@pytest.mark.parametrize(
    ("permission", "code"),
    [
        ("dax:GetItem", "never-logged"),  # a protocol of its own
        ("redshift:JoinGroup", "never-logged"),  # a parameter of GetClusterCredentials
        (
            "aws-marketplace:Subscribe",
            "no-known-event",
        ),  # SNS has an operation of that name, not the Marketplace
        ("quicksight:CreateAdmin", "no-known-event"),
        ("sqs:GetQueueAttributes", "not-documented"),  # what Lambda asks of every queue that it polls
        ("logs:FilterLogEvents", "not-documented"),
        ("kinesis:ListShards", "not-documented"),
        ("kinesis:DescribeStream", None),
        ("sqs:SetQueueAttributes", None),
        ("logs:StartQuery", None),
        ("dax:CreateCluster", None),
        ("sns:Subscribe", None),
    ],
)
def test_calls_that_no_page_says_are_recorded_are_not_called_unused(blind, permission, code):
    assert blind([permission], [event("DescribeInstances", "ec2")]).get(permission) == code


@pytest.mark.parametrize(
    ("called", "source", "hidden"),
    [
        ("SubmitJob", "batch", "batch:TagResource"),
        ("ReplicateKey", "kms", "kms:TagResource"),
        ("AssociateIdentityProviderConfig", "eks", "eks:TagResource"),
    ],
)
def test_tags_may_be_set_by_whatever_takes_tags(blind, called, source, hidden):
    assert blind([hidden], [event(called, source)]) == {hidden: "tag-on-create"}
