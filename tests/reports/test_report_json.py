"""report.json is stable, validates, reads back, stays small, and fails with advice."""

import json

import msgspec
import pytest
from jsonschema import Draft202012Validator
from report_sample import hostile_report, identity, sample_report

from reports import json as report_json
from reports import schema
from reports.document import PermissionCounts, ServiceEntry
from reports.errors import ReportError

VALIDATOR = Draft202012Validator(json.loads(schema.PATH.read_bytes()))
BIG = 1_100
"""Permissions of a service in the large report."""


def many_administrators(count):
    """`count` identities with the same wide grant, each having used something else."""
    names = [f"service:Action{n:05}" for n in range(BIG)]
    services = [ServiceEntry(service=f"s{n}", granted=BIG, unused=names) for n in range(9)]
    return msgspec.structs.replace(
        sample_report(),
        identities=[
            identity(
                id=f"arn:aws:iam::123456789012:role/r{n:04}",
                permissions=PermissionCounts(granted=10 * BIG, used=1, unused=10 * BIG - 1),
                services=[
                    *services,
                    ServiceEntry(
                        service="t", granted=BIG, used=[names[n]], unused=names[:n] + names[n + 1 :]
                    ),
                ],
            )
            for n in range(count)
        ],
    )


def problems(raw):
    return [error.message for error in VALIDATOR.iter_errors(json.loads(raw))]


def test_the_committed_schema_is_the_generated_one():
    assert schema.generate() == schema.PATH.read_bytes()


def test_the_schema_is_itself_valid():
    Draft202012Validator.check_schema(json.loads(schema.PATH.read_bytes()))


def test_the_sample_validates_and_reads_back(report):
    raw = report_json.encode(report)
    assert problems(raw) == []
    assert report_json.decode(raw) == report


def test_a_large_document_is_written_in_parts_that_are_its_whole(report, monkeypatch):
    whole = report_json.write(report)
    monkeypatch.setattr(report_json, "_READABLE_BYTES", 1_000)
    monkeypatch.setattr(report_json, "_AT_ONCE", 1)
    parts = list(report_json.parts(report))
    assert len(parts) > len(report.findings)
    assert msgspec.json.format(b"".join(parts).rstrip(), indent=1) + b"\n" == whole
    assert b"".join(parts) == report_json.write(report)


def test_equal_reports_give_equal_bytes():
    first, second = sample_report(), sample_report()
    assert report_json.encode(first) == report_json.encode(second)


def test_a_small_report_can_be_compared_line_by_line(report):
    assert report_json.encode(report).decode().splitlines()[:3] == [
        "{",
        ' "schema_version": "1.0",',
        ' "tool": {',
    ]


def test_hostile_texts_round_trip(hostile_text):
    report = hostile_report(hostile_text)
    raw = report_json.encode(report)
    assert problems(raw) == []
    if "\ud800" in hostile_text:
        assert report_json.decode(raw) == hostile_report(hostile_text.replace("\ud800", "?"))
    else:
        assert report_json.decode(raw) == report


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": "2.0"}, "does not match"),
        ({"findings": None}, "not of type 'array'"),
        ({"window": {"start": "", "end": ""}}, "'days' is a required property"),
    ],
)
def test_the_schema_refuses_what_is_no_report(report, change, message):
    document = json.loads(report_json.encode(report)) | change
    assert any(message in problem for problem in problems(json.dumps(document)))


def test_fields_of_a_later_minor_version_are_accepted(report):
    document = json.loads(report_json.encode(report)) | {"schema_version": "1.9", "new_field": [1]}
    raw = json.dumps(document).encode()
    assert problems(raw) == []
    assert report_json.decode(raw).schema_version == "1.9"


def test_a_byte_order_mark_that_an_editor_added_is_no_obstacle(report):
    assert report_json.decode(b"\xef\xbb\xbf" + report_json.encode(report)) == report


@pytest.mark.parametrize(
    ("raw", "message", "hint"),
    [
        (b"", "is not a report", "empty"),
        (b"{", "is not a report", "ends too early"),
        (b"\x1f\x8b\x08", "is not a report", "unpack"),
        (b"<!doctype html>", "is not a report", "HTML report"),
        (b"{}", "no schema_version", "report.json"),
        (b"[1]", "is not a report", "report.json"),
        (b"\xff\xfe", "is not a report", "report.json"),
        (b'{"schema_version": "2.0"}', "has schema version 2.0", "scan again"),
        (b'{"schema_version": "1.0"}', "does not follow report schema 1.0", "update"),
        (b'{"schema_version": 1}', "is not a report", "report.json"),
    ],
)
def test_what_is_no_report_is_refused_with_advice(raw, message, hint):
    with pytest.raises(ReportError, match=message) as caught:
        report_json.decode(raw)
    assert hint in caught.value.hint


def test_a_truncated_file_names_itself(tmp_path, report):
    path = tmp_path / "report.json"
    path.write_bytes(report_json.encode(report)[:500])
    with pytest.raises(ReportError, match=r"report\.json is not a report") as caught:
        report_json.decode(path)
    assert "ends too early" in caught.value.hint


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(ReportError, match=r"cannot read the report .*none\.json: No such file"):
        report_json.decode(tmp_path / "none.json")
    with pytest.raises(ReportError, match=r"report\.json"):
        report_json.decode(tmp_path)


def test_five_hundred_administrators_stay_below_fifty_megabytes():
    raw = report_json.encode(many_administrators(500))
    assert len(raw) < 50_000_000
    assert problems(raw) == []
