"""Parquet files hold the frames with their types, for pandas and for readers that know nothing of it."""

import io
import json
import sys

import msgspec
import pandas as pd
import pytest
from report_sample import hostile_report, sample_report

from reports import formats, parquet
from reports.errors import ReportError
from reports.frames import Frames

pq = pytest.importorskip("pyarrow.parquet", reason="needs the package pyarrow")

TABLES = ("findings", "identities", "permissions", "usage", "credentials", "grants", "coverage")


def rendered(report, table):
    return formats.find("parquet" if table == "findings" else f"parquet-{table}").render(report)


def read(data):
    return pd.read_parquet(io.BytesIO(data))


@pytest.mark.parametrize("table", TABLES)
def test_a_file_reads_back_as_its_frame(report, table):
    data = rendered(report, table)
    expected = getattr(Frames(report), table)
    pd.testing.assert_frame_equal(expected, read(data), check_categorical=False)
    assert expected.dtypes.map(str).to_dict() == read(data).dtypes.map(str).to_dict()


@pytest.mark.parametrize("table", TABLES)
def test_other_readers_see_plain_types(report, table):
    """Text, whole numbers, booleans and UTC times in microseconds: nothing that needs pandas."""
    schema = pq.read_schema(io.BytesIO(rendered(report, table)))
    kinds = {
        str(field.type.value_type if hasattr(field.type, "value_type") else field.type) for field in schema
    }
    assert kinds <= {"string", "large_string", "int64", "bool", "timestamp[us, tz=UTC]"}


@pytest.mark.parametrize("table", TABLES)
def test_an_empty_table_is_a_file_with_the_same_columns(report, table):
    empty = msgspec.structs.replace(report, identities=[], findings=[], coverage=[])
    full, none = (read(getattr(parquet, table)(one)) for one in (report, empty))
    assert len(none) == 0
    assert full.dtypes.map(str).to_dict() == none.dtypes.map(str).to_dict()


@pytest.mark.parametrize("table", TABLES)
def test_hostile_names_are_kept(hostile_text, table):
    report = hostile_report(hostile_text)
    assert len(read(getattr(parquet, table)(report))) == len(getattr(Frames(report), table))


def test_severity_keeps_its_order(report):
    assert (read(parquet.findings(report))["severity"] >= "high").sum() == 2


def test_the_file_says_which_report_it_was_made_of(report):
    metadata = pq.read_schema(io.BytesIO(parquet.usage(report))).metadata
    assert json.loads(metadata[b"entdrift"]) == {
        "schema_version": report.schema_version,
        "tool": "entdrift 0.1.0",
        "generated_at": "2026-11-22T12:00:00Z",
        "window": ["2026-08-24T00:00:00Z", "2026-11-22T00:00:00Z"],
    }


def test_without_pyarrow_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ReportError, match=r"pip install 'entdrift\[parquet\]'"):
        parquet.findings(sample_report())
