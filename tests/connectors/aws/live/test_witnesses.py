"""Last-accessed reports and unused-access findings are read whole, whatever the API does on the way."""

import json
from datetime import UTC, datetime

import boto3
import pytest

from connectors.interface import Status

AGENT = "arn:aws:iam::123456789012:role/agent"
MOMENT = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def agent(cloud):
    trust = {"Version": "2012-10-17", "Statement": []}
    boto3.client("iam").create_role(RoleName="agent", AssumeRolePolicyDocument=json.dumps(trust))
    return cloud


def services(*names):
    return [{"ServiceName": name, "ServiceNamespace": name, "LastAuthenticated": MOMENT} for name in names]


def test_a_report_is_waited_for_and_all_its_pages_are_read(agent, source, gather):
    waiting = iter(["IN_PROGRESS", "IN_PROGRESS"])

    def give(JobId="", Marker="", **_):
        if status := next(waiting, ""):
            return {"JobStatus": status}
        done = {"JobStatus": "COMPLETED", "JobType": "ACTION_LEVEL"}
        if Marker:
            return {**done, "ServicesLastAccessed": services("kms"), "IsTruncated": False}
        return {**done, "ServicesLastAccessed": services("s3"), "IsTruncated": True, "Marker": "next"}

    agent.answer("iam", "GetServiceLastAccessedDetails", give)
    found = gather(source())
    (report,) = found.records("last_accessed")
    assert (AGENT, ["s3", "kms"]) == (
        report["Arn"],
        [service["ServiceNamespace"] for service in report["ServicesLastAccessed"]],
    )
    assert "2026-05-01T00:00:00Z" == report["ServicesLastAccessed"][0]["LastAuthenticated"]


def test_a_report_that_iam_could_not_make_is_named(agent, source, gather):
    problem = {"JobStatus": "FAILED", "Error": {"Code": "x", "Message": "internal"}}
    agent.answer("iam", "GetServiceLastAccessedDetails", problem)
    outcome = gather(source()).outcomes["last_accessed"]
    assert Status.FAILED == outcome.status
    assert f"the last-accessed report of {AGENT} was not made: FAILED internal" == outcome.reason


def test_without_the_permission_the_rest_is_read(agent, source, gather):
    agent.refuse("iam", "GenerateServiceLastAccessedDetails")
    found = gather(source())
    assert "grant iam:GenerateServiceLastAccessedDetails" in found.outcomes["last_accessed"].reason
    assert Status.OK == found.outcomes["authorization_details"].status


def test_roles_out_of_use_since_before_the_window_are_not_asked_about(cloud, source, gather):
    roles = [
        {"RoleName": name, "Arn": f"arn:aws:iam::123456789012:role/{name}", "Path": path, **more}
        for name, path, more in (
            ("old", "/", {"RoleLastUsed": {"LastUsedDate": datetime(2025, 6, 1, tzinfo=UTC)}}),
            ("new", "/", {"RoleLastUsed": {"LastUsedDate": datetime(2026, 6, 1, tzinfo=UTC)}}),
            ("unknown", "/", {}),
            ("linked", "/aws-service-role/x.amazonaws.com/", {}),
        )
    ]
    cloud.answer("iam", "GetAccountAuthorizationDetails", {"RoleDetailList": roles})
    found = gather(source())
    assert ["new", "unknown"] == [
        report["Arn"].rpartition("/")[2] for report in found.records("last_accessed")
    ]


def test_findings_of_unused_access_analyzers_are_read(agent, source, gather):
    analyzers = [
        {"arn": "arn:aws:access-analyzer:eu-west-1:123456789012:analyzer/e", "type": "ACCOUNT"},
        {
            "arn": "arn:aws:access-analyzer:eu-west-1:123456789012:analyzer/u",
            "type": "ORGANIZATION_UNUSED_ACCESS",
        },
    ]
    agent.answer("accessanalyzer", "ListAnalyzers", {"analyzers": analyzers})
    agent.answer("accessanalyzer", "ListFindingsV2", {"findings": [{"id": "f1", "resource": AGENT}]})
    detail = {"unusedPermissionDetails": {"serviceNamespace": "s3", "lastAccessed": MOMENT}}
    agent.answer("accessanalyzer", "GetFindingV2", {"findingDetails": [detail]})
    found = gather(source())
    (finding,) = found.records("unused_access")
    assert (AGENT, "s3") == (
        finding["resource"],
        finding["findingDetails"][0]["unusedPermissionDetails"]["serviceNamespace"],
    )
    assert 1 == agent.calls.count(("accessanalyzer", "ListFindingsV2"))
