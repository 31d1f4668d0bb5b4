"""A scan knows the older ones: what changed, what was fixed, what came back; never on partial evidence."""

import copy
import json

from changing_account import changes, event, states

from connectors.lock import held


def test_the_first_scan_has_nothing_to_compare_with(account):
    report = account.scan("2026-11-20")
    assert [] == changes(report)
    assert [("111122223333", "", True)] == [
        (row["account"], row["scan"], row["complete"]) for row in report["drift"]["compared_with"]
    ]
    assert 0 == report["history"]["scans"]
    assert {"open"} == {finding["status"] for finding in report["findings"]}


def test_the_same_evidence_and_now_give_the_same_bytes_again(account):
    account.scan("2026-11-20")
    account.grant("ec2:DescribeInstances", "s3:GetObject")
    account.scan("2026-11-21")
    once = (account.out / "report.json").read_bytes()
    account.scan("2026-11-21")
    assert once == (account.out / "report.json").read_bytes()


def test_what_was_granted_and_taken_away_is_told_by_name(account):
    account.scan("2026-11-20")
    account.grant("ec2:DescribeInstances", "s3:GetObject", "s3:PutObject")
    report = account.scan("2026-11-21")
    assert ("granted_more", "rag-agent", ["s3:GetObject", "s3:PutObject"]) in changes(report)
    assert ("granted_less", "rag-agent", ["ec2:RunInstances"]) in changes(report)


def test_a_grant_that_comes_back_after_removal_is_regained(account):
    account.scan("2026-11-19")
    account.grant("ec2:DescribeInstances")
    account.scan("2026-11-20")
    account.grant("ec2:DescribeInstances", "ec2:RunInstances", "s3:GetObject")
    report = account.scan("2026-11-21")
    assert ("regained", "rag-agent", ["ec2:RunInstances"]) in changes(report)
    assert ("granted_more", "rag-agent", ["s3:GetObject"]) in changes(report)


def test_first_use_and_the_end_of_use_are_told(account):
    account.scan("2026-11-20")
    account.calls(event("RunInstances", "2026-11-20"), event("DescribeVpcs", "2026-11-20"))
    report = account.scan("2026-11-21")
    assert ("used_first_time", "rag-agent", ["ec2:DescribeVpcs", "ec2:RunInstances"]) in changes(report)
    assert ("stopped_using", "rag-agent", ["ec2:DescribeInstances"]) in changes(report)


def test_a_wider_scope_is_a_change_although_the_permissions_are_the_same(account):
    account.grant("s3:GetObject", resource="arn:aws:s3:::claims/*")
    account.scan("2026-11-20")
    account.grant("s3:GetObject", resource="*")
    report = account.scan("2026-11-21")
    assert any(
        change["kind"] == "grant_changed" and "scope was arn:aws:s3:::claims/*, is *" in change["message"]
        for change in report["drift"]["changes"]
    )


def test_new_gone_and_recreated_identities_are_told_apart(account):
    other = copy.deepcopy(account.role) | {
        "RoleName": "old-agent",
        "RoleId": "AROAOLD",
        "Arn": "arn:aws:iam::111122223333:role/old-agent",
    }
    account.roles(account.role, other)
    account.scan("2026-11-20")
    new = copy.deepcopy(other) | {
        "RoleName": "new-agent",
        "RoleId": "AROANEW",
        "Arn": "arn:aws:iam::111122223333:role/new-agent",
        "CreateDate": "2026-11-20T12:00:00+00:00",
    }
    account.roles(account.role | {"RoleId": "AROAAGAIN"}, new)
    report = account.scan("2026-11-21")
    assert [
        ("identity_gone", "old-agent"),
        ("identity_new", "new-agent"),
        ("identity_recreated", "rag-agent"),
    ] == sorted((kind, name) for kind, name, _ in changes(report) if kind.startswith("identity"))


