"""What the logs could not have shown is never called unused, and the change that would show it is named.

Trails and events are synthetic; their shapes are those of the CloudTrail API and record reference.
"""

import json
from datetime import UTC, datetime

import pytest

from connectors.aws.catalog.actions import Catalogue
from connectors.aws.catalog.tables import table
from connectors.aws.connector import CONNECTOR
from connectors.aws.coverage.selectors import read_selectors
from connectors.facts import CoverageState, Window
from connectors.interface import Patterns

YEAR = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
AGENT = "arn:aws:iam::111122223333:role/agent"
TRAIL = "arn:aws:cloudtrail:us-east-1:111122223333:trail/main"


def allow(*actions):
    return {"Effect": "Allow", "Action": list(actions), "Resource": "*"}


def event(name, source="ec2.amazonaws.com", time="2026-06-01T00:00:00Z", account="111122223333", **more):
    return {
        "eventVersion": "1.11",
        "eventTime": time,
        "eventName": name,
        "eventSource": source,
        "eventID": f"{name} {source} {time} {account}",
        "eventType": "AwsApiCall",
        "eventCategory": "Management",
        "awsRegion": "us-east-1",
        "recipientAccountId": account,
        "userIdentity": {
            "type": "AssumedRole",
            "arn": f"arn:aws:sts::{account}:assumed-role/agent/job",
            "accountId": account,
            "sessionContext": {
                "sessionIssuer": {"type": "Role", "arn": f"arn:aws:iam::{account}:role/agent"}
            },
        },
        **more,
    }


def trail(selectors=None, *, status=None, **more):
    documents = [
        {
            "trailList": [
                {
                    "Name": "main",
                    "S3BucketName": "logs",
                    "HomeRegion": "us-east-1",
                    "IsMultiRegionTrail": True,
                    "IncludeGlobalServiceEvents": True,
                    "TrailARN": TRAIL,
                    "HasCustomEventSelectors": selectors is not None,
                    **more,
                }
            ]
        }
    ]
    if selectors is not None:
        documents.append({"TrailARN": TRAIL, **selectors})
    if status is not None:
        documents.append(status)
    return documents


@pytest.fixture
def blind(gaad, interpret, tmp_path):
    """Return ({permission: code of the first blind spot}, facts) of one role."""

    def blind(statement, events=(), trails=None, folder=None, **role):
        statements = statement if isinstance(statement, list) else [statement]
        files = {"authorization_details": [gaad(*statements, role=role)]}
        if events:
            place = tmp_path / (folder or "logs")
            place.mkdir(parents=True, exist_ok=True)
            (place / "file.json").write_text(json.dumps({"Records": list(events)}))
            files["cloudtrail"] = [tmp_path / (folder or "logs").split("/")[0]]
        if trails is not None:
            path = tmp_path / "trails.json"
            path.write_text(json.dumps(trails))
            files["trails"] = [path]
        facts = interpret(files)
        codes = {}
        for spot in facts.entitlements[AGENT].blind:
            for name in facts.permissions.names(spot.permissions):
                codes.setdefault(name, spot.code)
        return codes, facts

    return blind


SEEN = event("DescribeInstances")
SESSIONS = "arn:aws:sts::111122223333:assumed-role/"
EVERYTHING = {
    "AdvancedEventSelectors": [{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]}]
}


def data(kind, **more):
    fields = [{"Field": "eventCategory", "Equals": ["Data"]}, {"Field": "resources.type", "Equals": [kind]}]
    return {"FieldSelectors": [*fields, *({"Field": field, **how} for field, how in more.items())]}


def advanced(*selectors):
    return {"AdvancedEventSelectors": [*EVERYTHING["AdvancedEventSelectors"], *selectors]}


def test_without_logs_of_the_account_nothing_can_be_seen(blind):
    codes, facts = blind(allow("ec2:DescribeVpcs", "s3:GetObject", "iam:PassRole"))
    assert codes == {
        "ec2:DescribeVpcs": "no-logs-for-account",
        "s3:GetObject": "no-logs-for-account",
        "iam:PassRole": "never-logged",
    }
    assert [row.state for row in facts.coverage if row.log_class == "management"] == [CoverageState.UNKNOWN]


def test_logs_of_another_account_show_nothing(blind):
    codes, _ = blind(allow("ec2:DescribeVpcs"), [event("DescribeVpcs", account="999999999999")])
    assert codes == {"ec2:DescribeVpcs": "no-logs-for-account"}


def test_logs_outside_the_window_show_nothing(blind):
    codes, _ = blind(allow("ec2:DescribeVpcs"), [event("DescribeVpcs", time="2024-01-01T00:00:00Z")])
    assert codes == {"ec2:DescribeVpcs": "logs-do-not-cover-window"}


def test_management_events_are_seen_where_the_account_has_some(blind):
    codes, facts = blind(
        allow("ec2:DescribeVpcs", "bedrock:InvokeModel", "secretsmanager:GetSecretValue"), [SEEN]
    )
    assert codes == {}
    places = {(row.place, row.log_class): row.state for row in facts.coverage}
    assert places["us-east-1", "management"] is CoverageState.PARTIAL
    assert places["other regions", "management"] is CoverageState.UNKNOWN


def test_an_empty_trail_file_of_the_window_is_proof_of_recording(blind):
    folder = "AWSLogs/111122223333/CloudTrail/us-east-1/2026/06/01"
    codes, _ = blind(allow("ec2:DescribeVpcs"), [event("X", account="999999999999")], folder=folder)
    assert codes == {}


@pytest.mark.parametrize(
    "action",
    [
        "s3:GetObject",
        "s3:ListBucket",
        "lambda:InvokeFunction",
        "dynamodb:PutItem",
        "sqs:SendMessage",
        "sns:Publish",
        "kinesis:PutRecord",
        "bedrock:InvokeAgent",
        "bedrock:Retrieve",
        "bedrock:ApplyGuardrail",
        "bedrock:InvokeFlow",
        "bedrock-agentcore:InvokeAgentRuntime",
        "bedrock-agentcore:GetResourceApiKey",
        "bedrock-agentcore:CreateEvent",
        "bedrock-mantle:CreateInference",
        "aws-external-anthropic:CreateInference",
        "qbusiness:ChatSync",
        "ssmmessages:CreateControlChannel",
        "cloudwatch:PutMetricData",
        "ebs:GetSnapshotBlock",
    ],
)
def test_data_events_are_not_taken_for_recorded(blind, action):
    codes, facts = blind(allow(action), [SEEN])
    assert codes == {action: "data-events-unknown"}
    fix = facts.entitlements[AGENT].blind[0].fix
    assert "put-event-selectors" in fix
    assert '"resources.type"' in fix


@pytest.mark.parametrize(
    "action",
    [
        "iam:PassRole",
        "bedrock:CallWithBearerToken",
        "sts:TagSession",
        "logs:PutLogEvents",
        "execute-api:Invoke",
        "rds-db:connect",
        "sagemaker:InvokeEndpoint",
        "ec2messages:GetMessages",
        "s3:GetObjectVersion",
        "es:ESHttpGet",
    ],
)
def test_what_never_leaves_an_event_is_never_seen(blind, action):
    codes, _ = blind(allow(action), [SEEN], trail(advanced(data("AWS::S3::Object"))))
    assert codes == {action: "never-logged"}


