"""Waivers by pattern: bounded, listed before they are made, kept in the chain, and never silent."""

import copy
import json

import pytest
from changing_account import ROLE, states

from connectors.state import open_state
from reports.document import FindingEntry
from scanner.history.approvals import APPROVALS, Approval, append, entries, verify
from scanner.history.patterns import PATTERN, AcceptedPattern, Pattern, cover
from scanner.history.schema import HISTORY
from scanner.history.waivers import Accepted

WHO = ("--reason", "until the move", "--owner", "team-rag", "--now", "2026-11-20")
RAG = ("--rule", "ED106", "--identity", "*:role/rag-*")
END = ("--until", "2026-11-30")


@pytest.fixture
def granted(account):
    account.grant("iam:PutRolePolicy")
    account.report = account.scan("2026-11-20")
    return account


def waive(account, *flags, code=0):
    result = account.run("waive", "--from", account.out, *flags)
    assert code == result.exit_code, result.stderr
    return result


def second_role(account, name="rag-agent-2"):
    other = copy.deepcopy(account.role)
    arn = ROLE["Arn"].replace("rag-agent", name)
    other |= {"RoleName": name, "RoleId": f"AROA{name}", "Arn": arn}
    account.roles(account.role, other)


def test_a_dry_run_lists_what_is_covered_and_writes_nothing(granted):
    found = waive(granted, *RAG, "--dry-run").stdout
    assert "ED106" in found
    assert "rule ED106, identity *:role/rag-*, account *: covers 1 finding now (1 high)" in found
    assert "no waivers\n" == granted.run("waive", "--list", "--from", granted.out).stdout


def test_what_matches_later_is_waived_by_the_pattern_and_says_so(granted):
    waive(granted, *RAG, *WHO, *END, "--at-most", "5")
    second_role(granted)
    report = granted.scan("2026-11-21")
    assert ["waived", "waived"] == states(report, "ED106")
    words = "rule ED106, identity *:role/rag-*, account *"
    waivers = [f["waiver"] for f in report["findings"] if f["rule"] == "ED106"]
    assert {words} == {waiver["pattern"] for waiver in waivers}
    (pattern,) = report["history"]["patterns"]
    assert (2, 0, True, "2026-11-30T23:59:59Z") == tuple(
        pattern[k] for k in ("covers", "over", "active", "until")
    )
    text = granted.run("report", "--from", granted.out / "report.json", "--format", "terminal=-").stdout
    assert "Waived by pattern until 2026-11-30: 2 findings" in text


def test_more_than_was_accepted_stays_open_the_oldest_are_waived(granted):
    waive(granted, *RAG, *WHO, *END, "--at-most", "1")
    second_role(granted)
    report = granted.scan("2026-11-21")
    assert {"rag-agent": "waived", "rag-agent-2": "open"} == {
        f["identity"].rpartition("/")[2]: f["status"] for f in report["findings"] if f["rule"] == "ED106"
    }
    assert [(1, 1)] == [(one["covers"], one["over"]) for one in report["history"]["patterns"]]


def test_critical_findings_are_covered_only_where_that_is_asked_for(account):
    account.grant("*")
    account.scan("2026-11-20")
    about = ("--rule", "ED105", "--identity", "rag-agent")
    assert "1 critical ones are not covered (--critical)" in waive(account, *about, "--dry-run").stdout
    waive(account, *about, *WHO, *END, "--at-most", "5", code=2)
    waive(account, *about, *WHO, *END, "--at-most", "5", "--critical")
    assert ["waived"] == states(account.scan("2026-11-21"), "ED105")


def test_an_ended_pattern_is_one_finding_for_each_identity(granted):
    waive(granted, "--rule", "*", "--identity", "rag-agent", *WHO, *END, "--at-most", "50")
    assert not states(granted.scan("2026-11-30T12:00:00Z"), "ED302")
    report = granted.scan("2026-12-01")
    assert ["open"] == states(report, "ED302")
    (ended,) = [f for f in report["findings"] if f["rule"] == "ED302"]
    assert "by the pattern rule *, identity rag-agent, account *" in ended["message"]
    assert "entdrift waive --rule '*' --identity rag-agent --account '*' --at-most 50" in ended["remediation"]
    waive(
        granted, "--rule", "*", "--identity", "rag-agent", *WHO[:4], "--now", "2026-12-01",
        "--until", "2026-12-31", "--at-most", "50",
    )  # fmt: skip
    renewed = granted.scan("2026-12-02")
    assert (["fixed"], {"waived"}) == (states(renewed, "ED302"), set(states(renewed, "ED106")))


