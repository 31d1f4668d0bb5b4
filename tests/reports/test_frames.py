"""The frames say what the report says, typed: nothing unknown becomes a zero or an empty time."""

import csv
import io
import subprocess
import sys
import time

import msgspec
import pandas as pd
import pytest
from report_sample import AGENT, BUILDER, finding, hostile_report, identity, sample_report

from reports import csv as report_csv
from reports import sharing
from reports.document import CredentialEntry, ServiceEntry, UsageEntry, VerdictReason
from reports.frames import Frames
from reports.permission_frame import permission_frame

TABLES = (
    "identities",
    "permissions",
    "usage",
    "findings",
    "credentials",
    "grants",
    "coverage",
    "sources",
)
CSV = {
    "findings": (report_csv.findings, report_csv.FINDING_COLUMNS),
    "identities": (report_csv.identities, report_csv.IDENTITY_COLUMNS),
    "permissions": (report_csv.permissions, report_csv.PERMISSION_COLUMNS),
}


@pytest.fixture
def frames(report):
    return Frames(report)


def as_csv(value):
    """Write a cell as the CSV tables do."""
    match value:
        case bool():
            return "true" if value else "false"
        case pd.Timestamp():
            return value.strftime("%Y-%m-%dT%H:%M:%SZ")
        case _:
            return "" if pd.isna(value) else str(value)


@pytest.mark.parametrize("name", CSV)
def test_a_frame_and_its_csv_table_say_the_same(report, frames, name):
    """Apart from calls that the report cannot tell: missing in the frame, 0 in the CSV."""
    render, columns = CSV[name]
    expected = list(csv.DictReader(io.StringIO(render(report), newline="")))
    frame = getattr(frames, name)
    assert set(columns) <= set(frame.columns)
    found = [
        {column: as_csv(value) for column, value in row.items()}
        for row in frame[list(columns)].to_dict("records")
    ]
    for want, got in zip(expected, found, strict=True):
        if want.get("waiver_until"):
            want["waiver_until"] += "T00:00:00Z"
        if "calls" in want and not got["calls"]:
            want["calls"] = want["denied_calls"] = ""
        assert want == got


def test_columns_are_typed(frames):
    kinds = {
        f"{name}.{column}": str(kind)
        for name in TABLES
        for column, kind in getattr(frames, name).dtypes.items()
    }
    assert set(kinds.values()) == {"category", "string", "int64", "Int64", "bool", "datetime64[us, UTC]"}
    assert {key for key, kind in kinds.items() if kind == "Int64"} == {
        "credentials.age_days",
        "permissions.calls",
        "permissions.denied_calls",
    }
    times = (
        "created",
        "expires",
        "seen",
        "last_used",
        "since",
        "window_start",
        "window_end",
        "until",
        "as_of",
    )
    assert {key for key, kind in kinds.items() if kind == "datetime64[us, UTC]"} == {
        key for key in kinds if key.endswith(times)
    }


def test_types_do_not_depend_on_the_rows(frames):
    """An empty report has the same columns of the same types, so that tables of several scans stack."""
    empty = Frames(
        msgspec.structs.replace(sample_report(), identities=[], findings=[], coverage=[], sources=[])
    )
    for name in TABLES:
        full, none = getattr(frames, name), getattr(empty, name)
        assert len(none) == 0
        assert full.dtypes.astype(str).to_dict() == none.dtypes.astype(str).to_dict()


def test_a_frame_is_built_once(frames):
    assert frames.permissions is frames.permissions