def test_a_data_event_seen_is_partly_recorded_and_its_absence_still_shows_nothing(blind):
    put = event(
        "GetObject",
        "s3.amazonaws.com",
        eventCategory="Data",
        resources=[{"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::b/k"}],
    )
    codes, facts = blind(allow("s3:GetObject", "s3:PutObject"), [SEEN, put])
    assert codes["s3:PutObject"] == "data-events-unknown"
    states = {row.log_class: row.state for row in facts.coverage}
    assert states["data: AWS::S3::Object"] is CoverageState.PARTIAL


DELIVERED = "AWSLogs/111122223333/CloudTrail/us-east-1/2026/06/01"


def test_data_events_that_a_trail_selects_in_full_are_seen(blind):
    codes, facts = blind(
        allow("s3:GetObject", "sqs:SendMessage"), [SEEN], trail(advanced(data("AWS::S3::Object"))), DELIVERED
    )
    assert codes == {"sqs:SendMessage": "data-events-not-logged"}
    states = {row.log_class: row.state for row in facts.coverage}
    assert states["management"] is CoverageState.ON
    assert states["data: AWS::S3::Object"] is CoverageState.ON
    assert states["data: other types"] is CoverageState.OFF


def test_data_events_are_not_seen_when_the_files_given_are_not_the_trails(blind):
    codes, _ = blind(allow("s3:GetObject"), [SEEN], trail(advanced(data("AWS::S3::Object"))))
    assert codes == {"s3:GetObject": "trail-files-not-given"}


@pytest.mark.parametrize(
    "narrow",
    [
        {"resources.ARN": {"StartsWith": ["arn:aws:s3:::one/"]}},
        {"readOnly": {"Equals": ["true"]}},
        {"eventName": {"Equals": ["PutObject"]}},
    ],
)
def test_data_events_selected_in_part_are_not_taken_for_recorded(blind, narrow):
    codes, _ = blind(
        allow("s3:GetObject"), [SEEN], trail(advanced(data("AWS::S3::Object", **narrow))), DELIVERED
    )
    assert codes == {"s3:GetObject": "data-events-not-logged"}


READ, WRITE = {"readOnly": {"Equals": ["true"]}}, {"readOnly": {"Equals": ["false"]}}
OBJECTS, ITEMS = "AWS::S3::Object", "AWS::DynamoDB::Table"
WRITES = {"s3:PutObject", "s3:DeleteObject", "s3:RestoreObject"}
HOLDS = ("s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:RestoreObject")


def basic(kind, *values, mode="All"):
    resources = [{"Type": kind, "Values": list(values)}]
    return {"EventSelectors": [{"ReadWriteType": mode, "DataResources": resources}]}


@pytest.mark.parametrize(
    ("selectors", "shown"),
    [
        (advanced(data(OBJECTS, **READ)), {"s3:ListBucket"}),
        (advanced(data(OBJECTS, **WRITE)), WRITES),
        (advanced(data(OBJECTS, **READ), data(OBJECTS, **WRITE)), set(HOLDS)),
        (advanced(data(OBJECTS, readOnly={"Equals": ["true", "false"]})), set(HOLDS)),
        (advanced(data(OBJECTS, eventName={"Equals": ["DeleteObject"]})), set()),
        (
            advanced(
                data(
                    OBJECTS, eventName={"Equals": ["DeleteObject", "DeleteObjects", "DeleteMultipleObjects"]}
                )
            ),
            {"s3:DeleteObject"},
        ),
        (advanced(data(OBJECTS, eventName={"StartsWith": ["Delete"]})), {"s3:DeleteObject"}),
        (
            advanced(data(OBJECTS, eventName={"NotEquals": ["CopyObject", "DeleteObjects"]})),
            {"s3:ListBucket", "s3:RestoreObject"},
        ),
        (
            advanced(data(OBJECTS, **READ), data(OBJECTS, eventName={"Equals": ["CopyObject"]})),
            {"s3:ListBucket"},
        ),
        (advanced(data(OBJECTS, **{"resources.ARN": {"StartsWith": ["arn:aws:s3:::"]}})), set(HOLDS)),
        (advanced(data(OBJECTS, **{"resources.ARN": {"StartsWith": ["arn:aws:s3:::one/"]}})), set()),
        (advanced(data(OBJECTS, **{"resources.ARN": {"NotStartsWith": ["arn:aws:s3:::logs/"]}})), set()),
        (advanced(data(OBJECTS, **{"resources.ARN": {"StartsWith": ["arn:aws:lambda"]}})), set()),
        (advanced(data(OBJECTS, eventType={"Equals": ["AwsApiCall"]})), set(HOLDS)),
        (advanced(data(OBJECTS, eventType={"NotEquals": ["AwsServiceEvent"]})), set(HOLDS)),
        (advanced(data(OBJECTS, eventType={"Equals": ["AwsServiceEvent"]})), set()),
        (advanced(data(OBJECTS, eventSource={"NotEquals": ["sqs.amazonaws.com"]})), set(HOLDS)),
        (advanced(data(OBJECTS, eventSource={"NotEquals": ["s3.amazonaws.com"]})), set()),
        (advanced(data(OBJECTS, sessionCredentialFromConsole={"NotEquals": ["true"]})), set()),
        (advanced(data(OBJECTS, aFieldOfTomorrow={"Equals": ["x"]})), set()),
        (advanced(data(OBJECTS, eventName={"MatchesTomorrow": ["Delete"]})), set()),
        (
            advanced(data(OBJECTS, **{"userIdentity.arn": {"NotStartsWith": [f"{SESSIONS}other/"]}})),
            set(HOLDS),
        ),
        (advanced(data(OBJECTS, **{"userIdentity.arn": {"NotStartsWith": [f"{SESSIONS}agent"]}})), set()),
        (advanced(data(OBJECTS, **{"userIdentity.arn": {"NotEquals": [f"{SESSIONS}agent/job"]}})), set()),
        (advanced(data(OBJECTS, **{"userIdentity.arn": {"NotEndsWith": ["/job"]}})), set()),
        (
            advanced(data(OBJECTS, **{"userIdentity.arn": {"StartsWith": [f"{SESSIONS}agent/"]}})),
            set(HOLDS),
        ),
        (
            advanced(data(OBJECTS, **READ, **{"userIdentity.arn": {"StartsWith": [f"{SESSIONS}agent/"]}})),
            {"s3:ListBucket"},
        ),
        (advanced(data(OBJECTS, **{"userIdentity.arn": {"Equals": [f"{SESSIONS}agent/job"]}})), set()),
        (basic(OBJECTS, "arn:aws:s3", mode="ReadOnly"), {"s3:ListBucket"}),
        (basic(OBJECTS, "arn:aws:s3", mode="WriteOnly"), WRITES),
        (basic(OBJECTS, "arn:aws:s3:::", mode="All"), set(HOLDS)),
        (basic(OBJECTS, "arn:aws:s3:::one/", mode="All"), set()),
    ],
)
def test_data_events_are_seen_as_far_as_selectors_take_them_for_certain(blind, selectors, shown):
    """CopyObject needs GetObject too and is a write, so reads alone do not show all of its use."""
    codes, _ = blind(allow(*HOLDS), [SEEN], trail(selectors), DELIVERED)
    assert shown == set(HOLDS) - set(codes)
    assert set(codes.values()) <= {"data-events-not-logged"}