def test_a_finding_that_is_gone_on_whole_evidence_is_fixed_and_regresses_when_it_is_back(account):
    account.grant("iam:PutRolePolicy")
    first = account.scan("2026-11-19")
    assert ["open"] == states(first, "ED106")
    account.grant("ec2:DescribeInstances")
    fixed = account.scan("2026-11-20")
    assert ["fixed"] == states(fixed, "ED106")
    before, after = (
        next(one for one in report["findings"] if one["rule"] == "ED106") for report in (first, fixed)
    )
    assert after == before | {"status": "fixed"}, "the row is the finding as it was open last"
    assert fixed["summary"]["findings"]["fixed"] == fixed["drift"]["findings"]["fixed"] > 0
    assert ["fixed"] == states(account.scan("2026-11-21"), "ED106"), "it stays a row for a month"
    account.grant("iam:PutRolePolicy")
    back = account.scan("2026-11-22")
    assert ["regressed"] == states(back, "ED106")
    assert ["regressed"] == states(account.scan("2026-11-23"), "ED106")
    (row,) = [finding for finding in back["findings"] if finding["rule"] == "ED106"]
    assert "2026-11-19T00:00:00Z" == row["first_seen"]


def test_a_fixed_finding_is_no_row_after_a_month(account):
    account.grant("iam:PutRolePolicy")
    account.scan("2026-09-01")
    account.grant("ec2:DescribeInstances")
    account.scan("2026-09-02")
    assert [] == states(account.scan("2026-11-20"), "ED106")


def test_evidence_that_cannot_be_read_fixes_nothing(account):
    account.grant("iam:PutRolePolicy")
    whole = account.scan("2026-11-19")
    (account.folder / "gaad.json").write_text('{"RoleDetailList": [')
    broken = account.scan("2026-11-20")
    assert 0 == broken["summary"]["findings"]["fixed"]
    assert {f["fingerprint"] for f in whole["findings"]} <= {f["fingerprint"] for f in broken["findings"]}
    assert {"open"} == {finding["status"] for finding in broken["findings"]}
    carried = [f for f in broken["findings"] if "not_looked_at_again" in f["evidence"]]
    assert len(whole["findings"]) == len(carried) == broken["drift"]["findings"]["carried"]
    assert [] == changes(broken), "what was not seen is not gone"
    account.grant("iam:PutRolePolicy")
    again = account.scan("2026-11-21")
    assert [] == changes(again), "and it does not come back either"
    assert {"open"} == {finding["status"] for finding in again["findings"]}


def test_evidence_that_is_missing_altogether_fixes_nothing(account):
    account.grant("iam:PutRolePolicy")
    account.scan("2026-11-19")
    (account.folder / "gaad.json").unlink()
    assert ["open"] == states(account.scan("2026-11-20"), "ED106")


def test_without_logs_an_unused_permission_is_not_fixed(account):
    first = account.scan("2026-11-19")
    assert ["open"] == states(first, "ED101")
    account.calls()
    report = account.scan("2026-11-20")
    assert ["open"] == states(report, "ED101")
    assert not [kind for kind, *_ in changes(report) if kind == "stopped_using"]


def test_the_account_that_a_source_no_longer_holds_is_not_fixed(account):
    account.grant("iam:PutRolePolicy")
    account.scan("2026-11-19")
    text = (
        (account.folder / "gaad.json")
        .read_text()
        .replace("111122223333", "999988887777")
        .replace("AROAEXAMPLE", "AROAOTHER")
    )
    (account.folder / "gaad.json").write_text(text)
    report = account.scan("2026-11-20")
    assert ["open", "open"] == states(report, "ED106")


def test_a_source_that_left_the_config_fixes_nothing_at_first(account):
    account.grant("iam:PutRolePolicy")
    account.scan("2026-11-19")
    text = (account.folder / "config.toml").read_text().replace('name = "pilot"', 'name = "renamed"')
    (account.folder / "config.toml").write_text(text)
    account.grant("ec2:DescribeInstances")
    report = account.scan("2026-11-20")
    assert ["open"] == states(report, "ED106")
    assert "source pilot is no longer scanned" == report["drift"]["compared_with"][0]["reason"]
    assert ["fixed"] == states(account.scan("2026-11-21"), "ED106")


