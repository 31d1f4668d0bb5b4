"""Untrusted text stands for itself in every output context."""

import csv
import html
import io
import json
import re
import sys
import unicodedata
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from reports import escape

RAW = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


CELLS = ("table", "thead", "tbody", "tr", "th", "td", "code")


def parsed_markdown(text):
    """Give the HTML that a GitHub-like renderer makes: raw HTML, tables and link finding switched on."""
    return MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(text)


def plain(rendered):
    """Give the text of rendered HTML without tags; zero-width breaks against mentions taken out."""
    return html.unescape(re.sub(r"<[^>]*>", "", rendered)).replace("\u200b", "").strip()


def test_terminal_shows_nothing_raw(hostile_text):
    assert RAW.search(escape.terminal(hostile_text)) is None


def test_terminal_names_what_it_hides():
    assert escape.terminal("a\x1b[31m\u202e\n\u009b") == "a<U+001B>[31m<U+202E><U+000A><U+009B>"


def test_ordinary_names_in_any_script_stay_as_they_are():
    name = "r\u00f4le-\u05e9\u05dc\u05d5\u05dd-\u4ee3\u7406-\U0001f916 agent_1"
    assert name == escape.terminal(name)


def test_every_format_character_of_unicode_is_made_visible():
    """Only the signs that are drawn (Arabic number signs and alike) may stay."""
    drawn = {*range(0x600, 0x606), 0x6DD}
    missed = [
        f"{point:04X}"
        for point in range(sys.maxunicode + 1)
        if unicodedata.category(chr(point)) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
        and point not in drawn
        and escape.terminal(chr(point)) == chr(point)
    ]
    assert missed == []


def test_clip_says_what_is_missing():
    assert escape.clip("abcdef", 4) == "abcd... (2 more characters)"
    assert escape.clip("abcd", 4) == "abcd"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"])
def test_a_cell_never_starts_a_formula(start):
    assert escape.csv_cell(start + "1+1").startswith("'")


def test_csv_cells_survive_the_csv_module(hostile_text):
    out = io.StringIO()
    csv.writer(out).writerow(["before", escape.csv_cell(hostile_text), "after"])
    (row,) = csv.reader(io.StringIO(out.getvalue(), newline=""))
    assert row == ["before", escape.csv_cell(hostile_text), "after"]


def test_markdown_prose_has_no_markup(hostile_text):
    rendered = parsed_markdown(f"before\n\n{escape.markdown(hostile_text)}\n\nafter")
    assert set(re.findall(r"<\s*([a-zA-Z0-9]+)", rendered)) <= {"p"}


def test_markdown_prose_shows_the_text_itself(hostile_text):
    rendered = parsed_markdown(escape.markdown(hostile_text))
    one_line = re.sub(r"\r?\n", " ", hostile_text)
    assert plain(rendered) == escape.terminal(one_line).strip().replace("\u200b", "")


def test_markdown_code_shows_the_text_itself(hostile_text):
    rendered = parsed_markdown(f"BEGIN {escape.markdown_code(hostile_text)} END")
    assert set(re.findall(r"<\s*([a-zA-Z0-9]+)", rendered)) <= {"p", "code"}
    shown = escape.terminal(re.sub(r"\r?\n", " ", hostile_text))
    expected = shown if shown.strip() else "(empty)"
    code = re.search(r"BEGIN (?:<code>)?(.*?)(?:</code>)? END", rendered, re.DOTALL)
    assert html.unescape(code[1]) == expected


def test_a_table_cell_stays_one_cell(hostile_text):
    table = f"| a | b |\n| --- | --- |\n| {escape.markdown_code(hostile_text)} | {escape.markdown(hostile_text)} |\n"
    rendered = parsed_markdown(table)
    assert (rendered.count("<td>"), rendered.count("<tr>")) == (2, 2)
    assert set(re.findall(r"<\s*([a-zA-Z0-9]+)", rendered)) <= {*CELLS}


def test_a_code_block_cannot_be_closed_from_inside(hostile_text):
    rendered = parsed_markdown(escape.markdown_block(hostile_text, "json"))
    assert rendered.count("<pre>") == 1
    assert set(re.findall(r"<\s*([a-zA-Z0-9]+)", rendered)) == {"pre", "code"}


def test_mentions_and_issue_references_are_broken():
    assert escape.markdown("@team #12 a@b.example") == "@&#8203;team #&#8203;12 a@b.example"


def test_json_in_html_is_the_same_json_without_angle_brackets(hostile_text):
    document = escape.json_in_html(json.dumps({"x": hostile_text}, ensure_ascii=False))
    assert json.loads(document) == {"x": hostile_text}
    assert re.search("[<>&\u2028\u2029]", document) is None


def test_xml_text_can_be_written_and_read(hostile_text):
    element = ET.Element("x", {"a": escape.xml_text(hostile_text)})
    element.text = escape.xml_text(hostile_text)
    back = ET.fromstring(ET.tostring(element))  # noqa: S314 -- our own output
    assert back.text or back.get("a") == escape.xml_text(hostile_text)


SHARP = st.text(alphabet=st.sampled_from("\\`*_[]()<>|~$&@#:/.-+=!w \n\ta1{}\"';hHtTpPsS"), max_size=40)
"""Texts of the characters that mean something somewhere."""


@given(st.text() | SHARP)
def test_no_text_breaks_out_of_a_code_span(text):
    rendered = parsed_markdown(f"x {escape.markdown_code(text)} y")
    assert set(re.findall(r"<\s*([a-zA-Z0-9]+)", rendered)) <= {"p", "code"}


@given(st.text() | SHARP)
def test_no_text_becomes_markup(text):
    rendered = parsed_markdown(escape.markdown(text))
    assert set(re.findall(r"<\s*([a-zA-Z0-9]+)", rendered)) <= {"p"}
    one_line = re.sub(r"\r?\n", " ", text)
    assert plain(rendered) == escape.terminal(one_line).strip()


@given(SHARP, SHARP)
def test_no_text_opens_another_cell(first, second):
    table = f"| a | b |\n| --- | --- |\n| {escape.markdown_code(first)} | {escape.markdown(second)} |\n"
    rendered = parsed_markdown(table)
    assert (rendered.count("<td>"), rendered.count("<tr>")) == (2, 2)
