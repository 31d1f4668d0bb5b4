"""Doctor says who one is, which calls work, what is lost, and prints the policy; a live scan runs end to end."""

import json
from datetime import UTC, datetime

import boto3
import pytest
from click.testing import CliRunner

from connectors.aws.connector import CONNECTOR
from connectors.facts import Window
from scanner.cli import cli
from scanner.exits import Exit

ACCOUNT = "123456789012"
YEAR = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "bedrock.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
GRANT = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"}],
}


def run(*arguments):
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture
def config(tmp_path):
    """Write a config with one live source."""

    def write(*lines):
        file = tmp_path / "config.toml"
        source = ["[[source]]", 'name = "pilot"', 'provider = "aws"', 'mode = "live"', 'stage = "pilot"']
        file.write_text("\n".join([*source, *(lines or ('regions = ["eu-west-1"]',))]))
        return file

    return write


@pytest.fixture
def agent(cloud):
    """Make one agent role."""
    iam = boto3.client("iam")
    iam.create_role(RoleName="agent", AssumeRolePolicyDocument=json.dumps(TRUST))
    iam.put_role_policy(RoleName="agent", PolicyName="inline", PolicyDocument=json.dumps(GRANT))
    return cloud


def by_subject(checks):
    return {check.subject: check for check in checks}


def test_doctor_says_who_and_what_works(agent, source):
    checks = by_subject(CONNECTOR.examine(source(), YEAR))
    assert f"in account {ACCOUNT}" in checks["identity"].detail
    assert "ok" == checks["authorization_details"].status
    assert "failed" == checks["logs"].status


def test_doctor_names_what_is_refused_and_what_that_costs(agent, source):
    agent.refuse("iam", "ListServiceSpecificCredentials")
    agent.refuse("bedrock-agent", "ListFlows")
    checks = by_subject(CONNECTOR.examine(source(), YEAR))
    keys = checks["service_specific_credentials"]
    assert "failed" == keys.status
    assert "Bedrock API keys" in keys.lost
    refused = checks["iam.ListServiceSpecificCredentials"]
    assert "grant iam:ListServiceSpecificCredentials" in refused.detail
    assert "partial" == checks["ai_inventory"].status
    assert "grant bedrock:ListFlows" in checks["bedrock-agent.ListFlows"].detail


def test_doctor_asks_little(agent, source):
    """One page of each list and one item of each loop: an account of any size is answered at once."""
    iam = boto3.client("iam")
    for number in range(20):
        iam.create_user(UserName=f"user-{number}")
    CONNECTOR.examine(source(), YEAR)
    assert 1 == agent.calls.count(("iam", "ListAccessKeys"))


def test_doctor_shows_what_trails_record(agent, source):
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="trail-bucket-of-test")
    trails = boto3.client("cloudtrail")
    trails.create_trail(Name="main", S3BucketName="trail-bucket-of-test", IsMultiRegionTrail=True)
    trails.start_logging(Name="main")
    selector = {
        "Name": "agents",
        "FieldSelectors": [
            {"Field": "eventCategory", "Equals": ["Data"]},
            {"Field": "resources.type", "Equals": ["AWS::Bedrock::AgentAlias"]},
        ],
    }
    trails.put_event_selectors(TrailName="main", AdvancedEventSelectors=[selector])
    check = by_subject(CONNECTOR.examine(source(), YEAR))["trail main"]
    assert "partial" == check.status
    assert "management nothing; data events: AWS::Bedrock::AgentAlias" in check.detail


def test_the_verb_prints_all_of_it(agent, config):
    boto3.client("iam").create_user(UserName="bot")
    agent.refuse("iam", "ListAccessKeys")
    result = run("doctor", "--config", config(), "--now", "2026-11-22")
    assert Exit.OK == result.exit_code, result.output
    assert "pilot (aws, live)" in result.stdout
    assert f"in account {ACCOUNT}" in result.stdout
    assert "failed  access_keys: 0 of 2 calls work, 1 had nothing to ask about" in result.stdout
    assert "lost: access keys" in result.stdout
    assert "grant iam:ListAccessKeys" in result.stdout


def test_doctor_without_credentials_ends_in_four(cloud, config):
    cloud.refuse("sts", "GetCallerIdentity", "ExpiredToken", "The security token is expired")
    result = run("doctor", "--config", config())
    assert Exit.NO_SOURCE == result.exit_code
    assert "expired" in result.stdout


