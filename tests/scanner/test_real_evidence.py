"""The real command on the real evidence of ../shared/data, checked against answers worked out elsewhere."""

import csv
import fnmatch
import gzip
import json
import shutil
from collections import defaultdict
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner

from scanner.cli import cli

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
SCHEMA = json.loads(
    (Path(__file__).resolve().parents[2] / "reports" / "schema" / "report-v1.schema.json").read_text()
)
pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data is not on this machine")


def scan(tmp_path, sources, *, start, end, flags=("--identities", "all"), expected=0):
    """Write a config, run `entdrift scan` and return the validated report."""
    lines = ["[scan]", f"start = {start}", f"end = {end}"]
    for source in sources:
        lines += ["[[source]]", *(f"{key} = {json.dumps(value)}" for key, value in source.items())]
    config = tmp_path / "config.toml"
    config.write_text("\n".join(lines))
    output = tmp_path / "out"
    arguments = [
        "scan",
        "--config",
        str(config),
        "--output",
        str(output),
        "--now",
        "2026-11-22T00:00:00Z",
        *flags,
    ]
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert expected == result.exit_code, result.output
    report = json.loads((output / "report.json").read_text())
    jsonschema.Draft202012Validator(SCHEMA).validate(report)
    for identity in report["identities"]:
        check_arithmetic(identity)
    return report


def check_arithmetic(identity):
    """Check that counts are those of the lists, and that every permission held has one verdict."""
    counts = identity["permissions"]
    verdicts = ("used", "denied", "unused", "unobservable", "conditional")
    for verdict in verdicts:
        listed = [name for service in identity["services"] for name in service[verdict]]
        assert counts[verdict] == len(listed) == len(set(listed))
    assert counts["granted"] == sum(counts[verdict] for verdict in verdicts) - counts["not_granted"]
    assert counts["granted"] == sum(service["granted"] for service in identity["services"])


def names(identity, verdict):
    return {name for service in identity["services"] for name in service[verdict]}


def called(identity):
    """Count calls and refused calls per permission."""
    calls, refused = defaultdict(int), defaultdict(int)
    for row in identity["usage"]:
        calls[row["permission"]] += row["count"]
        refused[row["permission"]] += row["denied"]
    return calls, refused


def test_stratus_pairs_come_out_exactly_as_worked_out_by_hand(tmp_path):
    folder = SHARED / "aws" / "pairs" / "stratus"
    sources = [
        {
            "name": "stratus",
            "provider": "aws",
            "authorization_details": str(folder / "gaad_*.json"),
            "cloudtrail": str(folder / "cloudtrail.json"),
        }
    ]
    report = scan(tmp_path, sources, start="2024-07-01", end="2024-12-31")
    by_name = {(row["account"], row["name"]): row for row in report["identities"]}
    expected = json.loads((folder / "expected.json").read_text())
    assert len(expected) == len(by_name)
    for wanted in expected:
        identity = by_name[wanted["account"], wanted["identity_name"]]
        calls, refused = called(identity)
        assert wanted["used"] == {name: calls[name] - refused[name] for name in names(identity, "used")}
        assert wanted["denied_attempts"] == {name: refused[name] for name in names(identity, "denied")}
        for pattern in wanted["unused_granted"]:
            action, _, rest = pattern.partition(" ")
            if ":" not in action:
                continue  # the managed policy's document is not in the dump: said as a limit, checked below
            matching = fnmatch.filter(names(identity, "unused"), action)
            assert matching, pattern
            assert rest or not fnmatch.filter(names(identity, "unobservable"), action)
        granted = [pattern.partition(" ")[0] for pattern in wanted["unused_granted"]]
        assert all(
            any(fnmatch.fnmatch(name, pattern) for pattern in granted) for name in names(identity, "unused")
        )
    assert any(
        "AmazonSSMManagedInstanceCore" in row["what"] + row["where"] for row in report["limits_of_analysis"]
    )


