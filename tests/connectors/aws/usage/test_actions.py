"""An event is mapped to the IAM actions it needed, or said to need none, or shown as not understood."""

import gzip
import json
import re
from collections import Counter
from pathlib import Path

import pytest
from botocore.loaders import Loader

from connectors.aws.catalog.actions import Catalogue
from connectors.aws.catalog.tables import table
from connectors.aws.coverage.observability import observability, union
from connectors.aws.usage.actions import EventActions, Sureness


@pytest.fixture(scope="module")
def catalogue():
    return Catalogue()


@pytest.fixture(scope="module")
def actions(catalogue):
    return EventActions(catalogue)


@pytest.mark.parametrize(
    ("operation", "permissions"),
    [
        ("ec2.amazonaws.com:DescribeInstances", ("ec2:DescribeInstances",)),
        ("monitoring.amazonaws.com:DescribeAlarms", ("cloudwatch:DescribeAlarms",)),
        ("lambda.amazonaws.com:UpdateFunctionCode20150331v2", ("lambda:UpdateFunctionCode",)),
        ("cloudfront.amazonaws.com:CreateDistribution2020_05_31", ("cloudfront:CreateDistribution",)),
        ("lambda.amazonaws.com:Invoke", ("lambda:InvokeFunction",)),
        ("s3.amazonaws.com:ListObjects", ("s3:ListBucket",)),
        ("s3.amazonaws.com:ListBuckets", ("s3:ListAllMyBuckets",)),
        ("s3.amazonaws.com:HeadObject", ("s3:GetObject",)),
        ("s3.amazonaws.com:CopyObject", ("s3:GetObject", "s3:PutObject")),
        ("s3.amazonaws.com:GetBucketEncryption", ("s3:GetEncryptionConfiguration",)),
        ("s3.amazonaws.com:DeleteBucketTagging", ("s3:PutBucketTagging",)),
        ("s3.amazonaws.com:PutBucketReplication", ("s3:PutReplicationConfiguration",)),
        ("kms.amazonaws.com:ReEncrypt", ("kms:ReEncryptFrom", "kms:ReEncryptTo")),
        ("sqs.amazonaws.com:SendMessageBatch", ("sqs:SendMessage",)),
        ("apigateway.amazonaws.com:GetRestApis", ("apigateway:GET",)),
        ("apigateway.amazonaws.com:UpdateStage", ("apigateway:PATCH",)),
        ("bedrock.amazonaws.com:Converse", ("bedrock:InvokeModel",)),
        ("bedrock.amazonaws.com:ConverseStream", ("bedrock:InvokeModelWithResponseStream",)),
        ("bedrock.amazonaws.com:InvokeAgent", ("bedrock:InvokeAgent",)),
        ("bedrock-agentcore.amazonaws.com:InvokeAgentRuntime", ("bedrock-agentcore:InvokeAgentRuntime",)),
        ("macie.amazonaws.com:UpdateMacieSession", ("macie2:UpdateMacieSession",)),
        ("route53.amazonaws.com:ListHostedZones", ("route53:ListHostedZones",)),
        (
            "route53.amazonaws.com:TransferDomainToAnotherAwsAccount",
            ("route53domains:TransferDomainToAnotherAwsAccount",),
        ),
        ("sso-directory.amazonaws.com:CreateUser", ("sso-directory:CreateUser",)),
        ("sso-directory.amazonaws.com:AssociateDirectory", ("sso:AssociateDirectory",)),
        ("sts.amazonaws.com:GetCallerIdentity", ("sts:GetCallerIdentity",)),
        ("servicecatalog-appregistry.amazonaws.com:ListApplications", ("servicecatalog:ListApplications",)),
    ],
)
def test_operations_map_to_what_they_need(actions, operation, permissions):
    needed = actions.needed(operation)
    assert needed.sureness is Sureness.EACH
    assert needed.permissions == permissions


def test_digits_at_the_end_of_a_name_are_no_version(actions):
    assert actions.needed("ecs.amazonaws.com:PutThing2").sureness is Sureness.UNKNOWN
    assert actions.needed("s3.amazonaws.com:ListObjectsV2").permissions == ("s3:ListBucket",)


def test_signing_in_needs_no_permission(actions):
    assert actions.needed("signin.amazonaws.com:ConsoleLogin").sureness is Sureness.NONE


def test_a_statement_call_needs_one_of_several(actions):
    needed = actions.needed("dynamodb.amazonaws.com:TransactWriteItems")
    assert needed.sureness is Sureness.ONE_OF
    assert "dynamodb:PutItem" in needed.permissions


