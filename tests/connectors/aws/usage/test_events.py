"""One CloudTrail record becomes the rows it counts in: caller, credential, outcome, resource, and nothing lost.

Records are synthetic, in the shapes of the CloudTrail user guide, unless a test names its source.
"""

import pickle
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.aws.catalog.tables import table
from connectors.aws.usage.events import (
    LONG_TERM_API_KEY,
    SHORT_TERM_API_KEY,
    CloudTrailReader,
    CloudTrailRecord,
)
from connectors.aws.usage.outcomes import DeniedCodes
from connectors.logs.rows import STRANGE, Folded, RowKey
from connectors.logs.seen import NO_ID, packed_ids

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/team/agents/runner"
USER = f"arn:aws:iam::{ACCOUNT}:user/dev/anna"
SESSION = {
    "type": "AssumedRole",
    "principalId": "AROAEXAMPLE:session",
    "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/runner/session",
    "accountId": ACCOUNT,
    "accessKeyId": "ASIAEXAMPLE",
    "sessionContext": {"sessionIssuer": {"type": "Role", "arn": ROLE, "accountId": ACCOUNT}},
}
ANNA = {
    "type": "IAMUser",
    "arn": USER,
    "accountId": ACCOUNT,
    "accessKeyId": "AKIAEXAMPLE",
    "userName": "anna",
}


def fold(reader: CloudTrailReader | None = None, **fields: Any) -> Folded | str:
    record = {
        "eventTime": "2026-03-01T10:00:00Z",
        "eventSource": "s3.amazonaws.com",
        "eventName": "ListBuckets",
        "eventID": "9b666120-d5f9-4ca8-b158-3cd53e4c48bd",
        "eventType": "AwsApiCall",
        "eventCategory": "Management",
        "awsRegion": "eu-west-1",
        "recipientAccountId": ACCOUNT,
        "readOnly": True,
        "userIdentity": SESSION,
    } | fields
    typed = msgspec.json.decode(msgspec.json.encode(record), type=CloudTrailRecord)
    return (reader or CloudTrailReader()).fold(typed)


def rows(**fields: Any) -> list[RowKey]:
    folded = fold(**fields)
    assert not isinstance(folded, str), folded
    return list(folded.keys)


def row(**fields: Any) -> RowKey:
    (one,) = rows(**fields)
    return one


def call(source: str, name: str, parameters: Any = None, **fields: Any) -> list[RowKey]:
    return rows(eventSource=f"{source}.amazonaws.com", eventName=name, requestParameters=parameters, **fields)


def test_a_call_becomes_one_row():
    expected = RowKey(
        account=ACCOUNT,
        identity=ROLE,
        identity_type="AssumedRole",
        credential="",
        operation="s3.amazonaws.com:ListBuckets",
        permission="",
        resource="",
        region="eu-west-1",
        via="",
        grant="",
        outcome="allowed",
        workload="",
        detail="Management:AwsApiCall;id=AROAEXAMPLE",
    )
    assert expected == row()


