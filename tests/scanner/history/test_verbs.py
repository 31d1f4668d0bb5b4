"""`waive`, `history` and `diff`, as a user runs them."""

import contextlib
import json
import sqlite3

import pytest
from changing_account import states

from connectors.state import open_state
from scanner.history.approvals import APPROVALS, Approval, append
from scanner.history.schema import HISTORY
from scanner.history.waivers import WAIVER

WHO = ("--reason", "until the move", "--owner", "team-rag", "--now", "2026-11-20")


@pytest.fixture
def granted(account):
    account.grant("iam:PutRolePolicy")
    account.report = account.scan("2026-11-20")
    (account.found,) = [f for f in account.report["findings"] if f["rule"] == "ED106"]
    return account


def waive(account, *flags, code=0, fingerprint=None):
    fingerprint = fingerprint or account.found["fingerprint"][:12]
    result = account.run("waive", fingerprint, "--from", account.out, *flags)
    assert code == result.exit_code, result.stderr
    return result


def test_a_waived_finding_stays_a_row_and_does_not_fail_the_scan(granted):
    granted.scan("2026-11-20", "--fail-on", "high", code=1)
    waive(granted, *WHO, "--until", "2026-11-30")
    for found in (f for f in granted.report["findings"] if f["severity"] == "high"):
        if found["rule"] != "ED106":
            waive(granted, *WHO, "--until", "2026-11-30", fingerprint=found["fingerprint"])
    report = granted.scan("2026-11-21", "--fail-on", "high")
    (row,) = [f for f in report["findings"] if f["rule"] == "ED106"]
    expected = {"reason": "until the move", "owner": "team-rag", "until": "2026-11-30T23:59:59Z"}
    expected["pattern"] = ""
    assert ("waived", expected) == (row["status"], row["waiver"])
    assert 0 < report["summary"]["findings"]["waived"] == report["drift"]["findings"]["waived"]
    assert granted.report["history"]["approvals_head"] != report["history"]["approvals_head"]


def test_a_waiver_of_an_earlier_version_is_told_with_its_last_day(granted):
    made = Approval(
        WAIVER, granted.found["fingerprint"], "sam", "moves", "2026-11-20T00:00:00Z", "2026-12-01T00:00:00Z"
    )
    with open_state(granted.out / "state.sqlite", HISTORY, APPROVALS) as state:
        append(state, made)
    report = granted.scan("2026-11-30T23:59:59Z")
    (row,) = [f for f in report["findings"] if f["rule"] == "ED106"]
    assert ("waived", "2026-11-30T23:59:59Z") == (row["status"], row["waiver"]["until"])
    (ended,) = [f for f in granted.scan("2026-12-01")["findings"] if f["rule"] == "ED302"]
    assert "until 2026-11-30: moves" in ended["message"]


def test_an_ended_waiver_is_a_finding_and_the_waived_one_is_open_again(granted):
    waive(granted, *WHO, "--until", "2026-11-30")
    assert [] == states(granted.scan("2026-11-30T12:00:00Z"), "ED302"), "the last day counts"
    report = granted.scan("2026-12-01")
    assert (["open"], ["open"]) == (states(report, "ED302"), states(report, "ED106"))
    (ended,) = [f for f in report["findings"] if f["rule"] == "ED302"]
    assert granted.found["fingerprint"] == ended["subject"]
    waive(granted, *WHO[:4], "--now", "2026-12-01", "--until", "2026-12-31")
    renewed = granted.scan("2026-12-02")
    assert (["fixed"], ["waived"]) == (states(renewed, "ED302"), states(renewed, "ED106"))


def test_a_revoked_waiver_no_longer_counts(granted):
    waive(granted, *WHO, "--until", "2026-11-30")
    waive(granted, "--revoke", "--reason", "moved", "--owner", "team-rag")
    assert ["open"] == states(granted.scan("2026-11-21"), "ED106")
    assert "no waivers\n" == granted.run("waive", "--list", "--from", granted.out).stdout


