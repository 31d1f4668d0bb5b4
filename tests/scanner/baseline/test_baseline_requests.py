"""`baseline test` asks the requests that a baseline names, of a scan, of a proposal, and of the file itself."""

import json

import pytest

from scanner.baseline.render import MARK

REQUESTS = """
[[must_allow]]
permission = "secretsmanager:GetSecretValue"
resource = "arn:aws:secretsmanager:us-east-1:444455556666:secret:claims/policy-api-a1B2c3"

[[must_not_allow]]
permission = "iam:CreateUser"
resource = "*"
"""
NAME = "claims-tools-lambda"


@pytest.fixture
def folder(granted, tmp_path):
    def make(requests, name=NAME):
        path = next(granted.glob(f"*-{name}-*.toml"))
        (tmp_path / path.name).write_text(path.read_text("utf-8").replace(MARK, requests + MARK), "utf-8")
        return tmp_path / path.name

    return make


def test_requests_are_asked_of_the_evidence(entdrift, scanned, folder):
    result = entdrift(
        "baseline", "test", "--baselines", folder(REQUESTS), "--from", scanned, "--format", "json"
    )
    answers = [row["answer"] for row in json.loads(result.stdout)["results"]]
    assert (0, ["allowed", "not allowed by any statement"]) == (result.exit_code, answers)


def test_a_request_that_is_allowed_against_the_file_fails(entdrift, scanned, folder):
    wrong = REQUESTS.replace("must_allow", "must_not_allow", 1)
    result = entdrift("baseline", "test", "--baselines", folder(wrong), "--from", scanned)
    assert 1 == result.exit_code
    assert "FAILED" in result.stdout


def test_a_proposal_is_asked_alone(entdrift, folder, tmp_path):
    policy = tmp_path / "p.json"
    policy.write_text(
        json.dumps(
            {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "iam:*", "Resource": "*"}}
        )
    )
    result = entdrift(
        "baseline", "test", "--baselines", folder(REQUESTS), "--policy", policy, "--format", "json"
    )
    assert (1, [False, False]) == (
        result.exit_code,
        [row["passed"] for row in json.loads(result.stdout)["results"]],
    )


def test_what_hangs_on_a_condition_does_not_pass(entdrift, folder):
    asked = '\n[[must_allow]]\npermission = "kms:Decrypt"\nresource = "arn:aws:kms:us-east-1:444455556666:key/1"\n'
    result = entdrift("baseline", "test", "--baselines", folder(asked), "--itself", "--format", "json")
    assert ["undecided"] == [row["answer"] for row in json.loads(result.stdout)["results"]]


@pytest.mark.parametrize(
    ("name", "permission", "resource", "answer"),
    [
        ("claims-rag", "storage.objects.get", "projects/northwind-claims-prod", "allowed"),
        ("claims-rag", "iam.roles.create", "projects/northwind-claims-prod", "not allowed by any statement"),
        (
            "id-claims-worker",
            "Microsoft.App/jobs/start/action",
            "/subscriptions/aaaa0a0a-bb1b-cc2c-dd3d-eeeeee4e4e4e/resourceGroups/rg-claims-prod/providers/x/y/z",
            "allowed",
        ),
        (
            "id-claims-worker",
            "Microsoft.App/jobs/start/action",
            "/subscriptions/other",
            "not allowed by any statement",
        ),
    ],
)
def test_other_clouds_answer_by_scope(entdrift, folder, name, permission, resource, answer):
    asked = f'\n[[must_allow]]\npermission = "{permission}"\nresource = "{resource}"\n'
    result = entdrift("baseline", "test", "--baselines", folder(asked, name), "--itself", "--format", "json")
    assert [answer] == [row["answer"] for row in json.loads(result.stdout)["results"]]


def test_no_request_is_no_pass(entdrift, scanned, granted):
    result = entdrift("baseline", "test", "--baselines", granted, "--from", scanned)
    assert 1 == result.exit_code
    assert "nothing was tested" in result.stdout
