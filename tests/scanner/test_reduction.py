"""What may go is only what would have been seen; the report offers what is proved and says what stays and why."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from click.testing import CliRunner

from connectors.facts import Credential, Dependent, Effect, Entitlement, Grant, Identity, Usage, Window
from connectors.permissions import Permissions
from connectors.reduction import Claim, Replacement, Standing
from reports.document import Proof, Reduction
from scanner.cli import cli
from scanner.offer import claim_lines
from scanner.proof import reduction
from scanner.reduction import OptOut, question
from scanner.results import (
    Backtest,
    Confidence,
    CredentialResult,
    GrantResult,
    GrantVerdict,
    IdentityResult,
    ReductionResult,
)
from scanner.rules.finding import Limits
from scanner.safety import Safety
from scanner.verdicts import judge

END = datetime(2026, 11, 23, tzinfo=UTC)
WINDOW = Window(END - timedelta(days=90), END)
LIMITS = Limits(grace_days=14)
NAMES = Permissions(source="test", date="2026-01-01", service=lambda name: name.partition(":")[0])
A, B, C = (NAMES.mask([f"s:{letter}"]) for letter in "ABC")
OLD, YOUNG = "2025-01-01T00:00:00Z", "2026-11-20T00:00:00Z"


def entry(
    *,
    granted=A | B,
    usage=(),
    created=OLD,
    grants=(),
    credentials=(),
    managed=False,
    observed=WINDOW,
    blind=(),
):
    entitlement = Entitlement("me", granted, blind=blind)
    return IdentityResult(
        identity=Identity("me", "aws", "1", "role", "me", "s", created=created, managed_by_provider=managed),
        stage="pilot",
        is_ai=True,
        ai_confidence=Confidence.HIGH,
        readable=True,
        verdicts=judge(entitlement, usage, NAMES),
        usage=tuple(usage),
        grants=tuple(GrantResult(grant, GrantVerdict.UNUSED, "") for grant in grants),
        credentials=tuple(credentials),
        reach={},
        observed=observed,
    )


def call(permission, *, denied=0):
    return Usage("me", permission, "", "", 1, denied, "2026-10-01T00:00:00Z", "2026-10-01T00:00:00Z")


def grant(permissions, created=OLD):
    return Grant(f"g{permissions}{created}", "me", "p", "p", Effect.ALLOW, "*", permissions, created=created)


def test_only_unused_permissions_may_go():
    asked, stays = question(
        entry(granted=A | B | C, usage=[call("s:A"), call("s:B", denied=1)]), WINDOW, LIMITS
    )
    assert (C, ()) == (asked.remove, stays)


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"created": YOUNG}, "grace-period"),
        ({"grants": [grant(A | B, YOUNG)]}, "grace-period"),
        ({"managed": True}, "managed-by-provider"),
    ],
)
def test_what_stays_says_why(facts, code):
    asked, stays = question(entry(**facts), WINDOW, LIMITS)
    assert (0, [code], A | B) == (asked.remove, [stay.code for stay in stays], stays[0].permissions)


def test_what_something_that_stays_may_need_once_in_a_while_stays_with_it():
    b_with_a = [Dependent(B, A, "b is needed at times")]
    asked, stays = question(
        entry(granted=A | B | C, usage=[call("s:A")]), WINDOW, LIMITS, dependents=b_with_a
    )
    assert (C, B, "dependent", "b is needed at times") == (
        asked.remove,
        stays[0].permissions,
        stays[0].code,
        stays[0].reason,
    )
    asked, stays = question(entry(granted=A | B | C), WINDOW, LIMITS, dependents=b_with_a)
    assert (A | B | C, ()) == (asked.remove, stays)  # nothing that needs it stays


def test_a_permission_that_an_old_grant_gives_too_may_go():
    asked, stays = question(entry(grants=[grant(A | B, YOUNG), grant(A)]), WINDOW, LIMITS)
    assert (A, B) == (asked.remove, stays[0].permissions)


def key(**more):
    return Credential("me", "AKIA1", "access-key", "active", long_lived=True, created=OLD, **more)


@pytest.mark.parametrize(
    ("credential", "expected"),
    [
        (CredentialResult(key(last_used_known=True), 0, "", 600), ("AKIA1",)),
        (CredentialResult(key(last_used_known=True), 3, "2026-11-01T00:00:00Z", 600), ()),
        (
            CredentialResult(
                key(last_used_known=True, last_used="2026-11-01T00:00:00Z"), 0, "2026-11-01T00:00:00Z", 600
            ),
            (),
        ),
        (CredentialResult(key(), 0, "", 600), ()),
    ],
)
def test_only_keys_known_to_be_unused_are_deactivated(credential, expected):
    asked, _ = question(entry(credentials=[credential]), WINDOW, LIMITS)
    assert expected == asked.credentials


def test_an_identity_without_logs_is_not_called_idle():
    assert question(entry(), WINDOW, LIMITS)[0].idle
    assert not question(entry(observed=None), WINDOW, LIMITS)[0].idle
    assert not question(entry(usage=[call("s:A")]), WINDOW, LIMITS)[0].idle


PROVED = Claim(Standing.PROVED)


def result(**claims):
    backtest = claims.pop("backtest", Backtest(Standing.PROVED, days=30))
    held = {name: claims.get(name, PROVED) for name in ("replay", "containment", "limits", "restore")}
    found = Replacement("me", (), A, **held)
    return reduction(
        entry(),
        ReductionResult(
            able=True, removable=A, credentials=(), stays=(), replacement=found, backtest=backtest
        ),
        NAMES,
    )


def test_safe_needs_all_five():
    assert "safe" == result().disposition


@pytest.mark.parametrize("name", ["replay", "containment", "limits", "restore"])
def test_an_undecided_claim_means_review_and_a_refuted_one_no_offer(name):
    review = result(**{name: Claim(Standing.UNDECIDED, "who knows")})
    assert ("review", True) == (review.disposition, f"{name} (who knows)" in review.reason)
    refuted = result(**{name: Claim(Standing.REFUTED, "s:A on x", "s:A on x", refused=("s:A on x",))})
    assert ("none", 0, [], True) == (
        refuted.disposition,
        refuted.removes,
        refuted.artifacts,
        "s:A on x" in refuted.reason,
    )


def test_a_cut_that_would_have_broken_something_is_not_offered():
    refuted = result(backtest=Backtest(Standing.REFUTED, 30, 10, 1, 1, "s:A on x would have been refused"))
    assert ("none", 1) == (refuted.disposition, refuted.proof.backtest.identities_broken)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    assert 0 == CliRunner().invoke(cli, ["--quiet", "demo", "--output", str(folder)]).exit_code
    return folder


def run(*words):
    return CliRunner().invoke(cli, ["--quiet", *map(str, words)])


def offered(demo):
    report = json.loads((demo / "report.json").read_text())
    return next(
        one for one in report["identities"] if one["provider"] == "aws" and one["reduction"]["changes"]
    )


@pytest.mark.parametrize("form", ["json", "terraform", "cli", "cloudformation", "rollback"])
def test_reduce_prints_every_form_from_the_report_alone(demo, form):
    one = offered(demo)
    found = run("reduce", one["id"], "--form", form, "--from", demo)
    assert (0, True) == (found.exit_code, bool(found.stdout))
    if form in ("json", "cloudformation"):
        json.loads(found.stdout)
    if form in ("terraform", "cli"):
        written = next(a["content"] for a in one["reduction"]["artifacts"] if a["form"] == form)
        assert found.stdout.endswith(written)
        assert "# replay: proved" in found.stdout


def test_reduce_json_carries_the_claims_and_the_documents(demo):
    found = json.loads(run("reduce", offered(demo)["id"], "--from", demo / "report.json").stdout)
    assert {"replay", "containment", "limits", "backtest", "restore"} == set(found["proof"])
    assert all(isinstance(one["document"], dict) for one in found["documents"])


def test_reduce_of_nobody_lists_whom_it_could_mean(demo):
    found = run("reduce", "claims", "--from", demo)
    assert 2 == found.exit_code
    assert "did you mean" in found.stderr


def test_a_cloud_without_replacements_says_so():
    unable = ReductionResult(
        able=False,
        removable=A,
        credentials=(),
        stays=(),
        replacement=None,
        backtest=Backtest(Standing.PROVED, days=30),
    )
    found = reduction(entry(), unable, NAMES)
    assert "review" == found.disposition
    assert "writes no replacement" in found.proof.replay.reason


def of_google(demo):
    report = json.loads((demo / "report.json").read_text())
    return next(
        one for one in report["identities"] if one["provider"] == "gcp" and one["reduction"]["changes"]
    )


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ("json", '"includedPermissions"'),
        ("cli", "gcloud projects remove-iam-policy-binding"),
        ("terraform", 'resource "google_project_iam_member"'),
        ("rollback", "gcloud iam roles delete"),
        ("break-glass", "takes no condition"),
    ],
)
def test_reduce_prints_google_clouds_forms_from_the_report_alone(demo, form, words):
    found = run("reduce", of_google(demo)["id"], "--form", form, "--from", demo)
    assert (0, True) == (found.exit_code, words in found.stdout), found.output


def test_a_form_that_a_cloud_does_not_have_gets_a_clear_message(demo):
    found = run("reduce", of_google(demo)["id"], "--form", "cloudformation", "--from", demo)
    assert 2 == found.exit_code
    assert "gcp has no form cloudformation" in found.stderr


def test_explain_of_a_google_identity_tells_its_binding_role_and_level(demo):
    one = of_google(demo)
    unused = next(s["unused"][0] for s in one["services"] if s["unused"])
    found = run("explain", one["id"], unused, "--from", demo)
    assert 0 == found.exit_code, found.output
    assert f"{unused}: unused, because" in found.stdout
    assert one["name"] + " -> " in found.stdout
    assert "//cloudresourcemanager.googleapis.com/projects/" in found.stdout


def test_explain_tells_where_a_permission_is_written_and_what_becomes_of_it(demo):
    one = offered(demo)
    unused = next(s["unused"][0] for s in one["services"] if s["unused"])
    found = run("explain", one["id"], unused.upper(), "arn:aws:s3:::x/y", "--from", demo)
    assert 0 == found.exit_code, found.output
    for words in (
        f"{unused}: unused, because",
        "Where it is written",
        one["name"] + " -> ",
        "Reduction",
        "backtest: ",
    ):
        assert words in found.stdout


def test_explain_of_an_object_tells_the_calls_recorded_on_its_bucket(demo):
    report = json.loads((demo / "report.json").read_text())
    one, row = next(
        (one, row)
        for one in report["identities"]
        for row in one["usage"]
        if row["permission"] == "s3:GetObject" and row["resource"].endswith("/*")
    )
    within = run("explain", one["id"], "s3:GetObject", row["resource"][:-1] + "a/b.pdf", "--from", demo)
    assert f"calls on {row['resource']}" in within.stdout
    beside = run("explain", one["id"], "s3:GetObject", "arn:aws:s3:::other/a", "--from", demo)
    assert "none on arn:aws:s3:::other/a; " in beside.stdout


def test_explain_of_an_identity_tells_the_whole(demo):
    found = run("explain", offered(demo)["name"], "--from", demo)
    assert 0 == found.exit_code
    for words in ("Permissions:", "Where they are written", "Credentials", "Reduction", "removes "):
        assert words in found.stdout


def test_explain_of_a_pattern_is_refused_and_never_called_not_granted(demo):
    found = run("explain", offered(demo)["name"], "s3:*", "--from", demo)
    assert 2 == found.exit_code
    assert "s3:*: is a pattern" in found.stderr


def test_nothing_that_cannot_be_seen_is_removed(demo):
    report = json.loads((demo / "report.json").read_text())
    for one in report["identities"]:
        unused = sum(len(s["unused"]) for s in one["services"])
        stays = sum(stay["count"] for stay in one["reduction"]["stays"])
        assert one["reduction"]["removes"] <= unused - stays


def test_what_the_config_keeps_stays_and_says_so():
    asked, stays = question(entry(), WINDOW, LIMITS, OptOut(permissions=A))
    assert (0, "opted-out", A) == (asked.remove & A, stays[0].code, stays[0].permissions)
    assert not asked.idle


def test_an_identity_that_the_config_keeps_is_asked_nothing():
    asked, stays = question(entry(), WINDOW, LIMITS, OptOut(whole="break-glass-*"))
    assert (0, (), False, False) == (asked.remove, asked.credentials, asked.trust, asked.idle)
    assert ["the config keeps this identity as it is (keep_identities: break-glass-*)"] == [
        stay.reason for stay in stays
    ]


def test_globs_of_the_config_match_names_without_case():
    names = Permissions(source="t", date="", service=lambda name: name.partition(":")[0], fold=str.lower)
    names.load(["s3:GetObject", "s3:PutObject", "kms:Decrypt"])
    safety = Safety(keep_identities=("*/Break-*",), keep_permissions=("S3:get*", "kms:*"))
    assert ["kms:Decrypt", "s3:GetObject"] == names.names(safety.kept(names))
    assert "*/Break-*" == safety.keeper(replace(entry().identity, id="arn:aws:iam::1:role/break-glass"))
    assert "" == safety.keeper(entry().identity)


def test_a_configuration_in_a_note_can_be_copied_and_stays_a_comment(demo, tmp_path):
    report = json.loads((demo / "report.json").read_text())
    name = offered(demo)["id"]
    entry = next(one for one in report["identities"] if one["id"] == name)
    entry["reduction"]["notes"] = ['add {"a":"b"}\nrm -rf x']
    (tmp_path / "report.json").write_text(json.dumps(report))
    found = run("reduce", name, "--form", "cli", "--from", tmp_path / "report.json").stdout
    assert '# note: add {"a":"b"}\\nrm -rf x' in found.splitlines()


def test_a_backtest_that_met_no_call_says_so():
    """A cut that nothing was held against is not the same as one that thirty days of calls did not miss."""
    proved = Reduction(
        disposition="safe",
        reason="r",
        keeps=1,
        removes=1,
        proof=msgspec.convert(
            {
                **{name: {"status": "proved"} for name in ("replay", "containment", "limits", "restore")},
                "backtest": {"status": "proved", "days": 30, "requests": 0},
            },
            Proof,
        ),
    )
    assert "backtest: proved (cut 30 days earlier: no call since, so none was tested)" in claim_lines(proved)
