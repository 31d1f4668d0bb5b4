"""A made-up AWS account judged by hand before the command was run: whose a permission is, and where it is changed.

All of it is synthetic. Builders of roles and events are those of `test_aws_traps`.
"""

import gzip
import json

import pytest
from click.testing import CliRunner

from scanner.cli import cli
from tests.scanner.test_aws_traps import (
    A,
    allow,
    arn,
    document,
    event,
    noise,
    role,
    session,
    trail,
    trusted,
    verdict,
)

SSO = "/aws-reserved/sso.amazonaws.com/eu-west-1/"
DEVELOPER = "AWSReservedSSO_AiDeveloper_0123456789abcdef"
SAML = {"Federated": arn(A, "AWSSSO_0123456789abcdef_DO_NOT_DELETE", "saml-provider")}


def account():
    linked = "/aws-service-role/bedrock.amazonaws.com/"
    model = allow(["bedrock:InvokeModel", "bedrock:ListGuardrails"])
    roles = [
        role(A, "open", allow("s3:PutBucketPolicy"), trust=[trusted("*")]),
        role(A, "open-admin", allow("*"), trust=[trusted({"AWS": "*"})]),
        role(A, "agent", model, trust=[trusted({"Service": "bedrock.amazonaws.com"})]),
        role(A, "twice", allow("s3:GetObject"), allow("sqs:SendMessage")),
        role(A, "climber", model, allow("sts:AssumeRole", arn(A, "open-admin"))),
        role(A, DEVELOPER, model, allow("ec2:DescribeInstances"), path=SSO, trust=[trusted(SAML)]),
        role(
            A, "AWSServiceRoleForX", model, path=linked, trust=[trusted({"Service": "bedrock.amazonaws.com"})]
        ),
    ]
    return {"RoleDetailList": roles}


def events():
    people = session(A, DEVELOPER, SSO)
    return [
        event(A, "bedrock", "InvokeModel", session(A, "agent"), {"modelId": "m"}, readOnly=True),
        event(A, "bedrock", "InvokeModel", people, {"modelId": "m"}, readOnly=True),
        *noise(A),
    ]


