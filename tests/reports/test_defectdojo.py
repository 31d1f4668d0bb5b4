"""DefectDojo: only allowed fields, required ones filled, states mapped, text inert."""

import json
import re

from markdown_it import MarkdownIt
from report_sample import hostile_report

from reports import defectdojo

ALLOWED = {
    "title", "severity", "description", "date", "mitigation", "references", "active", "verified",
    "false_p", "risk_accepted", "is_mitigated", "scanner_confidence", "unique_id_from_tool",
    "vuln_id_from_tool", "component_name", "service", "static_finding", "dynamic_finding", "tags",
}  # fmt: skip
"""The part we use of what django-DefectDojo's dojo/tools/generic/json_parser.py accepts."""


def findings(report):
    return json.loads(defectdojo.render(report))["findings"]


def test_only_allowed_fields_are_written_and_required_ones_filled(hostile_text):
    for row in findings(hostile_report(hostile_text)):
        assert set(row) <= ALLOWED
        assert row["title"]
        assert row["description"]
        assert row["severity"] in {"Critical", "High", "Medium", "Low", "Info"}
        assert len(row["title"]) <= 511
        assert len(row["component_name"]) <= 500
        assert len(row["unique_id_from_tool"]) <= 500


def test_hostile_texts_are_inert_in_the_description(hostile_text):
    for row in findings(hostile_report(hostile_text)):
        rendered = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(row["description"])
        assert set(re.findall(r"<\s*/?([a-zA-Z0-9!]+)", rendered)) <= {"p", "ul", "li", "code"}


def test_states_are_mapped(report):
    states = {
        row["vuln_id_from_tool"]: (row["active"], row["risk_accepted"], row["is_mitigated"])
        for row in findings(report)
    }
    assert states["ED105"] == (True, False, False)
    assert states["ED201"] == (False, True, False)
    assert states["ED103"] == (False, False, True)


def test_the_date_is_left_out_when_it_is_not_known(report):
    assert findings(report)[0]["date"] == "2026-11-20"
    assert "date" not in findings(hostile_report("x"))[0]