def test_verbs_of_api_gateway_are_those_of_its_requests(actions):
    loader = Loader()
    named, wrong = "apigateway:(Create|Delete|Disable|Get|List|Preview|Publish|Put|Update)[A-Z].*", []
    for client in ("apigateway", "apigatewayv2"):
        for operation, model in loader.load_service_model(client, "service-2")["operations"].items():
            needed = actions.needed(f"apigateway.amazonaws.com:{operation}")
            verb = f"apigateway:{model['http']['method']}"
            if verb not in needed.permissions and not re.fullmatch(named, needed.permissions[0]):
                wrong.append(operation)
    assert wrong == []


@pytest.mark.parametrize(
    ("operation", "permissions"),
    [
        (
            "autoscaling.amazonaws.com:PutScalingPolicy",
            {"autoscaling:PutScalingPolicy", "application-autoscaling:PutScalingPolicy"},
        ),
        (
            "codeconnections.amazonaws.com:UseConnection",
            {"codeconnections:UseConnection", "codestar-connections:UseConnection"},
        ),
    ],
)
def test_a_name_that_several_services_of_one_source_have_is_one_of_theirs(actions, operation, permissions):
    """EC2 Auto Scaling and Application Auto Scaling both log as autoscaling.amazonaws.com."""
    needed = actions.needed(operation)
    assert (Sureness.ONE_OF, permissions) == (needed.sureness, set(needed.permissions))


def test_an_unknown_operation_names_the_services_it_may_belong_to(actions):
    needed = actions.needed("ec2.amazonaws.com:InventANewThing")
    assert needed.sureness is Sureness.UNKNOWN
    assert needed.prefixes == ("ec2",)


def test_every_permission_the_tables_name_is_in_the_catalogue(catalogue):
    data = table("event_actions")
    named = {
        permission
        for section in ("operations", "one_of")
        for operations in data[section].values()
        for permissions in operations.values()
        for permission in permissions
    }
    named |= {f"{prefix}:{verb}" for prefix, verbs in data["verbs"].items() for verb in verbs.values()}
    assert sorted(n for n in named if catalogue.permissions.spelling(n) != n) == []
    known = catalogue.known
    assert sorted(n for n in named if not known >> catalogue.permissions.index(n) & 1) == []


def test_every_table_names_its_source_and_date():
    for name in (
        "event_actions",
        "data_events",
        "never_events",
        "no_api",
        "ai_signals",
        "reach",
        "caller_keys",
        "checked_with",
    ):
        data = table(name)
        assert data["source"].strip()
        assert data["date"] >= "2026"


@pytest.mark.parametrize(("name", "entries"), [("data_events", "types"), ("never_events", "classes")])
def test_every_pattern_of_the_event_tables_matches_an_action(catalogue, name, entries):
    patterns = [pattern for entry in table(name)[entries] for pattern in entry["actions"]]
    assert [pattern for pattern in patterns if not catalogue.expand(pattern) & catalogue.known] == []


def test_every_type_of_data_events_is_in_the_table_or_left_out_with_a_reason():
    """`data_event_types.txt` is CloudTrail's own list; its first lines say where it was read, and when."""
    lines = (Path(__file__).parent / "data_event_types.txt").read_text("utf-8").splitlines()
    documented = [line for line in lines if not line.startswith("#")]
    data = table("data_events")
    held = [entry["resource_type"] for entry in data["types"]]
    absent = [name for entry in data["without_actions"] for name in entry["resource_types"]]
    assert all(entry["reason"].strip() for entry in data["without_actions"])
    assert sorted(documented, key=str.lower) == sorted([*held, *absent], key=str.lower)


def test_every_permission_kept_with_others_is_known(catalogue):
    named = {name for row in table("dependents")["rows"] for name in (*row["keeps"], *row["with"])}
    known = catalogue.known
    assert sorted(n for n in named if not known >> catalogue.permissions.index(n) & 1) == []


def test_every_permission_checked_with_another_is_known(catalogue):
    data = table("checked_with")
    rows = [row for kind in ("permissions", "after_failure", "dependent") for row in data[kind].items()]
    named = {permission for own, others in rows for permission in (own, *others)}
    assert sorted(name for name in named if catalogue.permissions.spelling(name) != name) == []
    known = catalogue.known
    assert sorted(n for n in named if not known >> catalogue.permissions.index(n) & 1) == []


@pytest.mark.parametrize("name", ["reach", "ai_signals"])
def test_every_pattern_of_the_classes_matches_an_action(catalogue, name):
    data = table(name)
    patterns = (
        [p for entry in data["classes"].values() for p in (*entry["actions"], *entry.get("except", ()))]
        if name == "reach"
        else [
            *data["grants"]["uses"],
            *data["usage"]["permissions"],
            *(f"{p}:*" for p in data["grants"]["prefixes"]),
        ]
    )
    assert [pattern for pattern in patterns if not catalogue.expand(pattern) & catalogue.known] == []