def scan(place, details, log, trails=(), more=(), *, described=True, history=False):
    """Run the command on one account and return the report.

    `described`: with the trails export; `history`: the log is an event history, no trail's file.
    """
    (place / "gaad.json").write_text(json.dumps(details))
    name = "history.json.gz" if history else f"{A}_CloudTrail_eu-west-1_20261101T0000Z_abc.json.gz"
    file = place / "logs" / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(gzip.compress(json.dumps({"Records": log}).encode()))
    (place / "trails.json").write_text("\n".join(json.dumps(part) for part in trails or trail(A)))
    lines = ["[scan]", 'start = "2026-08-01"', 'end = "2026-11-20"', 'identities = "all"', "[[source]]"]
    lines += ['name = "a"', 'provider = "aws"', 'stage = "production"', 'mode = "export"']
    lines += ['authorization_details = "gaad.json"', 'cloudtrail = ["logs"]']
    lines += ['trails = "trails.json"'] if described else []
    (place / "config.toml").write_text("\n".join([*lines, *more]))
    arguments = ["scan", "--config", str(place / "config.toml"), "--output", str(place / "out")]
    arguments += ["--now", "2026-11-22T00:00:00Z"]
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads((place / "out" / "report.json").read_text())


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Run the command on the account."""
    return scan(tmp_path_factory.mktemp("judged"), account(), events())


def found(report, name, *rules):
    """Return (rule, subject) of the findings about one identity."""
    (about,) = [one["id"] for one in report["identities"] if one["name"] == name]
    return {
        (one["rule"], one["subject"])
        for one in report["findings"]
        if one["identity"] == about and (not rules or one["rule"] in rules)
    }


def test_a_role_that_everybody_may_take_is_its_own_finding_and_nobody_elses(report):
    assert found(report, "open", "ED107") == {("ED107", "*")}
    assert found(report, "open-admin", "ED107") == {("ED107", "*")}
    assert found(report, "agent", "ED101", "ED102", "ED106") == {("ED101", "bedrock")}
    assert verdict(report, "agent", "sts:AssumeRole") == "unused"  # still part of what it may do


def test_statements_of_one_policy_that_name_no_resource_are_one_finding(report):
    assert found(report, "twice", "ED104") == {("ED104", f"{arn(A, 'twice')}: inline policy p")}


def test_whose_own_policy_names_an_open_administrator_can_become_it(report):
    assert ("ED106", f"become:{arn(A, 'open-admin')}") in found(report, "climber")


def test_a_role_of_a_permission_set_is_judged_and_changed_in_the_permission_set(report):
    assert verdict(report, DEVELOPER, "bedrock:InvokeModel") == "used"
    assert verdict(report, DEVELOPER, "ec2:DescribeInstances") == "unused"
    mine = [one for one in report["findings"] if DEVELOPER in one["identity"]]
    assert {"ED101"} <= {one["rule"] for one in mine}
    assert not {"ED205", "ED303"} & {one["rule"] for one in mine}
    assert all("permission set AiDeveloper of IAM Identity Center" in one["remediation"] for one in mine)
    (one,) = [one for one in report["identities"] if one["name"] == DEVELOPER]
    assert one["reduction"]["disposition"] == "none"
    assert "permission set AiDeveloper" in one["reduction"]["reason"]
    assert {stay["code"] for stay in one["reduction"]["stays"]} == {"managed-elsewhere"}


def test_the_trust_of_a_service_linked_role_is_not_its_owners_to_mend(report):
    assert found(report, "AWSServiceRoleForX") == set()
    assert found(report, "agent", "ED107") == {("ED107", "bedrock.amazonaws.com")}


def test_a_trail_of_data_events_alone_shows_what_is_a_data_event(tmp_path):
    details = {
        "RoleDetailList": [role(A, "reader", allow(["s3:GetObject", "s3:ListBucket", "iam:ListUsers"]))]
    }
    described, selectors, status = trail(A)
    kinds = [["AWS::S3::Object"]]
    fields = [
        {
            "FieldSelectors": [
                {"Field": "eventCategory", "Equals": ["Data"]},
                {"Field": "resources.type", "Equals": kind},
            ]
        }
        for kind in kinds
    ]
    parts = [described, {**selectors, "AdvancedEventSelectors": fields}, status]
    report = scan(tmp_path, details, [*noise(A)], parts)
    assert verdict(report, "reader", "s3:GetObject") == "unused"
    assert (
        verdict(report, "reader", "s3:ListBucket") == "unobservable"
    )  # HEAD Bucket may be a management event
    assert verdict(report, "reader", "iam:ListUsers") == "unobservable"


def user(name, path="/"):
    return {
        "Path": path,
        "UserName": name,
        "UserId": ("AIDA" + name.upper() + "X" * 17)[:21],
        "Arn": arn(A, f"{path[1:]}{name}", "user"),
        "CreateDate": "2025-03-01T00:00:00+00:00",
        "GroupList": [],
        "UserPolicyList": [{"PolicyName": "p", "PolicyDocument": document([allow("ec2:DescribeVpcs")])}],
        "AttachedManagedPolicies": [],
    }


def with_key(name):
    key = f"AKIA{name.upper():0<16}"[:20]
    return {
        "type": "IAMUser",
        "principalId": "AIDA",
        "arn": arn(A, name, "user"),
        "accountId": A,
        "accessKeyId": key,
    }


@pytest.fixture(scope="module")
def active(tmp_path_factory):
    """Run the command on identities of whom the logs show something, though no use of a permission."""
    place = tmp_path_factory.mktemp("active")
    names = ("taken", "signed-in", "elsewhere", "quiet")
    details = {
        "RoleDetailList": [role(A, name, allow("ec2:DescribeVpcs")) for name in names],
        "UserDetailList": [user(name) for name in ("undecided", "foreign", "needless", "still")],
    }
    service = {"type": "AWSService", "invokedBy": "lambda.amazonaws.com"}
    log = [
        event(A, "sts", "AssumeRole", service, {"roleArn": arn(A, "taken")}, readOnly=True),
        event(A, "signin", "ConsoleLogin", session(A, "signed-in"), eventType="AwsConsoleSignIn"),
        event(A, "newservice", "DoThing", session(A, "elsewhere")),
        *(
            event(A, "dynamodb", "TransactWriteItems", with_key("undecided"), category="Data")
            for _ in range(4)
        ),
        *(event(A, "newservice", "DoThing", with_key("foreign")) for _ in range(3)),
        *(event(A, "dynamodb", "DescribeEndpoints", with_key("needless")) for _ in range(2)),
        *noise(A),
    ]
    keys = [
        {
            "UserName": name,
            "AccessKeyId": with_key(name)["accessKeyId"],
            "Status": "Active",
            "CreateDate": "2025-03-01T00:00:00+00:00",
            "AccessKeyLastUsed": {"ServiceName": "N/A", "Region": "N/A"},
        }
        for name in ("undecided", "foreign", "needless", "still")
    ]
    (place / "keys.json").write_text(json.dumps({"AccessKeyMetadata": keys}))
    return scan(place, details, log, more=['access_keys = "keys.json"'])


@pytest.mark.parametrize("name", ["taken", "signed-in", "elsewhere", "undecided", "foreign", "needless"])
def test_who_was_seen_at_all_is_not_unused_and_is_not_shut_off(active, name):
    assert found(active, name, "ED103", "ED203") == set()
    (one,) = [one for one in active["identities"] if one["name"] == name]
    assert "AWSDenyAll" not in json.dumps(one["reduction"]["artifacts"])
    assert one["reduction"]["removes_credentials"] == []


def test_who_was_not_seen_is_unused(active):
    assert found(active, "quiet", "ED103") == {("ED103", "")}
    assert {rule for rule, _ in found(active, "still", "ED103", "ED203")} == {"ED103", "ED203"}


@pytest.mark.parametrize(("name", "uses"), [("undecided", 4), ("foreign", 3), ("needless", 2), ("still", 0)])
def test_uses_of_a_key_are_its_calls_whatever_permission_they_needed(active, name, uses):
    (one,) = [one for one in active["identities"] if one["name"] == name]
    assert [key["uses"] for key in one["credentials"]] == [uses]


def test_what_a_user_called_before_it_was_renamed_or_moved_is_its_own_use(tmp_path):
    new, moved = user("new"), user("moved", "/team/")
    before = [
        {**with_key("old"), "principalId": new["UserId"], "userName": "old"},
        {**with_key("moved"), "principalId": moved["UserId"], "userName": "moved"},
        {**with_key("gone"), "principalId": "AIDAGONEXXXXXXXXXXXXX"},
    ]
    log = [event(A, "ec2", "DescribeVpcs", who, readOnly=True) for who in before]
    report = scan(tmp_path, {"UserDetailList": [new, moved]}, [*log, *noise(A)])
    assert [verdict(report, name, "ec2:DescribeVpcs") for name in ("new", "moved")] == ["used", "used"]
    names = {one["id"].rpartition(":")[2] for one in report["identities"]}
    assert {"user/new", "user/team/moved", "user/gone"} <= names
    assert not {"user/old", "user/moved"} & names


def trusting(place, *, change=None, last="2026-10-01", broken=False):
    """Return the kinds of change to a role that trusts two services, of which the logs show one take it."""
    both = {"Service": ["lambda.amazonaws.com", "bedrock.amazonaws.com"]}
    service = {"type": "AWSService", "invokedBy": "lambda.amazonaws.com"}
    log = [
        event(A, "sts", "AssumeRole", service, {"roleArn": arn(A, "served")}, readOnly=True, eventTime=time)
        for time in (f"{last}T00:00:00Z", "2026-11-10T00:00:00Z")
    ]
    parts = trail(A)
    if change:
        parts[0]["trailList"][0].update(change)
    if broken:
        (place / "logs").mkdir()
        (place / "logs" / f"{A}_CloudTrail_eu-west-1_20260901T0000Z_abc.json.gz").write_bytes(b"\x1f\x8b")
    details = {"RoleDetailList": [role(A, "served", allow("ec2:DescribeVpcs"), trust=[trusted(both)])]}
    report = scan(place, details, [*log, *noise(A)], parts)
    (one,) = [one for one in report["identities"] if one["name"] == "served"]
    return {change["kind"] for change in one["reduction"]["changes"]}


def test_trust_is_narrowed_to_who_took_the_role(tmp_path):
    assert "narrow-trust" in trusting(tmp_path)


@pytest.mark.parametrize(
    "how",
    [
        {"change": {"IsMultiRegionTrail": False}},  # another service may take it in another region
        {"broken": True},  # or the record stands in what cannot be read
        {"last": "2026-11-05"},  # first taken of late: a cut a month ago would have shut it out
    ],
)
def test_trust_stays_where_the_logs_may_lack_who_took_the_role(tmp_path, how):
    assert "narrow-trust" not in trusting(tmp_path, **how)


REPORT = (
    "user,arn,user_creation_time,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,"
    "access_key_1_last_used_region,access_key_1_last_used_service"
)


@pytest.mark.parametrize(
    ("service", "day", "expected"),
    [
        ("ec2", "2026-11-01", ("unobservable", "unused", "unobservable")),  # the logs miss that call
        ("ec2", "2026-10-02", ("unobservable", "unused", "unobservable")),
        ("s3", "2026-11-01", ("unused", "unused", "unobservable")),  # an object: that is a data event
        ("sns", "2026-11-01", ("unused", "unobservable", "unobservable")),
        ("ec2", "2026-01-01", ("unused", "unused", "unobservable")),  # before the window
        ("N/A", "N/A", ("unused", "unused", "unobservable")),
    ],
)
def test_the_last_use_of_a_key_is_a_second_witness(tmp_path, service, day, expected):
    ann = user("ann")
    held = allow(["ec2:DescribeVpcs", "sns:CreateTopic", "s3:GetObject"])
    ann["UserPolicyList"] = [{"PolicyName": "p", "PolicyDocument": document([held])}]
    time = day if day == "N/A" else f"{day}T10:00:00+00:00"
    row = f"ann,{ann['Arn']},2025-01-01T00:00:00+00:00,true,2025-01-02T00:00:00+00:00,{time},eu-west-1,{service}"
    (tmp_path / "report.csv").write_text(f"{REPORT}\n{row}\n")
    # A call that the logs hold, so that it is not the whole user of whom they know nothing.
    log = [event(A, "sqs", "ListQueues", with_key("ann"), eventTime="2026-09-01T00:00:00Z", readOnly=True)]
    report = scan(
        tmp_path, {"UserDetailList": [ann]}, [*log, *noise(A)], more=['credential_report = "report.csv"']
    )
    names = ("ec2:DescribeVpcs", "sns:CreateTopic", "s3:GetObject")
    assert expected == tuple(verdict(report, "ann", name) for name in names)


@pytest.mark.parametrize("category", ["Data", "NetworkActivity"])
def test_files_that_hold_no_management_event_show_none(tmp_path, category):
    """They may be those of a trail for data events alone."""
    details = {"RoleDetailList": [role(A, "reader", allow(["s3:GetObject", "ec2:DescribeVpcs"]))]}
    log = [{**one, "eventCategory": category, "managementEvent": False} for one in noise(A)]
    report = scan(tmp_path, details, log, described=False)
    assert verdict(report, "reader", "ec2:DescribeVpcs") == "unobservable"
    assert verdict(report, "reader", "s3:GetObject") == "unobservable"


@pytest.mark.parametrize(("name", "told"), [("CreateTags", True), ("DescribeTags", False)])
def test_logs_without_a_single_read_are_told(tmp_path, name, told):
    details = {"RoleDetailList": [role(A, "reader", allow("ec2:DescribeVpcs"))]}
    log = [{**one, "eventName": name} for one in noise(A)]
    report = scan(tmp_path, details, log, described=False)
    assert told == any("is a read" in one["what"] for one in report["limits_of_analysis"])


@pytest.mark.parametrize(("name", "expected"), [("CreateTags", "unobservable"), ("DescribeTags", "unused")])
def test_an_event_history_without_a_single_read_shows_none(tmp_path, name, expected):
    """The console's own filter leaves reads out unless it is taken away."""
    details = {"RoleDetailList": [role(A, "reader", allow(["ec2:DescribeVpcs", "ec2:CreateVpc"]))]}
    log = [{**one, "eventName": name} for one in noise(A)]
    report = scan(tmp_path, details, log, described=False, history=True)
    assert verdict(report, "reader", "ec2:DescribeVpcs") == expected
    assert verdict(report, "reader", "ec2:CreateVpc") == "unused"


def test_an_event_history_as_a_table_is_named_and_nothing_is_unused_beside_it(tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "event_history.csv").write_text(
        "Event name,Event time,User name,Event source\nDescribeVpcs,2026-11-01,reader,ec2.amazonaws.com\n"
    )
    details = {"RoleDetailList": [role(A, "reader", allow("ec2:DescribeVpcs"))]}
    report = scan(tmp_path, details, [*noise(A)])
    assert verdict(report, "reader", "ec2:DescribeVpcs") == "unobservable"
    assert any(
        "event_history.csv" in one["path"] and one["status"] != "skipped" for one in report["log_files"]
    )