@pytest.mark.parametrize(
    ("user", "identity"),
    [
        (SESSION, ROLE),
        (SESSION | {"sessionContext": None}, f"arn:aws:iam::{ACCOUNT}:role/runner"),
        (SESSION | {"sessionContext": {"sessionIssuer": {}}}, f"arn:aws:iam::{ACCOUNT}:role/runner"),
        (
            {"type": "AssumedRole", "arn": "arn:aws-cn:sts::1:assumed-role/r/s/with/slashes"},
            "arn:aws-cn:iam::1:role/r",
        ),
        ({"type": "AssumedRole"}, ""),
        (ANNA, USER),
        ({"type": "IAMUser", "accountId": ACCOUNT, "userName": "anna"}, f"arn:aws:iam::{ACCOUNT}:user/anna"),
        ({"type": "IAMUser", "accountId": ACCOUNT, "userName": "HIDDEN_DUE_TO_SECURITY_REASONS"}, ""),
        ({"type": "Role", "arn": ROLE}, ROLE),
        (
            SESSION | {"type": "FederatedUser", "sessionContext": {"sessionIssuer": {"arn": USER}}},
            USER,
        ),
        (
            {"type": "FederatedUser", "arn": f"arn:aws:sts::{ACCOUNT}:federated-user/x"},
            f"arn:aws:sts::{ACCOUNT}:federated-user/x",
        ),
        ({"type": "Root", "arn": f"arn:aws:iam::{ACCOUNT}:root"}, f"arn:aws:iam::{ACCOUNT}:root"),
        ({"type": "Root", "accountId": ACCOUNT}, f"arn:aws:iam::{ACCOUNT}:root"),
        ({"type": "AWSService", "invokedBy": "ec2.amazonaws.com"}, "AWSService:ec2.amazonaws.com"),
        ({"type": "AWSService"}, ""),
        ({"type": "AWSAccount", "accountId": "999999999999"}, "AWSAccount:999999999999"),
        ({"type": "AWSAccount", "accountId": "anonymous", "principalId": ""}, "AWSAccount:anonymous"),
        ({"type": "Unknown", "accountId": "9"}, "AWSAccount:9"),
        ({"type": "Unknown"}, ""),
        (
            {"type": "WebIdentityUser", "identityProvider": "oidc.example", "userName": "repo:x"},
            "WebIdentityUser:oidc.example:repo:x",
        ),
        ({"type": "SAMLUser", "principalId": "abc:anna"}, "SAMLUser::abc:anna"),
        ({"type": "IdentityCenterUser", "onBehalfOf": {"userId": "u-1"}}, "IdentityCenterUser:u-1"),
        ({"type": "Directory", "userName": "anna"}, "Directory:anna"),
        ({"accountId": ACCOUNT, "invokedBy": "backup.amazonaws.com"}, "AWSService:backup.amazonaws.com"),
        ({"arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/r/s"}, f"arn:aws:iam::{ACCOUNT}:role/r"),
        ({}, ""),
        (None, ""),
    ],
)
def test_callers_are_named_as_the_inventory_names_them(user, identity):
    assert identity == row(userIdentity=user).identity


def test_a_missing_type_is_said():
    assert "missing" == row(userIdentity={"arn": USER}).identity_type


def test_only_long_lived_keys_are_credentials():
    temporary = ANNA | {"accessKeyId": "ASIAEXAMPLE"}
    expected = ["AKIAEXAMPLE", "", ""]
    assert expected == [row(userIdentity=user).credential for user in (ANNA, temporary, SESSION)]


def test_a_service_acting_for_a_caller_is_via_and_a_service_acting_itself_is_not():
    for_caller = SESSION | {"invokedBy": "cloudformation.amazonaws.com"}
    itself = {"type": "AWSService", "invokedBy": "cloudformation.amazonaws.com"}
    partner = SESSION | {"invokedByDelegate": {"accountId": "111122223333"}}
    expected = ["cloudformation.amazonaws.com", "", "delegate:111122223333", ""]
    assert expected == [row(userIdentity=user).via for user in (for_caller, itself, partner, SESSION)]


def test_the_workload_is_who_the_credentials_were_issued_to():
    scope = {"issuerType": "AWS::Lambda::Function", "credentialsIssuedTo": "arn:aws:lambda:::function:f"}
    assert "arn:aws:lambda:::function:f" == row(userIdentity=SESSION | {"inScopeOf": scope}).workload
    assert "arn:x" == row(userIdentity=SESSION | {"inScopeOf": {"sourceArn": "arn:x"}}).workload


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (None, "allowed"),
        ("", "allowed"),
        ("AccessDenied", "denied"),
        ("AccessDeniedException", "denied"),
        ("Client.UnauthorizedOperation", "denied"),
        ("UnauthorizedOperation", "denied"),
        ("NotAuthorizedException", "denied"),
        ("VpceAccessDenied", "denied"),
        ("AuthorizationError", "denied"),
        ("UnauthorizedException", "denied"),
        ("SomeServiceAccessDeniedFault", "denied"),
        ("InvalidClientTokenId", "denied"),
        ("ExpiredTokenException", "denied"),
        ("KMSAccessDeniedException", "error"),
        ("NoSuchEntity", "error"),
        ("ThrottlingException", "error"),
        ("Client.DryRunOperation", "error"),
        ("ValidationException", "error"),
    ],
)
def test_refusals_are_told_from_failures_after_authorisation(code, outcome):
    assert outcome == row(errorCode=code).outcome


