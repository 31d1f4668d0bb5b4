"""Commands and Terraform that a very large report.json leaves out are written again from its steps."""

import json

import pytest

from reports import formats, sharing, sharing_findings, sharing_texts
from reports import json as report_json
from scanner import api
from scanner.offer import whole


@pytest.fixture(scope="module")
def report():
    """Return the demo's report as it is read from an ordinary document."""
    return report_json.decode(report_json.encode(api.demo().report))


@pytest.fixture
def raw(report, monkeypatch):
    monkeypatch.setattr(sharing_texts, "SHARING_TEXT", 0)
    monkeypatch.setattr(sharing_findings, "SHARING_FINDINGS", 0)
    monkeypatch.setattr(sharing, "SHARING_NAMES", 0)
    return report_json.encode(report)


def test_no_script_stands_in_the_document_and_each_is_named(report, raw):
    held = {entry.id: entry.reduction for entry in report.identities}
    named = set()
    for row in json.loads(raw)["identities"]:
        reduction = row["reduction"]
        forms = {one["form"] for one in (*reduction["artifacts"], *reduction["rollback"])}
        assert not forms & {"cli", "terraform"}
        had = [one.form for one in held[row["id"]].artifacts]
        for form, place in reduction.get("on_demand", {}).items():
            assert form == "rollback" or had[place] == form
        named |= {(row["provider"], form) for form in reduction.get("on_demand", [])}
    forms = ("cli", "terraform", "rollback")
    assert named == {(cloud, form) for cloud in ("aws", "azure", "gcp") for form in forms}


def test_read_again_the_report_is_whole(report, raw):
    assert whole(report_json.decode(raw)) == report
    assert api.load(raw).report == report


@pytest.mark.parametrize("name", ["html", "tickets-markdown", "tickets-json", "json"])
def test_every_format_is_the_same_from_it(report, raw, name):
    made = formats.find(name)
    assert made.render(whole(report_json.decode(raw))) == made.render(report)
