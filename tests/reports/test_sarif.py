"""SARIF: right structure and vocabulary, stable places, GitHub's limits, accepted suppressions."""

import json
import re
from urllib.parse import unquote

import msgspec
import pytest
from report_sample import AGENT, finding, hostile_report

from reports import sarif
from reports.document import SEVERITIES


def rendered(report):
    return json.loads(sarif.render(report))


def check(document):
    """Check what errata 01 requires of the parts we write."""
    assert set(document) == {"$schema", "version", "runs"}
    assert document["version"] == "2.1.0"
    assert document["$schema"].endswith("errata01/os/schemas/sarif-schema-2.1.0.json")
    ids = [run["automationDetails"]["id"] for run in document["runs"]]
    assert len(ids) == len(set(ids)) <= sarif.RUNS
    for run in document["runs"]:
        assert set(run) <= {"tool", "automationDetails", "invocations", "results", "properties"}
        rules = run["tool"]["driver"]["rules"]
        assert len({rule["id"] for rule in rules}) == len(rules)
        for rule in rules:
            assert len(rule["properties"]["tags"]) <= sarif.TAGS
            assert rule["shortDescription"]["text"]
        for result in run["results"]:
            assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
            assert result["level"] in {"error", "warning", "note"}
            assert result["message"]["text"]
            assert all(isinstance(value, str) for value in result["partialFingerprints"].values())
            for suppression in result["suppressions"]:
                assert suppression["kind"] == "external"
                assert suppression["status"] == "accepted"
                assert "state" not in suppression, "that was the vocabulary before errata 01"
            uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
            assert re.fullmatch(r"entitlements(/[A-Za-z0-9._@%-]+){3}\.json", uri)
            assert ".." not in unquote(uri).split("/")
            assert len(uri) < 255


def test_each_account_has_a_run_even_when_it_is_clean(report):
    document = rendered(report)
    check(document)
    assert [run["automationDetails"]["id"] for run in document["runs"]] == [
        "entdrift/aws/123456789012/",
        "entdrift/azure/00000000-1111-2222-3333-444444444444/",
        "entdrift/gcp/agents-prod/",
    ]
    assert [len(run["results"]) for run in document["runs"]] == [4, 0, 1]


def test_hostile_texts_keep_the_structure(hostile_text):
    check(rendered(hostile_report(hostile_text)))


def test_a_run_whose_source_failed_did_not_succeed(report):
    succeeded = [run["invocations"][0]["executionSuccessful"] for run in rendered(report)["runs"]]
    assert succeeded == [True, False, True]


def test_waived_findings_are_suppressed_and_fixed_ones_left_out(report):
    results = rendered(report)["runs"][0]["results"]
    waived = [result for result in results if result["suppressions"]]
    assert [result["ruleId"] for result in waived] == ["ED201"]
    assert "until 2027-01-31" in waived[0]["suppressions"][0]["justification"]
    assert "ED103" not in {result["ruleId"] for result in results}


@pytest.mark.parametrize(
    ("severity", "level", "band"),
    [
        ("critical", "error", (9.0, 10.0)),
        ("high", "error", (7.0, 9.0)),
        ("medium", "warning", (4.0, 7.0)),
        ("low", "note", (0.1, 4.0)),
        ("info", "note", None),
    ],
)
def test_severities_fall_into_githubs_bands(report, severity, level, band):
    changed = msgspec.structs.replace(report, findings=[finding(severity=severity)])
    run = rendered(changed)["runs"][0]
    assert run["results"][0]["level"] == level
    number = run["tool"]["driver"]["rules"][0]["properties"].get("security-severity")
    assert (number is None) if band is None else (band[0] <= float(number) < band[1])


def test_the_place_of_an_identity_never_moves_and_is_its_own():
    first = sarif.location(finding(identity=AGENT, severity="low", message="other"))
    assert first == sarif.location(finding(identity=AGENT))
    assert first != sarif.location(finding(identity=AGENT.replace("/agents", "-agents")))


def test_links_and_placeholders_in_a_message_are_escaped(report):
    changed = msgspec.structs.replace(report, findings=[finding(message="[x](http://evil) {0}")])
    (result,) = rendered(changed)["runs"][0]["results"]
    assert result["message"]["text"] == r"Unused permissions: \[x\](http://evil) {{0}}"


def test_what_exceeds_the_limit_is_cut_from_the_bottom_and_said(report):
    findings = [
        finding(fingerprint=f"{n:064x}", severity=SEVERITIES[n % 5]) for n in range(sarif.RESULTS + 500)
    ]
    run = rendered(msgspec.structs.replace(report, findings=findings))["runs"][0]
    assert len(run["results"]) == sarif.RESULTS
    assert run["properties"]["resultsLeftOut"] == 500
    assert "left out" in run["invocations"][0]["toolExecutionNotifications"][-1]["message"]["text"]
    kept = [result["properties"]["severity"] for result in run["results"]]
    assert kept.count("info") == 600


def test_more_than_twenty_accounts_share_a_run_per_cloud(report):
    findings = [finding(account=f"{n:012}", fingerprint=f"{n:064x}") for n in range(30)]
    document = rendered(msgspec.structs.replace(report, findings=findings))
    check(document)
    assert [run["automationDetails"]["id"] for run in document["runs"]] == [
        "entdrift/aws/all/",
        "entdrift/azure/all/",
        "entdrift/gcp/all/",
    ]
    assert len(document["runs"][0]["results"]) == 30


def test_a_source_without_an_account_repeats_no_finding(report):
    """A source of which nothing could be read has no account to name."""
    source = msgspec.structs.replace(report.sources[0], account="", status="failed")
    document = rendered(msgspec.structs.replace(report, sources=[source, *report.sources]))
    check(document)
    assert [len(run["results"]) for run in document["runs"]] == [0, 4, 0, 1]
