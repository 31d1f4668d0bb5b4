"""Text in the page: nothing hidden, nothing unescaped; gaps and decisions say what the document holds."""

import msgspec
import pytest
from html_samples import empty, sample
from markupsafe import Markup

from reports.html.decisions import decisions
from reports.html.gaps import gaps
from reports.html.opening import bar, opening
from reports.html.visible import LONGEST, names, sentence, visible
from reports.html.words import count, day, listed, minute


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("<b>", "&lt;b&gt;"),
        ("\"'", "&#34;&#39;"),
        ("a\u202eb", 'a<span class="mark">U+202E</span>b'),
        ("a\x00b", 'a<span class="mark">U+0000</span>b'),
        ("a\nb", 'a<span class="mark">U+000A</span>b'),
        ("admin\u200d", 'admin<span class="mark">U+200D</span>'),
        ("half\ud83d", 'half<span class="mark">U+D83D</span>'),
        ("👩\u200d💻", "👩\u200d💻"),
        ("\u0646\u0645\u06cc\u200c\u062e", "\u0646\u0645\u06cc\u200c\u062e"),
        ("مرحبا", "مرحبا"),
        ("e\u0301", "e\u0301"),
        ("Z" + "\u0301" * 40, 'Z\u0301\u0301\u0301<span class="mark">+37 accents</span>'),
        (12, "12"),
    ],
)
def test_hidden_characters_become_marks_and_honest_text_stays(text, shown):
    assert visible(text) == shown


def test_markup_of_the_template_passes_unchanged():
    assert visible(Markup("<i>ours</i>")) == "<i>ours</i>"


def test_long_text_says_how_long_it_is():
    cut = ' <span class="cut">… 65,536 characters …</span> '
    assert visible("A" * 65_535 + "Z") == "A" * (LONGEST - 24) + cut + "A" * 23 + "Z"


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (count(1, "key"), "1 key"),
        (count(1200, "identity", "identities"), "1,200 identities"),
        (day("2026-11-22T06:00:00Z"), "2026-11-22"),
        (day("soon"), "soon"),
        (minute("2026-11-22T06:01:59Z"), "2026-11-22 06:01 UTC"),
        (listed(["a"]), "a"),
        (listed(["a", "b", "c"]), "a, b and c"),
        (names(["a", "b"], most=2), "<bdi>a</bdi> and <bdi>b</bdi>"),
        (names(["a", "b", "<"], most=1), "<bdi>a</bdi> and 2 more"),
        (names([], most=1), ""),
        (sentence("{} is <off>", "<b>"), "<bdi>&lt;b&gt;</bdi> is <off>"),
        (listed([]), ""),
    ],
)
def test_numbers_times_and_lists_read_like_text(found, expected):
    assert found == expected


def test_gaps_name_failed_sources_first_and_group_equal_ones():
    assert [gap.what.striptags() for gap in gaps(sample()).shown] == [
        "Source production-azure could not be read",
        "Source production-aws was read in part",
        "1 log file could not be read",
        "1 log file was read in part",
        "46 permissions of 3 identities in AWS cannot be observed",
        "11 permissions of 3 identities in GCP cannot be observed",
        "5 permissions of 3 identities in Azure cannot be observed",
        "AWS log “data: S3 objects” is off",
        "Azure log “StorageRead” is off",
        "AWS log “management” is on in part",
        "GCP log “data access: storage” is not known to be on",
        "Resource control policies were not given",
        "Session policies are not in the evidence",
        "61 log events of an operation without a known permission",
        "44 log events without a caller that can be named",
        "2 log records could not be read as an event",
    ]


def test_one_gap_names_every_account_it_concerns():
    off = next(gap for gap in gaps(sample()).shown if "S3 objects" in gap.what)
    assert off.where.striptags() == "eu-west-1 (123456789012 and 210987654321)"
    assert off.fix.striptags() == "aws cloudtrail put-event-selectors with AWS::S3::Object"


def test_decisions_count_whom_they_concern():
    assert [(decision.title, decision.query) for decision in decisions(sample())] == [
        ("Take away 784 permissions from 6 identities", "reduction:safe removes:>0"),
        ("Review 108 permissions that 2 identities may lose", "reduction:review"),
        ("Decide on administrator grants of 3 identities", "admin:yes"),
        ("Replace 4 long-lived keys of 3 identities", "key:static"),
        ("Retire or keep 2 identities without a call", "rule:ED103 status:open,regressed"),
        ("Switch on logs for 2 identities we mostly cannot judge", "unobservable:>50%"),
        ("Name an owner for 5 identities", "owner:none"),
    ]


def test_a_report_of_nothing_asks_for_nothing_and_says_what_was_scanned():
    assert decisions(empty()) == []
    assert opening(empty()).sources == "0 of 0 sources read whole"


def test_bar_fills_its_width_and_shows_the_smallest_part():
    permissions = sample().summary.permissions
    segments = bar(permissions)
    assert [segment.verdict for segment in segments] == [
        "used",
        "denied",
        "unused",
        "unobservable",
        "conditional",
    ]
    last = segments[-1]
    assert float(last.left.strip("%")) + float(last.width.strip("%")) == pytest.approx(100, abs=0.02)
    assert min(float(segment.width.strip("%")) for segment in segments) == 1


def test_a_change_in_json_is_folded_behind_its_words():
    report = sample()
    entry = msgspec.structs.replace(
        report.coverage[0],
        state="off",
        log_class="entries",
        fix='add `this` to <the> trail: {"Field": "<b>", "Equals": ["Data"]}',
    )
    found = gaps(msgspec.structs.replace(report, coverage=[entry]), most_of_a_kind=99).shown
    fix = next(gap.fix for gap in found if "entries" in gap.what)
    assert fix.startswith("<bdi>add <code>this</code> to &lt;the&gt; trail:</bdi><details")
    assert "{&#34;Field&#34;: &#34;&lt;b&gt;&#34;" in fix


def test_files_that_are_no_logs_come_last():
    report = sample()
    digest = msgspec.structs.replace(
        report.log_files[0], status="skipped", reason="digest file, holds no events"
    )
    found = gaps(msgspec.structs.replace(report, log_files=[digest]), most_of_a_kind=99).shown
    assert "Digest file" in found[-1].effect


def test_the_opening_says_how_many_logs_were_on():
    report = sample()
    assert opening(report).logs.startswith("logs asked about: ")
    none = msgspec.structs.replace(report, coverage=[])
    assert opening(none).logs == "the evidence does not say which logs were on"
