"""Identities carry owner, workloads, trust, AI signals and credentials, each with the record it was read from.

Synthetic dumps; their shapes are those of the IAM API.
"""

import json

import pytest

from connectors.aws.connector import CONNECTOR
from connectors.facts import SignalKind
from connectors.interface import Patterns
from tests.connectors.aws.conftest import YEAR

ACCOUNT = "111122223333"


def role(name="agent", trust=None, path="/", **more):
    return {
        "Path": path,
        "RoleName": name,
        "RoleId": "AROA1",
        "Arn": f"arn:aws:iam::{ACCOUNT}:role{path}{name}",
        "CreateDate": "2025-01-02T03:04:05+00:00",
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": trust or []},
        **more,
    }


def user(name="ann", **more):
    return {
        "Path": "/",
        "UserName": name,
        "UserId": "AIDA1",
        "Arn": f"arn:aws:iam::{ACCOUNT}:user/{name}",
        "CreateDate": "2025-01-02T03:04:05+00:00",
        **more,
    }


def inline(*statements):
    return [{"PolicyName": "p", "PolicyDocument": {"Version": "2012-10-17", "Statement": list(statements)}}]


def allow(action, resource="*"):
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def trusts(service, **more):
    return {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}, **more}


@pytest.fixture
def facts_of(tmp_path, interpret):
    """Interpret a dump of these roles and users, with events and further parts."""

    def facts_of(roles=(), users=(), events=(), patterns=None, policies=(), **parts):
        dump = tmp_path / "gaad.json"
        dump.write_text(
            json.dumps(
                {
                    "UserDetailList": list(users),
                    "GroupDetailList": [],
                    "RoleDetailList": list(roles),
                    "Policies": list(policies),
                }
            )
        )
        files = {"authorization_details": [dump]}
        if events:
            path = tmp_path / "events.json"
            path.write_text(json.dumps({"Records": list(events)}))
            files["cloudtrail"] = [path]
        for part, content in parts.items():
            path = tmp_path / f"{part}.{'csv' if isinstance(content, str) else 'json'}"
            path.write_text(content if isinstance(content, str) else json.dumps(content))
            files[part] = [path]
        return interpret(files, patterns=patterns)

    return facts_of


def signals(facts):
    return {(signal.kind, signal.value) for signal in facts.identities[0].signals}


def test_a_role_is_described(facts_of):
    facts = facts_of([role(Tags=[{"Key": "Team", "Value": "blue"}, {"Key": "x", "Value": "y"}])])
    one = facts.identities[0]
    assert (
        one.id,
        one.account,
        one.kind,
        one.name,
        one.immutable_id,
        one.created,
        one.owner,
        one.source,
    ) == (
        f"arn:aws:iam::{ACCOUNT}:role/agent",
        ACCOUNT,
        "role",
        "agent",
        "AROA1",
        "2025-01-02T03:04:05Z",
        "blue",
        "s",
    )
    assert one.signals == ()


@pytest.mark.parametrize(
    ("path", "managed"),
    [
        ("/aws-service-role/ecs.amazonaws.com/", True),
        ("/aws-reserved/other.amazonaws.com/", True),
        ("/aws-reserved/sso.amazonaws.com/eu-west-1/", False),
        ("/service-role/", False),
    ],
)
def test_roles_of_the_provider_are_marked(facts_of, path, managed):
    assert facts_of([role(path=path)]).identities[0].managed_by_provider is managed


@pytest.mark.parametrize(
    "service",
    [
        "bedrock.amazonaws.com",
        "bedrock-agentcore.amazonaws.com",
        "sagemaker.amazonaws.com",
        "lexv2.amazonaws.com",
    ],
)
def test_trust_in_an_ai_service_is_a_signal(facts_of, service):
    assert signals(facts_of([role(trust=[trusts(service)])])) == {(SignalKind.TRUST, service)}


@pytest.mark.parametrize("service", ["lambda.amazonaws.com", "ec2.amazonaws.com", "ecs-tasks.amazonaws.com"])
def test_trust_in_a_host_is_none(facts_of, service):
    assert signals(facts_of([role(trust=[trusts(service)])])) == set()