def test_an_older_scan_that_is_recorded_later_takes_its_place_in_time(account):
    account.grant("iam:PutRolePolicy")
    account.scan("2026-11-18")
    expected = account.scan("2026-11-21")
    account.grant("ec2:DescribeInstances")
    assert ["fixed"] == states(account.scan("2026-11-19"), "ED106")
    account.grant("iam:PutRolePolicy")
    assert expected["findings"] != [] == changes(account.scan("2026-11-22"))
    assert ["open"] == states(account.scan("2026-11-22"), "ED106")


def test_a_clock_that_jumped_back_compares_with_what_is_older_and_loses_nothing(account):
    account.scan("2026-11-20")
    account.grant("ec2:DescribeInstances", "s3:GetObject")
    account.scan("2027-06-01", "--since", "2026-10-01")
    report = account.scan("2026-11-21")
    assert ("granted_more", "rag-agent", ["s3:GetObject"]) in changes(report)
    assert 1 == report["history"]["scans"]


def test_without_history_nothing_is_remembered_and_no_file_is_made(account):
    report = account.scan("2026-11-20", "--no-history")
    assert ["evidence", "report.json"] == sorted(path.name for path in account.out.iterdir())
    assert (None, None) == (report["history"], report["drift"])


def test_a_damaged_state_is_put_aside_and_the_scan_goes_on_from_the_copy(account):
    account.scan("2026-11-19")
    (account.out / "state.sqlite").write_bytes(b"SQLite format 3\0" + b"\xff" * 9000)
    account.grant("ec2:DescribeInstances", "s3:GetObject")
    report = account.scan("2026-11-20")
    assert "granted_more" in {kind for kind, *_ in changes(report)}
    assert "damaged" in report["history"]["notes"][0]
    assert (account.out / "state.sqlite.damaged-1").exists()
    assert [] == account.scan("2026-11-21")["history"]["notes"]


def test_a_state_that_cannot_be_used_does_not_end_the_scan(account):
    (account.folder / "other.txt").write_text("not a database")
    report = account.scan("2026-11-20", "--state", account.folder / "other.txt", code=6)
    assert report["identities"]
    assert "no entdrift state file" in report["history"]["notes"][0]
    assert "not a database" == (account.folder / "other.txt").read_text()


def test_the_state_may_be_elsewhere_by_flag_environment_or_config(account, monkeypatch):
    account.config('[history]\nstate = "in-config.sqlite"\n')
    account.scan("2026-11-20")
    monkeypatch.setenv("ENTDRIFT_STATE", str(account.folder / "in-environment.sqlite"))
    account.scan("2026-11-20")
    account.scan("2026-11-20", "--state", account.folder / "by-flag.sqlite")
    found = {path.name for path in account.folder.glob("*.sqlite")}
    assert {"in-config.sqlite", "in-environment.sqlite", "by-flag.sqlite"} == found


def test_an_identity_whose_id_is_missing_today_is_the_same_identity(account):
    account.scan("2026-11-20")
    account.roles({key: value for key, value in account.role.items() if key != "RoleId"})
    report = account.scan("2026-11-21")
    assert [] == [kind for kind, *_ in changes(report) if kind.startswith("identity")]
    account.roles(account.role)
    report = account.scan("2026-11-22")
    assert [] == [kind for kind, *_ in changes(report) if kind.startswith("identity")]
    json.dumps(report)


def test_an_address_is_refused_and_makes_no_folder_of_its_name(account, monkeypatch):
    monkeypatch.chdir(account.folder)
    arguments = (
        "scan",
        "--config",
        "config.toml",
        "--output",
        "out",
        "--state",
        "ftp://bucket/state.sqlite?sig=planted",
    )
    result = account.run(*arguments)
    assert 2 == result.exit_code
    assert "no address of a state" in result.stderr
    assert "planted" not in result.stderr
    assert not (account.folder / "ftp:").exists()


