"""Live collection through real boto3 clients: the records are those that exports hold."""

import json
from datetime import UTC, datetime

import boto3
import pytest

from connectors.aws.connector import CONNECTOR
from connectors.aws.coverage.trails import read_trails
from connectors.facts import SignalKind, Window
from connectors.interface import Patterns, Status

ACCOUNT = "123456789012"
YEAR = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))


def document(action="s3:*", **statement):
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*", **statement}],
        }
    )


def trust(service):
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def account(cloud):
    """Fill an account: a bounded role, a user with a key, a trail, an agent, a notebook."""
    iam = boto3.client("iam")
    boundary = iam.create_policy(PolicyName="limit", PolicyDocument=document(["s3:Get*", "ec2:*"]))
    iam.create_role(
        RoleName="agent",
        Path="/ai/",
        AssumeRolePolicyDocument=trust("bedrock.amazonaws.com"),
        PermissionsBoundary=boundary["Policy"]["Arn"],
    )
    iam.put_role_policy(RoleName="agent", PolicyName="inline", PolicyDocument=document())
    iam.create_role(RoleName="host", AssumeRolePolicyDocument=trust("ec2.amazonaws.com"))
    iam.create_user(UserName="bot")
    cloud.key = iam.create_access_key(UserName="bot")["AccessKey"]["AccessKeyId"]
    iam.create_open_id_connect_provider(
        Url="https://token.example.com", ThumbprintList=["a" * 40], ClientIDList=["sts.amazonaws.com"]
    )
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="trail-bucket-of-test")
    trails = boto3.client("cloudtrail")
    trails.create_trail(Name="main", S3BucketName="trail-bucket-of-test", IsMultiRegionTrail=True)
    trails.start_logging(Name="main")
    trails.put_event_selectors(
        TrailName="main",
        AdvancedEventSelectors=[
            {"Name": "all", "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]},
            {
                "Name": "agents",
                "FieldSelectors": [
                    {"Field": "eventCategory", "Equals": ["Data"]},
                    {"Field": "resources.type", "Equals": ["AWS::Bedrock::AgentAlias"]},
                ],
            },
        ],
    )
    boto3.client("bedrock-agent").create_agent(
        agentName="helper",
        agentResourceRoleArn=f"arn:aws:iam::{ACCOUNT}:role/ai/agent",
        foundationModel="m",
        instruction="a prompt that nobody should store, long enough to be accepted by the service",
    )
    boto3.client("sagemaker").create_notebook_instance(
        NotebookInstanceName="lab",
        InstanceType="ml.t3.medium",
        RoleArn=f"arn:aws:iam::{ACCOUNT}:role/host",
    )
    return cloud


def test_a_whole_account_is_read(account, source, gather):
    found = gather(source())
    assert {part: outcome.status for part, outcome in found.outcomes.items()} == {
        "access_keys": Status.OK,
        "ai_inventory": Status.OK,
        "authorization_details": Status.OK,
        "credential_report": Status.OK,
        "last_accessed": Status.OK,
        "oidc_providers": Status.OK,
        "organization_policies": Status.OK,
        "resource_policies": Status.OK,
        "roles_anywhere": Status.OK,
        "service_specific_credentials": Status.OK,
        "trails": Status.OK,
        "unused_access": Status.OK,
    }
    (key,) = found.records("access_keys")
    assert (account.key, f"arn:aws:iam::{ACCOUNT}:user/bot") == (key["AccessKeyId"], key["UserArn"])
    assert "AccessKeyLastUsed" in key
    (provider,) = found.records("oidc_providers", "OpenIDConnectProviders")
    assert ["sts.amazonaws.com"] == provider["ClientIDList"]
    assert {"bedrock agent", "sagemaker notebook"} == {
        one["list"] for one in found.evidence.records("ai_inventory")
    }


def test_the_facts_are_those_of_an_export(account, source, gather):
    """Boundary, key, trail and workloads reach the report without another word about where they came from."""
    found = gather(source())
    facts = CONNECTOR.interpret([found.evidence], YEAR, Patterns())
    agent = f"arn:aws:iam::{ACCOUNT}:role/ai/agent"
    held = facts.entitlements[agent]
    names = facts.permissions.names(held.granted | held.conditional)
    assert "s3:GetObject" in names
    assert "s3:PutObject" not in names
    assert [account.key] == [one.id for one in facts.credentials if one.kind == "access-key"]
    assert not [one for one in facts.caveats if "IsTruncated" in one.what]
    assert not [one for one in facts.caveats if "not in the dump" in one.what]
    (trail,) = read_trails([found.evidence])
    assert (True, True, True) == (trail.multi_region, trail.logging, trail.selection.writes)
    assert {"AWS::Bedrock::AgentAlias"} == set(trail.selection.data)
    (identity,) = [one for one in facts.identities if one.id == agent]
    assert SignalKind.DECLARED in {signal.kind for signal in identity.signals}
    assert "helper" in {load.name for load in identity.workloads}


def test_nothing_secret_and_no_prompt_is_stored(account, source, gather, tmp_path):
    import gzip  # noqa: PLC0415

    account.answer(
        "lambda",
        "ListFunctions",
        {
            "Functions": [
                {
                    "FunctionName": "chat",
                    "FunctionArn": f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:chat",
                    "Role": f"arn:aws:iam::{ACCOUNT}:role/host",
                    "Environment": {"Variables": {"OPENAI_API_KEY": "planted-openai-key"}},
                }
            ]
        },
    )
    found = gather(source())
    (function,) = found.records("ai_inventory", "lambda function")
    assert ["OPENAI_API_KEY"] == function["environmentVariables"]
    stored = b"".join(gzip.decompress(file.read_bytes()) for file in tmp_path.rglob("*.gz")).decode()
    for secret in ("planted-openai-key", "planted-secret-key", "a prompt that nobody"):
        assert secret not in stored


def test_a_policy_missing_from_the_dump_is_asked_for(account, source, gather):
    """A managed policy that is only a boundary can be missing (AWS leaves it out; so does this answer)."""
    arn = f"arn:aws:iam::{ACCOUNT}:policy/limit"
    boundary = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn}
    role = {
        "Path": "/",
        "RoleName": "agent",
        "RoleId": "AROAEXAMPLE",
        "Arn": f"arn:aws:iam::{ACCOUNT}:role/agent",
        "PermissionsBoundary": boundary,
    }
    account.answer("iam", "GetAccountAuthorizationDetails", {"RoleDetailList": [role], "IsTruncated": False})
    found = gather(source())
    (policy,) = found.records("authorization_details", "Policies")
    assert arn == policy["Arn"]
    (version,) = policy["PolicyVersionList"]
    assert version["IsDefaultVersion"]
    assert ["s3:Get*", "ec2:*"] == version["Document"]["Statement"][0]["Action"]