@pytest.mark.parametrize(
    ("action", "signal"),
    [
        ("bedrock:InvokeModel", True),
        ("bedrock:*", True),
        ("bedrock*:Invoke*", True),
        ("sagemaker:CreateTrainingJob", True),
        ("kendra:Query", True),
        ("bedrock:InvokeModelWithBidirectionalStream", True),  # newer than the catalogue
        ("bedrock:ListNewerThings", False),
        ("*", False),
        ("*:*", False),
        ("*:List*", False),
        ("bedrock:List*", False),
        ("sagemaker:Describe*", False),
        ("sagemaker:AddTags", False),
        ("s3:GetObject", False),
    ],
)
def test_granted_ai_actions_are_a_signal_but_a_bare_star_and_mere_reading_are_none(facts_of, action, signal):
    found = signals(facts_of([role(RolePolicyList=inline(allow(action)))]))
    assert found == ({(SignalKind.GRANT, action)} if signal else set())


def test_a_deny_or_not_action_is_no_ai_grant(facts_of):
    statements = [
        {**allow("bedrock:*"), "Effect": "Deny"},
        {"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"},
    ]
    assert signals(facts_of([role(RolePolicyList=inline(*statements))])) == set()


@pytest.mark.parametrize(
    ("name", "signal"),
    [
        ("AmazonBedrockFullAccess", True),
        ("AmazonSageMakerFullAccess", True),
        ("AmazonSageMakerReadOnly", False),
        ("ReadOnlyAccess", False),
    ],
)
def test_attached_ai_policies_are_a_signal_even_without_their_document(facts_of, name, signal):
    attached = [{"PolicyName": name, "PolicyArn": f"arn:aws:iam::aws:policy/{name}"}]
    found = signals(facts_of([role(AttachedManagedPolicies=attached)]))
    assert found == ({(SignalKind.GRANT, f"managed policy {name}")} if signal else set())


@pytest.mark.parametrize(
    ("name", "signal"),
    [
        ("weather-mcp-server-McpFunctionRole-1A2B", True),
        ("mcp-gateway", True),
        ("support-llm", True),
        ("acme-genai-batch", True),
        ("order-fulfillment", False),  # holds "llm"
        ("mumbai-agent", False),
        ("cloudwatch-agent", False),
        ("web-app", False),
    ],
)
def test_words_that_only_ai_workloads_are_called_by_are_a_signal(facts_of, name, signal):
    assert {kind for kind, _ in signals(facts_of([role(name)]))} == ({SignalKind.NAME} if signal else set())


def test_an_active_key_of_the_root_user_is_told(facts_of):
    def told(report):
        caveats = facts_of(users=[user()], credential_report=report).caveats
        return [one.what for one in caveats if one.where == f"arn:aws:iam::{ACCOUNT}:root"]

    head, root, *rest = REPORT.split("\n")
    key = "true,true,2020-01-02T00:00:00+00:00,N/A"
    assert told(REPORT) == []
    assert told("\n".join([head, root.replace("true,false,N/A,N/A", key), *rest])) == [
        "the root user has an active access-key-1 made on 2020-01-02T00:00:00Z, no use is reported"
    ]


def test_names_and_tags_are_weak_signals(facts_of):
    built_in = facts_of([role("AmazonBedrockExecutionRoleForAgents_X")])
    assert {signal.kind for signal in built_in.identities[0].signals} == {SignalKind.NAME}
    configured = facts_of(
        [role("rag-prod", Tags=[{"Key": "workload", "Value": "LLM"}])],
        patterns=Patterns(names=("RAG-*",), tags=("workload=llm",)),
    )
    assert signals(configured) == {(SignalKind.NAME, "rag-prod"), (SignalKind.TAG, "workload=LLM")}


def call(name, source, arn=None, **identity):
    arn = arn or f"arn:aws:iam::{ACCOUNT}:role/agent"
    return {
        "eventTime": "2026-06-01T00:00:00Z",
        "eventName": name,
        "eventSource": source,
        "eventID": f"{name}{arn}{json.dumps(identity, sort_keys=True)}",
        "eventType": "AwsApiCall",
        "awsRegion": "us-east-1",
        "recipientAccountId": ACCOUNT,
        "userIdentity": {
            "type": "AssumedRole",
            "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/agent/s",
            "accountId": ACCOUNT,
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": arn}},
            **identity,
        },
    }


def by_user(name, source, key, user_name="ann"):
    event = call(name, source)
    arn = f"arn:aws:iam::{ACCOUNT}:user/{user_name}"
    return {
        **event,
        "eventID": f"{name}{key}",
        "userIdentity": {
            "type": "IAMUser",
            "arn": arn,
            "accountId": ACCOUNT,
            "accessKeyId": key,
            "userName": user_name,
        },
    }


def test_calls_of_models_are_a_signal_and_refused_ones_are_none(facts_of):
    used = call("InvokeModel", "bedrock.amazonaws.com")
    assert signals(facts_of([role()], events=[used])) == {(SignalKind.USAGE, "bedrock:InvokeModel")}
    assert signals(facts_of([role()], events=[{**used, "errorCode": "AccessDenied"}])) == set()


