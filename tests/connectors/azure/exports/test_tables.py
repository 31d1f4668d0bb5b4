"""Answers of the query API are read like the rows they hold; spreadsheets are refused and hide."""

import gzip
import json

import pytest

from connectors.interface import Status
from tests.connectors.azure.harness import blind, collect, facts_of
from tests.connectors.azure.synthetic import AGENT, CUSTOM, assignment, event, role
from tests.connectors.azure.usage.test_activity_shapes import ANALYTICS, OPERATION

WRITE = "Microsoft.X/y/write"
COLUMNS = [{"name": name, "type": "string"} for name in ANALYTICS]
ANSWER = {"tables": [{"name": "PrimaryResult", "columns": COLUMNS, "rows": [list(ANALYTICS.values())]}]}


def test_an_answer_gives_the_rows_of_its_tables(desk):
    desk.put("activity_logs", ANSWER)
    memory = desk.collect()
    (outcome,) = memory.outcomes()[-1:]
    assert (outcome.status, outcome.records, outcome.reason) == (Status.OK, 1, "")
    assert [(row.identity, row.permission.lower()) for row in facts_of(memory).usage] == [
        (AGENT, OPERATION.lower())
    ]


def test_an_answer_keeps_its_own_name_among_the_files(desk, tmp_path):
    packed = tmp_path / "answer.json.gz"
    packed.write_bytes(gzip.compress(json.dumps(ANSWER).encode()))
    plain = desk.put("activity_logs", [event(WRITE)])
    files = collect({"activity_logs": [plain, packed]}).log_files()
    assert {file.path: (file.status, file.records) for file in files} == {
        str(plain): ("ok", 1),
        str(packed): ("ok", 1),
    }
    assert {file.size_bytes for file in files} == {plain.stat().st_size, packed.stat().st_size}


def test_a_row_and_its_copy_in_an_answer_count_once(desk, tmp_path):
    rows = desk.put("activity_logs", [ANALYTICS], name="rows.json")
    answer = desk.put("activity_logs", ANSWER, name="answer.json")
    memory = collect({"activity_logs": [rows, answer]})
    assert sum(row.count for row in facts_of(memory).usage) == 1
    assert sum(file.duplicates for file in memory.log_files()) == 1


def test_an_answer_without_rows_is_no_evidence_of_silence(desk):
    desk.put("activity_logs", {"tables": [{"name": "PrimaryResult", "columns": COLUMNS, "rows": []}]})
    (outcome,) = desk.collect().outcomes()
    assert outcome.status is Status.FAILED


def test_a_spreadsheet_is_refused_with_the_way_out_and_hides_everything(desk, tmp_path):
    sheet = tmp_path / "activity.csv"
    sheet.write_text("Correlation id,Operation name,Status,Event initiated by\n1,Delete VM,Succeeded,agent\n")
    desk.put("role_assignments", [assignment(AGENT, CUSTOM)])
    desk.put("role_definitions", [role(CUSTOM, "R", actions=[WRITE])])
    plain = desk.put("activity_logs", [event("Microsoft.Other/z/write")])
    memory = collect(desk.files | {"activity_logs": [plain, sheet]})
    (outcome,) = [one for one in memory.outcomes() if one.part == "activity_logs"]
    assert outcome.status is Status.PARTIAL
    assert "activity.csv: a spreadsheet export" in outcome.reason
    assert "az monitor activity-log list" in outcome.reason
    assert blind(facts_of(memory), AGENT) == {WRITE: "log-files-unreadable"}


@pytest.mark.parametrize("name", ["activity.yaml", "capture.avro", "rows.PARQUET"])
def test_records_saved_as_anything_but_json_are_named_and_hide_everything(desk, tmp_path, name):
    other = tmp_path / name
    other.write_text("- caller: agent\n")
    desk.put("role_assignments", [assignment(AGENT, CUSTOM)])
    desk.put("role_definitions", [role(CUSTOM, "R", actions=[WRITE])])
    plain = desk.put("activity_logs", [event("Microsoft.Other/z/write")])
    memory = collect(desk.files | {"activity_logs": [plain, other]})
    (outcome,) = [one for one in memory.outcomes() if one.part == "activity_logs"]
    assert outcome.status is Status.PARTIAL
    assert f"{name}: not JSON" in outcome.reason
    assert blind(facts_of(memory), AGENT) == {WRITE: "log-files-unreadable"}