def pages_of_roles(count):
    def give(Marker="0", **_):
        number = int(Marker)
        role = {
            "Path": "/",
            "RoleName": f"role-{number}",
            "RoleId": f"AROA{number}",
            "Arn": f"arn:aws:iam::{ACCOUNT}:role/role-{number}",
        }
        more = number + 1 < count
        return {
            "RoleDetailList": [role],
            "IsTruncated": more,
            **({"Marker": str(number + 1)} if more else {}),
        }

    return give


def test_all_pages_are_read(account, source, gather):
    account.answer("iam", "GetAccountAuthorizationDetails", pages_of_roles(7))
    found = gather(source())
    assert 7 == len(found.records("authorization_details", "RoleDetailList"))
    assert [{"IsTruncated": False, "Account": ACCOUNT}] == found.records("authorization_details", "Page")


def test_the_marker_of_api_keys_is_followed(account, source, gather):
    def give(Marker="0", AllUsers="", **_):
        assert "true" == str(AllUsers).lower()
        number = int(Marker)
        key = {
            "UserName": "bot",
            "Status": "Active",
            "ServiceName": "bedrock.amazonaws.com",
            "ServiceSpecificCredentialId": f"ACCA{number}",
            "CreateDate": datetime(2026, 1, 1, tzinfo=UTC),
        }
        return {
            "ServiceSpecificCredentials": [key],
            "IsTruncated": number < 2,
            **({"Marker": str(number + 1)} if number < 2 else {}),
        }

    account.answer("iam", "ListServiceSpecificCredentials", give)
    found = gather(source())
    keys = found.records("service_specific_credentials")
    assert ["ACCA0", "ACCA1", "ACCA2"] == [key["ServiceSpecificCredentialId"] for key in keys]
    assert {f"arn:aws:iam::{ACCOUNT}:user/bot"} == {key["UserArn"] for key in keys}