def test_a_workload_named_in_the_log_is_listed_and_tells_ai(facts_of):
    runtime = f"arn:aws:bedrock-agentcore:us-east-1:{ACCOUNT}:runtime/shop-1"
    function = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"
    events = [
        call("DescribeInstances", "ec2.amazonaws.com", inScopeOf={"credentialsIssuedTo": arn})
        for arn in (runtime, function)
    ]
    facts = facts_of([role()], events=events)
    assert [(load.kind, load.id, load.name) for load in facts.identities[0].workloads] == [
        ("bedrock-agentcore runtime", runtime, "shop-1"),
        ("lambda function", function, "f"),
    ]
    assert signals(facts) == {(SignalKind.LOG, runtime)}


def test_the_telling_name_of_a_workload_in_the_log_is_a_weak_signal(facts_of):
    function = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:weather-mcp-server"
    events = [call("DescribeInstances", "ec2.amazonaws.com", inScopeOf={"credentialsIssuedTo": function})]
    assert signals(facts_of([role()], events=events)) == {(SignalKind.NAME, "weather-mcp-server")}


def test_workloads_follow_from_profiles_and_pinned_trust(facts_of):
    agent = f"arn:aws:bedrock:us-east-1:{ACCOUNT}:agent/A1"
    subject = {"StringEquals": {"oidc.eks.us-east-1.amazonaws.com/id/X:sub": "system:serviceaccount:ml:rag"}}
    facts = facts_of(
        [
            role(
                trust=[
                    trusts("bedrock.amazonaws.com", Condition={"ArnLike": {"aws:SourceArn": agent}}),
                    trusts(
                        "bedrock.amazonaws.com",
                        Condition={"ArnLike": {"aws:SourceArn": "arn:aws:bedrock:*:*:agent/*"}},
                    ),
                    {
                        "Effect": "Allow",
                        "Action": "sts:AssumeRoleWithWebIdentity",
                        "Principal": {"Federated": "p"},
                        "Condition": subject,
                    },
                ],
                InstanceProfileList=[{"Arn": f"arn:aws:iam::{ACCOUNT}:instance-profile/ip"}],
            )
        ]
    )
    assert [(load.kind, load.name) for load in facts.identities[0].workloads] == [
        ("bedrock agent", "A1"),
        ("ec2 instance profile", "ip"),
        ("kubernetes service account", "rag"),
    ]