ONE = {"resources.ARN": {"StartsWith": ["arn:aws:s3:::one/"]}}
BUT_LOGS = {"resources.ARN": {"NotStartsWith": ["arn:aws:s3:::logs/"]}}
TABLE = "arn:aws:dynamodb:us-east-1:111122223333:table/notes"


def on(*resources, actions=("s3:GetObject",), **more):
    return {"Effect": "Allow", "Action": list(actions), "Resource": list(resources), **more}


@pytest.mark.parametrize(
    ("selector", "statements", "shown"),
    [
        (data(OBJECTS, **ONE), [on("arn:aws:s3:::one/*")], True),
        (data(OBJECTS, **ONE), [on("arn:aws:s3:::one", "arn:aws:s3:::one/docs/*")], True),
        (data(OBJECTS, **ONE), [on("arn:aws:s3:::one*")], False),
        (data(OBJECTS, **ONE), [on("arn:aws:s3:::one/*"), on("arn:aws:s3:::two/*")], False),
        (data(OBJECTS, **ONE), [on("arn:aws:s3:::one/*"), on("*", actions=["s3:PutObject"])], False),
        (
            data(OBJECTS, **ONE),
            [on("arn:aws:s3:::one/*"), on("arn:aws:s3:::one/out/*", actions=["s3:PutObject"])],
            True,
        ),
        (data(OBJECTS, **ONE), [on("*"), on("*", Effect="Deny")], None),
        (
            data(OBJECTS, **ONE),
            [{"Effect": "Allow", "Action": ["s3:GetObject"], "NotResource": "arn:aws:s3:::two/*"}],
            False,
        ),
        (data(OBJECTS, **ONE), [on("arn:aws:s3:::${aws:PrincipalTag/team}/*")], False),
        (data(OBJECTS, **BUT_LOGS), [on("arn:aws:s3:::one/*")], True),
        (data(OBJECTS, **BUT_LOGS), [on("arn:aws:s3:::lo*/*")], False),
        (data(OBJECTS, **BUT_LOGS), [on("*")], False),
        (data(OBJECTS, **ONE, **READ), [on("arn:aws:s3:::one/*")], False),
        (
            data(ITEMS, **{"resources.ARN": {"Equals": [TABLE]}}),
            [on(TABLE, actions=["dynamodb:GetItem"])],
            True,
        ),
        (
            data(ITEMS, **{"resources.ARN": {"Equals": [TABLE]}}),
            [on(f"{TABLE}*", actions=["dynamodb:GetItem"])],
            False,
        ),
    ],
)
def test_a_selector_of_some_resources_shows_what_is_held_only_there(blind, selector, statements, shown):
    """`readOnly` beside it still hides what may be a write; CopyObject counts where its caller may write."""
    codes, facts = blind(statements, [SEEN], trail(advanced(selector)), DELIVERED)
    name = statements[0]["Action"][0]
    entitlement = facts.entitlements[AGENT]
    held = (entitlement.granted | entitlement.conditional) >> facts.permissions.find(name) & 1
    assert (None if not held else name not in codes) == shown


def test_a_basic_selector_names_beginnings_of_objects_and_whole_tables(blind):
    there = [on("arn:aws:s3:::one/*"), on(TABLE, f"{TABLE}2", actions=["dynamodb:GetItem"])]
    assert {"dynamodb:GetItem"} == set(
        blind(there, [SEEN], trail(basic(OBJECTS, "arn:aws:s3:::one/")), DELIVERED)[0]
    )
    codes, _ = blind(there, [SEEN], trail(basic(ITEMS, TABLE)), DELIVERED)
    assert {"s3:GetObject", "dynamodb:GetItem"} == set(codes)
    codes, _ = blind(there[1:], [SEEN], trail(basic(ITEMS, TABLE, f"{TABLE}2")), DELIVERED)
    assert {} == codes


def test_what_would_show_the_rest_is_the_half_that_is_missing(blind):
    _, facts = blind(
        allow("s3:PutObject", "s3:ListBucket"), [SEEN], trail(advanced(data(OBJECTS, **READ))), DELIVERED
    )
    (spot,) = facts.entitlements[AGENT].blind
    assert (
        "selected only in part (reads); left out, at least in part: s3:CompleteMultipartUpload" in spot.reason
    )
    selector = json.loads(spot.fix[spot.fix.index("{") :])
    assert {"Field": "readOnly", "Equals": ["false"]} in selector["FieldSelectors"]
    assert "added to those of get-event-selectors" in spot.fix
    (row,) = [row for row in facts.coverage if row.log_class == f"data: {OBJECTS}"]
    assert (CoverageState.PARTIAL, "selected only in part (reads)") == (row.state, row.reason)
    assert spot.fix == row.fix


def test_basic_selectors_have_to_be_written_anew_before_another_type_can_be_added(blind):
    """A trail takes basic or advanced selectors, not both: what it records already would be lost."""
    selectors = basic(OBJECTS, "arn:aws:s3")
    _, facts = blind(allow("bedrock:InvokeAgent"), [SEEN], trail(selectors), DELIVERED)
    (spot,) = facts.entitlements[AGENT].blind
    assert "added to the trail's basic selectors, written as advanced ones" in spot.fix