def test_remembered_codes_stay_few_whatever_a_log_says():
    codes = DeniedCodes()
    for number in range(20_000):
        codes.outcome(f"Odd{number}")
    assert len(codes._outcomes) <= 10_000


@pytest.mark.parametrize(
    ("name", "resources", "expected"),
    [
        ("GetObject", [("AWS::S3::Object", "arn:aws:s3:::b/k/e/y"), ("AWS::S3::Bucket", "arn:aws:s3:::b")], "arn:aws:s3:::b/*"),
        ("ListObjects", [("AWS::S3::Bucket", "arn:aws:s3:::b")], "arn:aws:s3:::b"),
        ("PutObject", [("AWS::KMS::Key", "arn:aws:kms:::key/1"), ("AWS::S3::Bucket", "arn:aws:s3:::b")], "arn:aws:s3:::b/*"),
        ("CopyObject", [("AWS::S3::Object", "arn:aws:s3:::z/k"), ("AWS::S3::Object", "arn:aws:s3:::a/k")], "arn:aws:s3:::a/*"),
        ("PutObject", [("AWS::KMS::Key", "arn:aws:kms:::key/1")], ""),
    ],
)  # fmt: skip
def test_s3_objects_fold_into_their_bucket(name, resources, expected):
    listed = [{"type": kind, "ARN": arn} for kind, arn in resources]
    assert expected == row(eventName=name, resources=listed).resource


def test_old_records_write_arn_small():
    key = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1"
    (one,) = call("kms", "Decrypt", resources=[None, {"arn": key, "accountId": ACCOUNT}])
    assert key == one.resource


HERE = f"eu-west-1:{ACCOUNT}"


