"""An approval is of exactly one file, until its day; tampering with file or chain is seen, and so is a wrong key."""

import json
import shutil
import sqlite3
import subprocess

import pytest

from scanner.baseline.render import MARK

NOW = ("--now", "2026-11-25")


@pytest.fixture
def mine(granted, tmp_path):
    """Give one baseline in a folder of its own, and a place for the state."""
    path = next(granted.glob("*-claims-tools-lambda-*.toml"))
    (tmp_path / "b").mkdir()
    return shutil.copy(path, tmp_path / "b" / path.name)


@pytest.fixture
def approve(entdrift, mine, tmp_path):
    def run(*arguments, until="2026-12-31", why="CHG-1", who="sam@example.com"):
        state = ("--state", tmp_path / "state.sqlite")
        return entdrift(
            "baseline",
            "approve",
            mine,
            "--who",
            who,
            "--why",
            why,
            "--until",
            until,
            *NOW,
            *state,
            *arguments,
        )

    return run


@pytest.fixture
def standing(entdrift, scanned, mine, tmp_path):
    def run(now="2026-11-25"):
        result = entdrift(
            "baseline", "check", "--baselines", mine, "--from", scanned, "--identity", "claims-tools-lambda",
            "--state", tmp_path / "state.sqlite", "--require-approval", "--format", "json", "--now", now,
        )  # fmt: skip
        assert result.stdout, result.stderr
        (row,) = json.loads(result.stdout)["compared"]
        return result.exit_code, row["approved"], row["approval"]

    return run


def test_an_approval_holds_for_this_file_until_its_day(approve, standing):
    assert 0 == approve().exit_code
    assert (0, True, "approved by sam@example.com until 2026-12-31: CHG-1") == standing()
    assert (1, False, "the approval of sam@example.com ended with 2026-12-31") == standing("2027-01-01")


def test_a_changed_file_is_no_longer_approved(approve, standing, mine):
    approve()
    mine.write_text(mine.read_text("utf-8").replace('purpose = ""', 'purpose = "more"'), "utf-8")
    assert (1, False) == standing()[:2]
    assert "changed since sam@example.com approved it" in standing()[2]


def test_a_tampered_chain_approves_nothing(approve, standing, tmp_path):
    approve()
    connection = sqlite3.connect(tmp_path / "state.sqlite")
    connection.execute("DROP TRIGGER approval_is_not_changed")
    connection.execute("UPDATE approval SET until = '2099-01-01T00:00:00Z'")
    connection.commit()
    connection.close()
    assert (1, False) == standing()[:2]
    assert "entry 1 was changed after it was made" in standing()[2]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"until": "2026-11-01"}, "not in the future"),
        ({"until": "soon"}, "no date"),
        ({"why": " "}, "--why"),
        ({"who": ""}, "--who"),
    ],
)
def test_an_approval_needs_a_name_a_reason_and_an_end(approve, tmp_path, given, message):
    result = approve(**given)
    assert (2, True) == (result.exit_code, message in result.stderr)


@pytest.fixture
def key(tmp_path):
    """Make a key, and the file that allows it for sam."""
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not installed")
    path = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    public = path.with_suffix(".pub").read_text().split()
    (tmp_path / "signers").write_text(f"sam@example.com {public[0]} {public[1]}\n")
    return path


def signed(key, path, namespace="entdrift-baseline"):
    subprocess.run(
        ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", key, path], check=True, capture_output=True
    )
    return path.with_name(path.name + ".sig")


def test_a_signature_of_an_allowed_key_is_verified_and_recorded(approve, standing, key, mine, tmp_path):
    result = approve("--signature", signed(key, mine), "--signers", tmp_path / "signers")
    assert 0 == result.exit_code
    assert standing()[2].endswith("(SSH signature of sam@example.com verified)")


def test_a_signature_without_a_list_of_signers_is_recorded_as_not_verified(approve, standing, key, mine):
    assert 0 == approve("--signature", signed(key, mine)).exit_code
    assert standing()[2].endswith("(SSH signature recorded, not verified: no --signers file was named)")


@pytest.mark.parametrize("wrong", ["other signer", "other file", "other namespace", "no signature"])
def test_a_signature_that_does_not_fit_is_refused(approve, key, mine, tmp_path, wrong):
    path = signed(key, mine, "file" if wrong == "other namespace" else "entdrift-baseline")
    if wrong == "other file":
        mine.write_text(mine.read_text("utf-8").replace(MARK, MARK + "\n"), "utf-8")
    if wrong == "no signature":
        path.write_text("hello")
    who = "eve@example.com" if wrong == "other signer" else "sam@example.com"
    result = approve("--signature", path, "--signers", tmp_path / "signers", who=who)
    assert 2 == result.exit_code
    assert not (tmp_path / "state.sqlite").exists()


def test_a_sigstore_bundle_is_recorded_and_said_to_be_unverified_without_the_tool(
    approve, standing, tmp_path, monkeypatch
):
    monkeypatch.setattr("scanner.baseline.signature.shutil.which", lambda name: None)
    bundle = tmp_path / "bundle.json"
    bundle.write_text('{"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json"}')
    assert 0 == approve("--signature", bundle).exit_code
    assert standing()[2].endswith("(sigstore bundle recorded, not verified: no cosign here)")


def gate(entdrift, scanned, mine, tmp_path):
    config = tmp_path / "gate.toml"
    config.write_text("[gate.production]\nrequire_baseline = true\n[baseline]\npath = 'b'\n")
    result = entdrift(
        "gate", "--stage", "production", "--from", scanned, "--config", config,
        "--state", tmp_path / "state.sqlite", *NOW, "--format", "json",
    )  # fmt: skip
    rows = {row["name"]: row for row in json.loads(result.stdout)["workloads"]}
    return {
        name: next((c["standing"], c["reason"]) for c in rows[name]["checks"] if c["name"] == "baseline")
        for name in ("claims-tools-lambda", "claims-rag")
    }


def test_the_gate_asks_for_an_approved_baseline_that_holds_everything(
    entdrift, scanned, approve, mine, tmp_path
):
    before = gate(entdrift, scanned, mine, tmp_path)
    approve()
    after = gate(entdrift, scanned, mine, tmp_path)
    assert ("refused", "no approval is on record") == before["claims-tools-lambda"]
    assert "passed" == after["claims-tools-lambda"][0]
    assert ("refused", "it has no baseline file") == after["claims-rag"]


def test_the_gate_counts_a_waiver_of_an_approved_baseline(entdrift, scanned, approve, mine, tmp_path):
    waiver = "[[waiver]]\nrule = 'ED104'\nreason = 'r'\nowner = 'sam'\nuntil = 2026-12-31\n"
    mine.write_text(mine.read_text("utf-8").replace(MARK, waiver + MARK), "utf-8")
    approve()
    config = tmp_path / "gate.toml"
    config.write_text("[gate.production]\nrequire_baseline = true\n[baseline]\npath = 'b'\n")
    arguments = (
        "gate",
        "--stage",
        "production",
        "--from",
        scanned,
        "--config",
        config,
        "--state",
        tmp_path / "state.sqlite",
        "--format",
        "json",
    )
    found = []
    for now in ("2026-12-01", "2027-01-02"):
        rows = json.loads(entdrift(*arguments, "--now", now).stdout)["workloads"]
        row = next(row for row in rows if row["name"] == "claims-tools-lambda")
        found.append({f["status"] for f in row["findings"] if f["rule"] == "ED104"})
    assert [{"waived"}, {"open"}] == found