@pytest.mark.parametrize("name", TABLES)
def test_two_frames_of_a_report_are_equal(name):
    first, second = (getattr(Frames(sample_report()), name) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


def test_hostile_texts_stay_as_they_are(hostile_text):
    """Only what UTF-8 cannot hold is replaced: a frame is for programs, which compare names."""
    frames = Frames(hostile_report(hostile_text))
    shown = hostile_text.encode("utf-8", "replace").decode("utf-8")
    assert all(name.startswith(shown) for name in frames.identities["id"])
    assert all(name.startswith(shown) for name in frames.permissions["permission"])
    assert [len(getattr(frames, name)) for name in TABLES] == [4, 12, 2, 6, 2, 2, 3, 3]


def test_severity_and_confidence_can_be_compared(frames):
    assert (frames.findings["severity"] >= "high").sum() == 2
    assert (frames.identities["ai_confidence"] < "high").sum() == 1
    assert frames.findings["severity"].max() == "critical"


def test_what_is_not_known_is_missing(frames):
    keys = frames.credentials.set_index("id")
    assert pd.isna(keys.loc["AKIAEXAMPLEINVOICE02", "last_used"])
    assert pd.isna(keys.loc["AKIAEXAMPLEINVOICE01", "expires"])
    people = frames.identities.set_index("name")
    assert pd.isna(people.loc["ops", "first_seen"])
    assert pd.isna(people.loc["ops", "highest_severity"])


def test_times_after_the_year_2262_are_kept():
    """Azure secrets that never expire say so by the year 2299; nanoseconds would end before."""
    key = CredentialEntry(
        id="k",
        kind="secret",
        status="active",
        created="2026-01-01T00:00:00Z",
        expires="2299-12-31T00:00:00Z",
        last_used="not a time",
        uses=0,
        long_lived=True,
    )
    report = msgspec.structs.replace(sample_report(), identities=[identity(credentials=[key])])
    (row,) = Frames(report).credentials.to_dict("records")
    assert row["expires"] == pd.Timestamp("2299-12-31", tz="UTC")
    assert pd.isna(row["last_used"])
    assert pd.isna(row["age_days"])


def test_calls_are_zero_only_where_a_call_would_have_been_seen(frames):
    calls = frames.permissions.set_index("permission")["calls"]
    assert calls["bedrock:InvokeModel"] == 120
    assert calls["sqs:SendMessage"] == 0
    assert pd.isna(calls["s3:GetObject"])
    assert pd.isna(calls["s3:DeleteObject"])


def usage(permission, resource="", **changes):
    fields = {
        "count": 1,
        "denied": 0,
        "first_seen": "2026-09-01T00:00:00Z",
        "last_seen": "2026-09-02T00:00:00Z",
    }
    return UsageEntry(permission=permission, resource=resource, credential="", **(fields | changes))


def test_calls_are_added_up_over_resources():
    rows = [usage("s3:Get", "a", count=3, denied=1), usage("s3:Get", "b", last_seen="2026-09-05T00:00:00Z")]
    entry = identity(
        services=[ServiceEntry(service="s3", granted=1, used=["s3:Get"])], usage=rows, usage_total=2
    )
    (row,) = permission_frame(msgspec.structs.replace(sample_report(), identities=[entry])).to_dict("records")
    assert (row["calls"], row["denied_calls"]) == (4, 1)
    assert row["first_seen"] == pd.Timestamp("2026-09-01", tz="UTC")
    assert row["last_seen"] == pd.Timestamp("2026-09-05", tz="UTC")


def test_calls_past_a_cut_list_are_unknown_and_not_zero():
    """The list of usage is sorted by permission and cut; what stood last in it may have gone on."""
    services = [ServiceEntry(service="s3", granted=3, used=["s3:A", "s3:B", "s3:C"])]
    entry = identity(services=services, usage=[usage("s3:A"), usage("s3:B")], usage_total=9)
    frame = permission_frame(msgspec.structs.replace(sample_report(), identities=[entry]))
    assert frame["calls"].isna().tolist() == [False, True, True]


def test_shared_lists_give_the_same_rows(monkeypatch, report):
    monkeypatch.setattr(sharing, "SHARING_NAMES", 0)
    twins = [
        *report.identities,
        *(msgspec.structs.replace(entry, id=f"{entry.id}/2") for entry in report.identities),
    ]
    twice = msgspec.structs.replace(report, identities=twins)
    shared = sharing.share(twice)
    assert shared.permission_sets
    pd.testing.assert_frame_equal(permission_frame(twice), permission_frame(sharing.spread(shared)))


def test_a_reason_of_one_permission_outranks_that_of_its_service():
    reasons = [
        VerdictReason(
            verdict="unobservable",
            code=code,
            reason="",
            fix="",
            count=1,
            services=services,
            permissions=names,
        )
        for code, services, names in (("whole", ["s3"], []), ("single", [], ["s3:B", "s3:Z"]))
    ]
    services = [ServiceEntry(service="s3", granted=3, unused=["s3:Z"], unobservable=["s3:A", "s3:B"])]
    entry = identity(services=services, reasons=reasons)
    frame = permission_frame(msgspec.structs.replace(sample_report(), identities=[entry]))
    codes = frame.set_index("permission")["reason_code"].to_dict()
    assert codes == {"s3:Z": "", "s3:A": "whole", "s3:B": "single"}


def test_one_name_in_two_accounts_is_two_identities(report):
    pair = [identity(id="same", account=account) for account in ("111111111111", "222222222222")]
    rows = msgspec.structs.replace(
        report, identities=pair, findings=[finding(account="222222222222", identity="same")]
    )
    frame = Frames(rows).identities.set_index("account")
    assert frame["open_findings"].to_dict() == {"111111111111": 0, "222222222222": 1}


def test_a_groupby_counts_what_the_report_counts(report, frames):
    counted = frames.permissions.groupby(["identity", "verdict"], observed=True).size()
    for entry in report.identities:
        if entry.id in (AGENT, BUILDER):
            assert counted.get((entry.id, "unobservable"), 0) == entry.permissions.unobservable


def test_hundreds_of_administrators_are_no_python_rows():
    """200 administrators of 22,000 permissions: 4.4 million rows in about a second, at most 50 bytes each."""
    names = [[f"service{s:03d}:Action{n:02d}" for n in range(55)] for s in range(400)]
    services = [
        ServiceEntry(service=f"service{s:03d}", granted=55, unused=row) for s, row in enumerate(names)
    ]
    admins = [identity(id=f"admin{number:03d}", services=services) for number in range(200)]
    report = msgspec.structs.replace(sample_report(), identities=admins, findings=[])
    start = time.process_time()
    frame = permission_frame(report)
    seconds = time.process_time() - start
    assert len(frame) == 4_400_000
    assert frame.memory_usage(deep=True).sum() < 50 * len(frame)
    assert seconds < 20


def test_pandas_loads_with_the_first_frame_only():
    code = "import sys, reports.formats, reports.json; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