def test_trust_is_told_as_written_with_its_conditions(facts_of):
    facts = facts_of(
        [
            role(
                trust=[
                    {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": "*"},
                    {
                        "Effect": "Allow",
                        "Action": "sts:AssumeRole",
                        "Principal": {"AWS": "222222222222"},
                        "Condition": {"StringEquals": {"sts:ExternalId": "x"}},
                    },
                    {"Effect": "Deny", "Action": "sts:AssumeRole", "Principal": {"AWS": "333333333333"}},
                ]
            )
        ]
    )
    assert facts.identities[0].trusted == ("*", '222222222222 if {"StringEquals": {"sts:ExternalId": ["x"]}}')


def credentials(facts):
    return [
        (c.id, c.kind, c.status, c.created, c.last_used, c.last_used_known, c.long_lived)
        for c in facts.credentials
    ]


REPORT = (
    "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active,"
    "access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_2_active,access_key_2_last_rotated,"
    "access_key_2_last_used_date,cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated\n"
    f"<root_account>,arn:aws:iam::{ACCOUNT}:root,2020-01-01T00:00:00+00:00,not_supported,no_information,not_supported,not_supported,"
    "true,false,N/A,N/A,false,N/A,N/A,false,N/A,false,N/A\n"
    f"ann,arn:aws:iam::{ACCOUNT}:user/ann,2020-01-01T00:00:00+00:00,true,2026-01-05T00:00:00+00:00,2025-01-01T00:00:00+00:00,N/A,false,"
    "true,2025-03-01T10:00:00+00:00,2026-02-01T00:00:00+00:00,false,2024-01-01T00:00:00+00:00,N/A,false,N/A,false,N/A\n"
)


def test_a_credential_report_lists_keys_and_the_password(facts_of):
    facts = facts_of(users=[user()], credential_report=REPORT)
    assert credentials(facts) == [
        ("access-key-1", "access-key", "active", "2025-03-01T10:00:00Z", "2026-02-01T00:00:00Z", True, True),
        ("access-key-2", "access-key", "inactive", "2024-01-01T00:00:00Z", "", True, True),
        (
            "console-password",
            "console-password",
            "active",
            "2025-01-01T00:00:00Z",
            "2026-01-05T00:00:00Z",
            True,
            False,
        ),
    ]


def test_listed_keys_take_the_place_of_the_reports_slots(facts_of):
    keys = {
        "AccessKeyMetadata": [
            {
                "UserName": "ann",
                "AccessKeyId": "AKIA1",
                "Status": "Active",
                "CreateDate": "2025-03-01T10:00:00+00:00",
            }
        ]
    }
    facts = facts_of(users=[user()], credential_report=REPORT, access_keys=keys)
    found = credentials(facts)
    assert found[0] == (
        "AKIA1",
        "access-key",
        "active",
        "2025-03-01T10:00:00Z",
        "2026-02-01T00:00:00Z",
        True,
        True,
    )
    assert [entry[0] for entry in found] == ["AKIA1", "access-key-2", "console-password"]


def test_keys_seen_in_logs_are_listed(facts_of):
    facts = facts_of(users=[user()], events=[by_user("ListQueues", "sqs.amazonaws.com", "AKIASEEN")])
    assert credentials(facts) == [("AKIASEEN", "access-key", "active", "", "", False, True)]


def test_bedrock_api_keys_are_listed_with_their_expiry_and_without_secrets(facts_of, collect, tmp_path):
    listing = {
        "ServiceSpecificCredentials": [
            {
                "UserName": "BedrockAPIKey-x",
                "ServiceName": "bedrock.amazonaws.com",
                "ServiceSpecificCredentialId": "ACCA1",
                "Status": "Active",
                "CreateDate": "2026-01-01T00:00:00+00:00",
                "ExpirationDate": "2126-01-01T00:00:00+00:00",
                "ServiceCredentialSecret": "ABSKplanted",
                "ServicePassword": "planted",
            }
        ]
    }
    facts = facts_of(users=[user("BedrockAPIKey-x")], service_specific_credentials=listing)
    key = facts.credentials[0]
    assert (key.id, key.kind, key.status, key.expires) == (
        "ACCA1",
        "bedrock-api-key",
        "active",
        "2126-01-01T00:00:00Z",
    )
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(listing))
    assert "planted" not in json.dumps(collect({"service_specific_credentials": [path]}).parts)


def listed_key(name, **more):
    return {
        "UserName": "BedrockAPIKey-x",
        "ServiceName": "bedrock.amazonaws.com",
        "ServiceSpecificCredentialId": name,
        "Status": "Active",
        "CreateDate": "2026-01-01T00:00:00+00:00",
        **more,
    }


EXPIRED = {
    "Status": "Expired",
    "CreateDate": "2025-01-01T00:00:00Z",
    "ExpirationDate": "2025-02-01T00:00:00Z",
}


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ([listed_key("ACCA1")], "ACCA1"),
        ([listed_key("ACCA1"), listed_key("ACCA2", **EXPIRED)], "ACCA1"),
        ([listed_key("ACCA1"), listed_key("ACCA2")], "bedrock-api-key"),  # either of them
    ],
)
def test_a_call_with_a_bedrock_api_key_is_a_use_of_the_only_key_it_can_be(facts_of, keys, expected):
    """Records say that a long-term key was used, never which one."""
    user_ = user("BedrockAPIKey-x")
    bearer = by_user("Converse", "bedrock.amazonaws.com", "") | {
        "additionalEventData": {"callWithBearerToken": True},
    }
    bearer["userIdentity"] = {"type": "IAMUser", "arn": user_["Arn"], "accountId": ACCOUNT}
    facts = facts_of(
        users=[user_], events=[bearer], service_specific_credentials={"ServiceSpecificCredentials": keys}
    )
    assert {row.credential for row in facts.usage} == {expected}
    assert not any(key.in_logs for key in facts.credentials)


def test_keys_inside_a_users_details_are_listed(facts_of):
    keys = [{"AccessKeyId": "AKIA9", "Status": "Inactive", "CreateDate": "2025-01-01T00:00:00Z"}]
    facts = facts_of(users=[user(AccessKeys=keys)])
    assert credentials(facts) == [
        ("AKIA9", "access-key", "inactive", "2025-01-01T00:00:00Z", "", False, True)
    ]


