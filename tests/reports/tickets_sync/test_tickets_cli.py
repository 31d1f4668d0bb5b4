"""`entdrift tickets` keeps the contract of the command line and keeps secrets to itself."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from report_sample import sample_report
from tickets_sync.fake_server import TOKEN, Answer, Refuse
from tickets_sync.test_bundles import fleet

from reports import json as report_json
from scanner.cli import cli
from scanner.config import load_trackers
from scanner.errors import ConfigError
from scanner.exits import Exit
from scanner.tickets_config import settings, token

ROOT = Path(__file__).parents[3]


@pytest.fixture
def report_file(tmp_path):
    path = tmp_path / "report.json"
    path.write_bytes(report_json.encode(sample_report()))
    return path


@pytest.fixture
def github(start, monkeypatch):
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    monkeypatch.setattr("reports.tickets.github.Issues.pause_seconds", 0.0)
    return start("github")


def run(*args):
    return CliRunner().invoke(cli, ["tickets", *map(str, args)])


def on(verb, report_file, fake, *more):
    return run(
        verb, "--from", report_file, "--to", "github", "--url", fake.url, "--project", "acme/platform", *more
    )


def test_plan_prints_and_writes_nothing_to_the_tracker(report_file, github):
    result = on("plan", report_file, github)
    assert (result.exit_code, github.writes()) == (Exit.OK, [])
    assert "plan: 2 create, 0 update, 0 reopen, 0 close, 0 leave\n" in result.stdout


def test_apply_twice_does_nothing_the_second_time(report_file, github):
    first = on("apply", report_file, github)
    assert (first.exit_code, "2 done, 0 left as they are, 0 not done" in first.stdout) == (Exit.OK, True)
    assert "https://github.com/acme/platform/issues/1" in first.stdout
    github.asked.clear()
    second = on("apply", report_file, github)
    assert (second.exit_code, github.writes()) == (Exit.OK, [])
    assert "0 done, 2 left as they are, 0 not done" in second.stdout


def test_the_existing_tickets_can_be_kept_for_planning_offline(report_file, github, tmp_path):
    on("apply", report_file, github)
    kept = tmp_path / "existing.json"
    on("plan", report_file, github, "--save-existing", kept)
    github.asked.clear()
    result = run("plan", "--from", report_file, "--to", "github", "--existing", kept, "--json")
    assert [action["type"] for action in json.loads(result.stdout)] == ["leave", "leave"]
    assert github.asked == []


@pytest.mark.parametrize("target", ["jira", "github", "gitlab", "servicenow", "webhook"])
def test_a_plan_without_a_tracker_is_offline_and_says_that_all_is_new(report_file, target):
    result = run("plan", "--from", report_file, "--to", target)
    assert (result.exit_code, "plan: 2 create, 0 update" in result.stdout) == (Exit.OK, True)
    assert f"no {target} is named" in result.stderr


def test_half_a_tracker_is_an_error(report_file):
    result = run("plan", "--from", report_file, "--to", "jira", "--url", "https://jira.example")
    assert (result.exit_code, "jira needs project" in result.stderr) == (Exit.USAGE, True)


@pytest.mark.parametrize("target", ["csv", "json", "markdown"])
def test_file_targets_need_no_tracker(report_file, target, tmp_path):
    assert "plan: 2 create" in run("plan", "--from", report_file, "--to", target).stdout
    printed = run("apply", "--from", report_file, "--to", target).stdout_bytes
    output = tmp_path / "tickets"
    run("apply", "--from", report_file, "--to", target, "--output", output)
    assert output.read_bytes() == printed
    assert b"entdrift-" in printed


def test_a_refused_token_is_exit_6_with_a_hint_and_stays_secret(report_file, github, monkeypatch):
    monkeypatch.setenv("GITHUB_TOKEN", "wr0ng-t0ken-of-mine")
    for verb in ("plan", "apply"):
        result = on(verb, report_file, github)
        assert result.exit_code == Exit.EXPORT
        assert "not allowed (HTTP 401: Bad credentials)" in result.stderr
        assert "hint: check that the token is valid" in result.stderr
        assert "wr0ng" not in result.output


def test_one_ticket_that_fails_does_not_stop_the_others(report_file, github):
    github.refusals = [Refuse(Answer(422, {"message": "Validation Failed"}), "POST")]
    result = on("apply", report_file, github)
    assert result.exit_code == Exit.EXPORT
    assert len(github.tickets) == 1
    assert "HTTP 422: Validation Failed" in result.stderr
    assert "1 done, 0 left as they are, 1 not done" in result.stdout


def test_dropped_labels_stop_the_run(report_file, github):
    """A token without push access makes issues without labels, which no later run would find."""
    github.drops_labels = True
    result = on("apply", report_file, github)
    assert result.exit_code == Exit.EXPORT
    assert len(github.tickets) == 1
    assert "without its labels" in result.stderr


def test_a_missing_token_names_its_variable(report_file, monkeypatch):
    monkeypatch.delenv("JIRA_TOKEN", raising=False)
    result = run(
        "plan", "--from", report_file, "--to", "jira", "--url", "https://x.atlassian.net", "--project", "OPS"
    )
    assert result.exit_code == Exit.USAGE
    assert "the environment variable JIRA_TOKEN is not set" in result.stderr


def test_a_missing_library_names_its_extra(report_file, monkeypatch):
    monkeypatch.setenv("GITLAB_TOKEN", TOKEN)
    monkeypatch.setitem(sys.modules, "gitlab", None)
    result = run("plan", "--from", report_file, "--to", "gitlab", "--project", "a/b")
    assert result.exit_code == Exit.USAGE
    assert "pip install 'entdrift[tickets-gitlab]'" in result.stderr


def test_an_existing_file_that_is_none_is_a_usage_error(report_file, tmp_path):
    broken = tmp_path / "existing.json"
    broken.write_text("{")
    for path in (broken, tmp_path / "absent"):
        result = run("plan", "--from", report_file, "--to", "jira", "--existing", path)
        assert result.exit_code == Exit.USAGE
        assert str(path) in result.stderr


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('token = "abc"', "unknown key 'token'"),
        ('token_env = "ghp_abcdef"', "must be the name of an environment variable"),
        ('url = "http://tracker.example"', "must begin with https://"),
        ('url = "https://bot:pw@tracker.example"', "must hold no user name or password"),
        ("project = 5", "'project': Expected `str`"),
        ('deployment = "moon"', "must be cloud or data-center"),
        ("set_priority = 1", "'set_priority': Expected `bool`"),
    ],
)
def test_config_errors_name_line_and_key_but_no_secret(tmp_path, line, said):
    path = tmp_path / "config.toml"
    path.write_text(f'[tickets.jira]\nemail = "a@b.example"\n{line}\n')
    with pytest.raises(ConfigError) as error:
        load_trackers(path)
    assert str(error.value).startswith(f"{path}:3: ")
    assert said in str(error.value)
    assert not any(word in f"{error.value}{error.value.hint}" for word in ("ghp_abcdef", 'abc"', ":pw@"))


def test_unknown_trackers_are_errors(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text('[tickets.jirra]\nurl = "https://x.example"\n')
    with pytest.raises(ConfigError, match="unknown tracker 'jirra'"):
        load_trackers(path)


def test_flags_outrank_the_file():
    table = {"url": "https://old.example", "project": "OLD"}
    chosen = settings("jira", table, url="https://new.example", project=None)
    assert (chosen.url, chosen.project) == ("https://new.example", "OLD")
    with pytest.raises(ConfigError, match="--project has no meaning for webhook"):
        settings("webhook", {"url": "https://x.example"}, url=None, project="x")


def test_a_token_with_a_line_break_inside_is_refused_unseen(monkeypatch):
    monkeypatch.setenv("A_TOKEN", "first\nsecond")
    with pytest.raises(ConfigError, match="holds characters that no token has") as error:
        token("A_TOKEN")
    assert "first" not in str(error.value)


def test_config_blocks_of_the_page_are_accepted(tmp_path):
    text = (ROOT / "docs" / "tickets.md").read_text("utf-8")
    block = text.partition("```toml\n")[2].partition("```")[0]
    path = tmp_path / "config.toml"
    for case in (block, re.sub(r"^# ", "", block, flags=re.MULTILINE)):
        path.write_text(case)
        assert set(load_trackers(path)) == {"jira", "github", "gitlab", "servicenow", "webhook"}
    for name in ("jira", "github", "gitlab", "servicenow", "webhook"):
        settings(name, load_trackers(path)[name], url=None, project=None)


def test_help_loads_no_tracker_library():
    code = "import sys, scanner.cli; print([m for m in ('jira','github','gitlab','pysnc','requests') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.fixture
def fleet_file(tmp_path):
    path = tmp_path / "fleet.json"
    path.write_bytes(report_json.encode(fleet()))
    return path


def test_one_ticket_for_a_role_is_made_once_and_found_again(fleet_file, github):
    first = on("apply", fleet_file, github, "--group-by", "role")
    assert (first.exit_code, "1 done, 0 left" in first.stdout) == (Exit.OK, True)
    second = on("apply", fleet_file, github, "--group-by", "role")
    assert "0 done, 1 left as they are, 0 not done" in second.stdout


def test_the_config_says_what_a_ticket_is_about_and_the_flag_outranks_it(fleet_file, tmp_path):
    config = tmp_path / "config.toml"
    config.write_text("[tickets]\ngroup_by = 'role'\n")
    plan = ("plan", "--from", fleet_file, "--to", "json", "--config", config)
    assert "plan: 1 create" in run(*plan).stdout
    assert "plan: 3 create" in run(*plan, "--group-by", "identity").stdout
    config.write_text("[tickets]\ngroup_by = 'account'\n")
    wrong = run(*plan)
    assert (Exit.USAGE, True) == (wrong.exit_code, "'group_by' must be one of identity, role" in wrong.output)


def test_a_plan_by_identity_says_that_fewer_tickets_would_do(fleet_file, report_file):
    words = "--group-by role makes one ticket of each"
    assert words in run("plan", "--from", fleet_file, "--to", "json").stderr
    assert words not in run("plan", "--from", report_file, "--to", "json").stderr


@pytest.mark.parametrize("target", ["csv", "json", "markdown"])
def test_files_hold_one_ticket_for_a_role(fleet_file, target):
    result = run("apply", "--from", fleet_file, "--to", target, "--group-by", "role")
    assert (Exit.OK, True) == (result.exit_code, "3 accounts" in result.stdout)