def test_what_was_read_before_a_failing_page_is_kept(account, source, gather):
    from botocore.exceptions import ClientError  # noqa: PLC0415

    pages = pages_of_roles(9)

    def give(Marker="0", **_):
        if int(Marker) == 3:
            error = {"Error": {"Code": "ThrottlingException", "Message": "slow down"}}
            raise ClientError(error, "GetAccountAuthorizationDetails")
        return pages(Marker)

    account.answer("iam", "GetAccountAuthorizationDetails", give)
    found = gather(source())
    outcome = found.outcomes["authorization_details"]
    assert (Status.PARTIAL, 3) == (outcome.status, outcome.records)
    assert "iam:GetAccountAuthorizationDetails" in outcome.reason
    assert "throttled" in outcome.reason
    facts = CONNECTOR.interpret([found.evidence], YEAR, Patterns())
    assert [one for one in facts.caveats if "IsTruncated" in one.what]


def test_a_refused_call_names_permission_and_policy_and_stops_nothing(account, source, gather):
    account.refuse(
        "iam", "ListAccessKeys", message="User: bot is not authorized to perform: iam:ListAccessKeys"
    )
    account.refuse("cloudtrail", "GetEventSelectors")
    found = gather(source())
    assert Status.FAILED == found.outcomes["access_keys"].status
    reason = found.outcomes["access_keys"].reason
    assert "grant iam:ListAccessKeys" in reason
    assert "entdrift doctor --source live --print-policy" in reason
    assert ACCOUNT in reason
    assert Status.PARTIAL == found.outcomes["trails"].status
    assert Status.OK == found.outcomes["authorization_details"].status
    assert Status.OK == found.outcomes["ai_inventory"].status


def test_a_refusal_that_never_ends_is_not_asked_for_a_thousand_times(account, source, gather):
    iam = boto3.client("iam")
    for number in range(60):
        iam.create_user(UserName=f"user-{number}")
    account.refuse("iam", "ListAccessKeys")
    found = gather(source())
    assert Status.FAILED == found.outcomes["access_keys"].status
    assert account.calls.count(("iam", "ListAccessKeys")) < 30


def test_expired_credentials_end_in_one_failed_part(cloud, source, gather):
    cloud.refuse("sts", "GetCallerIdentity", "ExpiredTokenException", "The security token is expired")
    found = gather(source())
    (outcome,) = found.outcomes.values()
    assert ("authorization_details", Status.FAILED) == (outcome.part, outcome.status)
    assert "expired" in outcome.reason
    assert "sign in again" in outcome.reason
    assert [("sts", "GetCallerIdentity")] == cloud.calls


def test_a_profile_that_does_not_exist_says_so(cloud, source, gather):
    found = gather(source(profile="nobody"))
    assert "nobody" in found.outcomes["authorization_details"].reason


def test_a_disabled_region_leaves_the_others(account, source, gather):
    from botocore.exceptions import ClientError  # noqa: PLC0415

    account.refuse("rolesanywhere", "ListProfiles", "UnrecognizedClientException", "The token is invalid")

    def describe(**_):
        if account.calls.count(("cloudtrail", "DescribeTrails")) > 1:
            raise ClientError({"Error": {"Code": "AuthFailure", "Message": "no"}}, "DescribeTrails")

    account.answer("cloudtrail", "DescribeTrails", describe)
    found = gather(source(regions=("eu-west-1", "me-south-1")))
    assert Status.PARTIAL == found.outcomes["trails"].status
    assert "not enabled" in found.outcomes["trails"].reason
    assert Status.OK == found.outcomes["authorization_details"].status


