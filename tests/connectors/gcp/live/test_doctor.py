"""The real command over the fake: doctor, the printed role, scan, and what happens without credentials."""

import json
from functools import partial

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from connectors.gcp.live.collect import Way
from scanner.cli import cli
from scanner.exits import Exit
from tests.connectors.gcp.live.fake import disabled, error
from tests.connectors.gcp.records import AGENT, PROJECT

NOW = ("--now", "2026-11-01T00:00:00Z")
CALLER = "ci@tools.iam.gserviceaccount.com"


def run(*arguments):
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture
def config(servers, tmp_path):
    def write(**settings):
        chosen = {
            "scope": f"projects/{PROJECT}",
            "endpoint_url": servers.endpoint_url,
            "iam_endpoint": servers.iam_endpoint,
            **settings,
        }
        lines = ["[[source]]", 'name = "pilot"', 'provider = "gcp"', 'mode = "live"']
        lines += [f"{key} = {json.dumps(value)}" for key, value in chosen.items() if value is not None]
        file = tmp_path / "config.toml"
        file.write_text("\n".join(lines))
        return file

    return write


@pytest.fixture
def adc(servers, google, tmp_path, monkeypatch):
    """Put a key file into the environment; tokens come from the fake."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    file = tmp_path / "adc.json"
    file.write_text(
        json.dumps(
            {
                "type": "service_account",
                "project_id": "tools",
                "client_email": CALLER,
                "private_key": pem,
                "token_uri": f"{servers.endpoint_url}/token",
            }
        )
    )
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    google.route("POST /token", {"access_token": "caller", "expires_in": 3600, "token_type": "Bearer"})
    google.route(
        "POST /v1/projects/-/serviceAccounts/.*:generateAccessToken",
        {"accessToken": "scanner", "expireTime": "2099-01-01T00:00:00Z"},
    )
    return file


def test_a_scan_goes_the_whole_way(config, tmp_path):
    result = run("scan", "--config", config(log_entries=True), "--output", tmp_path / "out", *NOW)
    assert Exit.OK == result.exit_code, result.output
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert "ok" == report["sources"][0]["status"]
    assert [AGENT] == [one["id"] for one in report["identities"] if one["ai_workload"]["is_ai"]]


def test_doctor_says_what_works_and_which_logs_are_on(config):
    result = run("doctor", "--config", config(log_entries=True), *NOW)
    assert Exit.OK == result.exit_code, result.output
    assert (
        "identity: nobody (endpoint_url is this machine) reads projects/agents-prod below folders/77"
        in result.output
    )
    assert "iam_policies: 4 of 5 calls work, 1 had nothing to ask about" in result.output
    assert "for small projects: at most 55,000 entries a minute" in result.output
    assert "logs of projects/agents-prod: Data Access logs of all services: DATA_READ" in result.output


def test_doctor_reads_one_page_of_each_list(google, config):
    run("doctor", "--config", config(log_entries=True), *NOW)
    assert 1 == len(google.paths("searchAllIamPolicies"))
    assert 1 == len(google.paths("entries:list"))


def test_doctor_says_what_is_lost_and_how_to_get_it(google, config):
    google.route("GET .*/insights", disabled("recommender.googleapis.com"))
    google.route("GET .*/timeSeries", error(403, "no"))
    result = run("doctor", "--config", config(), *NOW)
    assert f"gcloud services enable recommender.googleapis.com --project={PROJECT}" in result.output
    assert "lost: calls that no log records are not noticed" in result.output
    assert "--role=roles/monitoring.viewer" in result.output


def test_the_printed_role_goes_to_stdout_alone(config):
    result = run("doctor", "--config", config(), "--print-policy")
    assert (Exit.OK, "") == (result.exit_code, result.stderr)
    assert "includedPermissions:\n- aiplatform.reasoningEngines.list\n" in result.stdout


def test_calls_are_made_as_the_impersonated_account_on_the_quota_project(google, adc, config, tmp_path):
    scanner = f"entdrift@{PROJECT}.iam.gserviceaccount.com"
    hub = f"hub@{PROJECT}.iam.gserviceaccount.com"
    google.route("GET .*/timeSeries", error(403, "no"))
    file = config(impersonate=[hub, scanner], quota_project="audit")
    result = run("scan", "--config", file, "--output", tmp_path / "out", *NOW)
    assert Exit.OK == result.exit_code, result.output
    [(_, path, _, body)] = [one for one in google.asked if one[1].endswith("generateAccessToken")]
    assert f"/v1/projects/-/serviceAccounts/{scanner}:generateAccessToken" == path
    assert [f"projects/-/serviceAccounts/{hub}"] == body["delegates"]
    api = [h for h, one in zip(google.headers, google.asked, strict=True) if "searchAll" in one[1]]
    assert {("Bearer scanner", "audit")} == {
        (h["authorization"], h["x-goog-user-project"]) for h in map(lower, api)
    }
    report = (tmp_path / "out" / "report.json").read_text()
    assert f"--member=serviceAccount:{scanner}" in report
    assert "PRIVATE KEY" not in report
    assert "Bearer" not in report


def lower(headers):
    return {key.lower(): value for key, value in headers.items()}


def test_nothing_that_answers_exits_with_4_after_one_round_of_waiting(google, config, tmp_path, monkeypatch):
    waits = []
    monkeypatch.setattr("connectors.gcp.live.collect.Way", partial(Way, wait=waits.append))
    google.route("GET .*|POST .*", error(503, "down"))
    result = run("scan", "--config", config(), "--output", tmp_path / "out", *NOW)
    assert Exit.NO_SOURCE == result.exit_code
    assert [1.0, 4.0, 15.0, 40.0] == waits


def test_expired_credentials_exit_with_4_and_say_how_to_log_in(google, adc, config, tmp_path):
    google.route(
        "POST /token",
        (400, {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}),
    )
    result = run("scan", "--config", config(), "--output", tmp_path / "out", *NOW)
    assert Exit.NO_SOURCE == result.exit_code
    assert "gcloud auth application-default login" in result.output
    assert "expired or revoked" in result.output
    assert "PRIVATE KEY" not in result.output
    # Everything else follows from it: it is told once, and first.
    (warning,) = [line for line in result.output.splitlines() if line.startswith("warning:")]
    assert warning.startswith("warning: pilot: iam_policies: cloudresourcemanager.projects.get")
    assert "the credentials do not work: invalid_grant: Token has been expired or revoked." in warning
    (checked,) = [
        line for line in run("doctor", "--config", config(), *NOW).output.splitlines() if "failed" in line
    ]
    assert checked.count("the credentials do not work") == 1


def test_absent_credentials_exit_with_4(config, tmp_path, monkeypatch):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    result = run("scan", "--config", config(), "--output", tmp_path / "out", *NOW)
    assert Exit.NO_SOURCE == result.exit_code
    assert "no Google credentials" in result.output
    checked = run("doctor", "--config", config(), *NOW)
    assert "failed  identity: no Google credentials" in checked.output


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"scope": "projects/ID/secrets/S"}, "a live source cannot read the scope 'projects/ID/secrets/S'"),
        ({"scope": None}, "scope is not set"),
        ({"endpoint_url": "http://gcp.example"}, "endpoint_url without encryption must be on this machine"),
    ],
)
def test_settings_that_cannot_work_are_refused_before_the_first_call(
    google, config, tmp_path, settings, words
):
    result = run("scan", "--config", config(**settings), "--output", tmp_path / "out", *NOW)
    assert Exit.USAGE == result.exit_code, result.output
    assert words in result.output
    assert [] == google.asked
