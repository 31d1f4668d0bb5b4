"""The summary is short, readable at any width, and sends nothing raw to the terminal."""

import io
import re
import subprocess
import sys

import msgspec
import pytest
from report_sample import hostile_report, identity
from rich.cells import cell_len
from rich.console import Console

from reports import terminal
from reports.document import FindingCounts, PermissionCounts

RAW = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printed(report, width=100, **settings):
    out = io.StringIO()
    terminal.write(report, Console(file=out, width=width, color_system=None), **settings)
    return out.getvalue()


def test_the_first_line_is_the_verdict(report):
    assert printed(report).splitlines()[:3] == [
        "3 AI identities: 6 of 11 granted permissions unused, 2 not observable, 2 used.",
        "aws, azure, gcp; 90 days, 2026-08-24 to 2026-11-22",
        "Findings: 1 critical, 1 medium, 1 low, 1 info (1 waived, 1 fixed)",
    ]


def test_it_names_sources_identities_findings_gaps_and_files(report):
    text = printed(report, 130, files=["out/report.html", "out/report.json"])
    for part in (
        "pilot-aws",
        "partial",
        "1 of 12 log files could not be read",
        "role-assignments.json is not JSON",
        "invoice-agent",
        "ED105 admin-grant",
        "aws, 1 permission: S3 data events were not recorded",
        "1 limit of the analysis",
        "1 file could not be read whole",
        "out/report.json",
    ):
        assert part in text, part
    assert "ops" not in text, "people are no AI identities"
    assert "ED201" not in text, "waived findings are counted, not listed"


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
def test_it_fits_the_width_and_a_screen(report, width):
    lines = printed(report, width).splitlines()
    assert max(cell_len(line) for line in lines) <= width
    assert len(lines) <= (40 if width >= 80 else 90)


def test_many_identities_sources_and_findings_still_fit_a_screen(report):
    many = msgspec.structs.replace(
        report,
        identities=[
            identity(id=f"i{n}", name=f"agent-{n:03}", permissions=PermissionCounts(granted=n, unused=n))
            for n in range(500)
        ],
        sources=report.sources * 20,
        findings=report.findings * 300,
    )
    lines = printed(many, 120).splitlines()
    assert len(lines) <= 45
    assert "and 492 more" in [line.strip() for line in lines]
    assert [line.split()[0] for line in lines if line.startswith("agent-")][:2] == ["agent-499", "agent-498"]


def on_a_screen(report, width=80, height=24, **settings):
    out = io.StringIO()
    console = Console(file=out, width=width, height=height, force_terminal=True, color_system=None)
    terminal.write(report, console, **settings)
    return out.getvalue().splitlines()


def test_on_a_terminal_of_24_lines_it_is_one_screen(report):
    many = msgspec.structs.replace(
        report,
        identities=[
            identity(
                id=f"i{n}",
                name=f"agent-{n:03}" * 9,
                permissions=PermissionCounts(granted=22_000, used=120, unused=20_000, unobservable=1_880),
            )
            for n in range(50)
        ],
        sources=report.sources * 5,
        findings=report.findings * 30,
    )
    lines = on_a_screen(many, files=["out/report.html", "out/report.json"])
    assert len(lines) <= 23
    assert max(map(cell_len, lines)) <= 80
    text = "\n".join(lines)
    for part in ("Sources: 5 of 15 read whole", "and 9 more", "granted", "not obs.", "see report"):
        assert part in text, part
    assert lines[-1] == "Written: out/report.html, report.json"


def test_a_tall_or_narrow_terminal_gets_the_full_summary(report):
    assert on_a_screen(report, height=60) == printed(report, 80).splitlines()
    assert on_a_screen(report, width=40) == printed(report, 40).splitlines()


def test_nothing_raw_reaches_a_small_screen(hostile_text):
    text = "\n".join(on_a_screen(hostile_report(hostile_text), files=[hostile_text]))
    assert RAW.search(text.replace("\n", "")) is None


@pytest.mark.parametrize("width", [60, 100])
def test_nothing_raw_reaches_the_terminal(hostile_text, width):
    text = printed(hostile_report(hostile_text), width, files=[hostile_text])
    assert RAW.search(text) is None


def test_colour_comes_from_the_console_alone(report, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    out = io.StringIO()
    terminal.write(report, Console(file=out, force_terminal=True, width=80))
    assert "\x1b[3" not in out.getvalue(), "no colour, though bold may stay"
    monkeypatch.delenv("NO_COLOR")
    out = io.StringIO()
    terminal.write(report, Console(file=out, force_terminal=True, width=80))
    assert "\x1b[1;31m" in out.getvalue()


def test_markup_in_a_name_is_text(report):
    named = msgspec.structs.replace(report, identities=[identity(name="[bold]x[/bold] :warning:")])
    assert "[bold]x[/bold] :warning:" in printed(named)


def test_an_ascii_stream_takes_every_name(hostile_text):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", errors="strict")
    terminal.write(hostile_report(hostile_text), Console(file=stream, width=80))
    stream.flush()
    assert raw.getvalue().isascii()


def test_no_ai_identity_is_said(report):
    empty = msgspec.structs.replace(
        report,
        identities=[],
        findings=[],
        sources=[],
        limits_of_analysis=[],
        summary=msgspec.structs.replace(
            report.summary, ai_identities=0, permissions=PermissionCounts(), findings=FindingCounts()
        ),
    )
    text = printed(empty)
    assert text.startswith("No AI identity was found")
    assert "Findings: none open" in text


def test_importing_the_module_does_not_load_rich():
    code = "import sys, reports.terminal; sys.exit('rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_long_reason_keeps_what_is_wrong(report):
    path = "cloudtrail: /data/" + "deep/" * 60 + "x.json.gz"
    source = msgspec.structs.replace(report.sources[0], reason=f"{path}: the gzip data is cut off")
    text = " ".join(printed(msgspec.structs.replace(report, sources=[source]), 200).split())
    assert "cloudtrail: /data/" in text
    assert "x.json.gz: the gzip data is cut off" in text


def test_what_was_not_read_whole_stands_first(report):
    """Among hundreds of sources the broken one must not be one of the "more"."""
    fine = [msgspec.structs.replace(report.sources[0], name=f"fine-{n:03}", status="ok") for n in range(200)]
    broken = msgspec.structs.replace(report.sources[0], name="zz-broken", status="failed", reason="expired")
    text = printed(msgspec.structs.replace(report, sources=[*fine, broken]))
    assert ["zz-broken", "failed", "expired"] == text.split("Sources\n")[1].split()[:3]
    assert "0 not ok" in text


def test_names_that_two_accounts_share_are_told_apart(report):
    """The same role in hundreds of accounts would be the same line again and again."""
    agent = next(entry for entry in report.identities if entry.ai_workload.is_ai)
    twin = msgspec.structs.replace(agent, account="999900001111")
    text = printed(msgspec.structs.replace(report, identities=[agent, twin]), 120)
    assert f"{agent.name} ({agent.account})" in text
    assert f"{agent.name} (999900001111)" in text