def test_all_enabled_regions_are_looked_in(account, source, gather):
    account.answer(
        "ec2",
        "DescribeRegions",
        lambda **_: {"Regions": [{"RegionName": "us-east-1"}, {"RegionName": "eu-west-1"}]},
    )
    found = gather(source(regions=("all",)))
    assert Status.OK == found.outcomes["ai_inventory"].status
    assert 2 == account.calls.count(("bedrock-agent", "ListAgents"))
    assert 2 == account.calls.count(("cloudtrail", "DescribeTrails"))
    assert 1 == len([one for one in found.records("trails") if "S3BucketName" in one])


def test_when_regions_cannot_be_listed_the_own_one_is_looked_in(account, source, gather):
    account.refuse("ec2", "DescribeRegions", "UnauthorizedOperation")
    found = gather(source(regions=("all",)))
    assert Status.PARTIAL == found.outcomes["ai_inventory"].status
    assert "only eu-west-1 was looked in" in found.outcomes["ai_inventory"].reason


def test_an_answer_of_a_strange_shape_costs_one_part(account, source, gather):
    account.answer("iam", "GetCredentialReport", {"Content": 7})
    account.answer("iam", "ListOpenIDConnectProviders", {"OpenIDConnectProviderList": [{}]})
    found = gather(source())
    assert Status.FAILED == found.outcomes["oidc_providers"].status
    assert "please report it" in found.outcomes["oidc_providers"].reason
    assert Status.OK == found.outcomes["trails"].status


def test_a_project_that_names_its_role_is_a_workload_of_it_wherever_its_path_lies(account, source, gather):
    """CodeBuild and Glue take a role's name as well as its ARN; projects are described by a list of names."""
    asked = []

    def give(names, **_):
        asked.append(names)
        variables = [{"name": "OPENAI_API_KEY", "value": "planted"}]
        project = {
            "name": "eval",
            "arn": "arn:aws:codebuild:eu-west-1:1:project/eval",
            "serviceRole": "agent",
        }
        return {"projects": [{**project, "environment": {"environmentVariables": variables}}]}

    account.answer("codebuild", "ListProjects", {"projects": ["eval"]})
    account.answer("codebuild", "BatchGetProjects", give)
    found = gather(source())
    assert [["eval"]] == asked
    (record,) = found.records("ai_inventory", "codebuild project")
    assert "planted" not in str(record)
    facts = CONNECTOR.interpret([found.evidence], YEAR, Patterns())
    (agent,) = [one for one in facts.identities if one.name == "agent"]
    assert ("codebuild project", "eval") in {(load.kind, load.name) for load in agent.workloads}
    assert "codebuild project eval" in {signal.value for signal in agent.signals}