def test_each_identity_is_seen_as_its_own_calls_are_selected(gaad, interpret, tmp_path):
    """One trail leaves out a noisy role; the other role, its user and what they do stay visible."""
    statement = allow("s3:DeleteObject")
    policies = [{"PolicyName": "p", "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]}}]
    role = {"Path": "/", "CreateDate": "2025-01-01T00:00:00+00:00", "AssumeRolePolicyDocument": {}}
    roles = [
        {**role, "RoleName": name, "Arn": f"{AGENT[:31]}role/{path}{name}", "RolePolicyList": policies}
        for name, path in (("noisy", "team/"), ("agent", ""))
    ]
    user = {"UserName": "ann", "Arn": f"{AGENT[:31]}user/ann", "UserPolicyList": policies}
    (tmp_path / DELIVERED).mkdir(parents=True)
    (tmp_path / DELIVERED / "file.json").write_text(json.dumps({"Records": [SEEN]}))
    narrow = {"userIdentity.arn": {"NotStartsWith": [f"{SESSIONS}noisy/"]}}
    (tmp_path / "trails.json").write_text(json.dumps(trail(advanced(data(OBJECTS, **narrow)))))
    facts = interpret(
        {
            "authorization_details": [gaad(RoleDetailList=roles, UserDetailList=[user])],
            "cloudtrail": [tmp_path / "AWSLogs"],
            "trails": [tmp_path / "trails.json"],
        }
    )
    hidden = {identity: bool(held.blind) for identity, held in facts.entitlements.items()}
    assert hidden == {roles[0]["Arn"]: True, roles[1]["Arn"]: False, user["Arn"]: False}


@pytest.mark.parametrize(
    ("selectors", "hidden"),
    [
        (
            {"EventSelectors": [{"ReadWriteType": "WriteOnly", "IncludeManagementEvents": True}]},
            "ec2:DescribeVpcs",
        ),
        (
            {"EventSelectors": [{"ReadWriteType": "ReadOnly", "IncludeManagementEvents": True}]},
            "ec2:RunInstances",
        ),
    ],
)
def test_reads_or_writes_left_out_are_not_seen(blind, selectors, hidden):
    """What may be marked as either is seen only where both are recorded."""
    either = "ec2:MonitorInstances"
    codes, facts = blind(allow("ec2:DescribeVpcs", "ec2:RunInstances", either), [SEEN], trail(selectors))
    assert set(codes) == {hidden, either}
    (fix,) = {spot.fix for spot in facts.entitlements[AGENT].blind}
    assert '[{"Field": "eventCategory", "Equals": ["Management"]}]' in fix


def test_excluded_sources_are_not_seen(blind):
    selectors = {
        "EventSelectors": [
            {
                "ReadWriteType": "All",
                "IncludeManagementEvents": True,
                "ExcludeManagementEventSources": ["kms.amazonaws.com"],
            }
        ]
    }
    codes, _ = blind(allow("kms:Decrypt", "ec2:DescribeVpcs"), [SEEN], trail(selectors))
    assert codes == {"kms:Decrypt": "source-excluded"}


@pytest.mark.parametrize(
    ("error", "denied"), [({}, 0), ({"errorCode": "VpceAccessDenied"}, 1)], ids=["passed", "refused"]
)
def test_network_activity_repeats_calls_and_alone_holds_those_an_endpoint_refused(blind, error, denied):
    through = event("DescribeVpcs", eventType="AwsVpceEvent", eventCategory="NetworkActivity", **error)
    selectors = [
        {"Field": "eventCategory", "Equals": ["NetworkActivity"]},
        {"Field": "eventSource", "Equals": ["ec2.amazonaws.com"]},
    ]
    management = [{"Field": "eventCategory", "Equals": ["Management"]}]
    both = {"AdvancedEventSelectors": [{"FieldSelectors": selectors}, {"FieldSelectors": management}]}
    codes, facts = blind(allow("ec2:DescribeVpcs"), [SEEN, through], trail(both))
    assert codes == ({} if denied else {"ec2:DescribeVpcs": "endpoint-record-only"})
    assert [(row.permission, row.denied) for row in facts.usage if row.permission == "ec2:DescribeVpcs"] == [
        ("ec2:DescribeVpcs", denied)
    ] * denied
    (row,) = [row for row in facts.coverage if row.log_class == "network activity"]
    assert row.reason == "calls through VPC endpoints to ec2.amazonaws.com"


def test_a_stopped_trail_shows_nothing(blind):
    codes, facts = blind(allow("ec2:DescribeVpcs"), [SEEN], trail(status={"IsLogging": False}))
    assert codes == {"ec2:DescribeVpcs": "trail-not-logging"}
    assert facts.coverage[0].state is CoverageState.OFF


@pytest.mark.parametrize(
    ("status", "hidden"),
    [
        ({"IsLogging": True, "LatestDeliveryError": "NoSuchBucket"}, True),
        (
            {
                "IsLogging": True,
                "LatestDeliveryError": "AccessDenied",
                "LatestDeliveryTime": "2026-06-01T12:00:00Z",
            },
            True,
        ),
        (
            {
                "IsLogging": True,
                "LatestDeliveryError": "AccessDenied",
                "LatestDeliveryTime": "2026-05-01T12:00:00Z",
            },
            False,
        ),
        (
            {
                "IsLogging": True,
                "LatestDeliveryError": "AccessDenied",
                "LatestDeliveryTime": "2027-01-01T12:00:00Z",
            },
            False,
        ),
        ({"IsLogging": True, "LatestDeliveryError": "", "LatestDeliveryTime": "2026-06-01T12:00:00Z"}, False),
        ({"IsLogging": False, "StopLoggingTime": "2027-02-01T12:00:00Z"}, False),
    ],
    ids=["never", "since", "logs-go-on", "after-the-window", "no-error", "stopped-after-the-window"],
)
def test_a_trail_that_cannot_deliver_its_files_counts_as_stopped_since(blind, status, hidden):
    """Its status says that it records; a bucket that refuses the files keeps them from everybody."""
    codes, facts = blind(allow("ec2:DescribeVpcs"), [SEEN], trail(status=status))
    assert codes == ({"ec2:DescribeVpcs": "trail-not-logging"} if hidden else {})
    if hidden:
        (spot,) = facts.entitlements[AGENT].blind
        assert status["LatestDeliveryError"] in spot.reason
        assert "mend the bucket of main" in spot.fix


@pytest.mark.parametrize(
    ("given", "said"),
    [(range(1, 11), 0), ([1, 2, 3, 4, 9, 10], 1), ([1, 2, 4, 5], 0), ([1, 10], 0)],
    ids=["all", "a-gap", "one-day", "sparse"],
)
def test_days_without_a_file_between_the_others_are_said(gaad, interpret, tmp_path, given, said):
    for day in given:
        folder = tmp_path / f"AWSLogs/111122223333/CloudTrail/us-east-1/2026/06/{day:02d}"
        folder.mkdir(parents=True)
        seen = event("DescribeInstances", time=f"2026-06-{day:02d}T00:00:00Z")
        (folder / "x.json").write_text(json.dumps({"Records": [seen]}), "utf-8")
    facts = interpret({"authorization_details": [gaad(allow("s3:*"))], "cloudtrail": [tmp_path / "AWSLogs"]})
    found = [one.what for one in facts.caveats if "between the others" in one.what]
    assert (
        found
        == ["no trail file of 111122223333 is of 4 days between the others (2026-06-05 to 2026-06-08)"] * said
    )


def test_a_trail_of_one_region_shows_only_global_services(blind):
    codes, _ = blind(allow("ec2:DescribeVpcs", "iam:GetUser"), [SEEN], trail(IsMultiRegionTrail=False))
    assert codes == {"ec2:DescribeVpcs": "other-regions-not-logged"}


def test_an_organization_trail_counts_for_its_members(blind):
    arn = "arn:aws:cloudtrail:us-east-1:999999999999:trail/org"
    codes, _ = blind(allow("ec2:DescribeVpcs"), [SEEN], trail(TrailARN=arn, IsOrganizationTrail=True))
    assert codes == {}


def test_selectors_and_status_in_files_of_their_own_find_their_trail(gaad, interpret, tmp_path):
    """As the commands of docs/aws.md write them: a status says nothing of its trail but the file's name."""
    folder = tmp_path / "trails"
    folder.mkdir()
    other = {"Name": "other", "S3BucketName": "b", "IsMultiRegionTrail": True, "TrailARN": f"{TRAIL}-2"}
    listing = trail()[0]
    listing["trailList"].append({**other, "HasCustomEventSelectors": True})
    (folder / "describe-trails.json").write_text(json.dumps(listing))
    (folder / "selectors-other.json").write_text(
        json.dumps({"TrailARN": f"{TRAIL}-2", **advanced(data("AWS::SQS::Queue"))})
    )
    (folder / "status-other.json").write_text(
        json.dumps({"IsLogging": True, "StartLoggingTime": 1767225600.0})
    )
    (folder / "status-main.json").write_text(json.dumps({"IsLogging": False}))
    (tmp_path / "log.json").write_text(json.dumps({"Records": [SEEN]}))
    facts = interpret(
        {
            "authorization_details": [gaad(allow("sqs:SendMessage", "sns:Publish"))],
            "cloudtrail": [tmp_path / "log.json"],
            "trails": [folder],
        }
    )
    codes = {spot.code for spot in facts.entitlements[AGENT].blind}
    assert codes == {"trail-files-not-given", "data-events-not-logged"}
    row = next(row for row in facts.coverage if row.log_class == "management")
    assert (row.reason, row.since) == ("trail other", "2026-01-01T00:00:00Z")


def test_a_status_belongs_to_the_trail_with_the_longest_name_in_its_files_name(gaad, interpret, tmp_path):
    """`status-main-data.json` says nothing of the trail `main`."""
    folder = tmp_path / "trails"
    folder.mkdir()
    listing = trail()[0]
    listing["trailList"].append({**listing["trailList"][0], "Name": "main-data", "TrailARN": f"{TRAIL}-data"})
    (folder / "describe-trails.json").write_text(json.dumps(listing))
    (folder / "status-main-data.json").write_text(json.dumps({"IsLogging": False}))
    (tmp_path / "log.json").write_text(json.dumps({"Records": [SEEN]}))
    facts = interpret({"cloudtrail": [tmp_path / "log.json"], "trails": [folder]})
    everywhere = [row for row in facts.coverage if row.place == "all regions"]
    rows = [row.reason for row in everywhere if row.log_class == "management"]
    assert [reason.partition(":")[0] for reason in rows] == ["trail main"]


def test_selectors_without_a_description_of_their_trail_are_said_to_be_unused(blind):
    codes, facts = blind(
        allow("s3:GetObject"), [SEEN], [{"TrailARN": TRAIL, **advanced(data("AWS::S3::Object"))}], DELIVERED
    )
    assert codes == {"s3:GetObject": "data-events-unknown"}
    said = [(caveat.what, caveat.effect) for caveat in facts.caveats if "trail" in caveat.what]
    assert any("describes no trail" in what and "describe-trails" in effect for what, effect in said)
    assert any(TRAIL in what for what, _ in said)


def test_a_trail_without_its_selectors_is_said_and_its_data_events_are_unknown(blind):
    codes, facts = blind(
        allow("s3:GetObject", "ec2:DescribeVpcs"), [SEEN], trail(HasCustomEventSelectors=True), DELIVERED
    )
    assert codes == {"s3:GetObject": "data-events-unknown"}
    assert [c.where for c in facts.caveats if "selectors of this trail are not" in c.what] == [TRAIL]


def test_no_trails_at_all_is_an_answer_and_no_mistake(blind):
    _, facts = blind(allow("ec2:DescribeVpcs"), [SEEN], [{"trailList": []}])
    assert [caveat.what for caveat in facts.caveats if "trail" in caveat.what] == []


@pytest.mark.parametrize(
    ("since", "earlier", "hidden"),
    [
        ("2026-05-01T00:00:00+00:00", [], True),
        ("2026-05-01T00:00:00+00:00", [event("DescribeInstances", time="2026-03-01T00:00:00Z")], False),
        ("2025-05-01T00:00:00+00:00", [], False),
        ("2026-01-01T12:00:00+00:00", [], False),
    ],
)
def test_recording_that_began_within_the_window_does_not_speak_for_all_of_it(blind, since, earlier, hidden):
    """Unless the logs hold something earlier: the trail was restarted then, or the files are not its own."""
    status = {"IsLogging": True, "StartLoggingTime": since}
    codes, facts = blind(allow("ec2:DescribeVpcs"), [SEEN, *earlier], trail(status=status))
    assert codes == ({"ec2:DescribeVpcs": "recording-began-late"} if hidden else {})
    row = next(row for row in facts.coverage if row.log_class == "management")
    assert row.state is (CoverageState.ON if since < "2026" else CoverageState.PARTIAL)


@pytest.mark.parametrize(
    ("stopped", "days", "hidden"),
    [
        ("2026-03-15T00:00:00Z", ["2026/03/01", "2026/06/01"], True),
        ("2026-03-15T00:00:00Z", ["2026/03/01", "2026/04/01", "2026/06/01"], False),
        ("2026-04-30T12:00:00Z", ["2026/03/01", "2026/06/01"], False),
        ("2025-03-15T00:00:00Z", ["2025/03/01", "2026/06/01"], True),
    ],
    ids=["paused", "another-trail-went-on", "for-hours-only", "since-before-the-window"],
)
def test_a_trail_that_stood_still_within_the_window_does_not_speak_for_all_of_it(
    gaad, interpret, tmp_path, stopped, days, hidden
):
    """Its status says when it was stopped and started again; the days given may be another trail's."""
    for day in days:
        folder = tmp_path / "AWSLogs/111122223333/CloudTrail/us-east-1" / day
        folder.mkdir(parents=True)
        seen = event("DescribeInstances", time=f"{day.replace('/', '-')}T00:00:00Z")
        (folder / "x.json").write_text(json.dumps({"Records": [seen]}), "utf-8")
    status = {"IsLogging": True, "StopLoggingTime": stopped, "StartLoggingTime": "2026-05-01T00:00:00Z"}
    (tmp_path / "trails.json").write_text(json.dumps(trail(status=status)), "utf-8")
    facts = interpret(
        {
            "authorization_details": [gaad(allow("ec2:DescribeVpcs"))],
            "cloudtrail": [tmp_path / "AWSLogs"],
            "trails": [tmp_path / "trails.json"],
        },
        window=YEAR,
    )
    assert ["recording-paused"] * hidden == [blind.code for blind in facts.entitlements[AGENT].blind]


def two_trails(*others):
    """Return a trail of every management event since long ago, beside another one."""
    whole = trail(EVERYTHING, status={"IsLogging": True, "StartLoggingTime": "2025-01-01T00:00:00Z"})
    second = TRAIL.replace("main", "second")
    return [
        *({**one, "TrailARN": TRAIL} if "trailList" not in one else one for one in whole),
        *({**one, "TrailARN": second} if "trailList" not in one else one for one in others),
    ]


LEDGER = f"AWSLogs/o-abcdef1234/{DELIVERED.partition('/')[2]}"


@pytest.mark.parametrize(
    ("folder", "organization", "more", "hidden"),
    [
        (DELIVERED, False, [], True),
        (DELIVERED, True, [], True),
        (LEDGER, True, [], False),
        (DELIVERED, False, ["AWS::S3::Object"], False),
    ],
    ids=["either-trails-files", "the-other-trails-files", "its-files", "its-events"],
)
def test_data_events_of_a_trail_whose_files_may_not_be_given_are_not_seen(
    blind, folder, organization, more, hidden
):
    """The account's own trail records management events alone; a second one, objects too."""
    events = [
        SEEN,
        *(
            event(
                "PutObject", "s3.amazonaws.com", eventCategory="Data", resources=[{"type": kind, "ARN": "a"}]
            )
            for kind in more
        ),
    ]
    second = f"{TRAIL}-2"
    trails = [
        *trail(EVERYTHING),
        {
            "trailList": [
                {
                    "Name": "main-2",
                    "S3BucketName": "logs",
                    "HomeRegion": "us-east-1",
                    "IsMultiRegionTrail": True,
                    "IsOrganizationTrail": organization,
                    "TrailARN": second,
                    "HasCustomEventSelectors": True,
                }
            ]
        },
        {"TrailARN": second, **advanced(data("AWS::S3::Object"))},
    ]
    codes, facts = blind(allow("s3:DeleteObject", "ec2:DescribeVpcs"), events, trails, folder)
    assert codes == ({"s3:DeleteObject": "trail-files-not-given"} if hidden else {})
    if hidden:
        (spot,) = facts.entitlements[AGENT].blind
        assert "name the files of trail main-2 under cloudtrail" == spot.fix
        (row,) = [one for one in facts.coverage if one.log_class == "data: AWS::S3::Object"]
        assert (CoverageState.PARTIAL, spot.fix) == (row.state, row.fix)


def test_management_events_of_an_organizations_trail_are_not_in_the_files_of_the_accounts_own(blind):
    """The account's trail records writes; reads are recorded by the organization's trail, which lies elsewhere."""
    writes = {"EventSelectors": [{"ReadWriteType": "WriteOnly", "IncludeManagementEvents": True}]}
    second = f"{TRAIL}-2"
    others = json.loads(json.dumps(trail(EVERYTHING, IsOrganizationTrail=True)).replace(TRAIL, second))
    for folder, hidden in ((LEDGER, {}), (DELIVERED, {"ec2:DescribeVpcs": "read-events-not-logged"})):
        codes, _ = blind(
            allow("ec2:RunInstances", "ec2:DescribeVpcs"),
            [SEEN],
            [*trail(writes), *others],
            folder.replace("AWSLogs", f"AWSLogs-{len(hidden)}/AWSLogs"),
        )
        assert codes == hidden


def test_data_events_that_a_second_trail_records_since_lately_are_not_taken_for_recorded(blind):
    """The first trail covers the window for management events alone; the second began within it."""
    second = TRAIL.replace("main", "second")
    late = {"IsLogging": True, "StartLoggingTime": "2026-05-01T00:00:00Z"}
    others = trail(advanced(data("AWS::S3::Object")), status=late, TrailARN=second, Name="second")
    codes, facts = blind(allow("s3:GetObject", "ec2:DescribeVpcs"), [SEEN], two_trails(*others), DELIVERED)
    assert codes == {"s3:GetObject": "data-events-not-logged"}
    (spot,) = facts.entitlements[AGENT].blind
    assert "only since 2026-05-01T00:00:00Z" in spot.reason
    early = {"IsLogging": True, "StartLoggingTime": "2025-05-01T00:00:00Z"}
    others = trail(advanced(data("AWS::S3::Object")), status=early, TrailARN=second, Name="second")
    kind = [{"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::b/k"}]
    put = event("PutObject", "s3.amazonaws.com", eventCategory="Data", resources=kind)
    codes, _ = blind(allow("s3:GetObject", "ec2:DescribeVpcs"), [SEEN, put], two_trails(*others), DELIVERED)
    assert codes == {}


def test_global_services_are_seen_as_far_as_the_trail_of_their_region_selects_them(blind):
    """IAM's events lie in us-east-1: what a trail elsewhere selects shows none of them."""
    home = "us-west-2"
    writes = {"EventSelectors": [{"ReadWriteType": "WriteOnly", "IncludeManagementEvents": True}]}
    first = trail(EVERYTHING, HomeRegion=home, IsMultiRegionTrail=False, IncludeGlobalServiceEvents=False)
    second = TRAIL.replace("main", "second")
    there = trail(writes, IsMultiRegionTrail=False, TrailARN=second, Name="second")
    both = [one if "trailList" in one else {**one, "TrailARN": TRAIL} for one in first]
    both += [one if "trailList" in one else {**one, "TrailARN": second} for one in there]
    codes, _ = blind(allow("iam:GetUser", "iam:CreateUser"), [SEEN], both)
    assert codes == {"iam:GetUser": "other-regions-not-logged"}


HERE = event("DescribeInstances", awsRegion="eu-west-1")
GLOBAL_FILE = "AWSLogs/111122223333/CloudTrail/us-east-1/2026/06/01"


@pytest.mark.parametrize(
    ("events", "folder", "hidden"),
    [
        ([HERE], None, {"iam:GetUser": "global-region-not-given"}),
        ([HERE, SEEN], None, {}),
        ([HERE], GLOBAL_FILE, {}),
        ([event("DescribeInstances", awsRegion="cn-northwest-1")], None, {"iam:GetUser"}),
        ([event("DescribeInstances", awsRegion="cn-north-1")], None, {}),
        ([event("DescribeInstances", awsRegion="us-gov-west-1")], None, {}),
        ([event("DescribeInstances", awsRegion="")], None, {}),
        ([event("DescribeInstances", awsRegion="ap-isob-east-1r")], None, {}),
        ([HERE, event("ListRoles", "iam.amazonaws.com", awsRegion="eu-west-1")], None, {}),
    ],
)
def test_global_services_are_not_seen_in_logs_of_other_regions_alone(blind, events, folder, hidden):
    """Somebody copied the files of the regions they work in: IAM's events are not among them."""
    codes, facts = blind(allow("iam:GetUser", "ec2:DescribeVpcs"), events, folder=folder)
    assert set(hidden) == set(codes)
    if "cn-northwest-1" in str(events):
        (spot,) = facts.entitlements[AGENT].blind
        assert "cn-north-1 too under cloudtrail" in spot.fix


def test_services_that_may_have_other_endpoints_are_not_seen_by_a_trail_of_the_global_region(blind):
    """Trusted Advisor answers in five regions too: a trail of us-east-1 alone shows IAM's events, not all of its."""
    there = trail(EVERYTHING, HomeRegion="us-east-1", IsMultiRegionTrail=False)
    codes, _ = blind(allow("iam:GetUser", "trustedadvisor:ListChecks", "ec2:DescribeVpcs"), [SEEN], there)
    assert set(codes) == {"trustedadvisor:ListChecks", "ec2:DescribeVpcs"}
    codes, _ = blind(allow("iam:GetUser", "trustedadvisor:ListChecks"), [HERE])
    assert set(codes.values()) == {"global-region-not-given"}


def test_global_services_are_known_services_and_stand_in_one_list():
    catalogue = Catalogue()
    listed = table("global_services")
    assert not set(listed["services"]) & set(listed["perhaps"])
    for service in (*listed["services"], *listed["perhaps"]):
        assert catalogue.expand(f"{service}:*"), service


@pytest.mark.parametrize("junk", [None, True, 7, "x", [], {}, [None], [[]], ["x"], {"a": 1}])
@pytest.mark.parametrize(
    "place",
    [
        ("EventSelectors",),
        ("EventSelectors", 0, "DataResources"),
        ("EventSelectors", 0, "DataResources", 0, "Values"),
        ("EventSelectors", 0, "ExcludeManagementEventSources"),
        ("AdvancedEventSelectors",),
        ("AdvancedEventSelectors", 0, "FieldSelectors"),
        ("AdvancedEventSelectors", 0, "FieldSelectors", 0, "Equals"),
        ("AdvancedEventSelectors", 0, "FieldSelectors", 2, "Field"),
        ("AdvancedEventSelectors", 1, "FieldSelectors", 1, "Equals"),
    ],
)
def test_selectors_that_make_no_sense_record_nothing_and_break_nothing(place, junk):
    management = [{"Field": "eventCategory", "Equals": ["Management"]}, {"Field": "readOnly", "Equals": []}]
    record = {
        "AdvancedEventSelectors": [data("AWS::S3::Object", **READ), {"FieldSelectors": management}],
        **basic("AWS::S3::Object", "arn:aws:s3:::one/"),
    }
    if place[0] == "EventSelectors":
        del record["AdvancedEventSelectors"]
    held = record
    for step in place[:-1]:
        held = held[step]
    held[place[-1]] = junk
    assert set() == set(read_selectors(record).data)


def test_logs_that_end_long_before_the_window_are_said_to(blind):
    _, facts = blind(allow("ec2:DescribeVpcs"), [SEEN])
    assert [caveat.effect for caveat in facts.caveats if "the window from 2026-01-01" in caveat.what] == [
        "what is called unused is so in the logged part; a call outside it is taken for no call"
    ]


def test_logs_of_a_stopped_trails_later_days_are_not_that_trails(blind):
    """Event history goes on when a trail is stopped."""
    stopped = {"IsLogging": False, "StopLoggingTime": "2026-02-01T00:00:00+00:00"}
    codes, _ = blind(allow("ec2:DescribeVpcs", "s3:GetObject"), [SEEN], trail(status=stopped))
    assert codes == {"s3:GetObject": "data-events-unknown"}


def test_the_trail_of_another_organization_says_nothing_of_an_account(gaad, collect, tmp_path):
    """Two sources in one scan; the organization trail is described in the other one."""
    arn = "arn:aws:cloudtrail:us-east-1:999999999999:trail/org"
    selectors = advanced(data("AWS::S3::Object"))
    (tmp_path / "trails.json").write_text(
        json.dumps(trail(selectors, TrailARN=arn, IsOrganizationTrail=True)).replace(TRAIL, arn)
    )
    logs = tmp_path / DELIVERED
    logs.mkdir(parents=True)
    (logs / "file.json").write_text(json.dumps({"Records": [SEEN]}))
    ours = collect(
        {"authorization_details": [gaad(allow("s3:GetObject"))], "cloudtrail": [tmp_path / "AWSLogs"]}
    )
    theirs = collect({"trails": [tmp_path / "trails.json"]})
    theirs.source = "theirs"
    facts = CONNECTOR.interpret([ours, theirs], YEAR, Patterns())
    assert {spot.code for spot in facts.entitlements[AGENT].blind} == {"data-events-unknown"}


def test_trail_files_are_known_by_name_wherever_they_were_copied_to(blind, tmp_path):
    name = "111122223333_CloudTrail_us-east-1_20260601T0005Z_aBcDeFgHiJkLmNoP.json"
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / name).write_text(json.dumps({"Records": [SEEN]}))
    codes, _ = blind(allow("s3:GetObject"), [SEEN], trail(advanced(data("AWS::S3::Object"))))
    assert codes == {}


@pytest.mark.parametrize(
    "narrow",
    [
        {"Field": "eventSource", "NotStartsWith": ["ec2."]},
        {"Field": "eventName", "NotEquals": ["DescribeVpcs"]},
        {"Field": "userIdentity.arn", "NotStartsWith": [AGENT]},
        {"Field": "readOnly", "NotEquals": ["true"]},
    ],
)
def test_a_management_selector_narrowed_in_any_other_way_is_not_taken_for_whole(narrow):
    category = {"Field": "eventCategory", "Equals": ["Management"]}
    selection = read_selectors({"AdvancedEventSelectors": [{"FieldSelectors": [category, narrow]}]})
    assert not selection.reads


def test_a_source_left_out_of_reads_only_is_left_out():
    """Two selectors: reads without KMS, writes whole. `kms:Decrypt` is a read."""
    selection = read_selectors(
        {
            "EventSelectors": [
                {"ReadWriteType": "ReadOnly", "ExcludeManagementEventSources": ["kms.amazonaws.com"]},
                {"ReadWriteType": "WriteOnly"},
            ]
        }
    )
    assert (selection.reads, selection.writes) == (True, True)
    assert selection.excluded == {"kms.amazonaws.com"}


def test_a_trail_of_one_region_leaves_out_the_others_whatever_it_selects(blind):
    codes, _ = blind(
        allow("ec2:DescribeVpcs"), [SEEN], trail(IsMultiRegionTrail=False, HasCustomEventSelectors=True)
    )
    assert codes == {"ec2:DescribeVpcs": "other-regions-not-logged"}


def test_custom_browsers_are_seen_only_where_their_own_type_is_selected(blind):
    action = "bedrock-agentcore:StartBrowserSession"
    built_in, custom = data("AWS::BedrockAgentCore::Browser"), data("AWS::BedrockAgentCore::BrowserCustom")
    codes, _ = blind(allow(action), [SEEN], trail(advanced(built_in)), DELIVERED)
    assert codes == {action: "data-events-not-logged"}
    codes, _ = blind(allow(action), [SEEN], trail(advanced(built_in, custom)), DELIVERED)
    assert codes == {}


def test_basic_selectors_for_all_resources_and_for_some():
    selection = read_selectors(
        {
            "EventSelectors": [
                {
                    "ReadWriteType": "All",
                    "IncludeManagementEvents": False,
                    "DataResources": [
                        {"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]},
                        {
                            "Type": "AWS::Lambda::Function",
                            "Values": ["arn:aws:lambda:us-east-1:1:function:x"],
                        },
                        {"Type": "AWS::DynamoDB::Table", "Values": ["arn:aws:dynamodb"]},
                    ],
                }
            ]
        }
    )
    assert not selection.reads
    assert not selection.writes
    assert selection.data == {"AWS::S3::Object", "AWS::DynamoDB::Table"}
    assert selection.some_data == {"AWS::Lambda::Function"}


def test_an_operation_no_rule_maps_hides_the_rest_of_its_service(blind):
    codes, facts = blind(allow("ec2:DescribeVpcs", "sqs:PurgeQueue"), [event("InventANewThing")])
    assert codes == {"ec2:DescribeVpcs": "unmapped-operation"}
    assert [(one.source, one.operation, one.count) for one in facts.unmapped] == [
        ("ec2.amazonaws.com", "InventANewThing", 1)
    ]


def test_an_operation_of_several_possible_permissions_hides_them_unless_one_is_held(blind):
    statement = event("ExecuteStatement", "dynamodb.amazonaws.com")
    codes, facts = blind(allow("dynamodb:PartiQLSelect", "dynamodb:PartiQLInsert"), [statement])
    assert set(codes.values()) == {"data-events-unknown"}
    assert {spot.code for spot in facts.entitlements[AGENT].blind} >= {"ambiguous-operation"}
    assert [one.operation for one in facts.unmapped] == ["ExecuteStatement"]
    _, facts = blind(allow("dynamodb:PartiQLSelect"), [statement])
    assert [row.permission for row in facts.usage] == ["dynamodb:PartiQLSelect"]


@pytest.mark.parametrize(
    ("used", "source", "hidden"),
    [
        ("Converse", "bedrock", "bedrock:ApplyGuardrail"),
        ("ListAsyncInvokes", "bedrock", "bedrock:InvokeModel"),
        ("PutObject", "s3", "s3:PutObjectAcl"),
        ("UpdateFunctionConfiguration20150331v2", "lambda", "lambda:GetLayerVersion"),
    ],
)
def test_what_a_call_may_need_besides_its_own_permission_is_not_seen(blind, used, source, hidden):
    """A guardrail named in a model call, an ACL sent with an object: no event of their own, even if selected."""
    everything = advanced(data("AWS::Bedrock::Guardrail"), data("AWS::S3::Object"))
    host = f"{source}.amazonaws.com"
    codes, _ = blind(allow(hidden), [event(used, host)], trail(everything), DELIVERED)
    assert codes == {hidden: "part-of-another-call"}
    codes, _ = blind(
        allow(hidden), [event(used, host, errorCode="AccessDenied")], trail(everything), f"2/{DELIVERED}"
    )
    assert codes == {}


def test_tags_set_while_creating_leave_no_event(blind):
    codes, _ = blind(allow("ec2:CreateTags", "ec2:RunInstances", "sqs:TagQueue"), [event("RunInstances")])
    assert codes == {"ec2:CreateTags": "tag-on-create"}


@pytest.mark.parametrize(("created", "said"), [("2026-06-02", True), ("2026-05-31", False)])
def test_calls_older_than_their_principal_are_said_to_be_of_an_earlier_one(blind, created, said):
    """A role deleted and made again under its name; an ARN does not tell the two apart."""
    _, facts = blind(allow("ec2:DescribeInstances"), [SEEN], CreateDate=f"{created}T00:00:00+00:00")
    assert [c.where for c in facts.caveats if "an earlier role had this name" in c.what] == [AGENT] * said


OTHER = event(
    "X", userIdentity={"type": "Root", "arn": "arn:aws:iam::111122223333:root"}, time="2026-08-01T00:00:00Z"
)


@pytest.mark.parametrize(
    ("last_used", "events", "trails", "hidden"),
    [
        ("2026-07-01T00:00:00+00:00", [OTHER], None, True),
        ("2026-07-01T00:00:00+00:00", [OTHER, SEEN], None, False),
        ("2026-07-01T00:00:00+00:00", [OTHER], trail(), False),
        ("2025-07-01T00:00:00+00:00", [OTHER], None, False),
        ("2026-09-01T00:00:00+00:00", [OTHER], None, True),
        ("2026-09-01T00:00:00+00:00", [OTHER], trail(), True),
        ("2026-09-01T00:00:00+00:00", [OTHER, SEEN], trail(), False),
    ],
)
def test_a_use_that_iam_reports_and_the_logs_lack_means_that_the_logs_miss_calls(
    blind, last_used, events, trails, hidden
):
    role = {"RoleLastUsed": {"LastUsedDate": last_used, "Region": "us-east-1"}}
    codes, _ = blind(allow("ec2:DescribeVpcs"), events, trails, **role)
    assert codes == ({"ec2:DescribeVpcs": "last-use-not-in-logs"} if hidden else {})


def test_model_calls_that_are_data_events_are_said_where_invoke_model_is_not_seen(blind):
    """Nova Sonic and Nova Reel are called by operations that a trail does not record by default."""
    model, queued = data("AWS::Bedrock::Model"), data("AWS::Bedrock::AsyncInvoke")

    def said(*more, trails=None):
        codes, facts = blind(allow("bedrock:InvokeModel"), [SEEN, *more], trails, DELIVERED)
        assert codes == {}
        return sum("bidirectional" in caveat.what for caveat in facts.caveats)

    assert said() == 1
    assert said(trails=trail(advanced(model))) == 1
    assert said(trails=trail(advanced(model, queued))) == 0
    assert said(event("Converse", "bedrock.amazonaws.com")) == 0


@pytest.mark.parametrize(("others", "said"), [([], 1), ([OTHER], 0)])
def test_records_that_look_picked_out_are_said_to(blind, others, said):
    """`lookup-events` with an attribute gives one name or one user; the rest of the account is missing."""
    same = [event("DescribeVpcs", time=f"2026-06-01T00:00:{second:02d}Z") for second in range(20)]
    more = [{**one, "eventSource": "sqs.amazonaws.com"} for one in others]
    _, facts = blind(allow("ec2:DescribeVpcs"), [*same, *more])
    assert sum("picked out" in caveat.what for caveat in facts.caveats) == said


def test_an_unread_log_file_is_said(blind, tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "bad.json").write_text('{"Records": [{"eventTime"')
    _, facts = blind(allow("ec2:DescribeVpcs"), [SEEN])
    assert any(caveat.what.startswith("cloudtrail could not be read whole") for caveat in facts.caveats)


OLD, NEW = "AROA1234567890ABCDEFG", "AROA9999999999ABCDEFG"


def called_as(unique, time):
    made = event("DescribeInstances", time=time)
    made["userIdentity"]["principalId"] = f"{unique}:job"
    return made


@pytest.mark.parametrize(
    ("in_the_dump", "calls", "code"),
    [
        (NEW, [(NEW, "2026-07-01T00:00:00Z")], None),
        (OLD, [(NEW, "2026-07-01T00:00:00Z")], "made-again-since"),
        (OLD, [(OLD, "2026-07-01T00:00:00Z"), (NEW, "2026-08-01T00:00:00Z")], "made-again-since"),
        (NEW, [(OLD, "2024-12-31T00:00:00Z"), (NEW, "2026-07-01T00:00:00Z")], None),
        ("AROAEXAMPLE", [(NEW, "2026-07-01T00:00:00Z")], None),
    ],
)
def test_a_dump_older_than_a_roles_re_creation_calls_nothing_unused(blind, in_the_dump, calls, code):
    """The role of the dump was made on 2025-01-01."""
    codes, facts = blind(allow("ec2:*"), [called_as(*call) for call in calls], trail(), RoleId=in_the_dump)
    assert code == codes.get("ec2:RunInstances")
    assert bool(code) is any("deleted and made again" in caveat.what for caveat in facts.caveats)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ([], None),
        (
            [{"Effect": "Allow", "Action": "bedrock:GetAsyncInvoke", "Resource": "*"}],
            "other-calls-not-logged",
        ),
        (
            [
                {
                    "Effect": "Allow",
                    "Action": "bedrock:InvokeModel",
                    "Resource": "arn:aws:bedrock:*::foundation-model/amazon.nova-sonic-v1:0",
                }
            ],
            "other-calls-not-logged",
        ),
    ],
)
def test_who_is_set_up_for_model_calls_that_only_data_events_show_may_make_them(blind, more, code):
    role = {
        "RolePolicyList": [
            {"PolicyName": "p", "PolicyDocument": {"Statement": [allow("bedrock:InvokeModel"), *more]}}
        ]
    }
    codes, _ = blind(allow("ec2:*"), [event("DescribeInstances")], trail(), **role)
    assert code == codes.get("bedrock:InvokeModel")


def test_records_of_one_region_beside_a_trail_of_all_regions_are_said(blind):
    _, facts = blind(allow("ec2:*"), [event("DescribeInstances")], trail())
    assert any("all records of account 111122223333 are of us-east-1" in one.what for one in facts.caveats)
    (row,) = [one for one in facts.coverage if one.place == "us-east-1" and one.log_class == "management"]
    assert (CoverageState.ON, "2026-06-01T00:00:00Z") == (row.state, row.since)