def test_a_second_scan_waits_and_then_says_who_holds_the_state(account):
    account.config("[history]\nlock_wait_seconds = 0\n")
    account.scan("2026-11-20")
    with held(account.out / ".state.sqlite.lock", wait_seconds=0, say=print):
        arguments = ("scan", "--config", account.folder / "config.toml", "--output", account.out)
        result = account.run(*arguments, "--now", "2026-11-21")
    assert 2 == result.exit_code
    assert "another run holds the state (process" in result.stderr
    account.scan("2026-11-21")


def stays(report):
    (identity,) = report["identities"]
    return {row["code"]: row["permissions"] or row["services"] for row in identity["reduction"]["stays"]}


def test_what_an_older_scan_saw_in_use_is_not_taken_away(account):
    """A quarterly job: used in June, unused in the window of November, and kept."""
    account.calls(event("RunInstances", day="2026-06-01"), event("DescribeInstances", day="2026-06-02"))
    account.scan("2026-06-20")
    account.calls(*(event("DescribeInstances", day=f"2026-{month}-10") for month in ("09", "10", "11")))
    report = account.scan("2026-11-20")
    assert ["ec2:RunInstances"] == report["identities"][0]["services"][0]["unused"]
    assert {"used-earlier": ["ec2"]} == stays(report)


def test_what_was_used_longer_ago_than_configured_may_go(account):
    account.config("[reductions]\nkeep_used_days = 30\n")
    account.calls(event("RunInstances", day="2026-06-01"), event("DescribeInstances", day="2026-06-02"))
    account.scan("2026-06-20")
    account.calls(*(event("DescribeInstances", day=f"2026-{month}-10") for month in ("09", "10", "11")))
    assert {} == stays(account.scan("2026-11-20"))


def quiet(account, *days):
    """Scan on some days an account of which one permission is never used; return the last report."""
    account.calls(*(event("DescribeInstances", day=f"2026-{month}-10") for month in ("09", "10", "11")))
    return [account.scan(day) for day in days][-1]


def test_several_scans_in_a_row_must_find_something_unused_before_it_may_go(account):
    account.config("[reductions]\nhysteresis_scans = 3\n")
    report = quiet(account, "2026-11-18", "2026-11-19")
    assert {"not-settled": ["ec2"]} == stays(report)
    assert "each of the last 3 scans" in report["identities"][0]["reduction"]["reason"]
    report = account.scan("2026-11-20")
    assert {} == stays(report)
    assert "none" != report["identities"][0]["reduction"]["disposition"]


def test_a_call_in_one_of_the_scans_begins_the_count_anew(account):
    account.config("[reductions]\nhysteresis_scans = 2\nkeep_used_days = 0\n")
    quiet(account, "2026-06-01")
    account.calls(event("RunInstances", "2026-06-20"))
    account.scan("2026-06-20")
    assert {"not-settled": ["ec2"]} == stays(quiet(account, "2026-11-19"))
    assert {} == stays(account.scan("2026-11-20"))


def test_a_role_made_again_settles_anew(account):
    account.config("[reductions]\nhysteresis_scans = 2\n")
    quiet(account, "2026-11-19")
    account.roles(account.role | {"RoleId": "AROANEW"})
    assert {"not-settled": ["ec2"]} == stays(account.scan("2026-11-20"))


def test_without_a_history_nothing_is_settled_and_it_is_said(account):
    account.config("[reductions]\nhysteresis_scans = 2\n")
    quiet(account, "2026-11-19")
    arguments = ("scan", "--config", account.folder / "config.toml", "--output", account.out, "--no-history")
    account.run(*arguments, "--now", "2026-11-20")
    report = json.loads((account.out / "report.json").read_text())
    assert {"not-settled": ["ec2"]} == stays(report)
    assert "there is no history" in report["identities"][0]["reduction"]["stays"][0]["reason"]
