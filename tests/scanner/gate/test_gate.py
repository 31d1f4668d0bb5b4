"""The gate passes what its policy asks for, refuses the rest in words, and never passes on missing evidence."""

import json
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest
from click.testing import CliRunner
from report_sample import finding, identity, sample_report

from reports import json as report_json
from reports.document import (
    CredentialEntry,
    GrantEntry,
    PermissionCounts,
    Reduction,
    SourceEntry,
    SourcePart,
    Waiver,
    WindowSpan,
)
from reports.gate import junit, markdown, text
from scanner.cli import cli
from scanner.config import load_gates
from scanner.errors import ConfigError
from scanner.gate.decide import decide
from scanner.gate.policy import GatePolicy
from scanner.gate.question import Question

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BOT = "arn:aws:iam::123456789012:role/bot"
CLEAN = {
    "id": BOT,
    "name": "bot",
    "stage": "production",
    "source": "prod-aws",
    "owner": "team-a",
    "grants_read": True,
    "permissions": PermissionCounts(granted=10, used=9, unused=1),
    "observed": WindowSpan(start="2026-08-24T00:00:00Z", end="2026-11-21T10:00:00Z", days=89),
}
SOURCE = {
    "name": "prod-aws",
    "provider": "aws",
    "account": "123456789012",
    "stage": "production",
    "status": "ok",
    "reason": "",
    "records": 10,
    "data_as_of": "",
}
KEY = CredentialEntry(
    id="AKIA1",
    kind="access-key",
    status="active",
    created="",
    expires="",
    last_used="",
    uses=0,
    long_lived=True,
)
ADMIN = GrantEntry(
    id="g1",
    name="Admin",
    source="policy Admin",
    effect="allow",
    scope="*",
    conditions="",
    verdict="used",
    last_used="",
    permissions=10,
    admin="Action * on Resource *",
)


def documents(*, entries=None, findings=(), source=None, **changes):
    entries = [identity(**(CLEAN | changes))] if entries is None else entries
    sources = [SourceEntry(**(SOURCE | (source or {})))]
    return msgspec.structs.replace(
        sample_report(),
        sources=sources,
        identities=entries,
        findings=[finding(identity=BOT, **row) for row in findings],
    )


def decided(policy=None, stage="production", now=NOW, **kept):
    return decide(Question(stage, documents(**kept), "d" * 64, policy or GatePolicy(), "test", now))


def standing(decision, name):
    (workload,) = decision.workloads
    return next(check.standing for check in workload.checks if check.name == name)


def test_a_clean_workload_passes():
    assert ("passed", []) == (decided().decision, decided().reasons)


@pytest.mark.parametrize(
    ("name", "changes", "findings"),
    [
        ("coverage", {"permissions": PermissionCounts(granted=10, used=4, unobservable=6)}, []),
        ("coverage", {"permissions": PermissionCounts(granted=10, used=4, conditional=6)}, []),
        ("unused share", {"permissions": PermissionCounts(granted=10, used=6, unused=4)}, []),
        ("unused share", {"permissions": PermissionCounts(granted=10, unobservable=10)}, []),
        ("no admin", {"grants": [ADMIN]}, []),
        ("no static keys", {"credentials": [KEY]}, []),
        ("no escalation path", {}, [{"rule": "ED106", "severity": "low"}]),
        ("owner", {"owner": ""}, []),
        ("findings", {}, [{"rule": "ED107", "severity": "high"}]),
        ("grants read", {"grants_read": False}, []),
        ("grants read", {"grants_read": None, "permissions": PermissionCounts()}, []),
    ],
)
def test_each_condition_refuses_alone(name, changes, findings):
    decision = decided(findings=findings, **changes)
    assert ("refused", "refused") == (decision.decision, standing(decision, name))


LOGS_END = "2026-10-01T00:00:00Z"
DAYS = 52


def test_stale_logs_refuse_and_say_since_when():
    stale = {"observed": WindowSpan(start="2026-08-24T00:00:00Z", end=LOGS_END, days=38)}
    decision = decided(**stale)
    (check,) = [one for one in decision.workloads[0].checks if one.name == "log age"]
    assert ("refused", "refused") == (decision.decision, check.standing)
    assert f"end {DAYS} days before the window, with {LOGS_END}; at most 30 days allowed" in check.reason
    assert LOGS_END in text.render(decision)
    assert "passed" == decided(GatePolicy(max_log_age_days=DAYS), **stale).decision
    assert "not_asked" == standing(decided(GatePolicy(max_log_age_days=0), **stale), "log age")


@pytest.mark.parametrize("end", [None, "never"])
def test_an_end_of_the_logs_that_is_not_known_refuses(end):
    span = WindowSpan(start="", end=end, days=0) if end else None
    assert "refused" == standing(decided(observed=span), "log age")
    assert "passed" == decided(GatePolicy(max_log_age_days=0), observed=span).decision