@pytest.mark.parametrize(
    ("source", "name", "parameters", "expected"),
    [
        ("s3", "PutObject", {"bucketName": "b", "key": "k"}, "arn:aws:s3:::b/*"),
        ("s3", "GetBucketPolicy", {"bucketName": "b"}, "arn:aws:s3:::b"),
        ("bedrock", "InvokeModel", {"modelId": "anthropic.claude-v2"}, "arn:aws:bedrock:eu-west-1::foundation-model/anthropic.claude-v2"),
        ("bedrock", "Converse", {"modelId": "eu.anthropic.claude-v3"}, f"arn:aws:bedrock:{HERE}:inference-profile/eu.anthropic.claude-v3"),
        ("bedrock", "Converse", {"modelId": f"arn:aws:bedrock:{HERE}:application-inference-profile/x"}, f"arn:aws:bedrock:{HERE}:application-inference-profile/x"),
        ("bedrock", "InvokeAgent", {"agentId": "A", "agentAliasId": "B"}, f"arn:aws:bedrock:{HERE}:agent-alias/A/B"),
        ("bedrock", "GetAgent", {"agentId": "A"}, f"arn:aws:bedrock:{HERE}:agent/A"),
        ("bedrock", "Retrieve", {"knowledgeBaseId": "K"}, f"arn:aws:bedrock:{HERE}:knowledge-base/K"),
        ("bedrock-agentcore", "GetBrowserSession", {"browserIdentifier": "aws.browser.v1"}, "arn:aws:bedrock-agentcore:eu-west-1:aws:browser/aws.browser.v1"),
        ("bedrock-agentcore", "GetAgentRuntime", {"agentRuntimeId": "r-1"}, f"arn:aws:bedrock-agentcore:{HERE}:runtime/r-1"),
        ("lambda", "GetFunction20150331v2", {"functionName": "f"}, f"arn:aws:lambda:{HERE}:function:f"),
        ("lambda", "Invoke", {"functionName": f"arn:aws:lambda:{HERE}:function:f"}, f"arn:aws:lambda:{HERE}:function:f"),
        ("lambda", "Invoke", {"functionName": "f", "qualifier": "live"}, f"arn:aws:lambda:{HERE}:function:f:live"),
        ("lambda", "Invoke", {"functionName": f"arn:aws:lambda:{HERE}:function:f", "qualifier": "7"}, f"arn:aws:lambda:{HERE}:function:f:7"),
        ("lambda", "Invoke", {"functionName": f"arn:aws:lambda:{HERE}:function:f:live", "qualifier": "live"}, f"arn:aws:lambda:{HERE}:function:f:live"),
        ("lambda", "Invoke", {"functionName": f"{ACCOUNT}:function:f"}, ""),
        ("lambda", "UpdateEventSourceMapping20150331", {"functionName": "f", "uUID": "u"}, ""),
        ("bedrock", "GetFlowAlias", {"flowIdentifier": "F", "aliasIdentifier": "A"}, ""),
        ("bedrock", "UpdatePrompt", {"promptIdentifier": "P"}, f"arn:aws:bedrock:{HERE}:prompt/P"),
        ("bedrock", "DeletePrompt", {"promptIdentifier": {"not": "text"}}, ""),
        ("sagemaker", "DescribeModel", {"modelName": "m"}, f"arn:aws:sagemaker:{HERE}:model/m"),
        ("sagemaker", "InvokeEndpoint", {"endpointName": "Ranking"}, ""),
        ("ecr", "BatchGetImage", {"repositoryName": "r", "registryId": "999999999999"}, "arn:aws:ecr:eu-west-1:999999999999:repository/r"),
        ("cognito-idp", "AdminGetUser", {"userPoolId": "eu-west-1_x", "username": "HIDDEN"}, f"arn:aws:cognito-idp:{HERE}:userpool/eu-west-1_x"),
        ("secretsmanager", "GetSecretValue", {"secretId": "prod/key"}, f"arn:aws:secretsmanager:{HERE}:secret:prod/key-??????"),
        ("secretsmanager", "GetSecretValue", {"secretId": f"arn:aws:secretsmanager:{HERE}:secret:prod/key-aB3xyz"}, f"arn:aws:secretsmanager:{HERE}:secret:prod/key-aB3xyz"),
        ("secretsmanager", "GetSecretValue", {"secretId": f"arn:aws:secretsmanager:{HERE}:secret:prod/key"}, f"arn:aws:secretsmanager:{HERE}:secret:prod/key-??????"),
        ("secretsmanager", "GetSecretValue", {"secretId": f"arn:aws:secretsmanager:{HERE}:secret:prod-secret"}, ""),  # a name or its random end
        ("dynamodb", "DescribeTable", {"tableName": "t"}, f"arn:aws:dynamodb:{HERE}:table/t"),
        ("kms", "DescribeKey", {"keyId": "alias/x"}, ""),
        ("sqs", "SendMessage", {"queueUrl": "https://sqs.eu-west-1.amazonaws.com/999999999999/q"}, "arn:aws:sqs:eu-west-1:999999999999:q"),
        ("sns", "Publish", {"topicArn": f"arn:aws:sns:{HERE}:t"}, f"arn:aws:sns:{HERE}:t"),
        ("sts", "AssumeRole", {"roleArn": ROLE}, ROLE),
        ("ssm", "GetParameter", {"name": "/a/b"}, f"arn:aws:ssm:{HERE}:parameter/a/b"),
        ("ssm", "GetParameter", {"name": "plain"}, f"arn:aws:ssm:{HERE}:parameter/plain"),
        ("logs", "CreateLogStream", {"logGroupName": "/aws/lambda/f"}, f"arn:aws:logs:{HERE}:log-group:/aws/lambda/f:*"),
        ("secretsmanager", "GetSecretValue", {"secretId": "/prod/key"}, f"arn:aws:secretsmanager:{HERE}:secret:/prod/key-??????"),
        ("states", "DescribeExecution", {"executionArn": f"arn:aws:states:{HERE}:execution:m:run-1"}, f"arn:aws:states:{HERE}:execution:m:*"),
        ("comprehend", "DetectEntities", {"endpointArn": f"arn:aws:comprehend:{HERE}:e/1", "roleArn": ROLE}, f"arn:aws:comprehend:{HERE}:e/1"),
        ("comprehend", "Compare", {"a": f"arn:aws:comprehend:{HERE}:e/1", "b": f"arn:aws:comprehend:{HERE}:e/2"}, ""),
        ("sagemaker", "DescribeTrainingJob", {"trainingJobArn": f"arn:aws:sagemaker:{HERE}:training-job/j-1"}, f"arn:aws:sagemaker:{HERE}:training-job/*"),
        ("lambda", "Invoke", {"functionName": ["no", "text"]}, ""),
        ("lambda", "Invoke", {"functionName": None}, ""),
        ("lambda", "Invoke", "text", ""),
        ("lambda", "Invoke", {"functionName": "f" * 3000}, ""),
    ],
)  # fmt: skip
def test_request_parameters_name_the_resource_where_the_event_lists_none(source, name, parameters, expected):
    assert expected == call(source, name, parameters)[0].resource