def test_print_policy_prints_nothing_but_the_policy(config):
    result = run("doctor", "--config", config(), "--source", "pilot", "--print-policy")
    assert (Exit.OK, "") == (result.exit_code, result.stderr)
    assert "2012-10-17" == json.loads(result.stdout)["Version"]


def test_print_policy_needs_one_live_source(config, tmp_path):
    file = config()
    file.write_text(
        file.read_text() + '\n[[source]]\nname = "x"\nprovider = "gcp"\niam_policies = "x.json"\n'
    )
    assert Exit.OK == run("doctor", "--config", file, "--print-policy").exit_code
    result = run("doctor", "--config", file, "--source", "x", "--print-policy")
    assert Exit.USAGE == result.exit_code
    assert Exit.USAGE == run("doctor", "--config", file, "--source", "y").exit_code


def test_doctor_of_files_says_what_is_there_and_what_is_not_visible(tmp_path):
    role = {
        "RoleName": "agent",
        "Arn": f"arn:aws:iam::{ACCOUNT}:role/agent",
        "AssumeRolePolicyDocument": TRUST,
        "RolePolicyList": [{"PolicyName": "inline", "PolicyDocument": GRANT}],
    }
    dump = {"UserDetailList": [], "GroupDetailList": [], "RoleDetailList": [role], "Policies": []}
    (tmp_path / "gaad.json").write_text(json.dumps(dump))
    file = tmp_path / "config.toml"
    file.write_text(
        '[[source]]\nname = "files"\nprovider = "aws"\nauthorization_details = "gaad.json"\ntrails = "none.json"\n'
    )
    result = run("doctor", "--config", file, "--now", "2026-11-22")
    assert Exit.OK == result.exit_code, result.output
    assert "ok      authorization_details: 1 file, " in result.stdout
    assert "none.json: no such file" in result.stdout
    assert "no-logs-for-account" in result.stdout
    assert "would be unobservable" in result.stdout


def test_a_live_scan_end_to_end(agent, config, tmp_path):
    """The same verdicts as from files: everything granted is listed, nothing is called unused without logs."""
    boto3.client("bedrock-agent").create_agent(
        agentName="helper",
        agentResourceRoleArn=f"arn:aws:iam::{ACCOUNT}:role/agent",
        foundationModel="m",
    )
    result = run("scan", "--config", config(), "--output", tmp_path / "out", "--now", "2026-11-22")
    assert Exit.OK == result.exit_code, result.output
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    (identity,) = report["identities"]
    assert "agent" == identity["name"]
    assert ("declared", "bedrock agent helper") in {
        (signal["kind"], signal["value"]) for signal in identity["ai_workload"]["signals"]
    }
    assert "ok" == report["sources"][0]["status"]
    assert 0 == report["summary"]["permissions"]["unused"]
    again = run(
        "scan", "--bundle", tmp_path / "out" / "evidence", "--output", tmp_path / "two", "--now", "2026-11-22"
    )
    assert Exit.OK == again.exit_code


def test_a_live_scan_with_expired_credentials_ends_in_four(cloud, config, tmp_path):
    cloud.refuse("sts", "GetCallerIdentity", "ExpiredToken", "The security token is expired")
    result = run("scan", "--config", config(), "--output", tmp_path / "out", "--now", "2026-11-22")
    assert Exit.NO_SOURCE == result.exit_code
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert "expired" in report["sources"][0]["reason"]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (['accounts = ["111122223333"]'], "role_arn must name a role in each"),
        (['role_arn = "arn:aws:iam::{account}:role/x"'], "no accounts are named"),
        (
            [
                'accounts = ["111122223333"]',
                "organization = true",
                'role_arn = "arn:aws:iam::{account}:role/x"',
            ],
            "exclude each other",
        ),
        (
            [
                "organization = true",
                'role_arn = ["arn:aws:iam::{account}:role/x", "arn:aws:iam::{account}:role/y"]',
            ],
            "only the last role_arn",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_a_usage_error(cloud, config, tmp_path, lines, words):
    result = run("scan", "--config", config(*lines), "--output", tmp_path / "out")
    assert Exit.USAGE == result.exit_code
    assert words in result.stderr
    assert [] == cloud.calls