RUNTIMES = {
    "bedrock-runtime": "bedrock",
    "bedrock-agent-runtime": "bedrock",
    "bedrock-data-automation-runtime": "bedrock",
    "bedrock-agentcore": "bedrock-agentcore",
    "sagemaker-runtime": "sagemaker",
    "sagemaker-a2i-runtime": "sagemaker",
    "sagemaker-edge": "sagemaker",
    "sagemaker-featurestore-runtime": "sagemaker",
    "sagemaker-inference-router-runtime": "sagemaker",
    "sagemaker-metrics": "sagemaker",
    "sagemakerjobruntime": "sagemaker",
    "sagemakertrainingsessionruntime": "sagemaker",
    "lex-runtime": "lex",
    "lexv2-runtime": "lex",
    "agent-registry": "agent-registry",
    "kendra-ranking": "kendra-ranking",
    "nova-act": "nova-act",
    "personalize-events": "personalize",
    "personalize-runtime": "personalize",
    "qapps": "qapps",
    "devops-agent": "aidevops",
}
"""Data-plane clients of AI services in botocore, and the event source their calls are logged under."""

MANAGEMENT = {
    "bedrock:InvokeModel",
    "bedrock:InvokeModelWithResponseStream",
    "bedrock:ListAsyncInvokes",
    "bedrock:ListTagsForResource",
    "bedrock:TagResource",
    "bedrock:UntagResource",
    "kendra-ranking:CreateRescoreExecutionPlan",
    "kendra-ranking:DeleteRescoreExecutionPlan",
    "kendra-ranking:DescribeRescoreExecutionPlan",
    "kendra-ranking:ListRescoreExecutionPlans",
    "kendra-ranking:ListTagsForResource",
    "kendra-ranking:TagResource",
    "kendra-ranking:UntagResource",
    "kendra-ranking:UpdateRescoreExecutionPlan",
}
"""What these clients do that AWS documents as management events, or that control planes do too."""


def test_no_call_of_an_ai_runtime_counts_as_logged_by_default_unless_aws_documents_it(catalogue, actions):
    loader = Loader()
    sets = observability(catalogue)
    hidden = union((*(mask for *_, mask in sets.never), *(mask for _, mask in sets.data)))
    visible = set()
    for client, prefix in RUNTIMES.items():
        for operation in loader.load_service_model(client, "service-2")["operations"]:
            for permission in actions.needed(f"{prefix}.amazonaws.com:{operation}").permissions:
                if not hidden >> catalogue.permissions.index(permission) & 1:
                    visible.add(permission)
    assert visible == MANAGEMENT


AI_CLIENTS = re.compile(
    "agent-|aiops|bedrock|codeguru|comprehend|connecthealth|continuum|datazone|devops-|elementalinference|"
    "finops-agent|forecast|frauddetector|healthlake|kendra|lex|lookout|neptune-graph|nova-act|"
    "opensearchserverless|personalize|polly|qapps|qbusiness|qconnect|rekognition|s3vectors|sagemaker|"
    "securityagent|textract|transcribe|translate|wellarchitected|wisdom"
)


def test_every_operation_of_an_ai_service_is_an_action_or_in_the_table(actions):
    """What is neither stands in `ai_operations_without_action.txt`, whose first lines say why, and no longer."""
    text = (Path(__file__).parent / "ai_operations_without_action.txt").read_text("utf-8")
    listed = {line for line in text.splitlines() if not line.startswith("#")}
    loader = Loader()
    clients = [name for name in loader.list_available_services("service-2") if AI_CLIENTS.match(name)]
    assert {"bedrock", "bedrock-agentcore-control", "sagemaker", "qbusiness", "textract"} <= {*clients}
    known, unknown = set(), set()
    for client in clients:
        model = loader.load_service_model(client, "service-2")
        prefix = model["metadata"].get("signingName") or model["metadata"]["endpointPrefix"]
        for operation in model["operations"]:
            needed = actions.needed(f"{prefix}.amazonaws.com:{operation}")
            group = unknown if needed.sureness is Sureness.UNKNOWN else known
            group.add(f"{client} {operation}")
    assert set() == unknown - listed
    assert set() == listed & known


def test_no_disagreement_with_the_names_in_awss_own_refusals(actions, data):
    """AWS's own "is not authorized to perform: x:Y" texts name the action that an event needed."""
    oracle = json.loads((data / "oracles" / "authz_message_oracle.json").read_text())
    wrong = [
        (entry["eventSource"], entry["eventName"], entry["iamAction"])
        for entry in oracle
        if entry["iamAction"].lower()
        not in {p.lower() for p in actions.needed(f"{entry['eventSource']}:{entry['eventName']}").permissions}
    ]
    assert wrong == []