def test_a_revoked_pattern_no_longer_counts_and_both_stand_in_the_chain(granted):
    waive(granted, *RAG, *WHO, *END, "--at-most", "5")
    listed = granted.run("waive", "--list", "--from", granted.out, "--now", "2026-11-21").stdout
    assert "active   until 2026-11-30  team-rag: until the move  [rule ED106" in listed
    waive(granted, listed[:12], "--revoke", "--reason", "moved", "--owner", "team-rag")
    assert ["open"] == states(granted.scan("2026-11-21"), "ED106")
    with open_state(granted.out / "state.sqlite", HISTORY, APPROVALS) as state:
        made = [entry.approval for entry in entries(state)]
        assert "" == verify(state).broken
    assert ["waiver-pattern", "waiver-revoked"] == [one.kind for one in made]
    assert {"rule": "ED106", "identity": "*:role/rag-*", "account": "*", "critical": False, "at_most": 5} == (
        json.loads(made[0].subject)
    )
    assert 64 == len(made[0].digest)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--rule", "ED106", *WHO, *END, "--at-most", "5"), "needs --identity or --account"),
        ((*RAG, *WHO, *END), "needs --at-most: it covers 1 finding now"),
        (("--rule", "*", "--identity", "rag-agent", *WHO, *END, "--at-most", "1"), "--at-most 1: it covers"),
        (("--rule", "ED199", "--identity", "*agent", *WHO, *END, "--at-most", "5"), "covers nothing"),
        ((*RAG, "--reason", "r", "--at-most", "5"), "--owner and --until"),
        ((*RAG, *WHO, "--until", "2036-01-01", "--at-most", "5"), "further away than 366 days"),
        (("--dry-run", "0123456789ab"), "--dry-run is for a pattern"),
        ((*RAG, "0123456789ab"), "a fingerprint or a pattern, not both"),
    ],
)
def test_what_nobody_could_follow_later_is_refused(granted, flags, message):
    assert message in waive(granted, *flags, code=2).stderr


def finding(number, **more):
    fields = {
        "fingerprint": f"{number:064d}", "rule": "ED106", "title": "", "severity": "high", "confidence": "high",
        "provider": "aws", "account": "1", "identity": "a", "subject": "", "message": "", "evidence": {},
        "frameworks": [], "remediation": "", "status": "open", "first_seen": "2026-11-01T00:00:00Z",
    }  # fmt: skip
    return FindingEntry(**(fields | more))


def test_a_waiver_of_the_finding_itself_outranks_a_pattern_and_takes_none_of_its_number():
    until = "2026-12-31T23:59:59Z"
    one = finding(1)
    own = {one.fingerprint: Accepted(one.fingerprint, "own", "sam", until)}
    wide = AcceptedPattern(Pattern("ED106", "a", "*", at_most=1), "wide", "kim", until)
    found = cover([wide], own, [one, finding(2)], {}, "2026-11-20T00:00:00Z")
    assert ["own", "wide"] == [found.accepted[finding(n).fingerprint].reason for n in (1, 2)]
    assert {wide.pattern.id: 1} == found.covers


def test_ended_waivers_are_never_covered():
    wide = Pattern("*", "*", "1", critical=True, at_most=9)
    assert not wide.matches(finding(1, rule="ED302"), {})
    assert wide.matches(finding(1), {})
    assert not Pattern("ED106", "b", "*").matches(finding(1), {("aws", "1", "a"): "agent"})
    assert Pattern("ED106", "agent", "*").matches(finding(1), {("aws", "1", "a"): "agent"})


@pytest.mark.parametrize(
    "subject",
    [
        "",
        "[]",
        '{"rule": 7}',
        '{"rule": "*", "at_most": "many"}',
        '{"rule": "*", "at_most": 9, "severity": "low"}',
    ],
)
def test_an_entry_that_is_not_understood_covers_nothing_and_stops_no_scan(granted, subject):
    made = Approval(PATTERN, subject, "sam", "moves", "2026-11-20T00:00:00Z", "2026-12-01T00:00:00Z")
    with open_state(granted.out / "state.sqlite", HISTORY, APPROVALS) as state:
        append(state, made)
    assert ["open"] == states(granted.scan("2026-11-21"), "ED106")