def test_a_list_that_the_sdk_has_no_paginator_for_is_read_to_its_end(account, source, gather):
    """Kendra hands on a token that botocore does not follow by itself."""

    def give(NextToken="0", **_):
        number = int(NextToken)
        page = {"IndexConfigurationSummaryItems": [{"Id": f"{number}" * 36, "Name": f"n{number}"}]}
        return {**page, "NextToken": str(number + 1)} if number < 2 else page

    account.answer("kendra", "ListIndices", give)
    account.answer("kendra", "DescribeIndex", {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/host"})
    found = gather(source())
    assert ["n0", "n1", "n2"] == [one["Name"] for one in found.records("ai_inventory", "kendra index")]


def test_trust_in_a_provider_that_is_gone_is_told_from_one_that_could_not_be_listed(account, source, gather):
    """Live lists are whole when the call worked, even when they are empty."""
    iam = boto3.client("iam")
    gone, there = (f"arn:aws:iam::{ACCOUNT}:oidc-provider/{host}.example.com" for host in ("gone", "token"))
    principals = {"Principal": {"Federated": [gone, there]}, "Effect": "Allow"}
    statement = {**principals, "Action": "sts:AssumeRoleWithWebIdentity"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.create_role(RoleName="ci", AssumeRolePolicyDocument=policy)
    arn = f"arn:aws:iam::{ACCOUNT}:role/ci"

    def trusted():
        facts = CONNECTOR.interpret([gather(source()).evidence], YEAR, Patterns())
        said = [
            one.what for one in facts.caveats if "OIDC provider" in one.what or "nobody can use" in one.what
        ]
        return next(one.trusted for one in facts.identities if one.id == arn), said

    said = f"trust that nobody can use: {gone} (its account has no such OIDC provider)"
    assert ((there,), [said]) == trusted()
    account.refuse("iam", "ListOpenIDConnectProviders")
    everything, (said,) = trusted()
    assert (gone, there) == everything
    assert "no whole list of the OIDC providers" in said


def certificates(account, *, anchor=True, listed=True):
    """Let a role be taken by certificates of one region, bounded by an inline and a managed policy."""
    role = f"arn:aws:iam::{ACCOUNT}:role/press"
    region = "arn:aws:rolesanywhere:us-east-1"
    profile = {
        "profileArn": f"{region}:{ACCOUNT}:profile/1",
        "name": "plant",
        "enabled": True,
        "roleArns": [role] if listed else [],
        "sessionPolicy": document("s3:GetObject"),
        "managedPolicyArns": [boto3.client("iam").list_policies(Scope="Local")["Policies"][0]["Arn"]],
    }
    trusted = {"trustAnchorArn": f"{region}:{ACCOUNT}:trust-anchor/1", "enabled": anchor}
    names = ("us-east-1", "eu-west-1")
    account.answer("ec2", "DescribeRegions", {"Regions": [{"RegionName": name} for name in names]})
    for operation, name, record in (
        ("ListProfiles", "profiles", profile),
        ("ListTrustAnchors", "trustAnchors", trusted),
        ("ListCrls", "crls", {"crlArn": f"{region}:{ACCOUNT}:crl/1", "crlData": b"revoked"}),
    ):
        first = iter([[record]])
        account.answer("rolesanywhere", operation, lambda n=name, i=first, **_: {n: next(i, [])})
    iam = boto3.client("iam")
    iam.create_role(RoleName="press", AssumeRolePolicyDocument=trust("rolesanywhere.amazonaws.com"))
    iam.put_role_policy(RoleName="press", PolicyName="inline", PolicyDocument=document("*"))
    return role


def test_sessions_of_certificates_are_bounded_by_what_their_profiles_say(account, source, gather):
    """The managed session policy is fetched although no role holds it, and every region was listed."""
    role = certificates(account)
    found = gather(source(regions=("all",)))
    assert Status.OK == found.outcomes["roles_anywhere"].status
    assert [""] == [one["crlData"] for one in found.records("roles_anywhere", "crls")]
    facts = CONNECTOR.interpret([found.evidence], YEAR, Patterns())
    names = set(facts.permissions.names(facts.entitlements[role].granted))
    assert {"s3:GetObject", "ec2:RunInstances"} <= names
    assert not {"s3:PutObject", "iam:CreateUser"} & names


@pytest.mark.parametrize("missing", [{"anchor": False}, {"listed": False}])
def test_certificates_without_an_anchor_or_a_profile_let_nobody_in(account, source, gather, missing):
    role = certificates(account, **missing)
    facts = CONNECTOR.interpret([gather(source(regions=("all",))).evidence], YEAR, Patterns())
    (identity,) = [one for one in facts.identities if one.id == role]
    assert ((), ()) == (identity.trusted, identity.workloads)


@pytest.mark.parametrize("regions", [("us-east-1",), ("all",)])
def test_lists_that_are_not_whole_narrow_nothing(account, source, gather, regions):
    """Another region may hold another profile, and so may one that refused."""
    role = certificates(account, anchor=False, listed=False)
    if regions == ("all",):
        account.refuse("rolesanywhere", "ListProfiles")
        account.refuse("rolesanywhere", "ListTrustAnchors")
    facts = CONNECTOR.interpret([gather(source(regions=regions)).evidence], YEAR, Patterns())
    (identity,) = [one for one in facts.identities if one.id == role]
    assert ("rolesanywhere.amazonaws.com",) == identity.trusted
    assert "iam:CreateUser" in facts.permissions.names(facts.entitlements[role].granted)
    assert [one for one in facts.caveats if one.what.startswith("no whole list of the profiles")]
