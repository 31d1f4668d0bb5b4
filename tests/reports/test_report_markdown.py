"""The summary for pull requests is short, honest about gaps, and inert."""

import re

import msgspec
from markdown_it import MarkdownIt
from report_sample import hostile_report, identity

from reports import markdown

TAGS = {"h2", "h3", "p", "strong", "blockquote", "ul", "li", "code"}
TABLE = {"table", "thead", "tbody", "tr", "th", "td"}


def test_it_opens_with_the_verdict_and_names_broken_sources(report):
    text = markdown.render(report)
    assert text.splitlines()[2] == (
        "**3 AI identities: 6 of 11 granted permissions unused, 2 not observable, 2 used.**"
    )
    assert "> - foundry-azure (azure 00000000-1111-2222-3333-444444444444) failed: role-assignments" in text
    assert "An access key that never expires" not in text, "waived findings are counted, not listed"
    assert "Turn on S3 data events in trail main" in text


def test_hostile_texts_stay_text(hostile_text):
    rendered = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(
        markdown.render(hostile_report(hostile_text))
    )
    assert set(re.findall(r"<\s*/?([a-zA-Z0-9!]+)", rendered)) <= TAGS | TABLE
    assert rendered.count("<table>") == 2


def test_a_large_report_gives_a_small_summary(report):
    """GitHub takes 65,536 characters in a comment and 1 MiB in a step summary."""
    many = msgspec.structs.replace(
        report,
        identities=[report.identities[0], *(identity(id=f"i{n}", name="n" * 500) for n in range(999))],
        findings=[msgspec.structs.replace(report.findings[0], message="m" * 5_000)] * 1_000,
        sources=report.sources * 200,
    )
    text = markdown.render(many)
    assert len(text) < 65_536
    assert text.count("and 980 more") == 1
    assert "| critical | ED105 admin-grant | 1,000 | `invoice-agent` |" in text