def test_generated_tree_equals_its_exact_answer(tmp_path):
    folder = SHARED / "aws" / "generated_20k"
    sources = [
        {
            "name": "generated",
            "provider": "aws",
            "authorization_details": str(folder / "grants"),
            "cloudtrail": str(folder / "AWSLogs"),
        }
    ]
    report = scan(tmp_path, sources, start="2026-08-01", end="2026-10-30")
    events = report["summary"]["log_events"]
    truth = json.loads((folder / "expected" / "summary.json").read_text())
    assert truth["records_total"] == events["read"]
    assert truth["duplicates"] == events["duplicates"]
    assert truth["files"] == events["files"]
    assert 0 == events["unreadable_files"] == events["outside_window"] == events["rejected"]
    expected = defaultdict(lambda: [0, 0])
    usage = (folder / "expected" / "usage.csv").read_text()
    for row in csv.DictReader(usage.splitlines()):
        expected[row["identity"], f"{row['eventSource']}:{row['eventName']}"][0] += int(row["count"])
        expected[row["identity"], f"{row['eventSource']}:{row['eventName']}"][1] += int(row["denied"])
    found = defaultdict(lambda: [0, 0])
    for identity in report["identities"]:
        assert identity["usage_total"] == len(identity["usage"])
        per_operation = defaultdict(dict)
        for row in identity["usage"]:
            totals = per_operation[row["operation"]].setdefault(row["permission"], [0, 0])
            totals[0] += row["count"]
            totals[1] += row["denied"]
        for operation, permissions in per_operation.items():
            # One call may use several permissions; each of them then counts it once.
            found[identity["id"], operation] = max(permissions.values())
    inventory = {identity["id"] for identity in report["identities"]}
    unmapped = {row["operation"] for row in report["unmapped_events"]}
    compared = 0
    for (identity, operation), numbers in expected.items():
        name = operation.replace(".amazonaws.com:", ":")
        known = identity in inventory and not any(name.endswith(row.split(":")[-1]) for row in unmapped)
        if known and (identity, operation) in found:
            assert numbers == found[identity, operation], (identity, operation)
            compared += 1
    assert compared > 400
    check_claims(report)
    assert report["summary"]["permissions"]["unused"] > 250


CLAIMS = ("replay", "containment", "limits", "backtest", "restore")
CUT = "2026-09-30"
"""Thirty days before the end of the generated logs."""


def check_claims(report):
    """Check that nothing refuted is offered, and that the backtest withholds only what met a new need."""
    offered = withheld = 0
    for identity in report["identities"]:
        reduction = identity["reduction"]
        states = {claim: reduction["proof"][claim]["status"] for claim in CLAIMS}
        if reduction["changes"]:
            offered += 1
            assert "refuted" not in states.values()
            assert ("safe" == reduction["disposition"]) == ({"proved"} == set(states.values()))
        if states["backtest"] == "refuted":
            withheld += 1
            assert ("none", []) == (reduction["disposition"], reduction["artifacts"])
            named = reduction["proof"]["backtest"]["reason"].partition(" on ")[0]
            first = min(row["first_seen"] for row in identity["usage"] if row["permission"] == named)
            assert first >= CUT
    assert offered > 10
    assert withheld > 3


@pytest.mark.parametrize(
    "tree", ["cloudtrail/invictus_aws_dataset/AWSLogs", "cloudtrail/flaws_cloud_subset/AWSLogs"]
)
def test_real_trees_have_no_unread_file(tmp_path, tree):
    sources = [{"name": "real", "provider": "aws", "cloudtrail": str(SHARED / "aws" / tree)}]
    report = scan(tmp_path, sources, start="2020-01-01", end="2023-12-31")
    events = report["summary"]["log_events"]
    assert events["unreadable_files"] == 0
    assert events["read"] > 100
    assert events["files"] > 0


