"""What IAM saw tried later than the logs show is never called unused.

Reports and findings are synthetic; their shapes are those of the IAM and Access Analyzer API references.
"""

import json

import pytest

from scanner.verdicts import judge
from tests.connectors.aws.coverage.test_coverage import AGENT, YEAR, allow, event, trail


@pytest.fixture
def unused(gaad, interpret, tmp_path):
    """Return (unused permissions, code of each unobservable one) of one role."""

    def unused(actions, events=(), window=YEAR, **exports):
        logs = tmp_path / "logs.json"
        everything = [event("RunInstances"), *events]
        logs.write_text(json.dumps({"Records": everything}))
        trails = tmp_path / "trails.json"
        trails.write_text("\n".join(map(json.dumps, trail())))
        files = {"authorization_details": [gaad(allow(*actions))], "cloudtrail": [logs], "trails": [trails]}
        for part, content in exports.items():
            path = tmp_path / f"{part}.json"
            path.write_text(json.dumps(content))
            files[part] = [path]
        facts = interpret(files, window)
        rows = [row for row in facts.usage if row.identity == AGENT]
        verdicts = judge(facts.entitlements[AGENT], rows, facts.permissions)
        codes = {
            name: reason.code
            for reason in verdicts.reasons
            for name in facts.permissions.names(reason.permissions & verdicts.unobservable)
        }
        return set(facts.permissions.names(verdicts.unused)), codes

    return unused


def report(service, time, *tracked, entity=AGENT, **more):
    return {
        "JobStatus": "COMPLETED",
        "ServicesLastAccessed": [
            {
                "ServiceName": service,
                "ServiceNamespace": service,
                "LastAuthenticated": time,
                "LastAuthenticatedEntity": entity,
                "LastAuthenticatedRegion": "eu-west-1",
                **({"TrackedActionsLastAccessed": list(tracked)} if tracked else {}),
            }
        ],
        **more,
    }


def action(name, time=None):
    if time is None:
        return {"ActionName": name}
    return {"ActionName": name, "LastAccessedEntity": AGENT, "LastAccessedTime": time}


KMS = ("kms:CreateKey", "kms:ListKeys", "sqs:CreateQueue")


def test_without_a_witness_the_logs_decide(unused):
    assert (set(KMS), {}) == unused(KMS)


def test_a_service_tried_later_than_the_logs_show_is_not_unused(unused):
    found, codes = unused(KMS, last_accessed=report("kms", "2026-07-01T00:00:00Z"))
    assert {"sqs:CreateQueue"} == found
    assert dict.fromkeys(KMS[:2], "last-accessed-newer") == codes


@pytest.mark.parametrize("time", ["2025-07-01T00:00:00Z", None, "2026-02-01T00:00:00Z"])
def test_a_service_that_the_logs_show_as_late_or_before_the_window_stays_as_it_was(unused, time):
    seen = [event("ListKeys", source="kms.amazonaws.com", time="2026-02-01T00:00:00Z")]
    found, _ = unused(KMS, seen, last_accessed=report("kms", time))
    assert {"kms:CreateKey", "sqs:CreateQueue"} == found


def test_tracked_actions_are_judged_by_their_own_time(unused):
    tracked = (action("CreateKey", "2026-07-01T00:00:00Z"), action("ListKeys"))
    found, codes = unused(
        (*KMS, "kms:ListAliases"), last_accessed=report("kms", "2026-07-01T00:00:00Z", *tracked)
    )
    assert {"kms:ListKeys", "sqs:CreateQueue"} == found
    assert {"kms:CreateKey", "kms:ListAliases"} == set(codes)


def test_a_use_after_the_window_counts_too(unused):
    found, _ = unused(KMS, last_accessed=report("kms", "2027-07-01T00:00:00Z"))
    assert {"sqs:CreateQueue"} == found


@pytest.mark.parametrize(
    "wrapped",
    [
        [report("kms", "2026-07-01T00:00:00Z")],
        {AGENT: [{"serviceNamespace": "kms", "lastAuthenticated": 1_782_864_000_000}]},
        {AGENT: report("kms", "2026-07-01T00:00:00Z", entity=None)},
        report("kms", "2026-07-01T00:00:00Z", entity=None, Arn=AGENT),
    ],
    ids=["pages", "aardvark", "by ARN", "with its ARN"],
)
def test_reports_are_read_as_tools_write_them(unused, wrapped):
    assert {"sqs:CreateQueue"} == unused(KMS, last_accessed=wrapped)[0]


def test_a_report_about_another_principal_says_nothing(unused):
    other = report("kms", "2026-07-01T00:00:00Z", entity=f"{AGENT}-2")
    assert set(KMS) == unused(KMS, last_accessed=other)[0]


def test_an_unused_access_finding_is_a_witness(unused):
    details = {
        "unusedPermissionDetails": {
            "serviceNamespace": "kms",
            "lastAccessed": "2025-07-01T00:00:00Z",
            "actions": [
                {"action": "CreateKey", "lastAccessed": "2026-07-01T00:00:00Z"},
                {"action": "kms:ListKeys"},
            ],
        }
    }
    finding = {"findingType": "UnusedPermission", "resource": AGENT, "findingDetails": [details]}
    found, codes = unused(KMS, unused_access={"findings": [finding]})
    assert {"kms:ListKeys", "sqs:CreateQueue"} == found
    assert {"kms:CreateKey": "last-accessed-newer"} == codes


@pytest.mark.parametrize("part", ["last_accessed", "unused_access"])
def test_another_file_is_refused_by_name(collect, tmp_path, part):
    path = tmp_path / "other.json"
    path.write_text(json.dumps({"Records": []}))
    outcome = collect({part: [path]}).results[-1]
    assert "other.json: is a CloudTrail log file" in outcome.reason
