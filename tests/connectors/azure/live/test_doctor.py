"""`doctor` and `scan` of a live source through the real command."""

import json

import pytest
from click.testing import CliRunner

from scanner.cli import cli
from tests.connectors.azure.live.tenant import AUTHORIZATION
from tests.connectors.azure.synthetic import AGENT, SUB


@pytest.fixture
def run(tmp_path, fake):
    """Run the command on a config file with one live source."""
    config = tmp_path / "config.toml"
    config.write_text(
        '[scan]\nstart = 2026-08-01\nend = 2026-10-31\n[[source]]\nname = "live"\nprovider = "azure"\nmode = "live"\n'
        f'subscriptions = ["{SUB}"]\nendpoint_url = "{fake.url}"\n'
    )

    def command(*words: str):
        return CliRunner().invoke(cli, [*words, "--config", str(config)])

    return command


def test_doctor_says_what_works_and_what_is_lost(tenant, run):
    tenant.refuse(f"{AUTHORIZATION}/roleEligibilityScheduleInstances", 403, "AuthorizationFailed")
    tenant.refuse("/v1.0/oauth2PermissionGrants", 403, "Authorization_RequestDenied")
    answer = run("doctor")
    assert 0 == answer.exit_code, answer.output
    assert "a token for a fake on this machine; 1 subscriptions" in answer.output
    assert "for small accounts" in answer.output
    assert "roles that users and groups may activate through PIM are not listed" in answer.output
    assert "az role assignment create" in answer.output
    assert "Directory.Read.All" in answer.output


def test_doctor_says_which_data_logs_are_on(tenant, run):
    answer = run("doctor")
    assert "data logs: on for 1 of 8 resources asked; off for microsoft.documentdb" in answer.output
    assert "az monitor diagnostic-settings create" in answer.output


def test_doctor_sends_each_request_about_once(tenant, run):
    run("doctor")
    assert len(tenant.requests) < 70


def test_doctor_prints_the_policy(tenant, run):
    answer = run("doctor", "--print-policy")
    assert [f"/subscriptions/{SUB}"] == json.loads(answer.stdout)["role_definition"]["AssignableScopes"]
    assert [] == tenant.requests


def test_doctor_of_a_cloud_that_is_not_there_says_so(run, fake):
    fake.refuse(f"{AUTHORIZATION}/roleAssignments", 401, "InvalidAuthenticationToken")
    answer = run("doctor")
    assert "no valid sign-in" in answer.output


def test_scan_of_a_live_source_writes_a_report(tenant, run, tmp_path):
    answer = run("scan", "--output", str(tmp_path / "out"))
    assert 0 == answer.exit_code, answer.output
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert "ok" == report["sources"][0]["status"]
    assert AGENT in {identity["id"] for identity in report["identities"]}


def test_scan_that_reaches_nothing_ends_with_the_code_for_it(run, tmp_path, fake):
    fake.refuse(f"{AUTHORIZATION}/roleAssignments", 401, "InvalidAuthenticationToken")
    answer = run("scan", "--output", str(tmp_path / "out"))
    assert 4 == answer.exit_code, answer.output