WITHOUT_SDK = re.compile(
    "(bedrock-mantle|cloudshell|controltower|q|s3-outposts|s3express|signin|ssm|sso|sso-directory|trustedadvisor):.*|"
    "account:CloseAccount|action-recommendations:ListRecommendedActions|bedrock:PutFoundationModelEntitlement|"
    "codecommit:Git(Pull|Push)|dynamodb:(Describe|Purchase)Reserved.*|ec2:Describe.*|lakeformation:GetDataAccess|"
    "lambda:EnableReplication|logs:UpdateLogDelivery|rds:DescribeRecommendation.*|transcribe:StartStreamTranscription"
)
"""Names whose events AWS documents or public logs hold, although no SDK has the operation."""


def test_a_name_counts_as_logged_only_where_its_own_service_has_the_operation(catalogue, actions, data):
    """That SNS has Subscribe says nothing about aws-marketplace:Subscribe (`no_api.toml`)."""
    loader = Loader()
    called = set()
    for client in loader.list_available_services("service-2"):
        model = loader.load_service_model(client, "service-2")
        names = {
            client,
            *(str(model["metadata"].get(key, client)) for key in ("endpointPrefix", "signingName")),
        }
        for operation in model["operations"]:
            for name in names | {names_.rpartition(".")[2] for names_ in names}:
                called |= {
                    one.lower() for one in actions.needed(f"{name}.amazonaws.com:{operation}").permissions
                }
    text = gzip.decompress((data / "oracles" / "aws_map_iamlive_2022-08-19.json.gz").read_bytes())
    for mappings in json.loads(text)["sdk_method_iam_mappings"].values():
        called |= {one["action"].lower() for one in mappings}
    sets = observability(catalogue)
    hidden = union((sets.no_api, *(mask for *_, mask in sets.never), *(mask for _, mask in sets.data)))
    visible = catalogue.permissions.names(catalogue.known & ~hidden)
    by_verb = ("apigateway:",)
    unknown = [one for one in visible if one.lower() not in called and not one.startswith(by_verb)]
    assert [one for one in unknown if not WITHOUT_SDK.fullmatch(one)] == []


def events_in(value):
    if isinstance(value, dict):
        if "eventName" in value and "eventSource" in value:
            yield value
        for held in value.values():
            if isinstance(held, list):
                yield from events_in(held)
    elif isinstance(value, list):
        for held in value:
            yield from events_in(held)


def test_nearly_every_operation_of_the_shared_logs_is_understood(actions, data):
    """Of calls (not service events, not console sign-ins) at least 98 % of the distinct operations map.

    The rest are invented names in rule tests of others (`iam:PutPolicy`), or calls no page describes.
    """
    operations = Counter()
    for path in sorted((data / "cloudtrail").rglob("*.json")):
        for event in events_in(json.loads(path.read_text())):
            if event.get("eventType") in ("AwsApiCall", None):
                operations[f"{event['eventSource']}:{event['eventName']}"] += 1
    unknown = {name for name in operations if actions.needed(name).sureness is Sureness.UNKNOWN}
    assert len(operations) > 500
    assert len(unknown) / len(operations) < 0.02


def test_nearly_every_pair_of_all_shared_sets_is_mapped_or_needs_no_permission(actions, data):
    """Of all distinct (eventSource, eventName) pairs, service events and rule tests' inventions included."""
    pairs = {
        (event["eventSource"], event["eventName"])
        for folder in ("cloudtrail", "pairs")
        for path in sorted((data / folder).rglob("*.json"))
        for event in events_in(json.loads(path.read_text()))
        if isinstance(event["eventSource"], str) and isinstance(event["eventName"], str)
    }
    unknown = {pair for pair in pairs if actions.needed(":".join(pair)).sureness is Sureness.UNKNOWN}
    assert len(pairs) > 650
    assert len(unknown) <= 0.02 * len(pairs)
    assert NOT_UNDERSTOOD == {(source.removesuffix(".amazonaws.com"), name) for source, name in unknown}


NOT_UNDERSTOOD = {
    # Invented by the authors of detection rules: no such operation, or of another service.
    ("cloudtrail", "DeleteRule"),
    ("cloudtrail", "DescribeTrail"),
    ("cloudtrail", "EnableRegion"),
    ("ec2", "DeleteBucketEncryption"),
    ("ec2", "DeleteBucketReplication"),
    ("ec2", "RegisterManagedInstance"),
    ("iam", "DetachUserGroup"),
    ("iam", "PutPolicy"),
    ("s3", "CreateServiceLinkedRole"),
    # Events of a service or of the console, which are no calls.
    ("appstream", "CreateImage"),
    ("billingconsole", "SetContactAddress"),
    ("taxconsole", "CreateCustomerCase"),
    # The catalogue has no action for viewing a product page of the Marketplace.
    ("discovery-marketplace", "GetListingView"),
}
