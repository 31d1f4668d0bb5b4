"""The page in a real browser: it loads nothing, reports no error, and runs nothing that names carry."""

import pytest
from html_hostile import ATTACKS

from reports.html.page import _folder
from reports.html.visible import pieces

VIEWS = ("#/overview", "#/drift", "#/coverage", "#/method")


def unfold_everything(page):
    """Open every fold twice, because folds hold folds."""
    for _ in range(2):
        page.evaluate(
            """() => {
                document.querySelectorAll('button.unfold[aria-expanded=false]').forEach((one) => one.click());
                document.querySelectorAll('details').forEach((one) => { one.open = true; });
            }"""
        )
        page.wait_for_timeout(50)


@pytest.mark.parametrize("name", ["sample", "hostile", "empty", "large"])
def test_every_view_opens_from_disk_without_requests_or_errors(open_report, name):
    report = open_report(name)
    for view in (*VIEWS, "#/identity/~0"):
        report.go(view)
        assert (view, report.foreign_requests(), report.errors) == (view, [], [])


def test_hostile_names_run_nothing_in_any_view(open_report):
    report = open_report("hostile")
    for view in (*VIEWS, *(f"#/identity/~{index}" for index in range(12))):
        page = report.go(view)
        unfold_everything(page)
        assert (view, page.evaluate("window.pwned ?? null")) == (view, None)
        assert (view, report.errors, report.foreign_requests()) == (view, [], [])
        assert page.locator("main img, main iframe, main [onload], main a[href^=javascript]").count() == 0


def test_hostile_names_break_no_layout(open_report):
    for width in (390, 1366):
        report = open_report("hostile", viewport={"width": width, "height": 800})
        for view in (*VIEWS, "#/identity/~0", "#/identity/~3"):
            page = report.go(view)
            unfold_everything(page)
            assert (view, page.evaluate("document.documentElement.scrollWidth")) == (view, width)


def test_no_hidden_character_reaches_the_reader(open_report):
    report = open_report("hostile")
    for view in (*VIEWS, "#/identity/~0", "#/identity/~5"):
        page = report.go(view)
        unfold_everything(page)
        shown = page.evaluate("document.querySelector('main').textContent + document.title")
        found = {
            hex(ord(letter))
            for letter in shown
            if letter in "\u202e\u2066\u2067\u2069\u2028\u2029\u200b\ufeff\x00\x07\x1b"
        }
        assert (view, found) == (view, set())


def test_hostile_search_text_in_the_fragment_runs_nothing(open_report):
    report = open_report("sample")
    for query in (
        "%3Cimg%20src%3Dx%20onerror%3Dwindow.pwned%3D1%3E",
        "constructor%3Ax",
        "__proto__%3Ax",
        "%E0%A4%A",
        "sev%3A",
    ):
        page = report.go(f"#/overview?q={query}&fs=constructor&fp=-3&ip=9e9")
        assert (query, page.evaluate("window.pwned ?? null"), report.errors) == (query, None, [])


def test_server_and_script_write_hidden_characters_alike(open_report):
    """There are two implementations of the marks, and they must not drift apart."""
    source = _folder().joinpath("script", "text.js").read_text("utf-8")
    run = f"(text) => {{ {source}; return textPieces(text).map((one) => one.text ?? `[${{one.mark}}]`).join('') }}"
    page = open_report("empty").page
    for text in (*ATTACKS, "\u200d", "a\u200c", "Z" + "\u0301" * 9, "e\u0301\u0302", "\u3164\u2800 \xa0"):
        expected = "".join(f"[{piece.text}]" if piece.is_mark else piece.text for piece in pieces(text))
        assert page.evaluate(run, text) == expected


def test_page_still_says_what_it_is_without_scripts(open_report):
    page = open_report_without_scripts(open_report)
    text = page.locator("main").inner_text()
    assert "What we could not see" in text
    assert "support-triage-agentcore-runtime" in text
    assert "How to read the verdicts" in text


def open_report_without_scripts(open_report):
    report = open_report("sample")
    context = report.page.context.browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report.address)
    return page