@pytest.mark.parametrize(("region", "partition"), [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")])
def test_other_partitions_are_named(region, partition):
    (one,) = call("dynamodb", "GetItem", {"tableName": "t"}, awsRegion=region)
    assert f"arn:{partition}:dynamodb:{region}:{ACCOUNT}:table/t" == one.resource
    keys = call(
        "ec2", "RunInstances", {"iamInstanceProfile": {"name": "w"}}, readOnly=False, awsRegion=region
    )
    assert [f"arn:{partition}:iam::{ACCOUNT}:instance-profile/w"] == passed(keys)


def passed(keys: list[RowKey]) -> list[str]:
    return [key.resource for key in keys if key.permission == "iam:PassRole"]


PROFILE = f"arn:aws:iam::{ACCOUNT}:instance-profile/web"


@pytest.mark.parametrize(
    ("source", "name", "parameters", "roles"),
    [
        ("lambda", "CreateFunction20150331", {"role": ROLE, "functionName": "f"}, [ROLE]),
        ("bedrock", "CreateAgent", {"agentResourceRoleArn": ROLE}, [ROLE]),
        ("ecs", "RegisterTaskDefinition", {"taskRoleArn": ROLE, "executionRoleArn": ROLE + "2"}, [ROLE, ROLE + "2"]),
        ("sagemaker", "CreateDomain", {"defaultUserSettings": {"executionRole": ROLE}}, [ROLE]),
        ("events", "PutTargets", {"targets": [{"roleArn": ROLE}, {"roleArn": ROLE}]}, [ROLE]),
        ("ec2", "RunInstances", {"iamInstanceProfile": {"arn": PROFILE}}, [PROFILE]),
        ("ec2", "RunInstances", {"iamInstanceProfile": {"name": "web"}}, [PROFILE]),
        ("autoscaling", "CreateLaunchConfiguration", {"iamInstanceProfile": "web"}, [PROFILE]),
        ("cloudformation", "CreateStack", {"roleARN": ROLE}, [ROLE]),
        ("eks", "CreateAccessEntry", {"principalArn": ROLE}, []),
        ("kms", "PutKeyPolicy", {"policy": f'{{"Principal":"{ROLE}"}}'}, []),
        ("rds", "RemoveRoleFromDBCluster", {"roleArn": ROLE}, []),
        ("iam", "AddRoleToInstanceProfile", {"roleName": "runner", "roleArn": ROLE}, []),
        ("sts", "AssumeRole", {"roleArn": ROLE}, []),
    ],
)  # fmt: skip
def test_a_passed_role_counts_as_use_of_pass_role(source, name, parameters, roles):
    keys = call(source, name, parameters, readOnly=False)
    assert roles == passed(keys)
    assert "" == keys[0].permission
    assert {(ROLE, keys[0].operation)} == {(key.identity, key.operation) for key in keys}


def test_reading_or_refused_calls_pass_no_role():
    parameters = {"role": ROLE}
    assert [] == passed(call("lambda", "ListFunctions", parameters, readOnly=True))
    assert [] == passed(
        call("lambda", "CreateFunction", parameters, readOnly=False, errorCode="AccessDenied")
    )
    assert [ROLE] == passed(call("lambda", "CreateFunction", parameters, readOnly=None))


@pytest.mark.parametrize(
    ("source", "user", "extra", "parameters", "credential", "permission"),
    [
        ("bedrock", ANNA | {"accessKeyId": ""}, {"callWithBearerToken": True}, None, LONG_TERM_API_KEY, "bedrock"),
        ("bedrock", SESSION, {"callWithBearerToken": True}, None, SHORT_TERM_API_KEY, "bedrock"),
        ("bedrock", ANNA, {"callWithBearerToken": True}, None, "AKIAEXAMPLE", "bedrock"),
        ("bedrock-mantle", ANNA, None, {"callWithBearerToken": True, "bearerTokenType": "ABSK"}, LONG_TERM_API_KEY, "bedrock-mantle"),
        ("bedrock-mantle", SESSION, None, {"callWithBearerToken": True, "bearerTokenType": "SHORT_TERM"}, SHORT_TERM_API_KEY, "bedrock-mantle"),
        ("aws-external-anthropic", ANNA | {"accessKeyId": None}, None, {"callWithBearerToken": "true", "bearerTokenType": "LONG_TERM"}, LONG_TERM_API_KEY, "aws-external-anthropic"),
    ],
)  # fmt: skip
def test_bearer_tokens_are_credentials_with_a_permission_of_their_own(
    source, user, extra, parameters, credential, permission
):
    keys = call(source, "InvokeModel", parameters, userIdentity=user, additionalEventData=extra)
    assert ["", f"{permission}:CallWithBearerToken"] == [key.permission for key in keys]
    assert {credential} == {key.credential for key in keys}


def test_no_bearer_token_no_extra_row():
    keys = call("bedrock", "InvokeModel", additionalEventData={"callWithBearerToken": False})
    assert [""] == [key.credential for key in keys]


def ids(*records: dict[str, Any]) -> list[bytes]:
    events = [fold(**record).event_id for record in records]
    packed = packed_ids(events)
    assert packed == b"".join(packed_ids([event]) for event in events)
    return [packed[at : at + 16] for at in range(0, len(packed), 16)]


def test_copies_of_an_event_have_one_id():
    plain, again = ids({}, {"awsRegion": "us-east-1"})
    assert plain == again == bytes.fromhex("9b666120d5f94ca8b1583cd53e4c48bd")
    updated = {"eventID": "other", "addendum": {"originalEventID": "9b666120-d5f9-4ca8-b158-3cd53e4c48bd"}}
    assert [plain] == ids(updated)


def test_ids_that_are_no_uuid_do_not_merge_different_events():
    """Samples and tools write `1` or `1111` as the id of many events (panther-analysis rule tests, Apache-2.0)."""
    one, copy, later, other = ids(
        {"eventID": "1111"},
        {"eventID": "1111"},
        {"eventID": "1111", "eventTime": "2026-11-02T00:00:00Z"},
        {"eventID": "1111", "eventName": "DeleteUser"},
    )
    assert one == copy
    assert 3 == len({one, later, other})


def test_logstash_keeps_the_time_under_another_name():
    """Its cloudtrail codec moves eventTime to @timestamp (logstash-codec-cloudtrail; OTRF Security-Datasets)."""
    shipped = {"@timestamp": "2020-09-14T00:44:23.000Z"}
    assert "2020-09-14T00:44:23Z" == fold(eventTime=None, **shipped).time
    assert "2026-03-01T10:00:00Z" == fold(**shipped).time
    assert "no usable eventTime (not counted)" == fold(eventTime="yesterday", **shipped)


def test_one_call_recorded_by_two_accounts_counts_once_for_each_name_of_its_caller():
    one, same, outside = ids(
        {"eventID": "a", "sharedEventID": "s"},
        {"eventID": "b", "sharedEventID": "s", "recipientAccountId": "999999999999"},
        {"eventID": "c", "sharedEventID": "s", "userIdentity": {"type": "AWSAccount", "accountId": ACCOUNT}},
    )
    assert one == same != outside
    insight = {"sharedEventID": "s", "eventType": "AwsCloudTrailInsight"}
    assert 2 == len({*ids(insight | {"eventID": "start"}, insight | {"eventID": "end"})})
    through_endpoint = {"sharedEventID": "s", "eventID": "v", "eventType": "AwsVpceEvent"}
    assert 2 == len({*ids(through_endpoint, {"eventID": "a", "sharedEventID": "s"})})


@pytest.mark.parametrize(
    "odd", ["KEEP-1234", "9B666120D5F94CA8B1583CD53E4C48BD", "x" * 36, "9b" * 18, "\ufffd"]
)
def test_odd_ids_are_kept_apart(odd):
    (odd_id, plain, missing) = ids({"eventID": odd}, {}, {"eventID": None})
    assert (16, 16, NO_ID) == (len(odd_id), len(plain), missing)
    assert odd_id != plain


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({}, "management "),
        ({"eventCategory": None}, "management "),
        ({"eventCategory": None, "managementEvent": False}, "data "),
        ({"eventCategory": "Insight"}, "insight "),
        ({"eventCategory": "NetworkActivity"}, "network-activity "),
        (
            {
                "eventCategory": "Data",
                "resources": [{"type": "AWS::S3::Bucket"}, {"type": "AWS::S3::Object"}],
            },
            "data AWS::S3::Object",
        ),
        ({"eventCategory": "Data", "resources": [{"type": "AWS::S3::Bucket"}]}, "data AWS::S3::Bucket"),
    ],
)
def test_the_place_says_which_log_recorded_it(fields, place):
    account, region, log_class, kind = fold(**fields).place
    assert (ACCOUNT, "eu-west-1", place) == (account, region, f"{log_class} {kind}")


