"""The event history is read page by page in every region, and what is missing of it makes nothing unused."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.exceptions import ClientError

from connectors.aws.connector import CONNECTOR
from connectors.facts import Window
from connectors.interface import Patterns, Status

ACCOUNT = "123456789012"
YEAR = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
HAPPENED = datetime(2026, 11, 1, 10, tzinfo=UTC).timestamp()
REGIONS = ("eu-west-1", "us-east-1")
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "bedrock.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}


def event(number, name="DescribeInstances"):
    return {
        "eventVersion": "1.08",
        "eventID": f"11111111-2222-3333-4444-{number:012}",
        "eventTime": "2026-11-01T10:00:00Z",
        "eventSource": "ec2.amazonaws.com",
        "eventName": name,
        "awsRegion": "eu-west-1",
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "eventCategory": "Management",
        "readOnly": True,
        "recipientAccountId": ACCOUNT,
        "userIdentity": {
            "type": "AssumedRole",
            "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/agent/session",
            "accountId": ACCOUNT,
            "accessKeyId": "ASIAEXAMPLE",
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role",
                    "arn": f"arn:aws:iam::{ACCOUNT}:role/agent",
                    "userName": "agent",
                }
            },
        },
    }


@pytest.fixture
def history(cloud):
    """Make a role, and three pages of events in each of two regions: the regions hold the same ones."""
    boto3.client("iam").create_role(RoleName="agent", AssumeRolePolicyDocument=json.dumps(TRUST))
    cloud.answer("ec2", "DescribeRegions", {"Regions": [{"RegionName": name} for name in REGIONS]})

    cloud.asked = []

    def give(NextToken="0", MaxResults=0, StartTime=0, EndTime=0, **_):
        number = int(NextToken)
        cloud.asked.append((MaxResults, StartTime, EndTime))
        if not StartTime <= HAPPENED <= EndTime:
            return {"Events": []}
        page = {"Events": [{"CloudTrailEvent": json.dumps(event(number))}]}
        return {**page, "NextToken": str(number + 1)} if number < 2 else page

    cloud.give = give
    cloud.answer("cloudtrail", "LookupEvents", give)
    return cloud


def test_all_pages_of_all_regions_are_read_and_copies_count_once(history, source, gather):
    """`regions` limits where workloads are looked for, never where calls are."""
    found = gather(source(event_history="true"))
    assert Status.OK == found.outcomes["event_history"].status
    assert 6 == sum(start <= HAPPENED <= end for _, start, end in history.asked)
    assert [f"event-history/{ACCOUNT}/{region}.json" for region in REGIONS] == [
        file.path for file in found.evidence.log_files()
    ]
    assert 3 == sum(row.count for row in found.evidence.usage())
    facts = CONNECTOR.interpret([found.evidence], YEAR, Patterns())
    (usage,) = facts.usage
    assert ("ec2:DescribeInstances", 3) == (usage.permission, usage.count)


def test_no_more_than_the_kept_ninety_days_are_asked_for(history, source, gather):
    gather(source(event_history="true"))
    assert {50} == {most for most, _, _ in history.asked}
    assert 90 * 86_400 == max(end for _, _, end in history.asked) - min(
        start for _, start, _ in history.asked
    )


def test_a_second_scan_asks_each_region_for_the_last_days_only(history, source, gather, tmp_path):
    """CloudTrail names 5 minutes and guarantees nothing: three days are asked for again."""
    configured = replace(source(event_history="true"), state=tmp_path / "state.sqlite")
    first = gather(configured)
    history.asked.clear()
    second = gather(configured)
    assert {3 * 86_400} == {end - start for _, start, end in history.asked}
    assert 2 == len(history.asked)
    read = [
        (list(one.evidence.usage()), one.evidence.log_files(), one.evidence.presence())
        for one in (first, second, gather(source(event_history="true")))
    ]
    assert read[0] == read[1] == read[2]
    history.asked.clear()
    gather(replace(configured, reread=True))
    assert 90 * 86_400 == max(end for _, _, end in history.asked) - min(
        start for _, start, _ in history.asked
    )


def test_another_role_is_asked_for_everything(history, source, gather, tmp_path):
    state = tmp_path / "state.sqlite"
    gather(replace(source(event_history="true"), state=state))
    history.asked.clear()
    role = f"arn:aws:iam::{ACCOUNT}:role/reader"
    gather(replace(source(event_history="true", role_arn=(role,)), state=state))
    assert 90 * 86_400 == max(end for _, _, end in history.asked) - min(
        start for _, start, _ in history.asked
    )


def test_a_region_that_cannot_be_read_is_a_log_file_that_lost_calls(history, source, gather):
    def give(NextToken="0", **parameters):
        if NextToken == "1":
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow"}}, "LookupEvents")
        return history.give(NextToken, **parameters)

    history.answer("cloudtrail", "LookupEvents", give)
    found = gather(source(event_history="true"))
    assert Status.PARTIAL == found.outcomes["event_history"].status
    assert all(file.lost for file in found.evidence.log_files())
    assert 1 == sum(row.count for row in found.evidence.usage())


def test_regions_that_are_not_known_count_as_lost(history, source, gather):
    history.refuse("ec2", "DescribeRegions", "UnauthorizedOperation")
    found = gather(source(event_history="true"))
    lost = [file.path for file in found.evidence.log_files() if file.lost]
    assert [f"event-history/{ACCOUNT}/other-regions.json"] == lost


def test_doctor_says_that_it_is_for_small_accounts(history, source):
    def busy(StartTime=0, EndTime=0, **_):
        now = datetime.now(UTC)
        times = [(now - timedelta(minutes=n)).strftime("%Y-%m-%dT%H:%M:%SZ") for n in range(1, 51)]
        events = [json.dumps(event(n) | {"eventTime": time}) for n, time in enumerate(times)]
        return {"Events": [{"CloudTrailEvent": one} for one in events], "NextToken": "1"}

    history.answer("cloudtrail", "LookupEvents", busy)
    month = Window(datetime.now(UTC) - timedelta(days=30), datetime.now(UTC))
    checks = CONNECTOR.examine(source(event_history="true"), month)
    (said,) = [one.detail for one in checks if one.subject == "event_history" and "small" in one.detail]
    assert "for small accounts" in said
    assert f"event-history/{ACCOUNT}/eu-west-1.json: at the pace of its first page some" in said


def test_without_the_setting_no_event_is_asked_for(history, source, gather):
    gather(source())
    assert 0 == history.calls.count(("cloudtrail", "LookupEvents"))