def test_a_key_of_unknown_status_counts_as_working():
    key = msgspec.structs.replace(KEY, status="unknown")
    assert "refused" == standing(decided(credentials=[key]), "no static keys")


def test_an_inactive_key_does_not_refuse():
    key = msgspec.structs.replace(KEY, status="inactive")
    assert "passed" == standing(decided(credentials=[key]), "no static keys")


def waived(until="2026-11-22", **row):
    return {"status": "waived", "waiver": Waiver(reason="moves in Q1", owner="sam", until=until)} | row


def test_a_waiver_counts_until_the_end_of_its_day():
    kept = {"credentials": [KEY], "findings": [waived(rule="ED201", severity="critical", subject="AKIA1")]}
    assert "passed" == decided(**kept).decision
    assert "refused" == decided(**kept, now=datetime(2026, 11, 23, tzinfo=UTC)).decision


@pytest.mark.parametrize(
    "waiver", [None, Waiver(reason="", owner="", until=""), Waiver(reason="", owner="", until="never")]
)
def test_a_waiver_without_a_readable_date_counts_for_nothing(waiver):
    row = {"rule": "ED105", "severity": "critical", "status": "waived", "waiver": waiver}
    assert "refused" == standing(decided(findings=[row]), "findings")


def test_a_waiver_of_one_key_does_not_cover_the_other():
    second = msgspec.structs.replace(KEY, id="AKIA2")
    row = waived(rule="ED201", severity="critical", subject="AKIA1")
    assert "refused" == standing(decided(credentials=[KEY, second], findings=[row]), "no static keys")


@pytest.mark.parametrize("status", ["failed", "skipped", "partial"])
def test_evidence_that_was_not_read_refuses_the_stage_and_names_the_part(status):
    part = SourcePart(part="cloudtrail", status="failed", reason="b.json.gz: truncated")
    decision = decided(source={"status": status, "parts": [part]})
    assert "refused" == decision.decision
    assert "b.json.gz: truncated" in decision.reasons[0]


def test_partial_evidence_can_be_accepted_failed_evidence_cannot():
    policy = GatePolicy(accept_partial_evidence=True)
    assert "passed" == decided(policy, source={"status": "partial"}).decision
    assert "refused" == decided(policy, source={"status": "failed"}).decision


def test_nothing_to_decide_about_is_refused():
    decision = decided(entries=[])
    assert ("refused", ["there is no AI workload identity in stage production to decide about"]) == (
        decision.decision,
        decision.reasons,
    )


def test_an_unknown_stage_is_an_error_that_lists_the_stages():
    with pytest.raises(ConfigError, match="'prod'") as caught:
        decided(stage="prod")
    assert "stages: production" == caught.value.hint


def test_what_the_provider_manages_is_listed_and_not_decided():
    other = identity(**(CLEAN | {"id": "slr", "managed_by_provider": True, "owner": ""}))
    decision = decided(entries=[identity(**CLEAN), other])
    assert ["passed", "exempt"] == [workload.decision for workload in decision.workloads]
    assert "passed" == decision.decision


def test_an_outstanding_reduction_refuses_only_when_asked_for():
    open_one = Reduction(disposition="safe", reason="proved", keeps=9, removes=1, proof=CLEAN_PROOF)
    assert "not_asked" == standing(decided(reduction=open_one), "reduction")
    assert "refused" == standing(
        decided(GatePolicy(require_reduction="applied"), reduction=open_one), "reduction"
    )
    row = waived(rule="ED101")
    wanted = GatePolicy(require_reduction="waived")
    assert "waived" == standing(decided(wanted, reduction=open_one, findings=[row]), "reduction")
    assert "refused" == standing(decided(wanted, reduction=open_one), "reduction")


CLEAN_PROOF = identity().reduction.proof


def test_an_old_report_is_refused_when_an_age_is_set():
    decision = decided(GatePolicy(max_report_age_days=1), now=datetime(2027, 1, 1, tzinfo=UTC))
    assert "scan again" in decision.reasons[0]


HOSTILE = 'x"]|<script>alert(1)</script>\x1b]0;t\x07`\u202e=cmd'


def test_renderings_keep_hostile_names_harmless():
    decision = decided(name=HOSTILE, owner=HOSTILE, findings=[{"severity": "high", "message": HOSTILE}])
    assert not set("\x1b\x07\u202e") & set(text.render(decision))
    sheet = markdown.render(decision)
    assert "<script>" not in sheet
    assert not set("\x1b\x07\u202e") & set(sheet)
    assert "1" == ET.fromstring(junit.render(decision)).get("failures")  # noqa: S314 our own