def test_the_account_is_the_recipients_or_else_the_callers():
    assert ACCOUNT == row(recipientAccountId=None).account
    assert "1" == row(recipientAccountId="1").account
    assert "" == row(recipientAccountId=None, userIdentity=None).account


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"eventTime": None}, "no usable eventTime (not counted)"),
        ({"eventTime": "[REDACTED]"}, "no usable eventTime (not counted)"),
        ({"eventTime": None, "eventName": None}, STRANGE),
        ({"eventName": None}, "no eventSource or eventName"),
        ({"eventSource": ""}, "no eventSource or eventName"),
    ],
)
def test_unusable_records_say_why(fields, reason):
    assert reason == fold(**fields)


def test_odd_times_are_written_the_usual_way():
    assert "2026-03-01T09:00:00Z" == fold(eventTime="2026-03-01T10:00:00.123456789+01:00").time


@pytest.mark.parametrize(
    ("path", "skipped"),
    [
        (
            "/logs/AWSLogs/1/CloudTrail/eu-west-1/2026/03/01/1_CloudTrail_eu-west-1_20260301T1000Z_x.json.gz",
            False,
        ),
        ("/logs/AWSLogs/1/CloudTrail-Digest/eu-west-1/2026/03/01/x.json.gz", True),
        ("1_CloudTrail-Digest_eu-west-1_trail_eu-west-1_20260301T100000Z.json.gz", True),
        ("AWSLogs\\1\\CloudTrail-Insight\\eu-west-1\\x.json.gz", True),
        ("/home/anna/without-CloudTrail-Digest/x.json.gz", False),
        ("s3://b/AWSLogs/111122223333/vpcflowlogs/eu-west-1/2026/03/01/x.log.gz", True),
        ("AWSLogs/o-abc123/111122223333/Config/eu-west-1/2026/3/1/ConfigSnapshot/x.json.gz", True),
        ("/Config/AWSLogs/111122223333/CloudTrail/eu-west-1/2026/03/01/x.json.gz", False),
    ],
)
def test_what_cloudtrail_delivers_beside_its_logs_is_skipped(path, skipped):
    assert skipped == bool(CloudTrailReader().skip_file(path))


