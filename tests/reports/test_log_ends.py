"""A source is told with the end of its logs, and one whose logs end early comes before those that are well."""

import msgspec
import pytest
from report_sample import identity, sample_report

from reports import terminal
from reports.document import SourceEntry, WindowSpan
from reports.html import render
from reports.log_ends import worst_first


def source(account, status="ok"):
    return SourceEntry(
        name=f"s{account}", provider="aws", account=account, stage="", status=status, reason="", records=1,
        data_as_of="2026-11-29T00:00:00Z",
    )  # fmt: skip


@pytest.fixture
def three():
    ends = {"1": "2026-11-21T10:00:00Z", "2": "2026-10-01T10:00:00Z"}
    entries = [
        identity(
            id=f"r{account}",
            account=account,
            source=f"s{account}",
            observed=WindowSpan(start="", end=end, days=1),
        )
        for account, end in ends.items()
    ]
    sources = [source("1"), source("2"), source("3"), source("4", "partial")]
    return msgspec.structs.replace(sample_report(), sources=sources, identities=entries, findings=[])


def test_those_that_are_not_well_come_first(three):
    assert ["s4", "s2", "s1", "s3"] == [one.name for one in worst_first(three)]


def test_the_end_of_the_logs_is_told_and_else_the_time_of_the_newest_file(three):
    for shown in (terminal.render(three), render(three).decode()):
        assert "logs to 2026-11-21" in shown
        assert "logs to 2026-10-01, long before the window ends" in " ".join(shown.split())
        assert "as of 2026-11-29" in shown