def test_the_review_sheet_has_fields_to_sign_and_names_the_report_by_digest():
    sheet = markdown.render(decided())
    assert "d" * 64 in sheet
    assert ["Workload owner", "Security reviewer", "Platform owner"] == [
        line.split("|")[1].strip() for line in sheet.splitlines() if line.endswith("refuse | | |")
    ]


def test_both_spellings_of_a_gate_table_are_read(tmp_path):
    first, second = tmp_path / "a.toml", tmp_path / "b.toml"
    first.write_text("[gate.production]\nmax_unused_share = 0.1\nrequire_reduction = 'applied'\n")
    second.write_text(
        "[[gate]]\nstage = 'production'\nmax_unused_share = 0.1\nrequire_reduction = 'applied'\n"
    )
    assert load_gates(first) == load_gates(second)
    assert 0.1 == load_gates(first)["production"].max_unused_share


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("max_unused = 0.1", "unknown key 'max_unused'"),
        ("max_unused_share = 30", "number from 0 to 1"),
        ("fail_on = 'worst'", "must be one of"),
        ("allow_admin = 'no'", "must be true or false"),
        ("require_reduction = 'done'", "must be one of"),
    ],
)
def test_a_wrong_key_is_an_error_with_its_line(tmp_path, line, message):
    file = tmp_path / "config.toml"
    file.write_text(f"[gate.production]\nrequire_owner = true\n{line}\n")
    with pytest.raises(ConfigError, match=message) as caught:
        load_gates(file)
    assert f"{file}:3" in str(caught.value)


def run(*arguments):
    return CliRunner().invoke(cli, ["--quiet", "gate", *map(str, arguments)])


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "report.json").write_bytes(report_json.encode(documents()))
    return tmp_path / "out"


def test_the_verb_passes_with_0_and_writes_three_files(out, tmp_path):
    result = run(
        "--stage", "production", "--from", out, "--output", tmp_path / "review", "--now", "2026-11-22"
    )
    assert 0 == result.exit_code
    assert ["gate.json", "gate.xml", "review.md"] == sorted(
        path.name for path in (tmp_path / "review").iterdir()
    )
    assert "passed" == json.loads((tmp_path / "review" / "gate.json").read_text())["decision"]


def test_the_verb_refuses_with_1_and_follows_the_config(out, tmp_path):
    config = tmp_path / "strict.toml"
    config.write_text("[gate.production]\nmax_unused_share = 0.05\n")
    result = run("--stage", "production", "--from", out / "report.json", "--config", config)
    assert 1 == result.exit_code
    assert (
        "1 of 10 permissions whose use could be seen are unused (10 %), at most 5 % allowed" in result.stdout
    )


def test_the_verb_says_which_stages_there_are(out):
    result = run("--stage", "staging", "--from", out)
    assert 2 == result.exit_code
    assert "stages: production" in result.stderr


def test_the_verb_needs_a_report(tmp_path):
    assert 2 == run("--stage", "production", "--from", tmp_path / "none").exit_code


def test_the_same_report_and_present_give_the_same_bytes(out):
    arguments = ("--stage", "production", "--from", out, "--now", "2026-11-22", "--format", "json")
    assert run(*arguments).stdout == run(*arguments).stdout


def test_the_demo_is_refused_with_the_reasons_of_each_workload(tmp_path):
    CliRunner().invoke(cli, ["--quiet", "demo", "--output", str(tmp_path / "demo")])
    result = run("--stage", "production", "--from", tmp_path / "demo", "--format", "json")
    workloads = {row["name"]: row for row in json.loads(result.stdout)["workloads"]}
    refused = [
        c["name"] for c in workloads["claims-agentcore-runtime"]["checks"] if c["standing"] == "refused"
    ]
    assert (1, ["coverage", "unused share"]) == (result.exit_code, refused)
    assert "exempt" == workloads["service-123456789012"]["decision"]
    assert not Path("gate.json").exists()


def test_what_is_alike_in_several_accounts_is_printed_once_when_it_stands_the_same():
    entries = [
        identity(
            **(
                CLEAN
                | {"id": f"arn:aws:iam::{number}:role/bot", "account": str(number), "group": "abc"}
                | more
            )
        )
        for number, more in ((1, {}), (2, {}), (3, {"owner": ""}))
    ]
    decision = decided(entries=entries)
    printed = text.render(decision)
    assert 3 == len(decision.workloads)
    assert "bot (aws 1, role) and in 1 more account, with numbers of their own" in printed
    assert "REFUSED bot (aws 3, role)\n" in printed
    assert "(aws 2, role)" not in printed
    assert "arn:aws:iam::2:role/bot" in markdown.render(decision), "the sheet that is signed names each"
