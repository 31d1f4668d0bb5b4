"""The tables hold every row, say the same as the report, and start no formula."""

import csv
import io

import pytest
from report_sample import AGENT, hostile_report

from reports import csv as report_csv

TABLES = {
    "findings": (report_csv.findings, report_csv.FINDING_COLUMNS, 6),
    "identities": (report_csv.identities, report_csv.IDENTITY_COLUMNS, 4),
    "permissions": (report_csv.permissions, report_csv.PERMISSION_COLUMNS, 12),
}


def rows(text):
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


@pytest.mark.parametrize("name", TABLES)
def test_each_table_reads_back_whole_and_inert(name, hostile_text):
    render, columns, expected = TABLES[name]
    read = rows(render(hostile_report(hostile_text)))
    assert len(read) == expected
    for row in read:
        assert tuple(row) == columns
        assert None not in row.values()
        assert not any(cell[:1] in tuple("=+-@\t\r\n\uff1d") for cell in row.values() if cell)


def test_a_permission_row_tells_its_verdict_its_reason_and_its_calls(report):
    read = {(row["identity"], row["permission"]): row for row in rows(report_csv.permissions(report))}
    assert read[AGENT, "s3:GetObject"]["verdict"] == "unobservable"
    assert read[AGENT, "s3:GetObject"]["reason_code"] == "data-events-off"
    invoke = read[AGENT, "bedrock:InvokeModel"]
    assert (invoke["verdict"], invoke["calls"], invoke["denied_calls"]) == ("used", "120", "2")
    assert invoke["last_seen"] == "2026-11-19T10:00:00Z"


def test_an_identity_row_counts_its_open_findings_only(report):
    (agent,) = (row for row in rows(report_csv.identities(report)) if row["id"] == AGENT)
    assert (agent["open_findings"], agent["highest_severity"]) == ("3", "critical")
    assert (agent["is_ai"], agent["unused"], agent["long_lived_credentials"]) == ("true", "5", "2")


def test_a_waived_finding_is_a_row_with_its_reason(report):
    (waived,) = (row for row in rows(report_csv.findings(report)) if row["status"] == "waived")
    assert (waived["waiver_owner"], waived["waiver_until"]) == ("sec@example.com", "2027-01-31")