def test_a_reader_travels_to_another_process():
    reader = CloudTrailReader()
    fold(reader)
    assert fold(reader) == fold(pickle.loads(pickle.dumps(reader)))  # noqa: S301 - our own bytes


def test_a_kind_met_again_has_the_very_same_rows():
    reader = CloudTrailReader()
    first, again = fold(reader), fold(reader, eventID="other")
    assert first.keys is again.keys


_FEW = {
    "eventSource": st.sampled_from(["s3.amazonaws.com", "lambda.amazonaws.com", "bedrock.amazonaws.com"]),
    "eventName": st.sampled_from(["PutObject", "CreateFunction20150331", "InvokeModel"]),
    "recipientAccountId": st.sampled_from([ACCOUNT, "", None]),
    "awsRegion": st.sampled_from(["eu-west-1", "cn-north-1", None]),
    "errorCode": st.sampled_from([None, "AccessDenied", "Throttling"]),
    "eventCategory": st.sampled_from([None, "Data", "Management"]),
    "readOnly": st.sampled_from([True, False, None]),
    "managementEvent": st.sampled_from([None, False, "false"]),
    "resources": st.sampled_from([None, [], [{"ARN": "arn:aws:s3:::b/k", "type": "AWS::S3::Object"}]]),
    "requestParameters": st.sampled_from(
        [None, {"bucketName": "b", "role": ROLE}, {"functionName": "f"}, {"callWithBearerToken": True}]
    ),
    "userIdentity": st.fixed_dictionaries(
        {
            "type": st.sampled_from([None, "AssumedRole", "IAMUser", "AWSService"]),
            "arn": st.sampled_from([None, USER, SESSION["arn"]]),
            "accountId": st.sampled_from([None, ACCOUNT]),
            "accessKeyId": st.sampled_from([None, "AKIAEXAMPLE", "ASIAEXAMPLE"]),
            "principalId": st.sampled_from([None, "AROAEXAMPLE:a", "AROAOTHER:a"]),
            "invokedBy": st.sampled_from([None, "cloudformation.amazonaws.com"]),
            "sessionContext": st.sampled_from([None, {}, SESSION["sessionContext"]]),
            "inScopeOf": st.sampled_from([None, {"credentialsIssuedTo": "arn:aws:lambda:::x"}]),
        }
    ),
}
"""Values that meet again soon, so that what is remembered under one of them meets the others."""