def test_logs_without_a_dump_still_show_who_acts(interpret, tmp_path):
    path = tmp_path / "events.json"
    path.write_text(json.dumps({"Records": [call("InvokeModel", "bedrock.amazonaws.com")]}))
    facts = interpret({"cloudtrail": [path]})
    assert [(one.id, one.kind, bool(one.signals)) for one in facts.identities] == [
        (f"arn:aws:iam::{ACCOUNT}:role/agent", "role", True)
    ]
    assert facts.entitlements == {}
    assert any("no authorization details" in caveat.what for caveat in facts.caveats)


def test_one_source_may_hold_several_accounts_pages_and_repeats(interpret, tmp_path):
    first = {"RoleDetailList": [role("a")], "UserDetailList": [], "IsTruncated": True}
    second = {"RoleDetailList": [role("b"), role("a")], "UserDetailList": [user()]}
    path = tmp_path / "pages.json"
    path.write_text(json.dumps([first, second]))
    facts = interpret({"authorization_details": [path, path]})
    assert [one.name for one in facts.identities] == ["a", "b", "ann"]
    assert not any("IsTruncated" in caveat.what for caveat in facts.caveats)


@pytest.mark.parametrize("cut", [{"IsTruncated": True, "Marker": "x"}, {"NextToken": "x"}])
def test_a_dump_cut_off_by_max_items_is_said(interpret, tmp_path, cut):
    """The API says IsTruncated; the CLI with `--max-items` leaves a NextToken instead."""
    path = tmp_path / "page.json"
    path.write_text(json.dumps({"RoleDetailList": [role("a")], **cut}))
    facts = interpret({"authorization_details": [path]})
    assert any("IsTruncated" in caveat.what for caveat in facts.caveats)


def test_a_key_of_a_name_that_several_accounts_have_goes_where_the_log_shows_it(facts_of):
    """`list-access-keys` names no account."""
    other = user(Arn="arn:aws:iam::999999999999:user/ann")
    keys = {
        "AccessKeyMetadata": [{"UserName": "ann", "AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "Status": "Active"}]
    }
    facts = facts_of([], [user(), other], access_keys=keys)
    assert facts.credentials == ()
    assert any("several accounts have" in caveat.what for caveat in facts.caveats)
    signed = call("ListBuckets", "s3.amazonaws.com")
    signed["userIdentity"] = {
        "type": "IAMUser",
        "arn": f"arn:aws:iam::{ACCOUNT}:user/ann",
        "accountId": ACCOUNT,
        "accessKeyId": "AKIAIOSFODNN7EXAMPLE",
        "userName": "ann",
    }
    facts = facts_of([], [user(), other], [signed], access_keys=keys)
    assert [(one.identity, one.id) for one in facts.credentials] == [
        (f"arn:aws:iam::{ACCOUNT}:user/ann", "AKIAIOSFODNN7EXAMPLE")
    ]


@pytest.mark.parametrize("name", ["../../etc", "\u202egpj.exe", "=cmd|'/c'!A1", "<script>", "a" * 500])
def test_hostile_names_pass_through_as_text(facts_of, name):
    assert facts_of([role(name)]).identities[0].name == name


def test_who_runs_as_a_role_through_roles_anywhere_is_a_workload(gaad, collect):
    memory = collect({"authorization_details": [gaad()]})
    profile = {
        "profileArn": "arn:aws:rolesanywhere:eu-west-1:111122223333:profile/1",
        "name": "factory",
        "enabled": True,
        "roleArns": ["arn:aws:iam::111122223333:role/agent"],
    }
    off = {**profile, "name": "old", "enabled": False, "profileArn": f"{profile['profileArn']}1"}
    memory.parts["roles_anywhere"] = [{"list": "profiles", "record": one} for one in (profile, off)]
    facts = CONNECTOR.interpret([memory], YEAR, Patterns())
    (identity,) = facts.identities
    assert [("roles anywhere profile", "factory")] == [(load.kind, load.name) for load in identity.workloads]


@pytest.mark.parametrize(
    ("action", "is_ai"),
    [
        ("comprehend:DetectSentiment", True),
        ("rekognition:DetectLabels", True),
        ("translate:TranslateText", True),
        ("transcribe:StartTranscriptionJob", True),
        ("finops-agent:*", True),
        ("comprehend:ListEndpoints", False),
        ("rekognition:Describe*", False),
    ],
)
def test_the_older_ai_services_are_signs_too_and_reading_their_settings_is_none(
    gaad, interpret, action, is_ai
):
    facts = interpret(
        {"authorization_details": [gaad({"Effect": "Allow", "Action": action, "Resource": "*"})]}
    )
    signals = {signal.kind for signal in facts.identities[0].signals}
    assert (SignalKind.GRANT in signals) is is_ai