def test_two_runs_give_the_same_bytes(tmp_path):
    folder = SHARED / "aws" / "pairs" / "stratus"
    sources = [
        {
            "name": "stratus",
            "provider": "aws",
            "authorization_details": str(folder / "gaad_*.json"),
            "cloudtrail": str(folder / "cloudtrail.json"),
        }
    ]
    written = []
    out = tmp_path / "out"
    for _ in range(2):
        scan(tmp_path, sources, start="2024-07-01", end="2024-12-31")
        written.append(
            {file.relative_to(out): file.read_bytes() for file in out.rglob("*") if file.is_file()}
        )
        shutil.rmtree(out)
    assert written[0].keys() == written[1].keys()
    assert [name for name in written[0] if written[0][name] != written[1][name]] == []


def test_gcp_exports_of_other_people_are_read(tmp_path):
    gcp = SHARED / "gcp"
    roles = tmp_path / "roles.json"
    roles.write_text(json.dumps(predefined_roles()))
    sources = [
        {
            "name": "forseti",
            "provider": "gcp",
            "iam_policies": [
                str(gcp / "forseti_cai" / "mock_cai_iam_policies.dump"),
                str(gcp / "policy_library"),
            ],
            "roles": str(roles),
            "resources": str(gcp / "forseti_cai" / "mock_cai_resources.dump"),
            "audit_logs": [
                str(gcp / "dftimewolf"),
                str(gcp / "csa"),
                str(gcp / "panther"),
                str(gcp / "stratus"),
            ],
        }
    ]
    report = scan(tmp_path, sources, start="2019-01-01", end="2026-11-21")
    assert report["summary"]["log_events"]["read"] >= 98
    assert report["identities"]
    assert "ok" in {part["status"] for source in report["sources"] for part in source["parts"]}
    # Persons belong to no project; the source is not listed once more for them.
    assert "" in {identity["account"] for identity in report["identities"]}
    assert "" not in {source["account"] for source in report["sources"]}


def predefined_roles():
    """Give the shared role index in the shape of `gcloud iam roles describe`."""
    with gzip.open(SHARED / "gcp" / "gcp_predefined_roles_2026-08-22.json.gz") as file:
        index = json.load(file)
    permissions = index.get("permissions", [])
    return [
        {
            "name": name,
            "includedPermissions": [permissions[n] if isinstance(n, int) else n for n in included["perms"]],
        }
        for name, included in index.get("roles", {}).items()
    ]


def test_recorded_azure_assignments_and_definitions_are_read(tmp_path):
    azure = SHARED / "azure"

    def recorded(name, kind):
        """Give the reply bodies of a recorded session that hold records of one kind."""
        session = json.loads((azure / "cloud-custodian" / name).read_text())
        return [
            value
            for interaction in session["interactions"]
            for value in ((interaction["response"]["body"] or {}).get("data") or {}).get("value", [])
            if isinstance(value, dict) and str(value.get("type", "")).endswith(kind)
        ]

    assignments = recorded("AccessControlTest.test_find_assignments_by_role.json", "roleAssignments")
    definitions = recorded("AccessControlTest.test_find_definition_by_name.json", "roleDefinitions")
    assert assignments
    assert definitions
    (tmp_path / "assignments.json").write_text(json.dumps({"value": assignments}))
    (tmp_path / "definitions.json").write_text(json.dumps({"value": definitions}))
    sources = [
        {
            "name": "recorded",
            "provider": "azure",
            "role_assignments": "assignments.json",
            "role_definitions": "definitions.json",
            "activity_logs": [
                str(azure / "plaso"),
                str(azure / "panther" / "Azure_MonitorActivity_half.jsonl"),
            ],
        }
    ]
    report = scan(tmp_path, sources, start="2019-01-01", end="2026-11-21")
    held = {row["id"] for row in report["identities"]}
    wanted = {row["properties"]["principalId"].lower() for row in assignments}
    assert wanted <= held
    assert report["summary"]["log_events"]["read"] > 10