def test_the_list_tells_active_from_ended(granted):
    waive(granted, *WHO, "--until", "2026-11-30")
    for now, word in (("2026-11-21", "active"), ("2026-12-21", "expired")):
        listed = granted.run("waive", "--list", "--from", granted.out, "--now", now).stdout
        assert word in listed
        assert "until 2026-11-30  team-rag" in listed
        assert "team-rag: until the move" in listed


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--owner", "a", "--until", "2026-12-01"], "--reason"),
        (["--reason", " ", "--owner", "a", "--until", "2026-12-01"], "--reason"),
        (["--reason", "a", "--until", "2026-12-01"], "--owner"),
        (["--reason", "a", "--owner", "a"], "--until"),
        (["--reason", "a", "--owner", "a", "--until", "2026-11-19"], "has passed"),
        (["--reason", "a", "--owner", "a", "--until", "2036-11-19"], "further away than 366 days"),
        (["--reason", "a", "--owner", "a", "--until", "soon"], "no date"),
    ],
)
def test_what_nobody_could_follow_later_is_refused(granted, flags, message):
    result = waive(granted, *flags, "--now", "2026-11-20", code=2)
    assert message in result.stderr


def test_an_unknown_fingerprint_is_refused_with_the_nearest_one(granted):
    wrong = granted.found["fingerprint"][:11] + "x"
    result = waive(granted, *WHO, "--until", "2026-11-30", fingerprint=wrong, code=2)
    assert f"did you mean {granted.found['fingerprint'][:12]} (ED106" in result.stderr
    short = waive(
        granted, *WHO, "--until", "2026-11-30", fingerprint=granted.found["fingerprint"][:5], code=2
    )
    assert "at least 8 digits" in short.stderr


def test_history_lists_scans_and_shows_one(granted):
    granted.grant("ec2:DescribeInstances")
    report = granted.scan("2026-11-21")
    listed = json.loads(granted.run("history", "--from", granted.out, "--format", "json").stdout)
    assert ["2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z"] == [row["now"] for row in listed]
    shown = granted.run("history", "--from", granted.out, "show", report["history"]["scan"][:6]).stdout
    assert f"fixed {granted.found['fingerprint'][:12]} ED106" in shown
    text = granted.run("history", "--from", granted.out).stdout
    assert "2 AI identities" not in text
    assert 2 == text.count("; complete (1 source)")
    assert 2 == granted.run("history", "--from", granted.out, "show", "zzz").exit_code
    assert 2 == granted.run("history", "--from", granted.folder / "elsewhere").exit_code


def test_a_backup_is_restored_and_the_former_file_kept(granted):
    waive(granted, *WHO, "--until", "2026-11-30")
    copy = granted.folder / "copy.sqlite"
    assert 0 == granted.run("history", "--from", granted.out, "backup", copy).exit_code
    (granted.out / "state.sqlite").write_text("lost")
    assert 0 == granted.run("history", "--from", granted.out, "restore", copy).exit_code
    assert "lost" == (granted.out / "state.sqlite.before-restore-1").read_text()
    assert ["waived"] == states(granted.scan("2026-11-21"), "ED106")
    copy.write_text("damaged")
    assert 0 != granted.run("history", "--from", granted.out, "restore", copy).exit_code
    assert "damaged" == copy.read_text()
    assert ["waived"] == states(granted.scan("2026-11-21"), "ED106")


def test_verify_finds_a_chain_that_was_changed_or_cut_off(granted):
    waive(granted, *WHO, "--until", "2026-11-30")
    granted.scan("2026-11-21")
    assert 0 == granted.run("history", "--from", granted.out, "verify").exit_code
    with contextlib.closing(sqlite3.connect(granted.out / "state.sqlite")) as connection:
        connection.execute("DROP TRIGGER approval_is_not_removed")
        connection.execute("DELETE FROM approval")
        connection.commit()
    result = granted.run("history", "--from", granted.out, "verify")
    assert 1 == result.exit_code
    assert "cut off or replaced" in result.stdout


def test_diff_compares_two_reports_and_two_bundles_alike(granted):
    first = granted.folder / "first"
    granted.out.rename(first)
    granted.grant("ec2:DescribeInstances", "s3:GetObject")
    granted.scan("2026-11-20")
    found = json.loads(granted.run("diff", first, granted.out / "report.json", "--format", "json").stdout)
    kinds = {change["kind"]: change["permissions"] for change in found["changes"]}
    assert ["ec2:DescribeInstances", "s3:GetObject"] == kinds["granted_more"]
    assert ["iam:PutRolePolicy"] == kinds["granted_less"]
    assert "ED106" in {row["rule"] for row in found["findings_gone"]}
    bundles = json.loads(
        granted.run("diff", first / "evidence", granted.out / "evidence", "--format", "json").stdout
    )
    assert found["changes"] == bundles["changes"]
    for form, expected in (
        ("text", "+ rag-agent holds 2 permissions more"),
        ("markdown", "| **yes** | granted more"),
    ):
        assert expected in granted.run("diff", first, granted.out, "--format", form).stdout
    assert 2 == granted.run("diff", first, granted.folder / "logs").exit_code
