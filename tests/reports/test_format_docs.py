"""The documentation names every format, metric and field; it cannot fall behind."""

import re
from pathlib import Path

import pytest
from report_sample import sample_report

from reports import document, formats, prometheus

DOCS = Path(__file__).parents[2] / "docs"
SCHEMA_DOC = (DOCS / "report-schema.md").read_text("utf-8")
FORMATS_DOC = (DOCS / "formats.md").read_text("utf-8")


@pytest.mark.parametrize("entry", formats.FORMATS.values(), ids=formats.FORMATS)
def test_every_format_is_documented_with_its_file(entry):
    assert f"| `{entry.name}` | `{entry.file_name}` |" in FORMATS_DOC


def test_no_format_is_documented_that_does_not_exist():
    rows = re.findall(r"^\| `([a-z-]+)` \| `[^`]+` \|", FORMATS_DOC, re.MULTILINE)
    assert sorted(rows) == sorted(formats.FORMATS)


def test_every_metric_is_documented():
    metrics = re.findall(r"^# TYPE (\S+)", prometheus.render(sample_report()), re.MULTILINE)
    assert [name for name in metrics if f"`{name}`" not in FORMATS_DOC] == []


@pytest.mark.parametrize(
    "struct",
    [
        document.Report,
        document.IdentityEntry,
        document.FindingEntry,
        document.Reduction,
        document.Proof,
        document.PermissionCounts,
        document.LogEventCounts,
        document.Waiver,
    ],
    ids=lambda struct: struct.__name__,
)
def test_every_field_is_documented(struct):
    words = set(re.findall(r"[a-z_]+", SCHEMA_DOC))
    assert [name for name in struct.__struct_fields__ if name not in words] == []


def test_the_limits_named_in_the_documentation_are_those_of_the_code():
    from reports import ocsf, sarif, sharing, sharing_findings  # noqa: PLC0415 -- only this test needs them

    assert f"{sharing.SHARING_NAMES:,} permission names" in SCHEMA_DOC
    assert f"{sharing_findings.SHARING_FINDINGS:,} findings" in SCHEMA_DOC
    assert f"{sharing.SHARING_NAMES_TOO:,} names" in SCHEMA_DOC
    assert sharing._SHARED_LENGTH == 3
    assert "of three or more names" in SCHEMA_DOC
    assert f"{sarif.RESULTS:,} most severe results" in FORMATS_DOC
    assert f"the {ocsf.SERVICES} services" in FORMATS_DOC