@settings(max_examples=60, deadline=None)
@given(st.lists(st.fixed_dictionaries({"eventID": st.uuids().map(str), **_FEW}), min_size=2, max_size=30))
def test_what_a_reader_remembers_changes_nothing(records):
    typed = [
        msgspec.json.decode(
            msgspec.json.encode({"eventTime": "2026-03-01T10:00:00Z"} | record), type=CloudTrailRecord
        )
        for record in records
    ]
    together = CloudTrailReader().fold_all([*typed, *typed])
    alone = [CloudTrailReader().fold(record) for record in typed]
    expected = [
        (one.event_id, one.time, list(one.keys), one.place) for one in alone if isinstance(one, Folded)
    ]
    found = zip(together.ids, together.times, together.kinds, strict=True)
    assert [*expected, *expected] == [
        (event, time, list(kind.keys), kind.place) for event, time, kind in found
    ]


def test_a_reader_forgets_before_it_remembers_too_much(monkeypatch):
    monkeypatch.setattr("connectors.aws.usage.events._MOST_KINDS", 3)
    monkeypatch.setattr("connectors.aws.usage.principals._MOST_SESSIONS", 2)
    reader = CloudTrailReader()
    users = [ANNA | {"arn": f"{USER}{at}", "accessKeyId": f"AKIA{at}"} for at in range(10)]
    for user in [*users, *users]:
        assert user["arn"] == fold(reader, userIdentity=user).keys[0].identity


def test_hostile_parameters_are_survived():
    deep = msgspec.Raw(b'{"roleArn":' * 900 + b'":role/"' + b"}" * 900)
    record = CloudTrailRecord(
        event_time="2026-03-01T10:00:00Z",
        event_source="lambda.amazonaws.com",
        event_name="CreateFunction",
        request_parameters=deep,
    )
    assert not isinstance(CloudTrailReader().fold(record), str)


def test_the_tables_name_their_source_and_agree_with_themselves():
    codes, resources = table("denied_codes"), table("event_resources")
    assert all(data["source"] and data["date"] for data in (codes, resources))
    assert {*codes["refused"], *codes["unauthenticated"]}.isdisjoint(codes["authorised"])
    place = {"partition": "aws", "region": "r", "account": "a", "value": "v", "other": "o", "name": "n"}
    for rule in resources["parameter"]:
        source = rule["source"].removesuffix(".amazonaws.com")
        service = resources["arn_services"].get(source, source)
        for key in ("arn", "with_arn", "otherwise", "url"):
            if rule.get(key):
                assert service == rule[key].format(**place).split(":")[2], rule
        assert ("with_key" in rule) == ("with_arn" in rule)
        assert ("unless_prefix" in rule) == ("otherwise" in rule)
